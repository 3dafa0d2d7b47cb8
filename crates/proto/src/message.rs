//! What crosses the border between a connection and who answers: requests, responses and their fields.

pub mod fields;
pub mod framing;
pub mod plain;
pub mod request;
pub mod response;
pub mod status;
pub mod syntax;
