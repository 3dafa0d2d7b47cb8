//! Calling a Ruby method with a block in Rust, which the receiver may keep.

use std::ffi::c_int;

use magnus::rb_sys::{AsRawId, AsRawValue, FromRawValue, protect, resume_error};
use magnus::value::IntoId;
use magnus::{Error, Ruby, Value};
use rb_sys::VALUE;

use crate::vm::error::contain;

/// Takes what a body yields.
pub trait Consumer {
    /// Takes one yield's arguments on behalf of `owner`.
    ///
    /// # Errors
    /// What is to be raised in the method that yielded.
    fn consume(ruby: &Ruby, owner: Value, yielded: &[Value]) -> Result<(), Error>;
}

/// Calls `method` of `receiver` with a block that gives what is yielded to `C`. The block may be kept
/// and called after this returned; Ruby keeps `owner` alive for it.
///
/// # Errors
/// What the method raises.
pub fn each<C: Consumer>(receiver: Value, method: impl IntoId, owner: Value) -> Result<(), Error> {
    unsafe extern "C" fn block<C: Consumer>(
        _first: VALUE,
        owner: VALUE,
        count: c_int,
        arguments: *const VALUE,
        _block: VALUE,
    ) -> VALUE {
        // SAFETY: Ruby calls blocks with its lock held, with as many valid values as it says, and with
        // the owner given below; a Value is a VALUE in memory.
        let (ruby, owner, yielded) = unsafe {
            (
                Ruby::get_unchecked(),
                Value::from_raw(owner),
                std::slice::from_raw_parts(arguments.cast::<Value>(), count as usize),
            )
        };
        match contain(&ruby, || C::consume(&ruby, owner, yielded)) {
            // Some bodies go on only if what they yielded to was true.
            Ok(()) => rb_sys::Qtrue as VALUE,
            // SAFETY: this is the end of a function called by Ruby, and nothing is left to drop.
            Err(error) => unsafe { resume_error(error) },
        }
    }
    let method = method.into_id_with(&Ruby::get_with(receiver));
    protect(|| {
        // SAFETY: receiver and owner are on the stack of the caller, hence alive.
        unsafe {
            rb_sys::rb_block_call(
                receiver.as_raw(),
                method.as_raw(),
                0,
                std::ptr::null(),
                Some(block::<C>),
                owner.as_raw(),
            )
        }
    })
    .map(drop)
}
