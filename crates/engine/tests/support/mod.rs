//! What tests of an engine over real sockets share.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::{
    Config, Consumer, Engine, Fields, IoChoice, Job, Level, LogConfig, LogFormat, ProtocolConfig,
    Reply, Response, ResponseBody, Service, Stats, Waited, Work,
};

/// A configuration without routes, whose log tells errors alone.
pub fn config(io: IoChoice) -> Config {
    Config {
        protocol: ProtocolConfig::default(),
        routes: Arc::default(),
        channels: None,
        admin: Arc::default(),
        io,
        max_connections: 100,
        handshakes_per_second: None,
        streams_request_bodies: false,
        spool_threshold_bytes: 1024,
        max_spool_bytes: None,
        log: LogConfig {
            level: Level::Error,
            format: LogFormat::Json,
            requests: false,
            file: None,
        },
    }
}

/// An engine that listens at a port of its own, and its address.
pub fn start(
    config: Config,
    service: Arc<impl Service + 'static>,
    stats: Arc<Stats>,
) -> (Engine, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let engine = Engine::start(config, vec![(listener.into(), None)], service, stats).unwrap();
    (engine, address)
}

/// The next request for this executor, which it works on from now on.
pub fn next_job(engine: &Engine, executor: &Consumer) -> Box<Job> {
    loop {
        assert_eq!(engine.wait(executor), Waited::Available);
        if let Some(Work::Request(job)) = executor.take_after_wait() {
            return job;
        }
    }
}

/// Answers a request with this text.
pub fn answer(job: &Job, text: &str) {
    let body = ResponseBody::Full(Bytes::copy_from_slice(text.as_bytes()));
    let response = Response { status: 200, fields: Fields::new(), body };
    job.reply.send(Reply { response, completion: None });
}
