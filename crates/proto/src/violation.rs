use thiserror::Error;

/// A fault of the peer that the connection answers by itself. The text is a phrase for the log.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum Violation {
    /// CR without LF in a head.
    #[error("CR without LF in the request head")]
    BareCr,
    /// LF without CR in a head.
    #[error("LF without CR in the request head")]
    BareLf,
    /// Neither CRLF nor a new chunk behind a chunk's data.
    #[error("chunk data without CRLF behind it")]
    BadChunkEnd,
    /// A chunk extension with a byte that does not belong there.
    #[error("malformed chunk extension")]
    BadChunkExtension,
    /// A chunk size that is not 1 to 16 hexadecimal digits.
    #[error("malformed chunk size")]
    BadChunkSize,
    /// `Content-Length` is not a plain decimal number.
    #[error("malformed Content-Length")]
    BadContentLength,
    /// A field line without a colon, with a bad name, or folded.
    #[error("malformed header line")]
    BadFieldLine,
    /// A field value with a control character.
    #[error("control character in a header value")]
    BadFieldValue,
    /// `Host`, or the authority of an absolute target, is not a host with an optional port.
    #[error("malformed Host")]
    BadHost,
    /// The request line is not method, target and version.
    #[error("malformed request line")]
    BadRequestLine,
    /// The target has a byte that does not belong there, or no form that the method allows.
    #[error("malformed request target")]
    BadTarget,
    /// A malformed line in the trailer section.
    #[error("malformed trailer")]
    BadTrailer,
    /// `Transfer-Encoding` is malformed, repeated or combined.
    #[error("malformed Transfer-Encoding")]
    BadTransferEncoding,
    /// The body stopped arriving.
    #[error("no progress of the request body in time")]
    BodyTimeout,
    /// The body is larger than allowed.
    #[error("request body too large")]
    BodyTooLarge,
    /// All chunk extensions of the message together are too long.
    #[error("chunk extensions too long")]
    ChunkExtensionsTooLong,
    /// CONNECT: this server is no proxy.
    #[error("CONNECT is not supported")]
    ConnectMethod,
    /// More than one `Content-Length`.
    #[error("repeated Content-Length")]
    DuplicateContentLength,
    /// More than one `Host`.
    #[error("repeated Host")]
    DuplicateHost,
    /// Too many frames that do no work, or too many resets.
    #[error("too many HTTP/2 control frames or resets")]
    H2Flood,
    /// Requests that were reset are still worked on, as many as may be open at once.
    #[error("too many HTTP/2 requests that were reset and are still worked on")]
    H2Leftovers,
    /// HTTP/2 that breaks its rules.
    #[error("HTTP/2 protocol error")]
    H2ProtocolError,
    /// The reader of a stream makes no room for its response.
    #[error("no progress of a response stream in time")]
    H2StalledStream,
    /// The head did not arrive in time.
    #[error("request head not complete in time")]
    HeadTimeout,
    /// The head is larger than allowed.
    #[error("request head too large")]
    HeadTooLarge,
    /// Plain HTTP where TLS is spoken.
    #[error("plain HTTP on a TLS port")]
    HttpOnTlsPort,
    /// Both `Content-Length` and `Transfer-Encoding`.
    #[error("both Content-Length and Transfer-Encoding")]
    LengthWithTransferEncoding,
    /// The method is longer than allowed.
    #[error("request method too long")]
    MethodTooLong,
    /// HTTP/1.1 without `Host`.
    #[error("missing Host")]
    MissingHost,
    /// A request line without a version, as in HTTP/0.9.
    #[error("request line without a version")]
    MissingVersion,
    /// A NUL byte in a head.
    #[error("NUL in the request head")]
    NulByte,
    /// Head and body together did not arrive in time.
    #[error("request slower than the minimum rate")]
    RequestTimeout,
    /// The target is longer than allowed.
    #[error("request target too long")]
    TargetTooLong,
    /// A TLS handshake that fails.
    #[error("TLS handshake failed")]
    TlsHandshakeFailed,
    /// A TLS handshake that is not complete in time.
    #[error("TLS handshake not complete in time")]
    TlsHandshakeTimeout,
    /// A TLS handshake where plain HTTP is spoken.
    #[error("TLS handshake on a plain HTTP port")]
    TlsOnPlainPort,
    /// More connections than allowed.
    #[error("too many connections")]
    TooManyConnections,
    /// More fields than allowed.
    #[error("too many header fields")]
    TooManyFields,
    /// The trailer section is larger than allowed or has too many fields.
    #[error("trailers too large")]
    TrailersTooLarge,
    /// `Transfer-Encoding` on HTTP/1.0.
    #[error("Transfer-Encoding on HTTP/1.0")]
    TransferEncodingOnHttp10,
    /// An expectation other than `100-continue`.
    #[error("unknown expectation")]
    UnknownExpectation,
    /// A transfer coding other than `chunked`.
    #[error("unknown transfer coding")]
    UnknownTransferCoding,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("unsupported HTTP version")]
    UnsupportedVersion,
}

