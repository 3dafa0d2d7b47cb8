//! Runs tables of faults: what a client does, and what the server makes of it.

use hyperion_proto::Closing;

use crate::support::Peer;
use crate::wire::*;

/// A name, what the client does behind the prefaces, and the outcome.
pub struct Case(pub &'static str, pub fn(&mut Peer) -> &mut Peer, pub Outcome);

#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// GOAWAY with one of these codes, and the end of the connection. PROTOCOL_ERROR is the code for
    /// whatever has no better one (RFC 9113, section 7), and is taken too; `codes` asks for the exact
    /// ones.
    Connection(&'static [u32]),
    /// RST_STREAM on this stream with one of these codes; the connection goes on.
    Stream(u32, &'static [u32]),
    /// Either of both: what a server may do with any stream error (RFC 9113, section 5.4.1).
    Either(u32, &'static [u32]),
    /// The connection goes on, and complete requests are answered 200.
    Fine,
}

/// Plays every case, whole and byte by byte, and reports all that came out otherwise.
pub fn check(cases: &[Case]) {
    let mut faults = Vec::new();
    for Case(name, play, outcome) in cases {
        for drips in [false, true] {
            let mut peer = Peer::new();
            peer.drips = drips;
            play(&mut peer);
            peer.read();
            if let Err(fault) = judge(&mut peer, *outcome) {
                let how = if drips { "byte by byte" } else { "whole" };
                faults.push(format!("{name} ({how}): {fault}\n    {}", peer.history()));
            }
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), 2 * cases.len(), faults.join("\n"));
}

fn judge(peer: &mut Peer, outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Connection(codes) => is_closed_for(peer, codes),
        Outcome::Stream(id, codes) => is_reset_for(peer, id, codes),
        Outcome::Either(id, codes) => {
            is_reset_for(peer, id, codes).or_else(|_| is_closed_for(peer, codes))
        }
        Outcome::Fine => {
            peer.respond_to_all().read();
            let complete: Vec<u32> =
                peer.requests().iter().map(|(id, _)| *id).filter(|&id| peer.ended(id)).collect();
            for id in complete {
                if peer.aborted(id) {
                    continue;
                }
                let answer = peer.answer(id);
                if answer.status() != Some(200) || !answer.ended {
                    return Err(format!("stream {id} is not answered: {answer:?}"));
                }
            }
            if peer.is_alive() { Ok(()) } else { Err("the connection is dead".to_owned()) }
        }
    }
}

fn is_closed_for(peer: &mut Peer, codes: &[u32]) -> Result<(), String> {
    match peer.goaways().last() {
        Some((_, code)) if codes.contains(code) || *code == PROTOCOL_ERROR => {}
        other => return Err(format!("expected GOAWAY with {codes:?}, not {other:?}")),
    }
    if peer.is_open() {
        return Err("the connection stays open behind GOAWAY".to_owned());
    }
    let announced = peer.requests().len();
    peer.send(get(1_000_001)).read();
    if peer.requests().len() > announced {
        return Err("a request is taken behind GOAWAY".to_owned());
    }
    peer.pass_s(5);
    if peer.connection.closing() != Closing::Close {
        return Err("the socket stays open behind GOAWAY".to_owned());
    }
    Ok(())
}

fn is_reset_for(peer: &mut Peer, id: u32, codes: &[u32]) -> Result<(), String> {
    match peer.reset_code(id) {
        Some(code) if codes.contains(&code) => {}
        other => return Err(format!("expected RST_STREAM with {codes:?}, not {other:?}")),
    }
    if peer.requests().iter().any(|(of, _)| *of == id)
        && !peer.aborted(id)
        && peer.finished().is_empty()
    {
        return Err("the application does not hear of the reset".to_owned());
    }
    if peer.is_alive() { Ok(()) } else { Err("the connection is dead".to_owned()) }
}
