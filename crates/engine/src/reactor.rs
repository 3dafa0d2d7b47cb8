//! The loop that owns all connections of a process. Whoever leads it ([`leader`]) calls [`Reactor::turn`] over and
//! over; the simulator does the same with a driver in memory.
//!
//! What must stay true: a turn waits for nothing but the driver. Each step of it does a bounded part of what there is
//! and leaves the rest to the next one, so that no client keeps others waiting. Nobody else touches a session:
//! executors and the process send messages to the [`inbox`]. A session that has changed is flushed once, at the end
//! of the turn, and a panic in it costs that session alone.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_io::{Driver, Key};
use hyperion_proto::{Closing, Shutdown};

use crate::balance::Siblings;
use crate::balance::handoff_message::ReceivedHandoff;
use crate::config::Config;
use crate::connection_info::Listener;
use crate::dispatch::queue::Service;
use crate::fault::contain;
use crate::log::Log;
use crate::reactor::clock::Clock;
use crate::reactor::inbox::Inbox;
use crate::reactor::lookups::Lookups;
use crate::reactor::message::Message;
use crate::reactor::session_table::{Sessions, find};
use crate::session::Context;
use crate::session::budget::Waiting;
use crate::session::spool::SpoolBound;
use crate::stats::{Recorder, Stats};

use self::intake::Intake;

mod balancing;
pub(crate) mod clock;
pub(crate) mod inbox;
mod intake;
pub(crate) mod leader;
pub(crate) mod lookups;
pub(crate) mod message;
pub(crate) mod session_table;
#[cfg(test)]
pub(crate) mod tests;
mod timers;
mod token_bucket;

/// Accepting rests this long after the process ran out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Of what comes at once, so much is done before everybody else gets a turn; the rest is for the next ones.
const ACCEPTS_PER_TURN: usize = 128;
const MESSAGES_PER_TURN: usize = 1024;
const TIMERS_PER_TURN: usize = 256;

/// Owns all sockets of a process and turns: wait for completions, apply what executors said, fire
/// deadlines, then let every session that changed speak once.
pub struct Reactor<D: Driver> {
    driver: D,
    sessions: Sessions<D::Socket>,
    /// Messages that were taken out of the inbox and not carried out yet.
    batch: VecDeque<Message>,
    /// Sessions that have used up their turn.
    unfinished: Vec<Key>,
    accept_resumes_at: Option<Instant>,
    siblings: Option<Siblings>,
    intake: Intake,
    /// When requests that wait may go to siblings.
    shares_at: Option<Instant>,
    stopped: bool,
}

