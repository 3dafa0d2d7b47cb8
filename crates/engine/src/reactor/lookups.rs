//! Looking for files where that may mean to wait, for a disk or for another machine. Threads come when they
//! are needed, and go when there is nothing more to do; nobody waits for their end.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hyperion_proto::Request;

use crate::dispatch::body::Body;
use crate::fault;
use crate::reactor::inbox::Inbox;
use crate::reactor::message::{Found, Message, ReplyKey};
use crate::routes::Search;

/// Threads for the disks of this machine, and as many for all that may be elsewhere.
const THREADS_MAX: usize = 4;

/// What waits for those threads; what comes on top is refused.
const WAITING_MAX: usize = 1024;

/// A thread that has nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(10);

/// A request whose file is looked for.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub key: ReplyKey,
    pub request: Arc<Request>,
    pub search: Search,
    /// All of it, for the application.
    pub body: Body,
}

/// Who looks. A file system that hangs does not keep anybody from the files of the others.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    near: Arc<Pool>,
    far: Arc<Pool>,
}

impl Lookups {
    /// Has a file looked for; [`Message::Found`] tells what came of it. False when too many wait.
    pub fn submit(&self, lookup: Lookup, inbox: &Arc<Inbox>) -> bool {
        let pool = if lookup.search.is_near() { &self.near } else { &self.far };
        pool.submit(lookup, inbox)
    }
}

#[derive(Debug, Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Lookup>,
    threads: usize,
    idle: usize,
}

impl Pool {
    fn submit(self: &Arc<Self>, lookup: Lookup, inbox: &Arc<Inbox>) -> bool {
        let mut state = self.lock();
        if state.waiting.len() == WAITING_MAX {
            return false;
        }
        if state.idle <= state.waiting.len() && state.threads < THREADS_MAX {
            match self.start(inbox.clone()) {
                Ok(()) => state.threads += 1,
                Err(_) if state.threads == 0 => return false,
                Err(_) => {}
            }
        }
        state.waiting.push_back(lookup);
        self.changed.notify_one();
        true
    }

    fn start(self: &Arc<Self>, inbox: Arc<Inbox>) -> io::Result<()> {
        let pool = self.clone();
        let work = move || {
            let _ = hyperion_io::block_signals();
            while let Some(lookup) = pool.next() {
                look(lookup, &inbox);
            }
        };
        thread::Builder::new().name("hyperion files".into()).spawn(work).map(drop)
    }

    /// None when this thread is to end.
    fn next(&self) -> Option<Lookup> {
        let mut state = self.lock();
        loop {
            if let Some(lookup) = state.waiting.pop_front() {
                return Some(lookup);
            }
            state.idle += 1;
            let waited = self.changed.wait_timeout(state, IDLE);
            let (awake, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = awake;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(lookup: Lookup, inbox: &Inbox) {
    let Lookup { key, request, search, body } = lookup;
    inbox.push(match fault::catch(|| Ok(search.run(&request))) {
        Ok((target, answer)) => Message::Found(key, Box::new(Found { target, answer, body })),
        Err(_) => Message::Abort(key),
    });
}
