use std::sync::Arc;

use super::*;
use crate::stats::Stats;

const APP: Listener = Listener::Unix;
const TOKEN: &str = "correct horse";

fn segment() -> Arc<Segment> {
    Stats::default().segment().clone()
}

fn request(line: &str, fields: &str) -> Request {
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    Request::from_head(head.as_bytes(), &hyperion_proto::Config::default()).unwrap()
}

fn ask(admin: &Admin, listener: &Listener, line: &str, fields: &str) -> Option<Response> {
    admin.answer(&request(line, fields), listener, &segment())
}

fn status(admin: &Admin, listener: &Listener, line: &str, fields: &str) -> Option<u16> {
    ask(admin, listener, line, fields).map(|response| response.status)
}

fn body(response: &Response) -> &str {
    match &response.body {
        ResponseBody::Full(bytes) => std::str::from_utf8(bytes).unwrap(),
        _ => panic!("the body is whole"),
    }
}

#[test]
fn health_and_readiness_are_for_everybody() {
    let admins = [Admin::default(), Admin::new(Some(TOKEN.as_bytes()), true)];
    for (admin, listener) in
        admins.iter().flat_map(|admin| [(admin, APP), (admin, Listener::Admin)])
    {
        for method in ["GET", "HEAD"] {
            for page in ["health", "ready", "health?x=1"] {
                let line = format!("{method} /-/{page}");
                assert_eq!(status(admin, &listener, &line, ""), Some(200), "{line}");
            }
        }
        assert_eq!(body(&ask(admin, &listener, "GET /-/health", "").unwrap()), "ok");
        assert_eq!(status(admin, &listener, "POST /-/health", ""), Some(405));
    }
}

#[test]
fn readiness_follows_the_phase_and_health_does_not() {
    let segment = Segment::new(1).unwrap();
    let ready = |page: &str| {
        let request = request(&format!("GET /-/{page}"), "");
        Admin::default().answer(&request, &APP, &segment).unwrap()
    };
    for (phase, status, text) in [
        (Phase::Booting, 503, "booting"),
        (Phase::Serving, 200, "ready"),
        (Phase::Draining, 503, "draining"),
    ] {
        segment.set_phase(phase);
        assert_eq!((ready("ready").status, body(&ready("ready"))), (status, text));
        assert_eq!(ready("health").status, 200);
    }
}

#[test]
fn without_a_token_the_rest_is_the_applications() {
    for line in ["GET /-/metrics", "GET /-/stats", "POST /-/quit", "GET /-/", "GET /-/nothing"] {
        assert_eq!(status(&Admin::new(None, true), &APP, line, ""), None, "{line}");
    }
}

#[test]
fn a_token_opens_the_rest_and_nothing_else_does() {
    let admin = Admin::new(Some(TOKEN.as_bytes()), false);
    let right = format!("X-Hyperion-Admin-Token: {TOKEN}\r\n");
    let wrongs = [
        String::new(),
        "X-Hyperion-Admin-Token: \r\n".to_owned(),
        format!("X-Hyperion-Admin-Token: {TOKEN}!\r\n"),
        format!("X-Hyperion-Admin-Token: {}\r\n", &TOKEN[1..]),
        format!("X-Hyperion-Admin-Token: {}\r\n", TOKEN.to_uppercase()),
        format!("{right}{right}"),
        format!("Authorization: Bearer {TOKEN}\r\n"),
    ];
    for page in ["metrics", "stats"] {
        for listener in [APP, Listener::Admin] {
            for wrong in &wrongs {
                for line in [
                    format!("GET /-/{page}"),
                    format!("GET /-/{page}?token={TOKEN}")
                        .replace(' ', "%20")
                        .replacen("%20", " ", 1),
                ] {
                    let response = ask(&admin, &listener, &line, wrong).unwrap();
                    assert_eq!(response.status, 401, "{line} {wrong}");
                    assert!(response.fields.find("www-authenticate").is_some());
                }
            }
            let line = format!("GET /-/{page}");
            assert_eq!(status(&admin, &listener, &line, &right), Some(200), "{line}");
        }
    }
    let line = "DELETE /-/metrics";
    assert_eq!(status(&admin, &APP, line, ""), Some(401), "who asks comes before what");
    assert_eq!(status(&admin, &APP, line, &right), Some(405));
    assert!(!format!("{admin:?}").contains(TOKEN));
}

#[test]
fn a_listener_of_its_own_shows_everything_and_nothing_else() {
    let admin = Admin::new(None, false);
    for (line, expected) in [
        ("GET /-/metrics", 200),
        ("GET /-/stats", 200),
        ("GET /", 404),
        ("GET /-/", 404),
        ("POST /users", 404),
        ("OPTIONS *", 404),
    ] {
        assert_eq!(status(&admin, &Listener::Admin, line, ""), Some(expected), "{line}");
    }
}

#[test]
fn only_a_server_with_a_process_to_stop_can_be_stopped() {
    let fields = format!("X-Hyperion-Admin-Token: {TOKEN}\r\n");
    let admin = Admin::new(Some(TOKEN.as_bytes()), false);
    assert_eq!(status(&admin, &APP, "POST /-/quit", &fields), None);
    assert_eq!(status(&admin, &Listener::Admin, "POST /-/quit", &fields), Some(404));
    let admin = Admin::new(Some(TOKEN.as_bytes()), true);
    assert_eq!(status(&admin, &APP, "POST /-/quit", ""), Some(401));
    assert_eq!(status(&admin, &APP, "GET /-/quit", &fields), Some(405));
    assert!(!terminate(std::process::id() + 1_000_000_000), "it is nobody known");
}

#[test]
fn a_page_in_a_browser_cannot_stop_a_server_without_a_token() {
    let admin = Admin::new(None, true);
    let fields = "Origin: http://evil.example\r\n";
    assert_eq!(status(&admin, &Listener::Admin, "POST /-/quit", fields), Some(403));
}

#[test]
fn the_format_of_metrics_follows_accept() {
    let admin = Admin::new(None, false);
    let types = [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "Accept: application/openmetrics-text\r\n",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ];
    for (fields, expected) in types {
        let response = ask(&admin, &Listener::Admin, "GET /-/metrics", fields).unwrap();
        assert_eq!(response.fields.find("content-type"), Some(expected.as_bytes()));
        assert_eq!(response.fields.find("cache-control"), Some(&b"no-store"[..]));
        assert!(body(&response).contains("# TYPE hyperion_requests"));
    }
}

#[test]
fn the_report_tells_of_each_worker() {
    let admin = Admin::new(None, false);
    let segment = segment();
    segment.stats(0).requests.add(3);
    let response = admin.answer(&request("GET /-/stats", ""), &Listener::Admin, &segment).unwrap();
    let report: serde_json::Value = serde_json::from_str(body(&response)).unwrap();
    assert_eq!(report["phase"], "serving");
    assert_eq!(report["master_pid"], std::process::id());
    assert_eq!(report["totals"]["requests"], 3);
    let worker = &report["workers"][0];
    assert_eq!((&worker["slot"], &worker["pid"]), (&0.into(), &std::process::id().into()));
    assert!(worker["rss_bytes"].as_u64() > Some(1024 * 1024));
    assert!(worker["uptime_s"].as_f64().is_some_and(|uptime| uptime < 60.0));
    for name in ["executors_busy", "queue_depth", "connections_active", "dispatched"] {
        assert_eq!(worker[name], 0, "{name}");
    }
}
