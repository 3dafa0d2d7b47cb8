//! The Ruby face of the engine. A request crosses into Ruby once and comes back once:
//!
//! | Module | What it holds |
//! |---|---|
//! | `engine`, `config` | `Hyperion::Engine` and its settings |
//! | `tls` | `Hyperion::Tls`, the certificates of an address |
//! | `segment` | `Hyperion::Engine::Segment`, the memory in which all processes count |
//! | `executor` | the loop of an executor thread |
//! | `env`, `keys` | request → Rack env, and the call of the application |
//! | `exchange`, `hints`, `input`, `spooled`, `live`, `stream` | the objects in env: `rack.hijack`, `rack.early_hints`, `rack.input`, streams |
//! | `answer`, `body`, `chunks`, `delivery` | what the application returned → response |
//! | `hijack`, `finish`, `log_extras` | full hijack, callbacks behind a response, additions to its log line |
//! | `routes`, `file` | what is answered without the application; files that it names |
//! | `hooks`, `request` | `Hyperion::Runtime`'s blocks, and `Hyperion::Request`, which they are given |
//! | `class`, `names` | what is looked up once, while the library is loaded |
//! | `forced_exit` | the end of a process that does not come by itself |
//! | `error` | exceptions and panics, as log lines and as classes |
//! | `gvl`, `raw` | the interpreter's lock, forks, and the few raw calls |
//!
//! Ruby objects live on the stack of an executor or inside objects that mark them, nowhere else.
//! Everything that can raise runs under `protect`, and no panic leaves this crate. `unsafe` is found
//! in `env`, `gvl` and `raw` only.
#![deny(unsafe_code)]

mod answer;
mod body;
mod chunks;
mod class;
mod config;
mod delivery;
mod engine;
#[allow(unsafe_code)]
mod env;
mod error;
mod exchange;
mod executor;
mod file;
mod finish;
mod forced_exit;
#[allow(unsafe_code)]
mod gvl;
mod hijack;
mod hints;
mod hooks;
mod input;
mod keys;
mod live;
mod log_extras;
mod names;
#[allow(unsafe_code)]
mod raw;
mod request;
mod routes;
mod segment;
mod spooled;
mod stream;
mod tls;
mod trailers;

mod load {
    use magnus::{Error, Ruby};

    /// Called by Ruby when it loads the library.
    #[magnus::init(name = "native")]
    fn init(ruby: &Ruby) -> Result<(), Error> {
        crate::gvl::watch_forks();
        crate::error::init(ruby);
        crate::keys::init(ruby);
        crate::names::init(ruby);
        crate::exchange::init(ruby)?;
        crate::hints::init(ruby)?;
        crate::input::init(ruby)?;
        crate::tls::init(ruby)?;
        crate::stream::init(ruby)?;
        crate::request::init(ruby)?;
        crate::engine::init(ruby)?;
        crate::forced_exit::init(ruby)?;
        crate::segment::init(ruby)
    }
}
