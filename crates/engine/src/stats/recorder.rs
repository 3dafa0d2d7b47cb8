//! What a reactor counts for each request. It is the only writer of these numbers, so that counting
//! takes neither a lock nor a locked instruction.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use super::cells::add;
use super::layout::{
    DRIVERS, DURATIONS, MODE_COUNT, MODES, QUEUED, SERIES, STATUS_COUNT, STATUSES,
};
use super::series::SeriesCache;
use super::{Stats, histogram};
use crate::routes::Mode;

/// A reactor's pen. There is one for each [`Stats`], in the hands of whoever drives the reactor.
#[derive(Debug)]
pub(crate) struct Recorder {
    stats: Arc<Stats>,
    driver: usize,
    series: RefCell<SeriesCache>,
    lines_dropped: Cell<u64>,
}

/// A response that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responded<'a> {
    pub method: &'a str,
    /// As received; or a name for many paths, such as `/assets/*`.
    pub path: &'a str,
    pub status: u16,
    /// From the first byte of the request to the end of its response.
    pub duration: Duration,
    /// From the arrival of the request, here or at a proxy, to an executor; none when it never reached
    /// one.
    pub queued: Option<Duration>,
}

impl Recorder {
    /// Counts into `stats`, for sockets driven by `driver`.
    pub fn new(stats: Arc<Stats>, driver: &str) -> Self {
        let driver = DRIVERS.iter().position(|name| *name == driver).unwrap_or(0);
        stats.io_uring_active.set(u64::from(DRIVERS[driver] == "io_uring"));
        Self { stats, driver, series: SeriesCache::new().into(), lines_dropped: Cell::default() }
    }

    /// A request goes to whoever answers it.
    pub fn dispatched(&self, mode: Mode) {
        add(&self.stats.cells()[MODES + self.driver * MODE_COUNT + mode as usize], 1);
    }

    /// A response has ended, complete or cut.
    pub fn responded(&self, responded: &Responded<'_>) {
        let Responded { method, path, status, duration, queued } = *responded;
        let cells = self.stats.cells();
        self.answered(status);
        let labels = self.stats.segment().labels();
        let series = self.series.borrow_mut().find(labels, method, path, status);
        debug_assert!(series < SERIES);
        histogram::observe(&cells[DURATIONS + series * histogram::CELLS..], duration);
        if let Some(queued) = queued {
            histogram::observe(&cells[QUEUED..], queued);
        }
    }

    /// What could not be understood as a request was answered, or closed without an answer (0).
    pub fn rejected(&self, reason: &str, status: u16) {
        self.stats.reject(reason);
        if status > 0 {
            self.answered(status);
        }
    }

    /// The log has dropped so many lines since this process began.
    pub fn log_dropped(&self, lines: u64) {
        let before = self.lines_dropped.replace(lines);
        if lines > before {
            self.stats.log_lines_dropped.add(lines - before);
        }
    }

