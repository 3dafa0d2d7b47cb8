//! The socket that the h2 crate sees: two buffers in memory.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::frames::{Frames, Part};
use bytes::{Buf, BytesMut};
use hyperion_buf::SendQueue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Both directions. It is shared between the connection and the h2 crate, which run in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipe(Arc<Mutex<Wire>>);

#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Received and not yet read.
    pub input: BytesMut,
    /// The peer sends no more.
    pub ended: bool,
    /// Written and not yet on its way.
    pub output: SendQueue,
    /// Bytes that may be written before some have left.
    pub room: u64,
    /// More was to be written than there was room for.
    pub blocked: bool,
    /// Streams that were reset, and not yet counted.
    pub resets: i64,
    frames: Frames,
}

impl Pipe {
    pub fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wire {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.len().min(usize::try_from(self.room).unwrap_or(usize::MAX));
        self.output.extend(&bytes[..length]);
        let resets = &mut self.resets;
        let Ok(()) = self.frames.advance(&bytes[..length], |part| {
            if let Part::Head(head) = part {
                *resets += i64::from(head.is_reset());
            }
            Ok::<(), Infallible>(())
        });
        self.room -= length as u64;
        length
    }

    fn finish_write(&mut self, written: usize, wanted: usize) -> Poll<io::Result<usize>> {
        self.blocked |= written < wanted;
        if written == 0 && wanted > 0 { Poll::Pending } else { Poll::Ready(Ok(written)) }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if wire.input.is_empty() {
            return if wire.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let length = wire.input.len().min(buffer.remaining());
        buffer.put_slice(&wire.input[..length]);
        wire.input.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        let written = wire.write(bytes);
        wire.finish_write(written, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        let written = slices.iter().map(|slice| wire.write(slice)).sum();
        wire.finish_write(written, slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
