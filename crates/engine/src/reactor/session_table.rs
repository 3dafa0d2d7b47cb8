use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use hyperion_io::{Completion, Key, Peer, Sink};
use hyperion_proto::{Connection, Shutdown};
use slab::Slab;

use crate::balance::Reservation;
use crate::connection_info::{ConnectionInfo, Listener};
use crate::dispatch::job::Job;
use crate::fault::contain;
use crate::log::Level;
use crate::reactor::clock::Clock;
use crate::reactor::message::Message;
use crate::reactor::timers::Timers;
use crate::reactor::token_bucket::Rate;
use crate::session::{Context, SIBLING_WAIT, Session};

/// Connections above the maximum that are still told 503; what comes on top is closed unheard.
const REFUSED_CONNECTIONS: usize = 256;

/// Connections to addresses of the admin surface that find room where all the others do not.
const ADMIN_CONNECTIONS: usize = 16;

/// A complaint about failed accepts is logged at most this often.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// All sessions of a reactor, and what completions tell them: it only collects.
pub(crate) struct Sessions<S> {
    pub context: Context,
    pub clock: Box<dyn Clock>,
    date_at: Option<Instant>,
    pub slab: Slab<Session>,
    generation: u32,
    pub dirty: Vec<Key>,
    pub accepted: VecDeque<(usize, S, Peer)>,
    pub detached: Vec<(Key, S)>,
    pub failed_accept: Option<io::Error>,
    pub listeners: Vec<Arc<Listener>>,
    pub timers: Timers,
    /// A deadline comes before the time until which the driver was told to wait.
    pub timer_moved: bool,
    pub shutdown: Shutdown,
    accept_complained_at: Option<Instant>,
    /// TLS handshakes that may begin.
    handshakes: Option<Rate>,
}

impl<S> Sessions<S> {
    pub fn new(context: Context, clock: Box<dyn Clock>) -> Self {
        let handshakes = context.config.handshakes_per_second.map(Rate::new);
        Self {
            context,
            clock,
            date_at: None,
            slab: Slab::new(),
            generation: 0,
            dirty: Vec::new(),
            accepted: VecDeque::new(),
            detached: Vec::new(),
            failed_accept: None,
            listeners: Vec::new(),
            timers: Timers::default(),
            timer_moved: false,
            shutdown: Shutdown::None,
            accept_complained_at: None,
            handshakes,
        }
    }

    /// A session for a connection, which is still to be told how far the shutdown is.
    pub fn open(&mut self, listener: usize, peer: Peer) -> Option<Key> {
        let listener = self.listeners.get(listener)?.clone();
        let is_admin = matches!(*listener, Listener::Admin);
        let maximum = self.context.config.max_connections;
        let open = self.slab.len();
        let reserve = REFUSED_CONNECTIONS + if is_admin { ADMIN_CONNECTIONS } else { 0 };
        if open >= maximum + reserve {
            self.context.stats.reject("max_connections");
            return None;
        }
        let (config, now) = (self.context.protocol.clone(), self.context.now);
        let tls = match &*listener {
            Listener::Tls(_, tls) => Some(tls.config()),
            _ => None,
        };
        if tls.is_some() && !self.handshakes.as_mut().is_none_or(|rate| rate.take(now)) {
            self.context.stats.reject("tls_handshake_rate");
            return None;
        }
        let connection = contain(&self.context.stats, || match tls {
            tls if !is_admin && open >= maximum => Connection::refused(config, tls.as_ref(), now),
            Some(tls) => Connection::secure(config, &tls, now),
            None => Connection::new(config, now),
        })?;
        let info = connection_info(listener, &peer);
        self.generation = self.generation.wrapping_add(1);
        let entry = self.slab.vacant_entry();
        let key = Key { index: entry.key() as u32, generation: self.generation };
        entry.insert(Session::new(key, connection, Arc::new(info), now));
        Some(key)
    }

    /// Tells a connection how far the shutdown is.
    pub fn apply_shutdown(&mut self, key: Key, shutdown: Shutdown) {
        self.handle(key, |session, context| {
            let (connection, now) = (&mut session.connection, context.now);
            match shutdown {
                Shutdown::None => {}
                Shutdown::LastCall => connection.last_call(now),
                Shutdown::Drain => connection.drain(now),
            }
        });
    }

    /// The number that siblings know this listener by.
    pub fn number_of(&self, listener: &Arc<Listener>) -> u32 {
        let position = self.listeners.iter().position(|one| Arc::ptr_eq(one, listener));
        position.unwrap_or_default() as u32
    }

