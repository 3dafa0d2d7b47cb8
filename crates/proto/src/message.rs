//! What crosses the border between a connection and who answers: requests, responses and their fields.

pub mod fields;
pub mod plain;
pub mod request;
pub mod response;
pub mod syntax;
