//! The numbers of all processes as text for Prometheus and whatever else reads its formats.

use hyperion_proto::Request;

use self::exposition::Exposition;
use self::family::{Family, Kind};
use crate::routes::Mode;
use crate::stats::read::{DRIVERS, Scalar};
use crate::stats::{Restart, Segment};

pub use self::format::Format;
pub use self::memory::{Memory, memory_of};

mod exposition;
mod family;
mod format;
mod memory;
mod workers;

/// The name and the help of everything that [`render`] shows, for who documents it.
pub fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    family::ALL.iter().map(|family| (family.name, family.help))
}

/// The format that a scrape asks for.
pub fn format_of(request: &Request) -> Format {
    Format::of(request.headers().filter_map(|(name, value)| {
        name.eq_ignore_ascii_case(b"accept").then(|| std::str::from_utf8(value).ok())?
    }))
}

/// All numbers now. How long the text becomes is bounded by the sets that labels come from.
pub fn render(segment: &Segment, format: Format) -> String {
    let mut to = Exposition::new(format);
    requests(segment, &mut to);
    connections(segment, &mut to);
    faults(segment, &mut to);
    workers::write(segment, &mut to);
    to.finish()
}

fn requests(segment: &Segment, to: &mut Exposition) {
    total(segment, &family::REQUESTS, Scalar::Requests, to);
    to.begin(&family::DISPATCH_MODE);
    for (driver, modes) in DRIVERS.iter().zip(segment.dispatched()) {
        for mode in Mode::ALL {
            to.number(&[("mode", mode.name()), ("driver", driver)], modes[mode as usize]);
        }
    }
    to.begin(&family::RESPONSES_STATUS);
    for (status, count) in segment.statuses() {
        to.number(&[("status", &status.to_string())], count);
    }
    to.begin(&family::REQUEST_DURATION);
    for (series, histogram) in segment.durations() {
        let status = series.status.map_or("other".to_owned(), |status| status.to_string());
        let labels = [("method", series.method), ("path", &*series.path), ("status", &*status)];
        to.histogram(&labels, &histogram);
    }
    to.begin(&family::QUEUE);
    to.histogram(&[], &segment.queued());
    total(segment, &family::REQUESTS_PASSED, Scalar::RequestsPassed, to);
    total(segment, &family::REQUESTS_CANCELLED, Scalar::CancelledBeforeDispatch, to);
    let dropped = Scalar::UnderscoreHeadersDropped;
    total(segment, &family::UNDERSCORE_HEADERS_DROPPED, dropped, to);
}

fn connections(segment: &Segment, to: &mut Exposition) {
    total(segment, &family::CONNECTIONS_ACTIVE, Scalar::ConnectionsActive, to);
    total(segment, &family::CONNECTIONS_ACCEPTED, Scalar::ConnectionsAccepted, to);
    total(segment, &family::CONNECTIONS_PASSED, Scalar::ConnectionsPassed, to);
    total(segment, &family::SPOOLED_BYTES, Scalar::SpooledBytes, to);
    total(segment, &family::BYTES_READ, Scalar::BytesRead, to);
    total(segment, &family::BYTES_WRITTEN, Scalar::BytesWritten, to);
}

fn faults(segment: &Segment, to: &mut Exposition) {
    to.begin(&family::REJECTIONS);
    segment.rejections().for_each(|(reason, count)| to.number(&[("reason", reason)], count));
    to.begin(&family::WORKER_RESTARTS);
    for reason in Restart::ALL {
        to.number(&[("reason", reason.name())], segment.restarts(reason));
    }
    to.begin(&family::WORKER_STALLS);
    to.number(&[], segment.stalls());
    total(segment, &family::LOG_LINES_DROPPED, Scalar::LogLinesDropped, to);
    total(segment, &family::ENGINE_PANICS, Scalar::EnginePanics, to);
    total(segment, &family::FIBER_HOLDS, Scalar::FiberHolds, to);
}

fn total(segment: &Segment, family: &'static Family, scalar: Scalar, to: &mut Exposition) {
    debug_assert_eq!(scalar.is_gauge(), family.kind == Kind::Gauge);
    to.begin(family);
    to.number(&[], segment.total(scalar));
}

#[cfg(test)]
mod tests;