    /// Takes the request that has waited longest for an executor, of those that can be given to a
    /// sibling, back from the queue; its socket is to be detached.
    pub fn release_waiting(&mut self, reservation: Reservation) -> Option<Key> {
        let (slab, dirty, context) = (&mut self.slab, &mut self.dirty, &self.context);
        let is_shutting_down = self.shutdown != Shutdown::None;
        let mut can_hand_off = |job: &Job| {
            find(slab, job.reply.session()).and_then(|one| {
                call(one, dirty, context, |one, _| one.can_hand_off(job, is_shutting_down))
            })
        };
        let job = context.service.reclaim(&mut |job| {
            context.now.saturating_duration_since(job.received_at) >= SIBLING_WAIT
                && can_hand_off(job) == Some(true)
        })?;
        let key = job.reply.session();
        job.reply.disarm();
        self.call(key, |session, context| session.hand_off(reservation, &job, context))
            .map(|()| key)
    }

    /// Gives a message to its session; returns the key when its socket is to be detached.
    pub fn apply(&mut self, message: Message) -> Option<Key> {
        let key = message.session()?;
        if find(&mut self.slab, key).is_none() {
            let ended = match message {
                Message::Respond(_, _, completion) => {
                    completion.map(|completion| (completion, false))
                }
                Message::AwaitEnd(_, completion, flow) => Some((completion, !flow.is_cut())),
                _ => None,
            };
            if let Some((completion, complete)) = ended {
                contain(&self.context.stats, || self.context.give().finished(completion, complete));
            }
            return None;
        }
        let detach = self.call(key, |session, context| session.apply(message, context));
        self.mark_dirty(key);
        (detach == Some(true)).then_some(key)
    }

    /// Tells all connections, and those that were accepted before and are still to be opened.
    pub fn begin_last_call(&mut self) {
        self.shutdown = self.shutdown.max(Shutdown::LastCall);
        self.keys().into_iter().for_each(|key| self.apply_shutdown(key, Shutdown::LastCall));
    }

    /// Whether nobody is served any more.
    pub fn are_over(&self) -> bool {
        self.slab.iter().all(|(_, session)| session.is_hijacked())
    }

    /// Of all connections.
    pub fn keys(&self) -> Vec<Key> {
        self.slab.iter().map(|(_, session)| session.key).collect()
    }

    /// Whether a deadline of the session is due; else its next one gets the timer entry.
    pub fn is_due(&mut self, at: Instant, key: Key) -> bool {
        let Some(session) = find(&mut self.slab, key) else { return false };
        if session.timer != Some(at) {
            return false;
        }
        session.timer = None;
        let now = self.context.now;
        let deadline = self.call(key, |session, _| session.poll_deadline()).flatten();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return true;
        }
        self.schedule(key);
        false
    }

    /// Sees to it that the timers look at the session in time.
    pub fn schedule(&mut self, key: Key) {
        let deadline = self.call(key, |session, _| session.poll_deadline()).flatten();
        if let Some(at) = deadline
            && let Some(session) = find(&mut self.slab, key)
            && session.timer.is_none_or(|timer| at < timer)
        {
            if session.timer.replace(at).is_some() {
                self.timers.forget_one();
            }
            self.timer_moved |= self.timers.next().is_none_or(|next| at < next);
            self.timers.push(at, key);
        }
    }

    /// Drops timer entries of sessions that have closed.
    pub fn purge_timers(&mut self) {
        let slab = &self.slab;
        self.timers.purge(|at, key| {
            slab.get(key.index as usize)
                .is_some_and(|session| session.key == key && session.timer == Some(at))
        });
    }

    pub fn complain_about_accept(&mut self, error: &io::Error) {
        self.context.stats.reject("accept_failed");
        let now = self.context.now;
        let recently = |at: Instant| now.saturating_duration_since(at) < ACCEPT_LOG_INTERVAL;
        if !self.accept_complained_at.is_some_and(recently) {
            self.accept_complained_at = Some(now);
            let error = error.to_string();
            self.context.log.write(
                Level::Error,
                "engine",
                "a connection could not be accepted; raise the limit of open files or lower max_connections",
                &[("error", &error)],
            );
        }
    }

    pub fn handle(&mut self, key: Key, handle: impl FnOnce(&mut Session, &Context)) {
        self.call(key, handle);
        self.mark_dirty(key);
    }

    /// Output that has left usually leaves nothing to do: the reactor may sleep at once.
    pub fn handle_sent(&mut self, key: Key, bytes: u64) {
        self.context.stats.bytes_written.add(bytes);
        let wants_flush = self.call(key, |session, context| {
            session.handle_sent(bytes, context);
            session.wants_flush()
        });
        match wants_flush {
            Some(false) => self.schedule(key),
            Some(true) | None => self.mark_dirty(key),
        }
    }

    /// Calls into a session, if it is still there and whole.
    pub fn call<R>(
        &mut self,
        key: Key,
        work: impl FnOnce(&mut Session, &Context) -> R,
    ) -> Option<R> {
        call(find(&mut self.slab, key)?, &mut self.dirty, &self.context, work)
    }

    /// Takes a session out, whose socket is gone, and tells whoever still works for it.
    pub fn abandon(&mut self, mut session: Session) {
        if session.timer.is_some() {
            self.timers.forget_one();
            self.purge_timers();
        }
        let context = &self.context;
        let mut abandon_next =
            || contain(&context.stats, || session.abandon_next(context)).unwrap_or(true);
        while abandon_next() {}
    }

    pub fn update_clock(&mut self) {
        let now = self.clock.now();
        self.context.now = now;
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < Duration::from_secs(1);
        if !self.date_at.is_some_and(is_fresh) {
            let today = self.clock.today();
            // Aligned to the wall clock's second, so that the field changes when the second does.
            let since_epoch = today.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let into_second = Duration::from_nanos(since_epoch.subsec_nanos().into());
            self.date_at = now.checked_sub(into_second).or(Some(now));
            self.context.date = httpdate::fmt_http_date(today);
        }
    }

    pub fn mark_dirty(&mut self, key: Key) {
        if let Some(session) = find(&mut self.slab, key) {
            mark(session, &mut self.dirty);
        }
    }

    pub fn find(&mut self, key: Key) -> Option<&mut Session> {
        find(&mut self.slab, key)
    }
}

