use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyperion_io::{Driver, EpollDriver, UringDriver};

use crate::config::{Config, IoChoice};
use crate::connection_info::Listener;
use crate::dispatch::queue::{Consumer, Service, Waited};
use crate::fault;
use crate::log::{Level, Log};
use crate::reactor::Reactor;
use crate::reactor::clock::SystemClock;
use crate::reactor::inbox::Inbox;
use crate::reactor::leader::{self, Lead, Leadership};
use crate::reactor::message::Message;
use crate::routes::Routes;
use crate::stats::{Snapshot, Stats};
use crate::tls::Tls;

/// A process whose reactor has failed gets so long to end in its own way.
const FAILURE_GRACE: Duration = Duration::from_secs(5);

/// A reactor on a thread of its own, with its log: the engine of one process. Made after the last
/// fork, because threads do not survive one.
pub struct Engine {
    inbox: Arc<Inbox>,
    stats: Arc<Stats>,
    log: Arc<Log>,
    driver_name: &'static str,
    /// The reactor, where executors may drive it.
    leadership: Option<Arc<dyn Lead>>,
    threads: Mutex<Option<(JoinHandle<()>, JoinHandle<()>)>>,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log file or its thread could not be made.
    #[error("the log cannot be opened: {0}")]
    Log(#[source] io::Error),
    /// No driver works here, or a listening socket cannot be watched.
    #[error("the sockets cannot be watched: {0}")]
    Io(#[source] io::Error),
    /// The reactor's thread could not be made.
    #[error("the engine's thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// What the reactor's thread reports once its driver works.
type Ready = Result<(Arc<Inbox>, &'static str, Option<Arc<dyn Lead>>), StartError>;

/// What moves to the reactor's thread.
struct Parts {
    config: Config,
    listeners: Vec<(OwnedFd, Option<Arc<Tls>>)>,
    service: Arc<dyn Service>,
    stats: Arc<Stats>,
    log: Arc<Log>,
    ready: mpsc::Sender<Ready>,
}

impl Engine {
    /// Starts serving the listening sockets, those beside which a [`Tls`] stands with it. Nobody else
    /// counts in `stats`.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(
        config: Config,
        listeners: Vec<(OwnedFd, Option<Arc<Tls>>)>,
        service: Arc<dyn Service>,
        stats: Arc<Stats>,
    ) -> Result<Self, StartError> {
        let (log, log_thread) = Log::start(config.log.clone()).map_err(StartError::Log)?;
        let (ready, started) = mpsc::channel();
        let parts =
            Parts { config, listeners, service, stats: stats.clone(), log: log.clone(), ready };
        let thread = std::thread::Builder::new()
            .name("hyperion-reactor".into())
            .spawn(move || parts.run())
            .map_err(StartError::Thread)?;
        let (inbox, driver_name, leadership) = started.recv().unwrap_or_else(|_| {
            Err(StartError::Thread(io::Error::other("it ended before it was ready")))
        })?;
        let threads = Mutex::new(Some((thread, log_thread)));
        Ok(Self { inbox, stats, log, driver_name, leadership, threads })
    }

    /// Waits as [`Consumer::wait`] does, and drives the reactor meanwhile where that saves time.
    pub fn wait(&self, consumer: &Consumer) -> Waited {
        leader::wait(self.leadership.as_deref(), consumer)
    }

    /// Makes the executor that [`wait`](Self::wait)s return.
    pub fn interrupt(&self, consumer: &Consumer) {
        leader::interrupt(consumer, &self.inbox);
    }

    /// Answers with these routes from now on.
    pub fn replace_routes(&self, routes: Arc<Routes>) {
        self.inbox.push(Message::Routes(routes));
    }

    /// Accepts for the worker of another slot as well, which does not serve: from its listening sockets, in
    /// the order of those that this engine was started with. Does nothing where it does so already.
    pub fn cover(&self, slot: usize, sockets: Vec<OwnedFd>) {
        self.inbox.push(Message::Cover(slot, sockets));
    }

    /// Leaves accepting to the worker of that slot again.
    pub fn uncover(&self, slot: usize) {
        self.inbox.push(Message::Uncover(slot));
    }

    /// Lets nobody connect any more, whatever other processes hold the listening sockets. To be called before
    /// [`drain`](Self::drain) where that closes them for good: then nobody who has connected is reset.
    pub fn refuse_clients(&self) {
        self.inbox.refuse_clients();
    }

    /// Stops accepting, and gives each connection one more request, whose response announces the end.
    /// Who comes next may listen on the same sockets meanwhile.
    pub fn last_call(&self) {
        self.inbox.last_call();
    }

    /// Stops accepting; what is in flight is answered, what is idle is closed.
    pub fn drain(&self) {
        self.inbox.drain();
    }

    /// Closes everything and waits for the engine's threads. A second call does nothing.
    pub fn stop(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((reactor, log)) = threads else { return };
        self.inbox.stop();
        let _ = reactor.join();
        // What Ruby still holds of exchanges would keep their thread until it is collected.
        self.inbox.bridges.close();
        if self.log.close() {
            let _ = log.join();
        }
    }

    /// Whether nothing is left after [`last_call`](Self::last_call) or [`drain`](Self::drain).
    pub fn is_drained(&self) -> bool {
        self.inbox.is_drained()
    }

    /// `epoll` or `io_uring`.
    pub fn driver_name(&self) -> &'static str {
        self.driver_name
    }

    /// A number that grows with what executors give and take while they work on requests.
    pub fn progress(&self) -> u64 {
        self.inbox.progress()
    }

    /// How often the reactor has shown that it turns; each call asks for it once more.
    pub fn reactor_beats(&self) -> u64 {
        self.inbox.ask_for_beat()
    }

    /// The numbers of all processes now.
    pub fn stats(&self) -> Snapshot {
        self.stats.snapshot()
    }

    /// The counters, for what happens outside the engine.
    pub fn stats_handle(&self) -> Arc<Stats> {
        self.stats.clone()
    }

    /// The log.
    pub fn log(&self) -> Arc<Log> {
        self.log.clone()
    }
}

impl Parts {
    fn run(self) {
        // Signals belong to Ruby's main thread.
        let _ = hyperion_io::block_signals();
        match self.config.io {
            IoChoice::Epoll | IoChoice::Auto => self.serve_by_epoll(),
            IoChoice::IoUring => match UringDriver::new() {
                Ok(driver) => self.serve_by_io_uring(driver),
                Err(error) => {
                    self.log.write(
                        Level::Warn,
                        "engine",
                        "io_uring is not available here; epoll is used",
                        &[("error", &error.to_string())],
                    );
                    self.serve_by_epoll();
                }
            },
        }
    }

    fn serve_by_epoll(self) {
        let (ready, log, service) = (self.ready.clone(), self.log.clone(), self.service.clone());
        let owns_process = self.config.admin.owns_process();
        match EpollDriver::new().and_then(|driver| self.prepare(driver)) {
            Err(error) => drop(ready.send(Err(StartError::Io(error)))),
            Ok((reactor, inbox, name)) => {
                let leadership = Arc::new(Leadership::new(reactor));
                let _ = ready.send(Ok((inbox, name, Some(leadership.clone()))));
                drop(ready);
                conclude(&log, &*service, owns_process, || leadership.run());
                leadership.close();
            }
        }
    }

    /// A ring belongs to the thread that made it, so no executor ever drives this reactor.
    fn serve_by_io_uring(self, driver: UringDriver) {
        let (ready, log, service) = (self.ready.clone(), self.log.clone(), self.service.clone());
        let owns_process = self.config.admin.owns_process();
        match self.prepare(driver) {
            Err(error) => drop(ready.send(Err(StartError::Io(error)))),
            Ok((mut reactor, inbox, name)) => {
                let _ = ready.send(Ok((inbox, name, None)));
                drop(ready);
                conclude(&log, &*service, owns_process, || {
                    while !reactor.is_stopped() {
                        reactor.turn(true)?;
                    }
                    Ok(())
                });
            }
        }
    }

    fn prepare<D: Driver<Socket = OwnedFd>>(
        self,
        driver: D,
    ) -> io::Result<(Reactor<D>, Arc<Inbox>, &'static str)> {
        let name = driver.name();
        let inbox = Arc::new(Inbox::new(driver.waker()));
        let admin = self.config.admin.clone();
        let channels = self.config.channels.clone();
        let mut reactor = Reactor::new(
            driver,
            self.config,
            inbox.clone(),
            self.service,
            self.stats,
            self.log,
            Box::new(SystemClock),
        );
        for (socket, tls) in self.listeners {
            let address = match (hyperion_io::local_address(&socket)?, tls) {
                (Some(address), Some(tls)) => Listener::Tls(address, tls),
                (Some(address), None) => Listener::Tcp(address),
                (None, _) => Listener::Unix,
            };
            reactor.listen(socket, address)?;
        }
        for socket in admin.take_sockets() {
            reactor.listen(socket, Listener::Admin)?;
        }
        if let Some(channels) = channels {
            reactor.join(channels)?;
        }
        Ok((reactor, inbox, name))
    }
}

/// Drives a reactor to its end. One that fails serves nobody any more: whoever waits for its requests is
/// told, and a process that is there for it alone ends, whatever its other threads do.
fn conclude(
    log: &Log,
    service: &dyn Service,
    owns_process: bool,
    run: impl FnOnce() -> io::Result<()>,
) {
    let Err(error) = fault::catch(run) else { return };
    log.write(Level::Error, "engine", "the driver failed", &[("error", &error.to_string())]);
    service.fail();
    if owns_process {
        let exit = || {
            std::thread::sleep(FAILURE_GRACE);
            hyperion_io::process::exit_at_once(1);
        };
        if std::thread::Builder::new().spawn(exit).is_err() {
            hyperion_io::process::exit_at_once(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobQueue;
    use crate::log::config::{LogConfig, LogFormat};

    #[test]
    fn h3_a_reactor_that_panics_fails_its_service() {
        let log =
            LogConfig { level: Level::Error, format: LogFormat::Json, requests: false, file: None };
        let (log, queue) = (Log::new(log), Arc::new(JobQueue::new(1)));
        let consumer = Consumer::new(queue.clone());
        conclude(&log, &*queue, false, || Ok(()));
        consumer.interrupt();
        assert_eq!(consumer.wait(), Waited::Interrupted);
        conclude(&log, &*queue, false, || panic!("as a fault of ours would"));
        assert_eq!(consumer.wait(), Waited::Closed);
    }
}
