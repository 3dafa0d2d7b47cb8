use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use hyperion_engine::{Channels, Config, Segment};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::app::{Answer, App};
use crate::network::Faults;
use crate::world::{SharedSimulation, TURNS_MAX, World};

const EXECUTORS: usize = 1;

/// Workers that share their connections and requests, in one network and one time. What they send each other
/// goes through real sockets and threads, which are awaited.
pub struct Cluster {
    /// The workers, by slot.
    pub workers: Vec<World>,
    segment: Arc<Segment>,
}

impl Cluster {
    /// Workers whose accidents follow from `seed`.
    pub fn new(count: usize, config: &Config, answer: Answer, faults: Faults, seed: u64) -> Self {
        let around = SharedSimulation::new(faults, seed);
        let segment = Segment::new(count).expect("memory can be shared");
        let pairs: Vec<_> = (0..count).map(|_| pair()).collect();
        let workers = (0..count).map(|slot| {
            segment.claim();
            segment.begin(slot, slot, slot as u32 + 1);
            let app = App::new(answer, 100, Arc::new(segment.stats(slot)));
            let mut worker = World::within(&around, config.clone(), app, seed + slot as u64);
            worker.join(Channels::new(
                EXECUTORS,
                pairs.iter().map(|(sender, _)| copy(sender)).collect(),
                pairs.iter().map(|(_, receiver)| copy(receiver)).collect(),
            ));
            worker
        });
        let workers = workers.collect();
        Self { workers, segment }
    }

    /// The sum over all workers of a number of this name.
    pub fn total(&self, name: &str) -> u64 {
        let find = |(one, value)| (one == name).then_some(value);
        self.segment.snapshot().totals().find_map(find).expect("a known number")
    }

    /// Lets everything happen that can happen now, the applications' work included.
    pub fn settle(&mut self) {
        self.come_to_rest(true);
    }

    /// Lets `time` pass, stopping at every deadline on the way.
    pub fn pass(&mut self, time: Duration) {
        self.advance(time, true);
    }

    /// The same without the applications' work.
    pub fn pass_engine(&mut self, time: Duration) {
        self.advance(time, false);
    }

    fn advance(&mut self, time: Duration, works: bool) {
        let clock = self.workers[0].clock.clone();
        let end = clock.now() + time;
        self.come_to_rest(works);
        while let Some(at) = self.next_deadline().filter(|at| *at <= end) {
            clock.advance_to(at);
            self.come_to_rest(works);
        }
        clock.advance_to(end);
        self.come_to_rest(works);
    }

    fn next_deadline(&self) -> Option<std::time::Instant> {
        self.workers.iter().filter_map(World::next_deadline).min()
    }

    fn come_to_rest(&mut self, works: bool) {
        for _ in 0..TURNS_MAX {
            self.workers.iter_mut().for_each(World::turn);
            let worked =
                works && self.workers.iter_mut().map(World::work).fold(false, |any, one| any | one);
            if worked || !self.workers.iter_mut().all(World::is_quiet) {
                continue;
            }
            if self.total("arriving") == 0 {
                return self.workers.iter_mut().for_each(World::turn);
            }
            std::thread::yield_now();
        }
        panic!("the simulation does not come to rest");
    }
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .expect("a pair of sockets can be made")
}

fn copy(socket: &OwnedFd) -> OwnedFd {
    socket.try_clone().expect("a socket can be duplicated")
}