impl<S> Sink<S> for Sessions<S> {
    fn complete(&mut self, completion: Completion<'_, S>) {
        // The driver may have slept since the last one.
        self.context.now = self.clock.now();
        match completion {
            Completion::Accepted { listener, socket, peer } => {
                self.accepted.push_back((listener, socket, peer));
            }
            Completion::AcceptFailed { error, .. } => self.failed_accept = Some(error),
            Completion::Received { key, bytes } => {
                self.context.stats.bytes_read.add(bytes.len() as u64);
                self.handle(key, |session, context| session.handle_received(bytes, context));
            }
            Completion::ReceivedEof { key } => self.handle(key, Session::handle_eof),
            Completion::Sent { key, bytes } => self.handle_sent(key, bytes),
            Completion::Failed { key, .. } => self.handle(key, |session, _| {
                session.connection.handle_disconnect();
            }),
            Completion::Detached { key, socket } => self.detached.push((key, socket)),
            Completion::Woken => {}
        }
    }

    fn has_work(&self) -> bool {
        !self.dirty.is_empty()
            || !self.accepted.is_empty()
            || !self.detached.is_empty()
            || self.failed_accept.is_some()
            || self.timer_moved
            || self.context.gave.get()
    }
}

/// Has the session flushed in this turn.
fn mark(session: &mut Session, dirty: &mut Vec<Key>) {
    if !session.dirty {
        session.dirty = true;
        dirty.push(session.key);
    }
}

/// Calls into a session. A panic breaks it, so that nothing is asked of it any more, and has it closed in
/// this turn, whoever called and whatever for; it costs nobody else.
fn call<R>(
    session: &mut Session,
    dirty: &mut Vec<Key>,
    context: &Context,
    work: impl FnOnce(&mut Session, &Context) -> R,
) -> Option<R> {
    if session.is_broken {
        return None;
    }
    let outcome = contain(&context.stats, || work(session, context));
    if outcome.is_none() {
        session.is_broken = true;
        mark(session, dirty);
    }
    outcome
}

/// The session of that name; on the slab, so that the rest stays free to be borrowed.
pub(crate) fn find(sessions: &mut Slab<Session>, key: Key) -> Option<&mut Session> {
    sessions.get_mut(key.index as usize).filter(|session| session.key == key)
}

fn connection_info(listener: Arc<Listener>, peer: &Peer) -> ConnectionInfo {
    let (remote_addr, remote_port) = match peer {
        Peer::Tcp(address) => (canonical(address).to_string(), address.port()),
        Peer::Unix => ("127.0.0.1".to_owned(), 0),
    };
    ConnectionInfo { remote_addr, remote_port, listener, certificate: OnceLock::new() }
}

/// An IPv4 client of a dual-stack listener is shown by its IPv4 address.
fn canonical(address: &SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
