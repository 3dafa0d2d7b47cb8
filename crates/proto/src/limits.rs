use std::num::NonZeroUsize;

/// Every bound of a connection that is not a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request head, request line and empty line included; above it 431.
    pub head_bytes: usize,
    /// Bytes of a request target; above it 414.
    pub target_bytes: usize,
    /// Fields of a request head; above it 431.
    pub field_count: usize,
    /// Bytes of a method; above it 501.
    pub method_bytes: usize,
    /// Bytes of a request body, framing not counted; above it 413.
    pub body_bytes: u64,
    /// Bytes of all chunk extensions of one message together; above it 400.
    pub chunk_extension_bytes: usize,
    /// Bytes of a trailer section; above it 431.
    pub trailer_bytes: usize,
    /// Fields of a trailer section; above it 431.
    pub trailer_fields: usize,
    /// Fields of a response, of an informational one or of trailers; above it 500, or they are left out.
    pub response_fields: usize,
    /// Bytes of the same, each field with its line end; above it 500, or they are left out.
    pub response_field_bytes: usize,
    /// Pipelined requests in flight at once. Only safe methods run beside others.
    pub in_flight: NonZeroUsize,
    /// Response bytes kept for a peer that reads slowly, or for a response that is not yet its
    /// turn.
    pub output_bytes: u64,
    /// Bytes of unread input that are discarded for the sake of keep-alive.
    pub linger_bytes: u64,
    /// Bytes of unread input that are discarded behind the last response, so that it reaches a client that
    /// sends on (RFC 9112, section 9.6).
    pub lingering_close_bytes: u64,
    /// The slowest pace at which they may come.
    pub lingering_close_bytes_per_second: u64,
    /// HTTP/2 streams that are open at once; what comes on top is refused for the client to try again.
    pub h2_concurrent_streams: u32,
    /// HTTP/2 streams over the life of a connection, which is drained then; `None` means no bound.
    pub h2_total_streams: Option<u64>,
    /// The slowest pace of a body, in either direction.
    pub body_bytes_per_second: u64,
}

/// What tests begin with; in a server each field that has an option is set by it.
impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            target_bytes: 32 * 1024,
            field_count: 1000,
            method_bytes: 32,
            body_bytes: 16 * 1024 * 1024,
            chunk_extension_bytes: 16 * 1024,
            trailer_bytes: 8 * 1024,
            trailer_fields: 64,
            response_fields: 1000,
            response_field_bytes: 256 * 1024,
            in_flight: NonZeroUsize::MIN,
            output_bytes: 256 * 1024,
            linger_bytes: 256 * 1024,
            lingering_close_bytes: 64 * 1024 * 1024,
            lingering_close_bytes_per_second: 256 * 1024,
            h2_concurrent_streams: 128,
            h2_total_streams: None,
            body_bytes_per_second: 500,
        }
    }
}

impl Limits {
    /// The name of the limit that fields on their way out exceed.
    pub fn exceeded_by(&self, fields: &crate::Fields) -> Option<&'static str> {
        if fields.len() > self.response_fields {
            Some("max_response_fields")
        } else if fields.wire().len() > self.response_field_bytes {
            Some("max_response_header_bytes")
        } else {
            None
        }
    }
}
