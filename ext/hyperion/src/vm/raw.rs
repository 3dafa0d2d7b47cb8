//! The few calls into Ruby for which magnus has no form, or only one that copies or protects where
//! nothing can be raised.

use std::panic::{AssertUnwindSafe, catch_unwind};

use magnus::rb_sys::{AsRawValue, FromRawValue, protect};
use magnus::value::ReprValue;
use magnus::{Error, RArray, RString, Ruby, Value};
use rb_sys::{Qnil, RARRAY_AREF, RARRAY_LEN, RBasic, RSTRING_LEN, RSTRING_PTR, VALUE};

/// Reads the bytes of a string where they are. `read` must not call Ruby.
pub fn with_bytes<R>(string: RString, read: impl FnOnce(&[u8]) -> R) -> R {
    let value = string.as_raw();
    // SAFETY: `value` is a String on the stack, hence alive; as `read` does not call Ruby and this
    // thread holds the interpreter's lock, nobody changes or moves the bytes meanwhile.
    let bytes = unsafe {
        match RSTRING_LEN(value) {
            0 => &[][..],
            length => std::slice::from_raw_parts(RSTRING_PTR(value).cast(), length as usize),
        }
    };
    read(bytes)
}

/// The element at `index`; nil behind the end.
pub fn element(ruby: &Ruby, array: RArray, index: usize) -> Value {
    let value = array.as_raw();
    // SAFETY: `value` is an Array, the index is below its length, and its elements are valid values.
    unsafe {
        if index < RARRAY_LEN(value) as usize {
            Value::from_raw(RARRAY_AREF(value, index as isize))
        } else {
            ruby.qnil().as_value()
        }
    }
}

/// `value` as an Array, if it is one that nobody has taught other methods.
pub fn plain_array(value: Value) -> Option<RArray> {
    let array = RArray::from_value(value)?;
    // SAFETY: an Array is no immediate value, so it starts with an RBasic; Ruby set `rb_cArray` before
    // it loaded this library.
    let is_plain = unsafe { (*(array.as_raw() as *const RBasic)).klass == rb_sys::rb_cArray };
    is_plain.then_some(array)
}

/// Runs `cleanup` so that a jump through the frames above, that was caught and will be resumed, stays
/// as it was: Ruby keeps the state of a dying thread in the same place as that of a rescued exception.
/// `cleanup` must not let a jump out.
pub fn while_jumping(cleanup: impl FnOnce()) {
    unsafe extern "C" fn nothing(_: VALUE) -> VALUE {
        Qnil as VALUE
    }
    unsafe extern "C" fn run<F: FnOnce()>(cleanup: VALUE) -> VALUE {
        // SAFETY: the pointer made below, used once.
        let cleanup = unsafe { (*(cleanup as *mut Option<F>)).take() };
        let _ = cleanup.map(|cleanup| catch_unwind(AssertUnwindSafe(cleanup)));
        Qnil as VALUE
    }
    fn address<F: FnOnce()>(
        cleanup: &mut Option<F>,
    ) -> (VALUE, unsafe extern "C" fn(VALUE) -> VALUE) {
        (std::ptr::from_mut(cleanup) as VALUE, run::<F>)
    }
    let mut cleanup = Some(cleanup);
    let (data, run) = address(&mut cleanup);
    // SAFETY: `run` gets the pointer its type parameter promises, to a value of this frame.
    unsafe { rb_sys::rb_ensure(Some(nothing), 0, Some(run), data) };
}

/// Works on the bytes of an IO::Buffer from `offset` on, where they are. `work` must not call Ruby.
///
/// # Errors
/// What Ruby raises where the buffer cannot be written to.
pub fn with_buffer_mut<R>(
    buffer: Value,
    offset: usize,
    work: impl FnOnce(&mut [u8]) -> R,
) -> Result<R, Error> {
    // SAFETY: Ruby checks what kind of value it gets, and fills in both.
    let (base, size) = buffer_bytes(|base, size| unsafe {
        rb_sys::rb_io_buffer_get_bytes_for_writing(buffer.as_raw(), base, size);
    })?;
    let offset = offset.min(size);
    Ok(match base.is_null() {
        true => work(&mut []),
        // SAFETY: the buffer is on the caller's stack, hence alive, and has so many bytes there; as `work` does not call
        // Ruby and this thread holds the interpreter's lock, nobody changes or moves them meanwhile.
        false => work(unsafe {
            std::slice::from_raw_parts_mut(base.cast::<u8>().add(offset), size - offset)
        }),
    })
}

/// The same for reading.
///
/// # Errors
/// What Ruby raises where the buffer cannot be read.
pub fn with_buffer<R>(
    buffer: Value,
    offset: usize,
    work: impl FnOnce(&[u8]) -> R,
) -> Result<R, Error> {
    // SAFETY: as above; it is only read below.
    let (base, size) = buffer_bytes(|base, size| unsafe {
        rb_sys::rb_io_buffer_get_bytes_for_reading(buffer.as_raw(), base.cast(), size);
    })?;
    let offset = offset.min(size);
    Ok(match base.is_null() {
        true => work(&[]),
        // SAFETY: as above.
        false => work(unsafe {
            std::slice::from_raw_parts(base.cast::<u8>().add(offset), size - offset)
        }),
    })
}

fn buffer_bytes(
    get: impl FnOnce(*mut *mut std::ffi::c_void, *mut rb_sys::size_t),
) -> Result<(*mut std::ffi::c_void, usize), Error> {
    let (mut base, mut size) = (std::ptr::null_mut(), 0);
    protect(|| {
        get(&raw mut base, &raw mut size);
        Qnil as VALUE
    })?;
    Ok((base, size as usize))
}

/// The scheduler by which the fiber that calls waits; none where it blocks its thread.
pub fn current_scheduler() -> Option<Value> {
    // SAFETY: the thread holds the interpreter's lock; the call only looks.
    let scheduler = unsafe { Value::from_raw(rb_sys::rb_fiber_scheduler_current()) };
    (!scheduler.is_nil()).then_some(scheduler)
}

/// Checks that Ruby can sleep for so long.
///
/// # Errors
/// What Kernel#sleep raises: a TypeError, an ArgumentError or a RangeError.
pub fn check_interval(time: Value) -> Result<(), Error> {
    protect(|| {
        // SAFETY: Ruby checks what kind of value it gets.
        unsafe { rb_sys::rb_time_timespec_interval(time.as_raw()) };
        Qnil as VALUE
    })
    .map(drop)
}

/// Whether an object has instance variables.
pub fn has_instance_variables(value: Value) -> bool {
    // SAFETY: the thread holds the interpreter's lock; the call only counts.
    unsafe { rb_sys::rb_ivar_count(value.as_raw()) != 0 }
}
