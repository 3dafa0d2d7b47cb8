//! Requests for the tests of files.

use hyperion_proto::{Config, Request};

/// A request as a connection would parse it.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut config = Config::default();
    config.limits.head_bytes = 4 * 1024 * 1024;
    Request::from_head((head + "\r\n").as_bytes(), &config).expect("the request is valid")
}

pub fn get(target: &str, headers: &[(&str, &str)]) -> Request {
    request("GET", target, headers)
}
