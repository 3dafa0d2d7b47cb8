//! Keys and values on their way into an environment, many at once.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use rb_sys::{Qnil, VALUE};

/// Pairs that are inserted at once.
const PAIRS: usize = 160;

/// Header names up to this length are rewritten on the stack.
const NAME_BYTES: usize = 128;

/// Pairs on their way into env, on the stack, where Ruby's collector sees them.
pub(super) struct Pairs {
    env: VALUE,
    values: [MaybeUninit<VALUE>; 2 * PAIRS],
    length: usize,
    /// Some pairs are in env already.
    flushed: bool,
}

impl Pairs {
    pub(super) fn new(env: VALUE) -> Self {
        Self { env, values: [MaybeUninit::uninit(); 2 * PAIRS], length: 0, flushed: false }
    }

    /// # Safety
    /// As in [`call`](super::env::call).
    pub(super) unsafe fn push(&mut self, key: VALUE, value: VALUE) {
        if self.length == self.values.len() {
            // SAFETY: the caller's promise.
            unsafe { self.flush() };
        }
        self.values[self.length].write(key);
        self.values[self.length + 1].write(value);
        self.length += 2;
    }

    /// Adds a header, behind what a header of the same name brought.
    ///
    /// # Safety
    /// As in [`call`](super::env::call).
    pub(super) unsafe fn join(&mut self, key: VALUE, bytes: &[u8], separator: &[u8]) {
        // SAFETY: values below `length` were written; the found value is a String made here.
        unsafe {
            match self.find(key) {
                Some(earlier) => {
                    rb_sys::rb_str_cat(earlier, separator.as_ptr().cast(), separator.len() as _);
                    rb_sys::rb_str_cat(earlier, bytes.as_ptr().cast(), bytes.len() as _);
                }
                None => self.push(key, string(bytes)),
            }
        }
    }

    /// Keys are interned, so that the same name is the same object.
    ///
    /// # Safety
    /// As in [`call`](super::env::call).
    pub(super) unsafe fn find(&self, key: VALUE) -> Option<VALUE> {
        // SAFETY: values below `length` were written; env is a Hash.
        unsafe {
            let pairs = self.values[..self.length].chunks_exact(2);
            let found = pairs.into_iter().find(|pair| pair[0].assume_init() == key);
            match found {
                Some(pair) => Some(pair[1].assume_init()),
                None if self.flushed => {
                    let value = rb_sys::rb_hash_lookup2(self.env, key, Qnil as VALUE);
                    (value != Qnil as VALUE).then_some(value)
                }
                None => None,
            }
        }
    }

    /// # Safety
    /// As in [`call`](super::env::call).
    pub(super) unsafe fn flush(&mut self) {
        // SAFETY: `length` values were written; env is a Hash that nobody else knows yet.
        unsafe {
            let values = self.values.as_ptr().cast::<VALUE>();
            rb_sys::rb_hash_bulk_insert(self.length as _, values, self.env);
        }
        self.length = 0;
        self.flushed = true;
    }
}

/// A new String of bytes.
///
/// # Safety
/// As in [`call`](super::env::call).
pub(super) unsafe fn string(bytes: impl AsRef<[u8]>) -> VALUE {
    let bytes = bytes.as_ref();
    // SAFETY: Ruby copies as many bytes as there are.
    unsafe { rb_sys::rb_str_new(bytes.as_ptr().cast::<c_char>(), bytes.len() as _) }
}

/// The variable of a header that is not among the known ones, interned as the known ones are: in UTF-8,
/// like the literals of an application, whose lookups then end with the first comparison.
///
/// # Safety
/// As in [`call`](super::env::call).
pub(super) unsafe fn variable(name: &[u8]) -> VALUE {
    const PREFIX: &[u8] = b"HTTP_";
    let mut buffer = [0; NAME_BYTES + PREFIX.len()];
    buffer[..PREFIX.len()].copy_from_slice(PREFIX);
    // SAFETY: Ruby copies as many bytes of the buffer as were written.
    unsafe {
        if name.len() <= NAME_BYTES {
            let length = PREFIX.len() + uppercase(name, &mut buffer[PREFIX.len()..]);
            let encoding = rb_sys::rb_utf8_encoding();
            return rb_sys::rb_enc_interned_str(buffer.as_ptr().cast(), length as _, encoding);
        }
        let key = rb_sys::rb_utf8_str_new(PREFIX.as_ptr().cast(), PREFIX.len() as _);
        for part in name.chunks(NAME_BYTES) {
            let length = uppercase(part, &mut buffer);
            rb_sys::rb_str_cat(key, buffer.as_ptr().cast(), length as _);
        }
        rb_sys::rb_str_to_interned_str(key)
    }
}

fn uppercase(name: &[u8], buffer: &mut [u8]) -> usize {
    for (byte, target) in name.iter().zip(buffer) {
        *target = if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    }
    name.len()
}

pub(super) fn decimal(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[start..];
        }
    }
}
