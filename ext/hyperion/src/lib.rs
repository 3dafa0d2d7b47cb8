//! The Ruby face of the engine. A request crosses into Ruby once and comes back once:
//!
//! | Module | What it holds |
//! |---|---|
//! | `engine`, `config` | `Hyperion::Engine` and its settings |
//! | `executor` | the loop of an executor thread |
//! | `fiber_executor`, `fiber_work` | the loop of a thread whose requests run in fibers, and what those have begun |
//! | `request` | the engine's request → Rack env and `rack.input`, and the call of the application |
//! | `exchange`, `reply` | the Ruby half of one exchange: `rack.hijack`, and the way back to its client |
//! | `response` | what the application returned → the engine's response: bodies, streams, files, trailers, early hints |
//! | `response::finished` | `rack.response_finished`: callbacks that run when the response has left |
//! | `hijack` | full hijack: the socket that the application gets |
//! | `routes`, `hooks` | what is answered without the application; `Hyperion::Runtime`'s blocks |
//! | `scheduler` | `Hyperion::Scheduler`: the fibers of a thread |
//! | `tls`, `segment` | `Hyperion::Tls`, the certificates of an address; the memory in which all processes count |
//! | `forced_exit` | the end of a process that does not come by itself |
//! | `vm` | the interpreter's lock, forks, exceptions, and the few raw calls |
//!
//! Ruby objects live on the stack of an executor or inside objects that mark them, nowhere else.
//! Everything that can raise runs under `protect`, and no panic leaves this crate. `unsafe` is found
//! in `request::env`, `request::pairs`, `vm::block`, `vm::gvl` and `vm::raw` only.
#![deny(unsafe_code)]

mod config;
mod engine;
mod exchange;
mod executor;
mod fiber_executor;
mod fiber_work;
mod forced_exit;
mod hijack;
mod hooks;
mod reply;
mod request;
mod response;
mod routes;
mod scheduler;
mod segment;
mod tls;
mod vm;

mod load {
    use magnus::{Error, Ruby, TypedData};

    /// Called by Ruby when it loads the library.
    #[magnus::init(name = "native")]
    fn init(ruby: &Ruby) -> Result<(), Error> {
        crate::vm::gvl::watch_forks();
        crate::vm::error::init(ruby);
        crate::request::keys::init(ruby);
        crate::vm::names::init(ruby);
        crate::exchange::init(ruby)?;
        crate::response::early_hints::init(ruby)?;
        crate::request::input::init(ruby)?;
        crate::tls::init(ruby)?;
        crate::response::stream::init(ruby)?;
        crate::request::hook_request::init(ruby)?;
        crate::engine::init(ruby)?;
        crate::forced_exit::init(ruby)?;
        crate::scheduler::init(ruby)?;
        crate::fiber_executor::init(ruby)?;
        crate::segment::init(ruby, crate::engine::Engine::class(ruby))
    }
}
