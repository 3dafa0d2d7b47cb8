//! One connection and the request that is in flight on it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::answer::{Answer, Fault, Progress};

/// How long a connection that is opened before the run may take.
const CONNECT_TIMEOUT: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A connection to a port of 127.0.0.1.
#[derive(Debug)]
pub struct Connection {
    pub socket: TcpStream,
    pub answer: Answer,
    pub flight: Option<Flight>,
    /// Requests that were sent on it, with the one in flight.
    pub requests: u64,
}

/// A request that has no answer yet.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    pub kind: usize,
    /// When it was to leave.
    pub due: Duration,
    /// The connection ends behind it.
    pub is_last: bool,
    /// Bytes that have left.
    pub sent: usize,
}

/// What a read has brought.
#[derive(Debug)]
pub enum Input {
    /// For the answer that is expected.
    Answer(Result<Progress, Fault>),
    /// The connection has ended while nothing was in flight.
    End,
    /// Bytes that nobody asked for.
    Excess,
    /// Nothing is there.
    Nothing,
}

impl Connection {
    /// Begins to connect. Until that is done the socket takes no bytes, as if it were full.
    pub fn open(port: u16) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        Ok(Self { socket, answer: Answer::new(), flight: None, requests: 0 })
    }

    /// Waits until it is connected.
    pub fn await_established(&self) -> io::Result<()> {
        let mut waiting = [PollFd::new(&self.socket, PollFlags::OUT)];
        if poll(&mut waiting, Some(&CONNECT_TIMEOUT))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.take_error()?.map_or(Ok(()), Err)
    }

    /// Sends what is left of the request in flight, as far as the socket takes it. Returns whether all
    /// has left.
    pub fn send(&mut self, request: &[u8]) -> io::Result<bool> {
        let Some(flight) = &mut self.flight else { return Ok(true) };
        while flight.sent < request.len() {
            match self.socket.write(&request[flight.sent..]) {
                Ok(count) => flight.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads once.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        let count = match self.socket.read(buffer) {
            Ok(count) => count,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(Input::Nothing),
                    _ => Err(error),
                };
            }
        };
        Ok(match (self.flight, count) {
            (Some(_), 0) => Input::Answer(self.answer.handle_end()),
            (Some(_), _) => Input::Answer(self.answer.handle_bytes(&buffer[..count])),
            (None, 0) => Input::End,
            (None, _) => Input::Excess,
        })
    }
}
