use std::fs::{File, OpenOptions};
use std::io::{self, Stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

/// Several processes write to the same pipe; up to so many bytes arrive in one piece there (pipe(7)).
pub(super) const PIPE_BYTES: usize = 4096;

/// Where lines go. Lines of many processes do not mix: a file or a terminal takes a batch in one piece,
/// anything else a few whole lines at a time.
#[derive(Debug)]
pub(super) struct Output {
    path: Option<PathBuf>,
    target: Destination,
    /// A file, a terminal: what one call writes there arrives in one piece.
    takes_batches: bool,
    /// A failed write has left the beginning of a line.
    torn: bool,
}

#[derive(Debug)]
enum Destination {
    File(File),
    Stdout(Stdout),
}

impl Output {
    /// The file at `path`, to be appended to; standard output without one.
    pub fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let target = match &path {
            Some(path) => Destination::File(
                OpenOptions::new().append(true).create(true).mode(0o640).open(path)?,
            ),
            None => Destination::Stdout(io::stdout()),
        };
        let status = fstat(target.as_fd());
        let takes_batches = status.is_ok_and(|status| {
            let kind = FileType::from_raw_mode(status.st_mode);
            matches!(kind, FileType::RegularFile | FileType::CharacterDevice)
        });
        Ok(Self { path, target, takes_batches, torn: false })
    }

    /// Bytes of a line that arrive in one piece, whoever else writes here.
    pub fn line_max(&self) -> usize {
        if self.takes_batches { usize::MAX } else { PIPE_BYTES }
    }

    /// Opens the file again, after it was renamed. If that fails the former one stays.
    pub fn reopen(&mut self) -> io::Result<()> {
        if self.path.is_some() {
            *self = Self::open(self.path.clone())?;
        }
        Ok(())
    }

    /// Writes whole lines, and waits where somebody must read first. Returns how many lines were lost
    /// because there is no room or no reader any more.
    pub fn write(&mut self, lines: &[u8]) -> usize {
        if self.torn && !lines.is_empty() {
            if self.write_all(b"\n").is_err() {
                return count(lines);
            }
            self.torn = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.piece_length(rest));
            if let Err(unwritten) = self.write_all(piece) {
                let before = piece.len() - unwritten;
                self.torn = before > 0 && piece[before - 1] != b'\n';
                return count(&rest[before..]);
            }
            rest = behind;
        }
        0
    }

    fn piece_length(&self, lines: &[u8]) -> usize {
        if self.takes_batches || lines.len() <= PIPE_BYTES {
            return lines.len();
        }
        let ends = |at: &usize| lines[*at] == b'\n';
        // What is indented belongs to the line before.
        let ends_whole = |at: &usize| ends(at) && lines.get(at + 1) != Some(&b' ');
        let last = (0..PIPE_BYTES).rev().find(ends_whole);
        let last = last.or_else(|| (0..PIPE_BYTES).rev().find(ends));
        last.or_else(|| (PIPE_BYTES..lines.len()).find(ends)).map_or(lines.len(), |at| at + 1)
    }

    /// The number of bytes that could not be written, where some could not.
    fn write_all(&self, mut bytes: &[u8]) -> Result<(), usize> {
        while !bytes.is_empty() {
            match rustix::io::write(self.target.as_fd(), bytes) {
                Ok(0) => return Err(bytes.len()),
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut waiting =
                        [PollFd::from_borrowed_fd(self.target.as_fd(), PollFlags::OUT)];
                    match poll(&mut waiting, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(_) => return Err(bytes.len()),
                    }
                }
                Err(_) => return Err(bytes.len()),
            }
        }
        Ok(())
    }
}

impl AsFd for Destination {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::File(file) => file.as_fd(),
            Self::Stdout(stdout) => stdout.as_fd(),
        }
    }
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn pipe() -> (File, Output) {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let target = Destination::File(writer.into());
        (reader.into(), Output { path: None, target, takes_batches: false, torn: false })
    }

    #[test]
    fn a_pipe_takes_whole_lines() {
        let (_, output) = pipe();
        let line = [&[b'x'; 999][..], b"\n"].concat();
        assert_eq!(output.piece_length(&line.repeat(4)), 4000);
        assert_eq!(output.piece_length(&line.repeat(5)), 4000);
        let long = [&[b'x'; 5000][..], b"\n", &line].concat();
        assert_eq!(output.piece_length(&long), 5001);
        let split = [&line[..], &line, b"  below\n", &[b' '; 3000], b"\n"].concat();
        assert_eq!(output.piece_length(&split), 1000);
    }

    #[test]
    fn everything_arrives_where_writes_do_not_block() {
        let (mut reader, mut output) = pipe();
        rustix::fs::fcntl_setfl(output.target.as_fd(), rustix::fs::OFlags::NONBLOCK).unwrap();
        let lines = b"0123456789\n".repeat(50_000);
        let expected = lines.clone();
        let writer = std::thread::spawn(move || output.write(&lines));
        let mut read = vec![0; expected.len()];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(writer.join().unwrap(), 0);
        assert!(read == expected);
    }

    #[test]
    fn a_pipe_without_a_reader_loses_lines_and_nothing_else() {
        let (reader, mut output) = pipe();
        drop(reader);
        assert_eq!(output.write(b"one\ntwo\n"), 2);
        assert_eq!(output.write(b"three\n"), 1);
    }

    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let mut output = Output::open(Some("/dev/full".into())).unwrap();
        assert_eq!(output.write(b"one\ntwo\n"), 2);
        assert!(!output.torn);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut output = Output::open(Some(path.clone())).unwrap();
        output.write(b"to");
        output.torn = true;
        output.write(b"whole\n");
        assert_eq!(std::fs::read(path).unwrap(), b"to\nwhole\n");
    }
}