    fn answered(&self, status: u16) {
        add(&self.stats.cells()[STATUSES + usize::from(status).min(STATUS_COUNT - 1)], 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Segment;
    use crate::stats::histogram::Histogram;
    use crate::stats::labels::Series;

    fn recorder() -> Recorder {
        Recorder::new(Arc::new(Stats::default()), "epoll")
    }

    fn respond(recorder: &Recorder, method: &str, path: &str, status: u16) {
        let duration = Duration::from_millis(3);
        recorder.responded(&Responded { method, path, status, duration, queued: None });
    }

    fn series(recorder: &Recorder) -> Vec<(String, u64)> {
        let durations = recorder.stats.segment().durations();
        let shown = |(Series { path, method, status }, histogram): (Series, Histogram)| {
            let status = status.map_or("other".to_owned(), |status| status.to_string());
            (format!("{method} {path} {status}"), histogram.count())
        };
        durations.into_iter().map(shown).collect()
    }

    fn count(recorder: &Recorder, name: &str) -> u64 {
        series(recorder).iter().find(|(series, _)| series == name).map_or(0, |(_, count)| *count)
    }

    #[test]
    fn a_response_is_found_under_its_method_template_and_status() {
        let recorder = recorder();
        for id in 0..1000 {
            respond(&recorder, "GET", &format!("/users/{id}"), 200);
        }
        respond(&recorder, "GET", "/users/7", 404);
        respond(&recorder, "BREW", "/pot", 418);
        assert_eq!(
            series(&recorder),
            [
                ("OTHER /pot 418".to_owned(), 1),
                ("GET /users/:id 200".to_owned(), 1000),
                ("GET /users/:id 404".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn w20_paths_without_end_end_in_other() {
        let recorder = recorder();
        respond(&recorder, "GET", "/known", 200);
        for number in 0..10_000 {
            respond(&recorder, "GET", &format!("/x{number}"), 200);
            respond(&recorder, "GET", "/known", 200);
        }
        assert!(series(&recorder).len() <= SERIES);
        assert_eq!(count(&recorder, "GET /known 200"), 10_001);
        let other = count(&recorder, "GET other 200");
        assert!(other > 9_000, "{other}");
        let total: u64 = series(&recorder).iter().map(|(_, count)| count).sum();
        assert_eq!(total, 20_001, "nothing is lost");
    }

    #[test]
    fn w20_what_is_asked_for_in_vain_leaves_room_for_what_exists() {
        let recorder = recorder();
        for number in 0..10_000 {
            respond(&recorder, "GET", &format!("/wp-{number}.php"), 404);
        }
        respond(&recorder, "GET", "/new", 200);
        assert_eq!(count(&recorder, "GET /new 200"), 1);
        assert!(count(&recorder, "GET other 404") > 9_000);
    }

    #[test]
    fn w20_methods_and_statuses_without_end_end_in_one_series() {
        let recorder = recorder();
        for status in 200..999 {
            respond(&recorder, &format!("M{status}"), &format!("/{}", "p".repeat(500)), status);
        }
        assert!(series(&recorder).len() <= SERIES);
        assert!(count(&recorder, "OTHER other other") > 100);
        let total: u64 = series(&recorder).iter().map(|(_, count)| count).sum();
        assert_eq!(total, 799);
    }

    #[test]
    fn processes_share_their_series() {
        let segment = Segment::new(2).unwrap();
        let recorders = [0, 1].map(|block| {
            segment.begin(block, block, 100 + block as u32);
            Recorder::new(Arc::new(segment.stats(block)), "io_uring")
        });
        for (index, path) in ["/a", "/b", "/a", "/c"].iter().enumerate() {
            respond(&recorders[index % 2], "GET", path, 200);
            respond(&recorders[0], "GET", "/a", 200);
        }
        assert_eq!(
            series(&recorders[1]),
            [
                ("GET /a 200".to_owned(), 6),
                ("GET /b 200".to_owned(), 1),
                ("GET /c 200".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn threads_that_meet_the_same_paths_make_each_series_once() {
        let segment = Segment::new(4).unwrap();
        std::thread::scope(|scope| {
            for block in 0..4 {
                let segment = &segment;
                scope.spawn(move || {
                    segment.begin(block, block, 1 + block as u32);
                    let recorder = Recorder::new(Arc::new(segment.stats(block)), "epoll");
                    for number in 0..400 {
                        respond(&recorder, "GET", &format!("/p{number}"), 200);
                    }
                });
            }
        });
        let durations = segment.durations();
        assert_eq!(durations.len(), 400);
        assert!(durations.iter().all(|(_, histogram)| histogram.count() == 4));
    }

    #[test]
    fn dropped_lines_are_counted_once() {
        let recorder = recorder();
        [0, 3, 3, 5].into_iter().for_each(|lines| recorder.log_dropped(lines));
        assert_eq!(recorder.stats.log_lines_dropped.value(), 5);
    }
}
