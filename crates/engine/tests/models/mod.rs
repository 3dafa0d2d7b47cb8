//! What threads of the engine share, under a model checker (shuttle): it runs a model again and again, each time
//! with another order of the steps of its threads, and fails where a thread panics or all of them wait.
//!
//! They are unit tests with the feature `model`, because the types are the real ones and private: only their locks,
//! condition variables and atomics are the checker's (`src/sync.rs`). It takes all atomics for `SeqCst`.

mod flow;
mod inbox;
mod leader;
mod network;
mod queue;

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{JoinHandle, spawn};
use shuttle::{Config, Runner};

/// The orders are drawn from this, so that a run that was green stays so; `SHUTTLE_RANDOM_SEED` is used instead
/// where it is set.
const SEED: u64 = 1;

/// Orders of each kind, unless `MODEL_RUNS` says otherwise.
const RUNS: usize = 1000;

/// A fault needs so few changes between threads, most of the time, and orders that change more rarely find it.
const CHANGES: usize = 3;

/// A turn of the reactor needs more than the checker gives to a thread.
const STACK_BYTES: usize = 512 * 1024;

/// Runs the model by orders that change at any step, and by some that change at few.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let runs = std::env::var("MODEL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let model = Arc::new(model);
    run(RandomScheduler::new_from_seed(SEED, runs), model.clone());
    run(PctScheduler::new_from_seed(SEED, CHANGES, runs), model);
}

fn run(orders: impl Scheduler + 'static, model: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.silence_warnings = true;
    Runner::new(orders, config).run(move || model());
}

/// So many threads that do the same, each with its number.
fn threads(count: usize, work: impl Fn(usize) + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    (0..count)
        .map(|number| {
            let work = work.clone();
            spawn(move || work(number))
        })
        .collect()
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
