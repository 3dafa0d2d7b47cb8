//! A load generator that counts what wrk does not: the answers of each connection and each kind of
//! request, and latency that is true when the server falls behind.
//!
//! Usage: `hyperion-load <PLAN`, where the plan is a [`plan::Plan`] in JSON.
//!
//! At rate 0 it is a closed loop: each connection sends its next request when it has its answer.
//! Another rate makes an open loop: request k is due at start + k / rate whatever the server does. It
//! leaves on the connection that has rested longest, or waits for one to come free, and its latency
//! counts from when it was due. So a server that stalls is charged for every request that would have
//! come meanwhile. Requests that have no answer five seconds behind the end count with the time they
//! have waited by then.
//!
//! One request is in flight on each connection, and answers must be 200. A connection ends behind the
//! last of its requests, which says `Connection: close`, and where the server announces it: then this
//! side closes as soon as it has the answer, as browsers do. Whatever ends a connection, another one
//! takes its place and counts as a reconnect; a request that has no full answer then is an error.
//!
//! The report is one line of JSON; latencies are in microseconds.
//!
//! - [`plan`]: what is asked for
//! - [`message`], [`answer`]: requests and answers as bytes
//! - [`schedule`], [`turns`]: when which request is due
//! - [`latencies`], [`tally`]: what came of it
//! - [`generator`]: the run, over [`connection`] and [`poller`]; nothing else has sockets or a clock

#![forbid(unsafe_code)]

mod answer;
mod connection;
mod generator;
mod latencies;
mod message;
mod plan;
mod poller;
mod schedule;
mod tally;
mod turns;

use std::error::Error;
use std::process::ExitCode;

use crate::generator::Generator;
use crate::plan::Plan;

fn main() -> ExitCode {
    match report() {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hyperion-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> Result<String, Box<dyn Error>> {
    let plan = Plan::read(&std::io::read_to_string(std::io::stdin())?)?;
    Ok(Generator::new(&plan)?.run()?.report(plan.seconds.get()))
}
