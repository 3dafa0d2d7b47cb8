//! Frames (RFC 9113, section 4.1) and header blocks (RFC 7541) as a client makes them, right or
//! wrong.

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITIZED: u8 = 0x20;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const FLOW_CONTROL_ERROR: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE_ERROR: u32 = 6;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const COMPRESSION_ERROR: u32 = 9;
pub const ENHANCE_YOUR_CALM: u32 = 11;

pub const HEADER_TABLE_SIZE: u16 = 1;
pub const ENABLE_PUSH: u16 = 2;
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;
pub const MAX_FRAME_SIZE: u16 = 5;
pub const MAX_HEADER_LIST_SIZE: u16 = 6;

/// Any frame, with a length that is true.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn data(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, flags, stream, bytes)
}

/// DATA with `padding` bytes behind `bytes`.
pub fn padded_data(stream: u32, flags: u8, bytes: &[u8], padding: u8) -> Vec<u8> {
    data(stream, flags | PADDED, padded(bytes, padding))
}

pub fn padded(bytes: &[u8], padding: u8) -> Vec<u8> {
    [&[padding], bytes, &vec![0; padding.into()]].concat()
}

/// HEADERS with the whole block.
pub fn headers(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, block)
}

pub fn continuation(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(CONTINUATION, flags, stream, block)
}

pub fn priority(stream: u32, on: u32) -> Vec<u8> {
    frame(PRIORITY, 0, stream, dependency(on))
}

/// A dependency with the least weight.
pub fn dependency(on: u32) -> Vec<u8> {
    [&on.to_be_bytes()[..], &[0]].concat()
}

pub fn rst_stream(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}

pub fn settings(pairs: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in pairs {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, payload)
}

pub fn settings_ack() -> Vec<u8> {
    frame(SETTINGS, ACK, 0, [])
}

pub fn ping(payload: [u8; 8]) -> Vec<u8> {
    frame(PING, 0, 0, payload)
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    frame(PING, ACK, 0, payload)
}

pub fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, [last.to_be_bytes(), code.to_be_bytes()].concat())
}

pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

/// An integer with a prefix of `bits` bits (RFC 7541, section 5.1); `pattern` is in front of it.
pub fn integer(pattern: u8, bits: u8, value: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![pattern | value as u8];
    }
    let mut bytes = vec![pattern | most as u8];
    let mut rest = value - most;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A string literal without Huffman code.
pub fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut literal = integer(0, 7, bytes.len());
    literal.extend(bytes);
    literal
}

/// An entry of the static or the dynamic table.
pub fn indexed(index: usize) -> Vec<u8> {
    integer(0x80, 7, index)
}

/// A literal that is not added to the dynamic table.
pub fn literal(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [vec![0], string(name), string(value)].concat()
}

/// A literal that is added to the dynamic table.
pub fn remembered(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [vec![0x40], string(name), string(value)].concat()
}

/// A dynamic table size update.
pub fn table_size(size: usize) -> Vec<u8> {
    integer(0x20, 5, size)
}

/// A header block of literals.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// The fields of a proper request, and further ones.
pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")];
    [block(&pseudo), block(fields)].concat()
}

/// The header block of GET / from the static table, with `:authority: a`.
pub fn plain_block() -> Vec<u8> {
    [indexed(2), indexed(6), indexed(4), literal(":authority", "a")].concat()
}

/// A whole GET /.
pub fn get(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, plain_block())
}

/// The head of a POST / whose body follows.
pub fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, request("POST", "/", &[]))
}

/// The head of a POST / with a `content-length`, whose body follows.
pub fn post_of(stream: u32, length: &str) -> Vec<u8> {
    headers(stream, 0, request("POST", "/", &[("content-length", length)]))
}

/// What a server sent: a frame, and the fields if a header block ended with it.
#[derive(Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
    pub fields: Vec<(String, String)>,
}

impl Frame {
    /// The first frame in `bytes`, and how long it is.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = bytes.get(9..9 + length)?.to_vec();
        let stream = number(&head[5..]) & 0x7fff_ffff;
        Some((Self { kind: head[3], flags: head[4], stream, payload, fields: vec![] }, 9 + length))
    }

    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The 32-bit number at `offset` of the payload.
    pub fn number(&self, offset: usize) -> u32 {
        number(&self.payload[offset..])
    }

    /// The settings in it.
    pub fn settings(&self) -> Vec<(u16, u32)> {
        let pair = |pair: &[u8]| (u16::from_be_bytes([pair[0], pair[1]]), number(&pair[2..]));
        self.payload.chunks_exact(6).map(pair).collect()
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 10] = [
            "DATA",
            "HEADERS",
            "PRIORITY",
            "RST_STREAM",
            "SETTINGS",
            "PUSH_PROMISE",
            "PING",
            "GOAWAY",
            "WINDOW_UPDATE",
            "CONTINUATION",
        ];
        let name = NAMES.get(usize::from(self.kind)).unwrap_or(&"?");
        write!(formatter, "{name}({}, {:#x}", self.stream, self.flags)?;
        match self.kind {
            HEADERS => write!(formatter, ", {:?})", self.fields),
            RST_STREAM | WINDOW_UPDATE => write!(formatter, ", {})", self.number(0)),
            GOAWAY => write!(
                formatter,
                ", {}, {}, {:?})",
                self.number(0),
                self.number(4),
                self.payload[8..].escape_ascii().to_string()
            ),
            _ => write!(formatter, ", {} bytes)", self.payload.len()),
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
