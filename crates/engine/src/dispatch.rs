//! Between the reactor and the executors: jobs one way, replies the other.

pub(crate) mod body;
pub(crate) mod bridged;
pub(crate) mod completion;
pub(crate) mod flow;
pub(crate) mod job;
pub(crate) mod queue;
pub(crate) mod queue_time;
pub(crate) mod reply;
