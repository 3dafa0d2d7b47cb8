use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyperion_io::{Completion, Driver, Key, Peer, Sink};
use hyperion_proto::{Closing, Connection};
use slab::Slab;

use crate::config::Config;
use crate::inbox::{Inbox, Message};
use crate::job::{ConnectionInfo, Listener};
use crate::job_queue::Service;
use crate::log::{Level, Log};
use crate::session::{Context, Session};
use crate::stats::Stats;
use crate::timers::Timers;

/// Connections above the maximum that are still told 503; what comes on top is closed unheard.
const REFUSED_CONNECTIONS: usize = 256;

/// Accepting rests this long after the process ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A complaint about failed accepts is logged at most this often.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Where a reactor takes the time from; a simulation brings its own.
pub type Clock = Box<dyn Fn() -> (Instant, SystemTime) + Send>;

/// Owns all sockets of a process and turns: wait for completions, apply what executors said, fire
/// deadlines, then let every session that changed speak once.
pub struct Reactor<D: Driver> {
    driver: D,
    core: Core<D::Socket>,
    batch: Vec<Message>,
    accept_resumes_at: Option<Instant>,
    stopped: bool,
}

/// The part of a reactor that completions reach: it only collects.
struct Core<S> {
    context: Context,
    clock: Clock,
    date_at: Option<Instant>,
    sessions: Slab<Session>,
    generation: u32,
    dirty: Vec<Key>,
    accepted: Vec<(usize, S, Peer)>,
    detached: Vec<(Key, S)>,
    failed_accept: Option<io::Error>,
    listeners: Vec<Arc<Listener>>,
    timers: Timers,
    /// A deadline comes before the time until which the driver was told to wait.
    timer_moved: bool,
    draining: bool,
    accept_complained_at: Option<Instant>,
}

