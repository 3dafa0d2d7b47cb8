//! Files as requests see them: mounts, their cache, and files that an application answers with.
#![allow(clippy::unwrap_used, reason = "it is a test")]

mod answers;
mod cache;
mod conditions;
mod encodings;
#[path = "../../../proto/tests/fuzz/mod.rs"]
mod fuzz;
mod mounting;
mod mutations;
mod open_file;
mod paths;
mod ranges;
mod requests;
mod support;
mod tree;
