//! TLS below the protocol (RFC 8446, RFC 5246), by rustls between buffers in memory. Nothing above it
//! knows of records, and nothing outside this module knows of rustls.

mod certificates;
mod settings;
mod strict_sni;
mod tickets;

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::time::Instant;

use hyperion_buf::SendQueue;
use rustls::ServerConnection;

use crate::config::Config;
use crate::protocol::Agreed;
use crate::timers::throughput::LingerProgress;

use self::strict_sni::Authorities;

pub use self::certificates::{Certificate, CertificateError, ClientCertificate};
pub use self::settings::{ClientAuth, TlsConfig, TlsError, TlsSettings};
pub use self::tickets::{Clock, TicketSecret};

/// Bytes that are encrypted at once, a few records.
const PIECE_BYTES: usize = 64 * 1024;

/// Decrypted bytes that are handed over at once.
const READ_BYTES: usize = 16 * 1024;

/// The record that refuses a name of a handshake, `unrecognized_name` (RFC 6066, section 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// One TLS session.
///
/// Its output is counted twice: as the protocol wrote it, and as it leaves. [`Mark`] says where both
/// meet.
pub(crate) struct Tls {
    session: ServerConnection,
    state: State,
    /// Nothing has come yet.
    is_fresh: bool,
    /// Ends a handshake, or the wait for the peer's end.
    deadline: Option<Instant>,
    linger_progress: LingerProgress,
    /// What the protocol wrote and is still to be encrypted.
    plain: SendQueue,
    /// Bytes ever given out, and how many of them have left.
    given: u64,
    sent: u64,
    marks: VecDeque<Mark>,
    /// Where names are taken strictly.
    authorities: Option<Authorities>,
    /// What is said instead of the alert that rustls has for a handshake without a certificate.
    alert: Option<[u8; 7]>,
}

/// Between `begin` and `end` of what leaves are `plain` bytes of the protocol. They leave in proportion, so
/// that the pace of a peer is seen between the ends of pieces.
#[derive(Debug)]
struct Mark {
    begin: u64,
    end: u64,
    plain: u64,
    /// As many of them are known to have left.
    told: u64,
}

impl Mark {
    /// How many more have left once `sent` bytes have; the last one only at the end.
    fn advance(&mut self, sent: u64) -> u64 {
        let gone = sent.clamp(self.begin, self.end) - self.begin;
        let left = self.plain * gone / (self.end - self.begin).max(1);
        left - std::mem::replace(&mut self.told, left)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Handshake,
    Established,
    /// The peer was told that nothing more comes; what it sends is discarded.
    Ended,
}

/// What input has led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// More is needed, or all was handed over.
    Going,
    /// The handshake has just ended.
    Established,
    /// The peer has ended its side in an orderly way.
    PeerEnded,
    /// The handshake has failed; the alert is output.
    HandshakeFailed,
    /// What came later is no TLS; the alert is output.
    Failed,
}

impl Tls {
    /// A session that begins at `now`; none where the configuration is of no use.
    pub fn new(tls: &TlsConfig, config: &Config, now: Instant) -> Option<Self> {
        let (server, witness) = tls.server();
        let mut session = ServerConnection::new(server).ok()?;
        session.set_buffer_limit(None);
        Some(Self {
            session,
            state: State::Handshake,
            is_fresh: true,
            deadline: now.checked_add(config.timeouts.tls_handshake),
            linger_progress: LingerProgress::default(),
            plain: SendQueue::new(),
            given: 0,
            sent: 0,
            marks: VecDeque::new(),
            authorities: witness.map(Authorities::new),
            alert: None,
        })
    }

    /// Whether `input` begins like a request rather than like a handshake.
    pub fn is_plain_http(&self, input: &[u8]) -> bool {
        self.is_fresh && input.first().is_some_and(u8::is_ascii_uppercase)
    }

    /// Whether the peers have still to agree.
    pub fn is_handshaking(&self) -> bool {
        self.state == State::Handshake
    }

    /// What the peers have agreed to speak (RFC 7301); nothing where the client has offered nothing.
    pub fn agreed(&self) -> Option<Agreed> {
        self.session.alpn_protocol().map(|name| match name {
            b"h2" => Agreed::Http2,
            _ => Agreed::Http1,
        })
    }

    /// What the client has shown of itself.
    pub fn peer_certificate(&self) -> Option<ClientCertificate> {
        ClientCertificate::from_der(self.session.peer_certificates()?.first()?)
    }

