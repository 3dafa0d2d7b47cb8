/// How numbers are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Format {
    /// The format that the values of `Accept` like best (RFC 9110, section 12.5.1); the one of
    /// Prometheus where they do not care, or like neither.
    pub fn of<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let (mut open_metrics, mut plain) = (0, 0);
        for range in accept.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let weight = weight(&parameters);
            match name.as_str() {
                OPEN_METRICS if is_known_version(&parameters) => {
                    open_metrics = weight.max(open_metrics);
                }
                "text/plain" | "text/*" | "*/*" => plain = weight.max(plain),
                _ => {}
            }
        }
        match open_metrics > 0 && open_metrics >= plain {
            true => Self::OpenMetrics,
            false => Self::Prometheus,
        }
    }

    /// The value of `content-type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// In thousandths; one that is malformed counts as none.
fn weight(parameters: &[(&str, &str)]) -> u32 {
    let given = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("q"));
    let Some((_, value)) = given else { return 1000 };
    let weight: f64 = value.trim().parse().unwrap_or(0.0);
    (weight.clamp(0.0, 1.0) * 1000.0) as u32
}

fn is_known_version(parameters: &[(&str, &str)]) -> bool {
    let given = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("version"));
    given.is_none_or(|(_, version)| *version == "1.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_decides_by_weight() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
        let cases = [
            (prometheus, Format::OpenMetrics),
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/html", Format::Prometheus),
            ("Application/OpenMetrics-Text", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text;q=0.5, text/plain", Format::Prometheus),
            ("application/openmetrics-text;q=0, */*;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=NaN", Format::Prometheus),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.7", Format::OpenMetrics),
        ];
        for (accept, expected) in cases {
            assert_eq!(Format::of([accept].into_iter()), expected, "{accept}");
        }
    }
}
