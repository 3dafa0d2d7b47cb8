//! Methods of Ruby objects that are called, by their names. All are looked up while Ruby loads the library.

use magnus::Ruby;
use magnus::value::LazyId;

/// Declares the names of methods that are called, and what looks all of them up.
macro_rules! names {
    ($($constant:ident $name:literal),* $(,)?) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub static $constant: LazyId = LazyId::new($name);
        )*

        /// Looks up all names.
        pub fn init(ruby: &Ruby) {
            $(LazyId::force(&$constant, ruby);)*
        }
    };
}

names! {
    CALL "call",
    CLOSE "close",
    EACH "each",
    FOR_FD "for_fd",
    INTEGER "Integer",
    KEYS "keys",
    NEW "new",
    PATH "path",
    READ "read",
    STORAGE "storage",
    TO_A "to_a",
    TO_ARY "to_ary",
    TO_PATH "to_path",
    TRAILERS "trailers",
    UNGETBYTE "ungetbyte",
}
