//! From what the application returned to the engine's response, and what is told when that has left.

pub mod body;
pub mod chunks;
pub mod delivery;
pub mod early_hints;
pub mod finished;
pub mod log_extras;
pub mod rack_response;
pub mod sendfile;
pub mod stream;
pub mod trailers;
