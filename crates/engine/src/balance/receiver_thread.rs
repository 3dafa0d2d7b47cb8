//! The thread that waits for what siblings send.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyperion_io::passing::{Arrival, Receiver};

use super::handoff_message::{HandoffMessage, ReceivedHandoff};
use crate::fault;
use crate::log::{Level, Log};
use crate::reactor::inbox::Inbox;
use crate::reactor::message::Message;
use crate::stats::Stats;

/// Wait this long for handoffs sent before siblings saw that this process stopped adopting; longer while one is
/// announced, whose sender may have died.
const LINGER: Duration = Duration::from_millis(50);
const ANNOUNCED_LINGER: Duration = Duration::from_millis(500);

/// Between two looks at what comes meanwhile.
const LINGER_PAUSE: Duration = Duration::from_millis(5);

/// Between two looks at whether there are descriptors again.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);

/// The thread that waits for what siblings send.
pub(super) struct ReceiverThread {
    pub receiver: Receiver,
    pub inbox: Arc<Inbox>,
    pub stats: Arc<Stats>,
    pub log: Arc<Log>,
    pub ended: Arc<AtomicBool>,
}

impl ReceiverThread {
    pub fn run(mut self) {
        let _ = hyperion_io::block_signals();
        let taken = fault::catch(|| {
            self.take_all()?;
            self.take_last()
        });
        if let Err(error) = taken {
            self.stats.adopting.set(0);
            let error = error.to_string();
            let message = "connections from other workers cannot be taken";
            self.log.write(Level::Error, "engine", message, &[("error", &error)]);
        }
        self.ended.store(true, Ordering::Release);
        self.inbox.wake();
    }

    /// Takes what was under way when the end was announced.
    fn take_last(&mut self) -> io::Result<()> {
        let begin = Instant::now();
        let is_announced = |stats: &Stats| stats.segment().load_of(stats.block()).arriving > 0;
        while begin.elapsed() < LINGER
            || begin.elapsed() < ANNOUNCED_LINGER && is_announced(&self.stats)
        {
            std::thread::sleep(LINGER_PAUSE);
            self.take_all()?;
        }
        Ok(())
    }

    /// Takes what comes until the end is announced and nothing is left.
    fn take_all(&mut self) -> io::Result<()> {
        loop {
            match self.receiver.receive()? {
                None => return Ok(()),
                Some(Arrival::Socket(socket, message, slot)) => {
                    // Nobody sends another message.
                    let Some(handoff) = HandoffMessage::of_bytes(message) else { continue };
                    let received =
                        ReceivedHandoff { socket, handoff, slot, arrived_at: Instant::now() };
                    self.inbox.push(Message::Adopt(Box::new(received)));
                }
                Some(Arrival::OutOfDescriptors) => {
                    if !self.await_descriptor() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// A process that is short of descriptors takes no more connections until it has some again; what was
    /// sent to it waits in the channel. False at the end, when it is left to the successor there.
    fn await_descriptor(&self) -> bool {
        let was_adopting = self.stats.adopting.value() == 1;
        self.stats.adopting.set(0);
        if was_adopting {
            self.stats.reject("accept_failed");
            let message = "no descriptor is left for connections from other workers, which wait; raise the limit of open files or lower max_connections";
            self.log.write(Level::Error, "engine", message, &[]);
        }
        let goes_on = !self.receiver.waits_for_end(SHORTAGE_PAUSE);
        self.stats.adopting.set(u64::from(goes_on && self.receiver.can_receive()));
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::{Channels, Siblings};
    use crate::log::config::{LogConfig, LogFormat};
    use crate::stats::Segment;
    use hyperion_io::Waker;
    use hyperion_io::passing::pass;

    #[test]
    fn i1_what_was_announced_before_the_end_is_taken() {
        let segment = Segment::new(2).unwrap();
        segment.begin(0, 0, 100);
        segment.begin(1, 1, 101);
        let (sender, receiver) = rustix::net::socketpair(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::SEQPACKET,
            rustix::net::SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let own = sender.try_clone().unwrap();
        let receivers = vec![receiver.try_clone().unwrap(), receiver];
        let channels =
            Arc::new(Channels::new(1, vec![own, sender.try_clone().unwrap()], receivers));
        let inbox = Arc::new(Inbox::new(Waker::new(Arc::new(|| {}))));
        let log = Arc::new(Log::new(LogConfig {
            level: Level::Error,
            format: LogFormat::Json,
            requests: false,
            file: None,
        }));
        let stats = Arc::new(segment.stats(1));
        let siblings = Siblings::start(channels, stats, inbox.clone(), log).unwrap();
        assert!(segment.announce(&segment.load_of(1)));
        siblings.stop_adopting();
        std::thread::sleep(2 * LINGER);
        assert!(!siblings.has_stopped(), "somebody is on the way");
        pass(&sender, &sender, &HandoffMessage::of_connection(0).to_bytes()).unwrap();
        let mut taken = Vec::new();
        while taken.is_empty() {
            inbox.take(&mut taken);
        }
        assert!(matches!(taken[..], [Message::Adopt(_)]));
        siblings.arrived(1);
        while !siblings.has_stopped() {
            std::thread::sleep(LINGER_PAUSE);
        }
    }
}
