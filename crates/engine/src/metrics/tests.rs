use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::stats::{Recorder, Responded};

/// A cluster with something in every family.
fn busy_segment() -> Arc<Segment> {
    let segment = Segment::new(4).unwrap();
    for (block, driver) in [(0, "epoll"), (1, "io_uring")] {
        segment.begin(block, block, 4_000_000 + block as u32);
        let stats = Arc::new(segment.stats(block));
        stats.requests.add(4);
        stats.reject("bare_lf");
        stats.executors_busy.set(2);
        let recorder = Recorder::new(stats, driver);
        Mode::ALL.into_iter().for_each(|mode| recorder.dispatched(mode));
        for (index, path) in ["/users/1", "/a\"b\\c", "/%0a", "*"].into_iter().enumerate() {
            let duration = Duration::from_millis(10 << (4 * index));
            let queued = Some(Duration::from_micros(50));
            let (method, status) = ("GET", 200 + index as u16);
            recorder.responded(&Responded { method, path, status, duration, queued });
        }
        recorder.rejected("head_timeout", 408);
    }
    segment.release(0);
    segment.begin(0, 0, std::process::id());
    segment.restarted(Restart::Signal);
    segment
}

#[test]
fn one_text_shows_all_processes() {
    let text = render(&busy_segment(), Format::Prometheus);
    for line in [
        "hyperion_requests_total 8",
        "hyperion_dispatch_mode_total{mode=\"rack\",driver=\"epoll\"} 1",
        "hyperion_dispatch_mode_total{mode=\"native\",driver=\"io_uring\"} 1",
        "hyperion_requests_dispatch_total{worker_id=\"4000000\"} 4",
        "hyperion_requests_dispatch_total{worker_id=\"4000001\"} 4",
        "hyperion_requests_dispatch_total{worker_id=\"retired\"} 0",
        "hyperion_request_duration_seconds_bucket{method=\"GET\",path=\"/users/:id\",status=\"200\",le=\"0.025\"} 2",
        "hyperion_request_duration_seconds_count{method=\"GET\",path=\"/a\\\"b\\\\c\",status=\"201\"} 2",
        "hyperion_request_duration_seconds_sum{method=\"GET\",path=\"*\",status=\"203\"} 81.92",
        "hyperion_responses_status_total{status=\"408\"} 2",
        "hyperion_queue_seconds_count 8",
        "hyperion_rejections_total{reason=\"head_timeout\"} 2",
        "hyperion_rejections_total{reason=\"queue_full\"} 0",
        "hyperion_executors_busy{worker_id=\"4000001\"} 2",
        "hyperion_io_uring_workers_active{worker_id=\"4000001\"} 1",
        "hyperion_worker_restarts_total{reason=\"signal\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(!text.contains("executors_busy{worker_id=\"4000000\"}"), "a dead process is not busy");
    let memory =
        format!("hyperion_process_resident_memory_bytes{{worker_id=\"{}\"}} ", std::process::id());
    assert!(text.contains(&memory), "{memory} in\n{text}");
}

#[test]
fn every_family_is_described_once_and_nothing_else_is_shown() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = render(&busy_segment(), format);
        for (name, _) in families() {
            let name = match format {
                Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
                Format::Prometheus => name,
            };
            let described = |kind| text.matches(&format!("# {kind} {name} ")).count();
            assert_eq!([described("HELP"), described("TYPE")], [1, 1], "{name}");
        }
        assert_eq!(text.matches("# HELP").count(), families().count());
    }
}

#[test]
fn a_counter_never_goes_back_when_its_process_ends() {
    let segment = busy_segment();
    let counters = |text: &str| -> Vec<(String, f64)> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.filter_map(|line| line.rsplit_once(' '));
        let counters = samples.filter(|(name, _)| name.contains("_total"));
        counters.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    };
    let before = counters(&render(&segment, Format::Prometheus));
    (0..4).for_each(|block| segment.release(block));
    for pid in 0..3 {
        segment.begin(0, 0, 5_000_000 + pid);
    }
    let after = counters(&render(&segment, Format::Prometheus));
    for (name, value) in before {
        let now = after.iter().find(|(after, _)| *after == name).map(|(_, value)| *value);
        assert!(now >= Some(value), "{name}: {now:?} behind {value}");
    }
}

/// Where the next test leaves its texts for a parser that is not ours; see test/unit/metrics_text.
#[test]
fn w20_openmetrics_ends_as_it_must() {
    let text = render(&busy_segment(), Format::OpenMetrics);
    assert!(text.ends_with("\n# EOF\n"));
    assert!(!text.contains("\n\n"));
}
