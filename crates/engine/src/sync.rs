//! What threads of the engine share state by: the standard library, or the model checker where `tests/models` are
//! run, which then decides who goes on at each of these calls.

#[cfg(not(all(test, feature = "model")))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

#[cfg(all(test, feature = "model"))]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};

pub(crate) use timeout::wait_timeout;

#[cfg(not(all(test, feature = "model")))]
mod timeout {
    use super::{Condvar, Mutex, MutexGuard};
    use std::sync::PoisonError;
    use std::time::Duration;

    /// Waits for `changed`, at most for so long; `state` is that of `_mutex`.
    pub(crate) fn wait_timeout<'a, T>(
        changed: &Condvar,
        _mutex: &'a Mutex<T>,
        state: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The checker knows no time, and its own condition variable never times out.
#[cfg(all(test, feature = "model"))]
mod timeout {
    use super::{Condvar, Mutex, MutexGuard};
    use std::sync::PoisonError;
    use std::time::Duration;

    /// The time is over, after whatever the others have done meanwhile.
    pub(crate) fn wait_timeout<'a, T>(
        _changed: &Condvar,
        mutex: &'a Mutex<T>,
        state: MutexGuard<'a, T>,
        _timeout: Duration,
    ) -> MutexGuard<'a, T> {
        drop(state);
        shuttle::thread::yield_now();
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
