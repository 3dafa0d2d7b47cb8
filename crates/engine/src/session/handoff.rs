//! How a session gives up its socket: to the application, or with a request to another worker.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hyperion_proto::{BodyLength, Closing, StreamId};

use super::{Context, Session};
use crate::balance::Reservation;
use crate::balance::handoff_message::{HOPS_MAX, HandoffMessage};
use crate::dispatch::body::Body;
use crate::dispatch::flow::Hijacked;
use crate::dispatch::job::Job;
use crate::session::exchange::BodyStage;

/// A socket that is on its way out of the driver.
#[derive(Debug)]
pub(super) struct Handoff {
    to: Destination,
    /// What was read from the socket and is not used here.
    unread: BytesMut,
}

#[derive(Clone, Copy, Debug)]
enum Destination {
    /// To whoever answers this exchange.
    Application(StreamId),
    /// To a sibling, with a request that came then and was handed over so often.
    Sibling(Reservation, Instant, u32),
}

impl Handoff {
    /// More has arrived before the driver let go of the socket.
    pub fn add(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }
}

impl Session {
    /// Whether the socket is on its way to somebody else.
    pub fn is_handed_off(&self) -> bool {
        self.handoff.is_some()
    }

    /// Whether the connection has ended before its socket was on its way out: whoever is to have it waits
    /// for nothing.
    pub fn is_lost(&self) -> bool {
        self.is_handed_off() && matches!(self.connection.closing(), Closing::Close)
    }

    /// Begins to give the connection to the executor of this exchange. True when its socket is to be detached.
    pub(super) fn begin_hijack(&mut self, id: StreamId, context: &Context) -> bool {
        if self.connection.is_secure() {
            self.begin_tunnel(id, context);
            return false;
        }
        let in_turn = self.exchanges.front().is_some_and(|first| first.id == id);
        if !in_turn {
            if let Some(exchange) = self.exchange(id) {
                exchange.abandon();
            }
            return false;
        }
        self.exchanges.iter_mut().for_each(|exchange| exchange.release(&context.waiting));
        let unread = BytesMut::from(&self.connection.take_unread()[..]);
        self.handoff = Some(Handoff { to: Destination::Application(id), unread });
        true
    }

    /// What has the keys of a connection cannot be given away; what leaves and arrives goes on through here.
    fn begin_tunnel(&mut self, id: StreamId, context: &Context) {
        let is_open = self.connection.tunnel(context.now, id);
        let Some(exchange) = self.exchange(id) else { return };
        if !is_open {
            return exchange.abandon();
        }
        exchange.body_stage = BodyStage::Tunnel;
        exchange.is_hijacked = true;
        exchange.share(|state| state.hijacked = Some(Hijacked::Tunnel));
    }

    /// Whether an application has it, so that the end of serving is not for it to wait for.
    pub fn is_hijacked(&self) -> bool {
        self.exchanges.front().is_some_and(|exchange| exchange.is_hijacked)
    }

    /// Whether this request is all that the connection is about, so that both can go elsewhere. A process that
    /// `is_shutting_down` passes on what has come a long way, too: it may not come to serve it.
    pub fn can_hand_off(&self, job: &Job, is_shutting_down: bool) -> bool {
        let (Some(exchange), 1) = (self.exchanges.front(), self.exchanges.len()) else {
            return false;
        };
        let body = match &job.body {
            Body::Empty => 0,
            Body::Memory(bytes) => bytes.len(),
            Body::File { .. } | Body::OnDemand | Body::Live { .. } => return false,
        };
        self.connection.is_portable()
            && exchange.id == job.reply.stream()
            && exchange.body_stage == BodyStage::Dispatched
            && (is_shutting_down || exchange.hops < HOPS_MAX)
            && !job.request.expects_continue()
            && job.request.body() != BodyLength::Chunked
            && job.request.head().len() + body <= HandoffMessage::BYTES_MAX
            && self.handoff.is_none()
            && self.output.is_empty()
            && self.connection.buffered(exchange.id) == 0
            && matches!(self.connection.closing(), Closing::Open)
    }

    /// Begins to give the socket to a sibling, with a request that [`can_hand_off`](Self::can_hand_off) allows; the
    /// driver is to detach the socket.
    pub fn hand_off(&mut self, reservation: Reservation, job: &Job, context: &Context) {
        self.exchanges.iter_mut().for_each(|exchange| exchange.release(&context.waiting));
        let mut unread = BytesMut::from(job.request.head());
        if let Body::Memory(bytes) = &job.body {
            unread.extend_from_slice(bytes);
        }
        unread.extend_from_slice(&self.connection.take_unread());
        let hops = self.exchanges.front().map_or(0, |exchange| exchange.hops) + 1;
        let to = Destination::Sibling(reservation, job.received_at, hops);
        self.handoff = Some(Handoff { to, unread });
    }

    /// The driver has let go of the socket. The executor that waits for it gets it; what a sibling is
    /// to get comes back. Exchanges that remain have lost their connection.
    pub fn handle_detached(
        &mut self,
        socket: OwnedFd,
        listener: u32,
        context: &Context,
    ) -> Option<(Reservation, OwnedFd, HandoffMessage)> {
        let Handoff { to, unread } = self.handoff.take()?;
        match to {
            Destination::Application(id) => {
                let hijacked = Hijacked::Socket { socket, unread: unread.freeze() };
                self.take_exchange(id, context)?.share(|state| state.hijacked = Some(hijacked));
                None
            }
            Destination::Sibling(reservation, received_at, hops) => {
                self.exchanges.clear();
                let age = context.now.saturating_duration_since(received_at);
                let message = HandoffMessage { listener, hops, age, bytes: unread.freeze() };
                Some((reservation, socket, message))
            }
        }
    }

    /// Goes on with a request that another worker has begun to read.
    pub fn resume(&mut self, handoff: &HandoffMessage, received_at: Instant, context: &Context) {
        self.arriving_since = Some(received_at);
        self.hops = handoff.hops;
        self.connection.handle_input(context.now, &handoff.bytes);
    }

    /// What was announced to a sibling that is not to get the socket any more.
    pub fn unused_reservation(&self) -> Option<Reservation> {
        match self.handoff.as_ref()?.to {
            Destination::Application(_) => None,
            Destination::Sibling(reservation, ..) => Some(reservation),
        }
    }
}

/// A request is handed over when it has waited for an executor that long.
pub(crate) const SIBLING_WAIT: Duration = Duration::from_millis(1);