impl<D: Driver> Reactor<D>
where
    D::Socket: Into<OwnedFd>,
{
    /// A reactor without connections.
    pub fn new(
        driver: D,
        mut config: Config,
        inbox: Arc<Inbox>,
        service: Arc<dyn Service>,
        stats: Arc<Stats>,
        log: Arc<Log>,
        clock: Clock,
    ) -> Self {
        let (now, today) = clock();
        config.protocol.date_origin = Some((now, today));
        let protocol = Arc::new(config.protocol.clone());
        let context =
            Context { config, protocol, inbox, service, stats, log, now, date: String::new() };
        let core = Core {
            context,
            clock,
            date_at: None,
            sessions: Slab::new(),
            generation: 0,
            dirty: Vec::new(),
            accepted: Vec::new(),
            detached: Vec::new(),
            failed_accept: None,
            listeners: Vec::new(),
            timers: Timers::default(),
            timer_moved: false,
            draining: false,
            accept_complained_at: None,
        };
        Self { driver, core, batch: Vec::new(), accept_resumes_at: None, stopped: false }
    }

    /// Accepts connections from a listening socket.
    ///
    /// # Errors
    /// When the driver cannot watch it.
    pub fn listen(&mut self, socket: D::Socket, address: Listener) -> io::Result<()> {
        let index = self.driver.listen(socket)?;
        debug_assert_eq!(index, self.core.listeners.len());
        self.core.listeners.push(Arc::new(address));
        Ok(())
    }

    /// Whether the reactor was told to stop and has closed everything.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Request heads received so far.
    pub(crate) fn requests(&self) -> u64 {
        self.core.context.stats.requests.value()
    }

    /// Where requests go.
    pub(crate) fn service(&self) -> &dyn Service {
        &*self.core.context.service
    }

    /// When the next deadline is due; a simulation jumps there.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.core.timers.next(), self.accept_resumes_at].into_iter().flatten().min()
    }

    /// The driver, for a simulation to reach its peers.
    pub fn driver_mut(&mut self) -> &mut D {
        &mut self.driver
    }

    /// One turn. It blocks until there is something to do when `may_block` is set.
    ///
    /// # Errors
    /// When the driver fails as a whole; the reactor cannot go on.
    pub fn turn(&mut self, may_block: bool) -> io::Result<()> {
        let timeout = self.timeout(may_block);
        let waited = self.driver.wait(timeout, &mut self.core);
        self.core.context.inbox.awake();
        waited?;
        self.core.update_clock();
        self.accept();
        self.hand_over_detached();
        self.apply_messages();
        self.fire_timers();
        self.flush();
        self.core.context.stats.connections_active.set(self.core.sessions.len() as u64);
        if self.core.draining && self.core.sessions.is_empty() {
            self.core.context.inbox.report_drained();
        }
        if self.core.context.log.logs_requests() {
            self.core.context.log.flush();
        }
        Ok(())
    }

    fn timeout(&mut self, may_block: bool) -> Option<Duration> {
        self.core.timer_moved = false;
        if !may_block || !self.core.dirty.is_empty() || !self.core.context.inbox.prepare_sleep() {
            return Some(Duration::ZERO);
        }
        let next = self.next_deadline()?;
        Some(next.saturating_duration_since((self.core.clock)().0))
    }

    fn accept(&mut self) {
        if let Some(error) = self.core.failed_accept.take() {
            self.driver.pause_accept();
            self.accept_resumes_at = Some(self.core.context.now + ACCEPT_PAUSE);
            self.core.complain_about_accept(&error);
        }
        for (listener, socket, peer) in std::mem::take(&mut self.core.accepted) {
            let Some(key) = self.core.open(listener, peer) else { continue };
            if let Err(error) = self.driver.attach(key, socket) {
                self.core.complain_about_accept(&error);
                self.core.sessions.remove(key.index as usize);
            }
        }
    }

    fn hand_over_detached(&mut self) {
        for (key, socket) in std::mem::take(&mut self.core.detached) {
            if self.core.session(key).is_some() {
                let mut session = self.core.sessions.remove(key.index as usize);
                session.handle_detached(socket.into());
            }
        }
    }

    fn apply_messages(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        self.core.context.inbox.take(&mut batch);
        for message in batch.drain(..) {
            match message {
                Message::Drain => self.drain(),
                Message::Stop => self.stop(),
                message => {
                    if let Some(key) = self.core.apply(message) {
                        self.driver.detach(key);
                    }
                }
            }
        }
        self.batch = batch;
    }

    fn drain(&mut self) {
        self.driver.close_listeners();
        self.core.drain();
    }

    fn stop(&mut self) {
        self.driver.close_listeners();
        for (index, session) in &mut self.core.sessions {
            debug_assert_eq!(index, session.key.index as usize);
            self.driver.close(session.key);
            session.abandon(&self.core.context);
        }
        self.core.sessions.clear();
        self.core.dirty.clear();
        self.core.context.inbox.report_drained();
        self.stopped = true;
    }

    fn fire_timers(&mut self) {
        let now = self.core.context.now;
        if self.accept_resumes_at.is_some_and(|at| at <= now) {
            self.accept_resumes_at = None;
            if !self.core.draining {
                self.driver.resume_accept();
            }
        }
        while let Some((at, key)) = self.core.timers.pop_due(now) {
            if self.core.is_due(at, key) {
                let backlog = self.driver.backlog(key);
                self.core.handle(key, |session, context| {
                    session.connection.handle_timeout(context.now, backlog);
                });
            }
        }
    }

    fn flush(&mut self) {
        let mut index = 0;
        while let Some(&key) = self.core.dirty.get(index) {
            index += 1;
            let flushed = catch_unwind(AssertUnwindSafe(|| self.flush_session(key)));
            if flushed.is_err() {
                self.core.context.stats.engine_panics.add(1);
                self.close(key);
            }
        }
        self.core.dirty.clear();
    }

    fn flush_session(&mut self, key: Key) {
        let Some(session) = find(&mut self.core.sessions, key) else { return };
        session.dirty = false;
        if session.is_hijacked() {
            return;
        }
        session.advance(&self.core.context);
        if !session.output.is_empty() {
            self.driver.send(key, &mut session.output);
        }
        match session.connection.closing() {
            Closing::Open => {}
            Closing::ShutdownWrite if session.write_shut => {}
            Closing::ShutdownWrite => {
                session.write_shut = true;
                self.driver.shutdown_write(key);
            }
            Closing::Close => return self.close(key),
        }
        if session.connection.wants_input() == session.paused {
            session.paused = !session.paused;
            match session.paused {
                true => self.driver.pause_receive(key),
                false => self.driver.resume_receive(key),
            }
        }
        self.core.schedule(key);
    }

    fn close(&mut self, key: Key) {
        if find(&mut self.core.sessions, key).is_some() {
            let mut session = self.core.sessions.remove(key.index as usize);
            match session.connection.is_cut() {
                true => self.driver.reset(key),
                false => self.driver.close(key),
            }
            session.abandon(&self.core.context);
        }
    }
}

impl<S> Core<S> {
    fn open(&mut self, listener: usize, peer: Peer) -> Option<Key> {
        self.context.stats.connections_accepted.add(1);
        let maximum = self.context.config.max_connections;
        let open = self.sessions.len();
        if open >= maximum + REFUSED_CONNECTIONS {
            self.context.stats.reject("max_connections");
            return None;
        }
        let (config, now) = (self.context.protocol.clone(), self.context.now);
        let mut connection = match open < maximum {
            true => Connection::new(config, now),
            false => Connection::refused(config, now),
        };
        if self.draining {
            connection.drain(now);
        }
        let info = connection_info(self.listeners.get(listener)?.clone(), &peer);
        self.generation = self.generation.wrapping_add(1);
        let entry = self.sessions.vacant_entry();
        let key = Key { index: entry.key() as u32, generation: self.generation };
        entry.insert(Session::new(key, connection, Arc::new(info)));
        self.mark_dirty(key);
        Some(key)
    }

