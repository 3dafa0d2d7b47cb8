use std::sync::Arc;
use std::time::Instant;

use hyperion_proto::{Fields, Request};

use crate::connection_info::ConnectionInfo;
use crate::dispatch::body::Body;
use crate::dispatch::flow::InFlightGuard;
use crate::dispatch::reply::ReplyHandle;
use crate::routes::Target;

/// A request on its way to an executor, with everything needed to answer it.
#[derive(Debug)]
pub struct Job {
    /// Head of the request.
    pub request: Arc<Request>,
    /// Who is to answer it.
    pub target: Target,
    /// Body of the request.
    pub body: Body,
    /// The connection it came on.
    pub connection: Arc<ConnectionInfo>,
    /// The one-way handle back; dropped unanswered it answers 500.
    pub reply: ReplyHandle,
    /// When the request arrived.
    pub received_at: Instant,
    /// Whoever works on it keeps this until the work is done, even for a client that has left.
    pub in_flight: InFlightGuard,
}

/// A request that was answered without an executor, for whoever wants to hear of each.
#[derive(Debug)]
pub struct Observed {
    /// Head of the request.
    pub request: Arc<Request>,
    /// The connection it came on.
    pub connection: Arc<ConnectionInfo>,
    /// The status of the response.
    pub status: u16,
    /// The fields of the response, but for those added on its way.
    pub fields: Box<Fields>,
    /// Who answered.
    pub target: Target,
}
