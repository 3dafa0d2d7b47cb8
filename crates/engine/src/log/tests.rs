//! What a process sees of its log.

mod properties;

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use super::*;

fn config(file: Option<PathBuf>) -> LogConfig {
    LogConfig { level: Level::Info, format: LogFormat::Json, requests: true, file }
}

#[test]
fn lines_below_the_level_are_not_written_and_overflow_is_counted() {
    let log = Log::new(LogConfig { level: Level::Warn, ..config(None) });
    log.write(Level::Info, "test", "quiet", &[]);
    assert!(log.take().is_empty());
    let long = "x".repeat(10_000);
    let fits = BUFFER_BYTES.div_ceil(10_000);
    (0..fits).for_each(|_| log.write(Level::Warn, "test", &long, &[]));
    let before = log.dropped();
    log.write(Level::Warn, "test", "lost", &[]);
    assert_eq!(log.dropped(), before + 1);
    assert!(log.take().len() < BUFFER_BYTES + 2 * long.len());
}

#[test]
fn a_renamed_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (log, thread) = Log::start(config(Some(path.clone()))).unwrap();
    std::fs::rename(&path, folder.path().join("old")).unwrap();
    log.reopen();
    assert!(log.close());
    thread.join().unwrap();
    assert!(path.exists());
}

#[test]
fn a_file_that_cannot_be_opened_again_stays_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    std::fs::create_dir(&old).unwrap();
    let (log, thread) = Log::start(config(Some(old.join("log")))).unwrap();
    std::fs::rename(&old, &new).unwrap();
    log.reopen();
    wait_for(&new.join("log"), "cannot be opened again");
    log.write(Level::Info, "test", "still here", &[]);
    assert!(log.close());
    thread.join().unwrap();
    assert!(std::fs::read_to_string(new.join("log")).unwrap().contains("still here"));
}

#[test]
fn a_full_disk_is_counted_and_stops_nobody() {
    let (log, thread) = Log::start(config(Some("/dev/full".into()))).unwrap();
    (0..100).for_each(|_| log.write(Level::Info, "test", "lost", &[]));
    assert!(log.close());
    thread.join().unwrap();
    assert!(log.dropped() >= 100);
}

#[test]
fn a_reader_that_takes_nothing_blocks_neither_lines_nor_the_end() {
    let (_folder, path, mut reader) = fifo();
    let (log, thread) = Log::start(config(Some(path))).unwrap();
    let long = "x".repeat(4000);
    while log.dropped() == 0 {
        log.write(Level::Info, "test", &long, &[]);
    }
    assert!(!log.close());
    // Once it reads, the writer ends behind the lines that were not lost.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    thread.join().unwrap();
    let text = reading.join().unwrap();
    assert!(text.lines().count() > BUFFER_BYTES / 5000);
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn lost_lines_are_told_of_once_there_is_room() {
    let (_folder, path, mut reader) = fifo();
    let (log, thread) = Log::start(config(Some(path))).unwrap();
    let long = "x".repeat(4000);
    while log.dropped() == 0 {
        log.write(Level::Info, "test", &long, &[]);
    }
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let mut part = vec![0; 65_536];
        while !text.contains("lines were lost") {
            let length = reader.read(&mut part).unwrap();
            assert!(length > 0, "the writer has ended");
            text.push_str(std::str::from_utf8(&part[..length]).unwrap());
        }
        // What is left must not hold up the writer.
        reader.read_to_string(&mut text).unwrap();
        text
    });
    while !reading.is_finished() && !log.lock().idle {
        std::thread::yield_now();
    }
    log.close();
    thread.join().unwrap();
    let text = reading.join().unwrap();
    let line = text.lines().find(|line| line.contains("lines were lost")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["level"], &line["source"]), (&"warn".into(), &"log".into()));
    assert!(line["lines"].as_str().unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn b5_a_line_in_a_pipe_is_never_longer_than_what_arrives_in_one_piece() {
    let (_folder, path, mut reader) = fifo();
    let (log, thread) = Log::start(config(Some(path))).unwrap();
    let long = |length: usize| "\x1b\"x".repeat(length);
    let mut extras = Extras::default();
    (0..32).for_each(|index| {
        extras.push(format!("{index}{}", "n".repeat(120)).as_bytes(), ExtraValue::Flag(true));
    });
    for length in [0, 300, 1000, 5000, 20_000] {
        log.write(Level::Info, "test", &long(length), &[("more", &long(length / 2))]);
        log.append(Level::Info, "test", &long(length), |line| line.extras(&extras));
    }
    assert!(log.close());
    thread.join().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), log.dropped()), (10, 0));
    assert!(text.lines().all(|line| line.len() < output::PIPE_BYTES));
    assert!(lines[8]["message"].as_str().unwrap().ends_with("..."));
    assert_eq!(lines[9]["log_extras_dropped"], 32);
    assert!(lines[0]["message"].as_str().unwrap().is_empty());
}

/// A named pipe that is read from the beginning, so that opening it does not wait.
fn fifo() -> (tempfile::TempDir, PathBuf, std::fs::File) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader: OwnedFd = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
    rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::empty()).unwrap();
    (folder, path, reader.into())
}

fn wait_for(path: &std::path::Path, text: &str) {
    while !std::fs::read_to_string(path).unwrap().contains(text) {
        std::thread::yield_now();
    }
}
