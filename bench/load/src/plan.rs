//! What the generator is asked to do: one JSON document, read once.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::RangeInclusive;

use serde::Deserialize;

/// Each takes a descriptor, and a few hundred bytes here.
const CONNECTIONS: RangeInclusive<usize> = 1..=10_000;

/// A run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where the server listens on 127.0.0.1.
    pub port: u16,
    pub connections: usize,
    pub seconds: NonZeroU32,
    /// Requests a second, on all connections together; 0 is a closed loop.
    pub rate: u32,
    pub requests: Vec<Request>,
    /// Each connection ends behind so many requests.
    pub per_connection: Option<NonZeroU64>,
}

/// One kind of request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default = "Request::usual_method")]
    pub method: String,
    /// Path and query.
    pub target: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Bytes>,
    /// Sends the body in chunks of so many bytes, the last one with what is left.
    pub chunk: Option<NonZeroUsize>,
    /// How often it comes, compared with the others.
    #[serde(default = "Request::usual_weight")]
    pub weight: NonZeroU32,
}

/// Any bytes, in JSON a string with a character up to U+00FF for each.
#[derive(Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Bytes(pub Vec<u8>);

/// Why a document is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("connections must be {} to {}", CONNECTIONS.start(), CONNECTIONS.end())]
    Connections,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("there is no request to send")]
    Requests,
}

impl Plan {
    /// Reads it from JSON.
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let plan: Self = serde_json::from_str(text)?;
        if !CONNECTIONS.contains(&plan.connections) {
            return Err(PlanError::Connections);
        }
        if plan.requests.is_empty() {
            return Err(PlanError::Requests);
        }
        Ok(plan)
    }
}

impl Request {
    fn usual_method() -> String {
        "GET".to_owned()
    }

    fn usual_weight() -> NonZeroU32 {
        NonZeroU32::MIN
    }
}

impl TryFrom<String> for Bytes {
    type Error = std::char::TryFromCharError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.chars().map(u8::try_from).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(requests: &str, more: &str) -> Result<Plan, PlanError> {
        Plan::read(&format!(
            r#"{{"port": 80, "seconds": 1, "rate": 0, "requests": {requests}, {more}}}"#
        ))
    }

    fn fault(requests: &str, more: &str) -> String {
        plan(requests, more).unwrap_err().to_string()
    }

    const ONE: &str = r#"[{"target": "/"}]"#;

    #[test]
    fn what_is_not_said_is_usual() {
        let plan = plan(ONE, r#""connections": 3, "per_connection": null"#).unwrap();
        assert_eq!((plan.port, plan.connections, plan.per_connection), (80, 3, None));
        let request = &plan.requests[0];
        assert_eq!((request.method.as_str(), request.weight.get()), ("GET", 1));
        assert!(request.headers.is_empty() && request.body.is_none() && request.chunk.is_none());
    }

    #[test]
    fn a_body_is_any_bytes() {
        let body = r#"[{"target": "/", "body": "a\u0000\u00ff\r"}]"#;
        let plan = plan(body, r#""connections": 1"#).unwrap();
        assert_eq!(plan.requests[0].body, Some(Bytes(b"a\0\xff\r".to_vec())));
        let wide = r#"[{"target": "/", "body": "a\u0100"}]"#;
        assert!(fault(wide, r#""connections": 1"#).contains("unicode"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(fault(ONE, r#""connections": 0"#), "connections must be 1 to 10000");
        assert_eq!(fault(ONE, r#""connections": 10001"#), "connections must be 1 to 10000");
        assert_eq!(fault("[]", r#""connections": 1"#), "there is no request to send");
        assert!(fault(ONE, r#""connections": 1, "speed": 1"#).contains("unknown field `speed`"));
        assert!(fault(ONE, r#""connections": 1, "per_connection": 0"#).contains("nonzero"));
        let weightless = r#"[{"target": "/", "weight": 0}]"#;
        assert!(fault(weightless, r#""connections": 1"#).contains("nonzero"));
    }
}
