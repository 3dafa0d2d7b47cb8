use bytes::Bytes;
use hyperion_buf::DiskFile;

/// The body of a request.
#[derive(Debug)]
pub enum Body {
    /// No body, or one of no bytes.
    Empty,
    /// The complete body.
    Memory(Bytes),
    /// The complete body in an unlinked temporary file, its cursor at the start.
    File {
        /// The file.
        file: DiskFile,
        /// Bytes in it.
        length: u64,
    },
    /// The client waits for `100 Continue`; see [`ReplyHandle::request_body`](crate::ReplyHandle::request_body).
    OnDemand,
    /// It is read while it arrives; see [`ReplyHandle::take_input`](crate::ReplyHandle::take_input).
    Live {
        /// Bytes that a reader may ask for at once, since there is no end to wait for.
        at_once: u64,
        /// The client waits for `100 Continue`; see [`ReplyHandle::request_body`](crate::ReplyHandle::request_body).
        on_demand: bool,
    },
}

impl Body {
    /// Its bytes, where all of it is here.
    pub fn complete_length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Memory(bytes) => Some(bytes.len() as u64),
            Self::File { length, .. } => Some(*length),
            Self::OnDemand | Self::Live { .. } => None,
        }
    }
}
