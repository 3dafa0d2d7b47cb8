use bytes::Bytes;
use hyperion_buf::{FileRange, Segment};

use crate::message::fields::Fields;
use crate::message::status::reason;

/// A final response, before it is framed for its connection.
#[derive(Debug)]
pub struct Response {
    /// The status code: 200 to 999, or 101 with [`ResponseBody::Tunnel`]. Anything else is answered
    /// as 500.
    pub status: u16,
    /// The fields; those that frame or end a connection are decided here, whatever they say.
    pub fields: Fields,
    /// What follows the fields.
    pub body: ResponseBody,
}

impl Response {
    /// A line of text, or several.
    pub fn plain(status: u16, text: impl Into<Bytes>) -> Self {
        let mut fields = Fields::new();
        fields.put("content-type", "text/plain; charset=utf-8");
        Self { status, fields, body: ResponseBody::Full(text.into()) }
    }

    /// The reason phrase of `status` as a line of text.
    pub fn phrase(status: u16) -> Self {
        Self::plain(status, format!("{}\n", reason(status)))
    }
}

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// No bytes.
    Empty,
    /// All bytes, at once.
    Full(Bytes),
    /// A part of a file.
    File(FileRange),
    /// Bytes and parts of files, in order.
    Parts(Vec<Segment>),
    /// Bytes that follow by `send_body`, up to `finish`.
    Stream {
        /// The number of bytes, when it is known.
        length: Option<u64>,
    },
    /// Raw bytes in both directions once the head has left.
    Tunnel,
}

impl ResponseBody {
    /// Bytes of it, where that is known before they come.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::File(range) => Some(range.length),
            Self::Parts(parts) => Some(parts.iter().map(Segment::len).sum()),
            Self::Stream { length } => *length,
            Self::Tunnel => None,
        }
    }
}
