//! How a class of this library is defined. A cell that is filled on first use is filled by a thread that
//! may lose the interpreter's lock meanwhile, and whoever comes second waits for the cell with that lock,
//! for ever. So all of them are filled while Ruby loads the library.

use magnus::prelude::*;
use magnus::{Error, Module, RClass, Ruby, TypedData};

/// Defines the class of `T` in `outer`, without an allocator, and lets `T` look it up.
///
/// # Errors
/// Those of Ruby, such as a name that is taken.
pub fn define<T: TypedData>(ruby: &Ruby, outer: impl Module, name: &str) -> Result<RClass, Error> {
    let class = outer.define_class(name, ruby.class_object())?;
    class.undef_default_alloc_func();
    T::class(ruby);
    Ok(class)
}
