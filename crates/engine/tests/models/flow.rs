//! What an executor waits for from the client of its exchange, and from whoever interrupts it.

use std::sync::Arc;

use shuttle::thread::spawn;

use super::{check, join};
use crate::dispatch::flow::{Flow, Interrupt, Wait};

/// Takes so much credit, one by one, as a producer does that waits for its reader.
fn write(flow: &Arc<Flow>, count: i64) {
    let calm = Interrupt::new(flow.clone());
    for _ in 0..count {
        assert_eq!(flow.wait(&calm, None, |state| state.credit > 0), Wait::Ready);
        flow.lock().credit -= 1;
    }
}

#[test]
fn credit_that_comes_back_wakes_the_producer_and_none_is_lost() {
    check(|| {
        let flow = Flow::new(1);
        let producing = flow.clone();
        let producer = spawn(move || write(&producing, 4));
        for credit in [1, 2] {
            flow.update(|state| state.credit += credit);
        }
        join([producer]);
        assert_eq!(flow.lock().credit, 0);
    });
}

#[test]
fn reader_and_producer_of_one_exchange_both_get_what_they_wait_for() {
    check(|| {
        let flow = Flow::new(0);
        let (producing, reading) = (flow.clone(), flow.clone());
        let producer = spawn(move || write(&producing, 1));
        let reader = spawn(move || {
            let calm = Interrupt::new(reading.clone());
            assert_eq!(reading.wait(&calm, None, |state| !state.input.is_empty()), Wait::Ready);
            assert_eq!(reading.wait(&calm, None, |state| state.input_ended), Wait::Ready);
        });
        flow.update(|state| state.input.extend_from_slice(b"input"));
        flow.update(|state| state.credit += 1);
        flow.update(|state| state.input_ended = true);
        join([producer, reader]);
    });
}

#[test]
fn a_client_that_leaves_ends_every_wait() {
    check(|| {
        let flow = Flow::new(0);
        let waits = (0..2).map(|_| {
            let flow = flow.clone();
            spawn(move || {
                let calm = Interrupt::new(flow.clone());
                assert_eq!(flow.wait(&calm, None, |state| state.credit > 0), Wait::Abandoned);
            })
        });
        let waits: Vec<_> = waits.collect();
        flow.abandon();
        join(waits);
    });
}

#[test]
fn an_interrupt_ends_the_waits_that_it_was_given_to_and_no_other() {
    check(|| {
        let flow = Flow::new(0);
        let (interrupted, producing) = (flow.clone(), flow.clone());
        let interrupt = Interrupt::new(flow.clone());
        let raised = interrupt.clone();
        let waits = spawn(move || {
            let ended = interrupted.wait(&interrupt, None, |state| state.credit > 1);
            assert_eq!(ended, Wait::Interrupted);
        });
        let producer = spawn(move || write(&producing, 1));
        raised.raise();
        join([waits]);
        flow.update(|state| state.credit += 1);
        join([producer]);
    });
}
