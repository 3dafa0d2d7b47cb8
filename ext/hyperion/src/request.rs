//! From the engine's request to what the application is given: the Rack environment and its input.

#[allow(unsafe_code)]
pub mod env;
pub mod hook_request;
pub mod input;
pub mod keys;
pub mod live_input;
#[allow(unsafe_code)]
mod pairs;
pub mod read_arguments;
pub mod spooled_input;