    /// Gives a message to its session; returns the key when its socket is to be detached.
    fn apply(&mut self, message: Message) -> Option<Key> {
        let key = message.session()?;
        let Some(session) = find(&mut self.sessions, key) else {
            if let Message::Respond(_, _, Some(completion)) = message {
                self.context.service.finished(completion, false);
            }
            return None;
        };
        let detach = session.apply(message, &self.context);
        self.mark_dirty(key);
        detach.then_some(key)
    }

    fn drain(&mut self) {
        self.draining = true;
        let now = self.context.now;
        for (_, session) in &mut self.sessions {
            session.connection.drain(now);
            if !session.dirty {
                session.dirty = true;
                self.dirty.push(session.key);
            }
        }
    }

    /// Whether a deadline of the session is due; else its next one gets the timer entry.
    fn is_due(&mut self, at: Instant, key: Key) -> bool {
        let Some(session) = find(&mut self.sessions, key) else { return false };
        if session.timer != Some(at) {
            return false;
        }
        session.timer = None;
        let now = self.context.now;
        if session.connection.poll_deadline().is_some_and(|deadline| deadline <= now) {
            return true;
        }
        self.schedule(key);
        false
    }

    /// Sees to it that the timers look at the session in time.
    fn schedule(&mut self, key: Key) {
        let Some(session) = find(&mut self.sessions, key) else { return };
        if let Some(at) = session.connection.poll_deadline()
            && session.timer.is_none_or(|timer| at < timer)
        {
            session.timer = Some(at);
            self.timer_moved |= self.timers.next().is_none_or(|next| at < next);
            self.timers.push(at, key);
        }
    }

    fn complain_about_accept(&mut self, error: &io::Error) {
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

    fn handle(&mut self, key: Key, handle: impl FnOnce(&mut Session, &Context)) {
        self.contain(key, handle);
        self.mark_dirty(key);
    }

    /// Output that has left usually leaves nothing to do: the reactor may sleep at once.
    fn handle_sent(&mut self, key: Key, bytes: u64) {
        self.context.stats.bytes_written.add(bytes);
        self.contain(key, |session, context| session.handle_sent(bytes, context));
        match find(&mut self.sessions, key).is_some_and(|session| session.wants_flush()) {
            true => self.mark_dirty(key),
            false => self.schedule(key),
        }
    }

    fn contain(&mut self, key: Key, handle: impl FnOnce(&mut Session, &Context)) {
        // The driver may have slept since the last completion.
        self.context.now = (self.clock)().0;
        let Some(session) = find(&mut self.sessions, key) else { return };
        let context = &self.context;
        if catch_unwind(AssertUnwindSafe(|| handle(session, context))).is_err() {
            context.stats.engine_panics.add(1);
            session.connection.handle_disconnect();
        }
    }

    fn update_clock(&mut self) {
        let (now, today) = (self.clock)();
        self.context.now = now;
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < Duration::from_secs(1);
        if !self.date_at.is_some_and(is_fresh) {
            // Aligned to the wall clock's second, so that the field changes when the second does.
            let since_epoch = today.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let into_second = Duration::from_nanos(since_epoch.subsec_nanos().into());
            self.date_at = now.checked_sub(into_second).or(Some(now));
            self.context.date = httpdate::fmt_http_date(today);
        }
    }

    fn mark_dirty(&mut self, key: Key) {
        if let Some(session) = find(&mut self.sessions, key)
            && !session.dirty
        {
            session.dirty = true;
            self.dirty.push(key);
        }
    }

    fn session(&mut self, key: Key) -> Option<&mut Session> {
        find(&mut self.sessions, key)
    }
}

impl<S> Sink<S> for Core<S> {
    fn complete(&mut self, completion: Completion<'_, S>) {
        match completion {
            Completion::Accepted { listener, socket, peer } => {
                self.accepted.push((listener, socket, peer));
            }
            Completion::AcceptFailed { error, .. } => self.failed_accept = Some(error),
            Completion::Received { key, bytes } => {
                self.context.stats.bytes_read.add(bytes.len() as u64);
                self.handle(key, |session, context| session.handle_received(bytes, context));
            }
            Completion::ReceivedEof { key } => self.handle(key, |session, context| {
                session.connection.handle_eof(context.now);
            }),
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
    }
}

fn find(sessions: &mut Slab<Session>, key: Key) -> Option<&mut Session> {
    sessions.get_mut(key.index as usize).filter(|session| session.key == key)
}

fn connection_info(listener: Arc<Listener>, peer: &Peer) -> ConnectionInfo {
    match peer {
        Peer::Tcp(address) => ConnectionInfo {
            remote_addr: canonical(address).to_string(),
            remote_port: address.port(),
            listener,
        },
        Peer::Unix => {
            ConnectionInfo { remote_addr: "127.0.0.1".to_owned(), remote_port: 0, listener }
        }
    }
}

/// An IPv4 client of a dual-stack listener is shown by its IPv4 address.
fn canonical(address: &SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