impl Violation {
    /// Every violation, in alphabetical order; for tables of counters.
    pub const ALL: [Self; 43] = [
        Self::BareCr,
        Self::BareLf,
        Self::BadChunkEnd,
        Self::BadChunkExtension,
        Self::BadChunkSize,
        Self::BadContentLength,
        Self::BadFieldLine,
        Self::BadFieldValue,
        Self::BadHost,
        Self::BadRequestLine,
        Self::BadTarget,
        Self::BadTrailer,
        Self::BadTransferEncoding,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::ChunkExtensionsTooLong,
        Self::ConnectMethod,
        Self::DuplicateContentLength,
        Self::DuplicateHost,
        Self::H2Flood,
        Self::H2Leftovers,
        Self::H2ProtocolError,
        Self::H2StalledStream,
        Self::HeadTimeout,
        Self::HeadTooLarge,
        Self::HttpOnTlsPort,
        Self::LengthWithTransferEncoding,
        Self::MethodTooLong,
        Self::MissingHost,
        Self::MissingVersion,
        Self::NulByte,
        Self::RequestTimeout,
        Self::TargetTooLong,
        Self::TlsHandshakeFailed,
        Self::TlsHandshakeTimeout,
        Self::TlsOnPlainPort,
        Self::TooManyConnections,
        Self::TooManyFields,
        Self::TrailersTooLarge,
        Self::TransferEncodingOnHttp10,
        Self::UnknownExpectation,
        Self::UnknownTransferCoding,
        Self::UnsupportedVersion,
    ];

    /// The status that answers it.
    pub fn status(self) -> u16 {
        match self {
            Self::BodyTimeout
            | Self::HeadTimeout
            | Self::RequestTimeout
            | Self::TlsHandshakeTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::UnknownExpectation => 417,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::ConnectMethod | Self::MethodTooLong | Self::UnknownTransferCoding => 501,
            Self::TooManyConnections => 503,
            Self::UnsupportedVersion => 505,
            _ => 400,
        }
    }

    /// Its name for counters and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::BareCr => "bare_cr",
            Self::BareLf => "bare_lf",
            Self::BadChunkEnd => "bad_chunk_end",
            Self::BadChunkExtension => "bad_chunk_extension",
            Self::BadChunkSize => "bad_chunk_size",
            Self::BadContentLength => "bad_content_length",
            Self::BadFieldLine => "bad_field_line",
            Self::BadFieldValue => "bad_field_value",
            Self::BadHost => "bad_host",
            Self::BadRequestLine => "bad_request_line",
            Self::BadTarget => "bad_target",
            Self::BadTrailer => "bad_trailer",
            Self::BadTransferEncoding => "bad_transfer_encoding",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::ChunkExtensionsTooLong => "chunk_extensions_too_long",
            Self::ConnectMethod => "connect_method",
            Self::DuplicateContentLength => "duplicate_content_length",
            Self::DuplicateHost => "duplicate_host",
            Self::H2Flood => "h2_flood",
            Self::H2Leftovers => "h2_leftovers",
            Self::H2ProtocolError => "h2_protocol_error",
            Self::H2StalledStream => "h2_stalled_stream",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
            Self::HttpOnTlsPort => "http_on_tls_port",
            Self::LengthWithTransferEncoding => "length_with_transfer_encoding",
            Self::MethodTooLong => "method_too_long",
            Self::MissingHost => "missing_host",
            Self::MissingVersion => "missing_version",
            Self::NulByte => "nul_byte",
            Self::RequestTimeout => "request_timeout",
            Self::TargetTooLong => "target_too_long",
            Self::TlsHandshakeFailed => "tls_handshake_failed",
            Self::TlsHandshakeTimeout => "tls_handshake_timeout",
            Self::TlsOnPlainPort => "tls_on_plain_port",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyFields => "too_many_fields",
            Self::TrailersTooLarge => "trailers_too_large",
            Self::TransferEncodingOnHttp10 => "transfer_encoding_on_http10",
            Self::UnknownExpectation => "unknown_expectation",
            Self::UnknownTransferCoding => "unknown_transfer_coding",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_violation_is_listed_once_under_its_own_name() {
        let names: std::collections::BTreeSet<_> = Violation::ALL.map(Violation::name).into();
        assert_eq!(names.len(), Violation::ALL.len());
        for (index, violation) in Violation::ALL.into_iter().enumerate() {
            assert!(violation.status() >= 400, "{violation} is an error");
            assert_eq!(violation.name(), snake_case(&format!("{violation:?}")), "at {index}");
        }
    }

    fn snake_case(name: &str) -> String {
        let mut snake = String::new();
        for character in name.chars() {
            if character.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        snake
    }
}