    /// Whether a request for this authority, or for none, may be answered on this connection.
    pub fn includes(&mut self, authority: Option<&str>) -> bool {
        let Some(authorities) = &mut self.authorities else { return true };
        authority.is_some_and(|authority| authorities.includes(authority))
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Takes received bytes off the front of `input`, up to the next thing that the caller must know,
    /// and appends what they say to `plain`.
    pub fn read(&mut self, input: &mut &[u8], plain: &mut Vec<u8>) -> Progress {
        self.is_fresh = false;
        while !input.is_empty() && self.state != State::Ended {
            if self.session.read_tls(input).is_err() {
                return self.fail();
            }
            let Ok(state) = self.session.process_new_packets() else { return self.fail() };
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let start = plain.len();
                plain.resize(start + left.min(READ_BYTES), 0);
                let count = self.session.reader().read(&mut plain[start..]).unwrap_or(0);
                plain.truncate(start + count);
                left = if count == 0 { 0 } else { left - count };
            }
            if self.state == State::Handshake && !self.session.is_handshaking() {
                self.state = State::Established;
                self.deadline = None;
                return Progress::Established;
            }
            if state.peer_has_closed() {
                *input = &[];
                return Progress::PeerEnded;
            }
        }
        *input = if self.state == State::Ended { &[] } else { input };
        Progress::Going
    }

    fn fail(&mut self) -> Progress {
        let was = std::mem::replace(&mut self.state, State::Ended);
        self.plain.clear();
        if self.authorities.as_ref().is_some_and(Authorities::is_name_unknown) {
            self.alert = Some(UNRECOGNIZED_NAME);
        }
        if was == State::Handshake { Progress::HandshakeFailed } else { Progress::Failed }
    }

    /// The protocol's output, to be encrypted behind what waits already.
    pub fn queue(&mut self) -> &mut SendQueue {
        &mut self.plain
    }

    /// Encrypts as much as may be under way at once, and moves it to `out`.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn write(&mut self, out: &mut SendQueue, limit: u64) -> io::Result<()> {
        self.fetch(out);
        while self.state == State::Established && !self.plain.is_empty() && self.unsent() < limit {
            let (before, begin) = (self.plain.len(), self.given);
            self.encrypt_piece()?;
            self.fetch(out);
            let plain = before - self.plain.len();
            self.marks.push_back(Mark { begin, end: self.given, plain, told: 0 });
        }
        Ok(())
    }

    fn encrypt_piece(&mut self) -> io::Result<()> {
        if let Some(file) = self.plain.front_file() {
            let bytes = file.clone().take(PIECE_BYTES)?;
            self.session.writer().write_all(&bytes)?;
            self.plain.advance(bytes.len() as u64);
            return Ok(());
        }
        let mut slices = [IoSlice::new(&[]); 16];
        let count = self.plain.io_slices(&mut slices);
        let (mut pieces, mut left) = ([IoSlice::new(&[]); 16], PIECE_BYTES);
        for (piece, slice) in pieces.iter_mut().zip(&slices[..count]) {
            let length = slice.len().min(left);
            *piece = IoSlice::new(&slice[..length]);
            left -= length;
        }
        let written = self.session.writer().write_vectored(&pieces[..count])?;
        self.plain.advance(written as u64);
        Ok(())
    }

    /// Moves the records of the session to `out`.
    fn fetch(&mut self, out: &mut SendQueue) {
        if let Some(alert) = self.alert.take() {
            while self.session.write_tls(&mut io::sink()).is_ok_and(|count| count > 0) {}
            out.append_with(|buffer| buffer.extend_from_slice(&alert));
            self.given += alert.len() as u64;
        }
        while self.session.wants_write() {
            let before = out.len();
            out.append_with(|buffer| drop(self.session.write_tls(buffer)));
            self.given += out.len() - before;
        }
    }

    /// So many bytes have left; how many that are of the protocol.
    pub fn handle_sent(&mut self, bytes: u64) -> u64 {
        self.sent += bytes;
        let mut plain = 0;
        while let Some(mark) = self.marks.front_mut() {
            plain += mark.advance(self.sent);
            if mark.end > self.sent {
                break;
            }
            self.marks.pop_front();
        }
        plain
    }

    /// Bytes on their way to the peer.
    pub fn unsent(&self) -> u64 {
        self.given - self.sent
    }

    /// Whether the end was told, by whichever side failed or finished first.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether the time of what is awaited is over. A peer that was told the end has more of it while it
    /// takes what the socket still holds.
    pub fn is_over(&mut self, now: Instant, backlog: u64, config: &Config) -> bool {
        if self.deadline.is_none_or(|at| at > now) {
            return false;
        }
        let goes_on = self.has_ended() && self.linger_progress.goes_on(backlog, config);
        if goes_on {
            self.deadline = now.checked_add(config.timeouts.linger);
        }
        !goes_on
    }

    /// Tells the peer that nothing more comes, and waits for its end until `deadline`.
    pub fn end(&mut self, deadline: Option<Instant>) {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.session.send_close_notify();
        }
        self.deadline = deadline;
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("state", &self.state)
            .field("unsent", &self.unsent())
            .finish_non_exhaustive()
    }
}