impl<D: Driver> Reactor<D>
where
    D::Socket: Into<OwnedFd> + TryFrom<OwnedFd>,
{
    /// A reactor without connections.
    pub fn new(
        driver: D,
        mut config: Config,
        inbox: Arc<Inbox>,
        service: Arc<dyn Service>,
        stats: Arc<Stats>,
        log: Arc<Log>,
        clock: Box<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        config.protocol.date_origin = Some((now, clock.today()));
        let protocol = Arc::new(config.protocol.clone());
        let routes = config.routes.clone();
        let date = String::new();
        let recorder = Recorder::new(stats.clone(), driver.name());
        let spool_bound = SpoolBound { bytes: config.max_spool_bytes, stats: stats.clone() };
        let (gave, spool_complained_at) = (Cell::new(false), Cell::new(None));
        let context = Context {
            config,
            protocol,
            inbox,
            service,
            routes,
            stats,
            recorder,
            log,
            lookups: Lookups::default(),
            spool_bound,
            now,
            date,
            gave,
            waiting: Waiting::default(),
            spool_complained_at,
        };
        let sessions = Sessions::new(context, clock);
        Self {
            driver,
            sessions,
            batch: VecDeque::new(),
            unfinished: Vec::new(),
            accept_resumes_at: None,
            siblings: None,
            intake: Intake::default(),
            shares_at: None,
            stopped: false,
        }
    }

    /// Accepts connections from a listening socket.
    ///
    /// # Errors
    /// When the driver cannot watch it.
    pub fn listen(&mut self, socket: D::Socket, address: Listener) -> io::Result<()> {
        let number = self.driver.listen(socket)?;
        self.intake.add(number, self.sessions.listeners.len());
        self.sessions.listeners.push(Arc::new(address));
        Ok(())
    }

    /// Whether the reactor was told to stop and has closed everything.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Request heads received so far.
    pub(crate) fn requests(&self) -> u64 {
        self.sessions.context.stats.requests.value()
    }

    /// Where requests go.
    pub(crate) fn service(&self) -> &dyn Service {
        &*self.sessions.context.service
    }

    /// When the next deadline is due; a simulation jumps there.
    pub fn next_deadline(&self) -> Option<Instant> {
        let ends_at = self.intake.ends_at();
        [self.sessions.timers.next(), self.accept_resumes_at, self.shares_at, ends_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the next turn has something to do though nothing happens: the last one has left it over.
    pub fn has_pending_work(&self) -> bool {
        let now = self.sessions.context.now;
        !self.sessions.dirty.is_empty()
            || !self.batch.is_empty()
            || !self.sessions.accepted.is_empty()
            || self.sessions.timers.next().is_some_and(|at| at <= now)
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
        let waited = self.driver.wait(timeout, &mut self.sessions);
        self.sessions.context.inbox.end_sleep();
        waited?;
        self.sessions.context.inbox.beat();
        self.sessions.update_clock();
        self.accept();
        self.hand_over_detached();
        self.apply_messages();
        self.fire_timers();
        self.flush();
        self.share_requests();
        self.show_connections();
        let context = &self.sessions.context;
        let waiting = context.waiting.total();
        debug_assert!(
            waiting == 0 || !self.sessions.slab.is_empty(),
            "{waiting} bytes are nobody's"
        );
        context.inbox.budget.tell_waiting(waiting as usize);
        self.sessions.context.recorder.log_dropped(self.sessions.context.log.dropped());
        if self.sessions.shutdown != Shutdown::None {
            let is_alone = self.siblings.as_ref().is_none_or(Siblings::has_stopped);
            let is_empty = self.sessions.are_over() && self.sessions.accepted.is_empty();
            let is_drained = is_alone && is_empty && !self.driver.is_listening();
            self.sessions.context.inbox.report_drained(is_drained);
        }
        if self.sessions.context.log.logs_requests() {
            self.sessions.context.log.flush();
        }
        Ok(())
    }

    fn timeout(&mut self, may_block: bool) -> Option<Duration> {
        self.sessions.timer_moved = false;
        self.sessions.context.gave.set(false);
        if !may_block || self.has_pending_work() || !self.sessions.context.inbox.prepare_sleep() {
            return Some(Duration::ZERO);
        }
        let next = self.next_deadline()?;
        Some(next.saturating_duration_since(self.sessions.clock.now()))
    }

    fn show_connections(&self) {
        self.sessions.context.stats.connections_active.set(self.sessions.slab.len() as u64);
    }

    fn accept(&mut self) {
        if let Some(error) = self.sessions.failed_accept.take() {
            self.driver.pause_accept();
            self.accept_resumes_at = Some(self.sessions.context.now + ACCEPT_PAUSE);
            self.sessions.complain_about_accept(&error);
        }
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((number, socket, peer)) = self.sessions.accepted.pop_front() else { return };
            self.sessions.context.stats.connections_accepted.add(1);
            let listener = self.intake.listener(number);
            let Some(socket) = self.give_away(listener, socket) else { continue };
            let Some(key) = self.sessions.open(listener, peer) else { continue };
            if let Err(error) = self.driver.attach(key, socket) {
                self.sessions.complain_about_accept(&error);
                self.sessions.slab.remove(key.index as usize);
            }
            self.apply_shutdown_to_new(key);
        }
    }

    fn apply_messages(&mut self) {
        if self.batch.is_empty() {
            let mut batch = Vec::from(std::mem::take(&mut self.batch));
            self.sessions.context.inbox.take(&mut batch);
            self.batch = batch.into();
        }
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = self.batch.pop_front() else { return };
            match message {
                Message::Adopt(received) => {
                    let ReceivedHandoff { socket, handoff, slot, arrived_at } = *received;
                    self.adopt(socket, &handoff, arrived_at);
                    self.show_connections();
                    self.siblings.iter().for_each(|siblings| siblings.arrived(slot));
                }
                Message::Routes(routes) => self.sessions.context.routes = routes,
                Message::Cover(slot, sockets) => self.cover(slot, sockets),
                Message::Uncover(slot) => self.uncover(slot),
                Message::RefuseClients => self.refuse_clients(),
                Message::LastCall => self.last_call(),
                Message::Drain => self.drain(),
                Message::Stop => self.stop(),
                message => {
                    if let Some(key) = self.sessions.apply(message) {
                        self.driver.detach(key);
                    }
                }
            }
        }
    }

    fn stop(&mut self) {
        self.driver.close_listeners();
        self.siblings = None;
        // What was refused just now is still told so; nobody is waited for.
        self.flush();
        let _ = self.driver.wait(Some(Duration::ZERO), &mut self.sessions);
        for (index, session) in std::mem::take(&mut self.sessions.slab) {
            debug_assert_eq!(index, session.key.index as usize);
            self.driver.close(session.key);
            self.sessions.abandon(session);
        }
        self.sessions.dirty.clear();
        self.sessions.context.inbox.report_drained(true);
        self.stopped = true;
    }

    fn fire_timers(&mut self) {
        let now = self.sessions.context.now;
        if self.accept_resumes_at.is_some_and(|at| at <= now) {
            self.accept_resumes_at = None;
            self.driver.resume_accept();
        }
        self.end_accepting();
        self.end_last_call();
        for _ in 0..TIMERS_PER_TURN {
            let Some((at, key)) = self.sessions.timers.pop_due(now) else { return };
            if self.sessions.is_due(at, key) {
                let backlog = self.driver.backlog(key);
                self.sessions.handle(key, |session, context| {
                    session.handle_timeout(backlog, context);
                });
            }
        }
    }

    fn flush(&mut self) {
        let mut index = 0;
        while let Some(&key) = self.sessions.dirty.get(index) {
            index += 1;
            let stats = self.sessions.context.stats.clone();
            if contain(&stats, || self.flush_session(key)).is_none() {
                self.break_off(key);
            }
        }
        self.sessions.dirty.clear();
        for key in std::mem::take(&mut self.unfinished) {
            self.sessions.mark_dirty(key);
        }
    }

    fn flush_session(&mut self, key: Key) {
        let Some(session) = find(&mut self.sessions.slab, key) else { return };
        session.dirty = false;
        if session.is_broken {
            return self.close(key);
        }
        if session.is_handed_off() {
            if session.is_lost() {
                self.close(key);
            }
            return;
        }
        session.advance(&self.sessions.context);
        if session.has_more {
            self.unfinished.push(key);
        }
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
        self.sessions.schedule(key);
    }

    fn break_off(&mut self, key: Key) {
        if let Some(session) = self.sessions.find(key) {
            session.is_broken = true;
        }
        self.close(key);
    }

    fn close(&mut self, key: Key) {
        if self.sessions.find(key).is_some() {
            let session = self.sessions.slab.remove(key.index as usize);
            if let Some(siblings) = &self.siblings {
                siblings.note_lifetime(self.sessions.context.now.duration_since(session.opened_at));
                session.unused_reservation().into_iter().for_each(|unused| siblings.cancel(unused));
            }
            match session.is_broken || session.connection.is_cut() {
                true => self.driver.reset(key),
                false => self.driver.close(key),
            }
            self.sessions.abandon(session);
        }
    }
}
