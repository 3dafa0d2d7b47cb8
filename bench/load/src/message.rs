//! A request as bytes.

use std::fmt::Write;

use crate::plan::Request;

/// One kind of request, ready to be sent any number of times.
#[derive(Debug)]
pub struct Message {
    usual: Vec<u8>,
    /// The same with `Connection: close`.
    last: Vec<u8>,
    asks_for_head: bool,
}

impl Message {
    /// Renders a request to the server on this port of 127.0.0.1.
    pub fn new(request: &Request, port: u16) -> Self {
        Self {
            usual: render(request, port, ""),
            last: render(request, port, "Connection: close\r\n"),
            asks_for_head: request.method == "HEAD",
        }
    }

    /// What to send, as the last request of a connection or as one of those before.
    pub fn bytes(&self, is_last: bool) -> &[u8] {
        if is_last { &self.last } else { &self.usual }
    }

    /// Whether its answer has no body, whatever the answer's head says.
    pub fn asks_for_head(&self) -> bool {
        self.asks_for_head
    }
}

fn render(request: &Request, port: u16, connection: &str) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        write!(head, "{name}: {value}\r\n").expect("a String takes all");
    };
    if !request.headers.keys().any(|name| name.eq_ignore_ascii_case("host")) {
        line("Host", &format_args!("127.0.0.1:{port}"));
    }
    for (name, value) in &request.headers {
        line(name, value);
    }
    let body = request.body.as_ref().map(|bytes| bytes.0.as_slice());
    match (body, request.chunk) {
        (_, Some(_)) => line("Transfer-Encoding", &"chunked"),
        (Some(body), None) => line("Content-Length", &body.len()),
        (None, None) => {}
    }
    head.push_str(connection);
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    match request.chunk {
        Some(size) => write_chunks(&mut bytes, body.unwrap_or_default(), size.get()),
        None => bytes.extend_from_slice(body.unwrap_or_default()),
    }
    bytes
}

fn write_chunks(bytes: &mut Vec<u8>, body: &[u8], size: usize) {
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(request: &str) -> Message {
        Message::new(&serde_json::from_str(request).unwrap(), 4711)
    }

    fn usual(request: &str) -> String {
        String::from_utf8(message(request).bytes(false).to_vec()).unwrap()
    }

    #[test]
    fn the_last_request_of_a_connection_says_so() {
        let message = message(r#"{"target": "/a?b"}"#);
        assert_eq!(message.bytes(false), b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:4711\r\n\r\n");
        assert_eq!(
            message.bytes(true),
            b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nConnection: close\r\n\r\n"
        );
        assert!(!message.asks_for_head());
    }

    #[test]
    fn only_the_answer_to_head_has_no_body() {
        assert!(message(r#"{"target": "/", "method": "HEAD"}"#).asks_for_head());
    }

    #[test]
    fn a_body_has_its_length() {
        let request = r#"{"target": "/", "method": "POST", "headers": {"a": "1", "HOST": "b"}, "body": "c=d"}"#;
        assert_eq!(
            usual(request),
            "POST / HTTP/1.1\r\nHOST: b\r\na: 1\r\nContent-Length: 3\r\n\r\nc=d"
        );
    }

    #[test]
    fn a_body_leaves_in_chunks_the_last_one_with_what_is_left() {
        let request =
            r#"{"target": "/", "method": "PUT", "body": "0123456789abcdefg", "chunk": 16}"#;
        assert_eq!(
            usual(request),
            "PUT / HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nTransfer-Encoding: chunked\r\n\r\n\
             10\r\n0123456789abcdef\r\n1\r\ng\r\n0\r\n\r\n"
        );
    }
}
