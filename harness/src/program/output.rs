//! The last lines of what a program writes, in bounded memory however much it writes.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Lines that are kept, and shown of a program that failed.
const LINES: usize = 6;
/// Characters of a line that are kept.
const LONGEST: usize = 300;
/// Bytes of the standard output that are kept from its beginning.
const BEGINNING: usize = 1 << 12;
/// How long to wait for the end of what a dead program wrote.
const LINGER: Duration = Duration::from_secs(1);

/// Reads what a program writes while it runs.
pub(super) struct Output {
    kept: Arc<Mutex<Kept>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Number of lines so far.
    count: u64,
    stdout: Vec<u8>,
}

impl Output {
    pub fn read(stdout: Option<impl Read + Send + 'static>, stderr: Option<impl Read + Send + 'static>) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let mut readers = Vec::new();
        readers.extend(stdout.map(|from| read(from, kept.clone(), true)));
        readers.extend(stderr.map(|from| read(from, kept.clone(), false)));
        Self { kept, readers }
    }

    /// The last line, if there is one that is newer than the one of number `seen`, which it then is.
    pub fn newer(&self, seen: &mut u64) -> Option<String> {
        let kept = lock(&self.kept);
        if kept.count == *seen {
            return None;
        }
        *seen = kept.count;
        kept.lines.back().cloned()
    }

    /// The last lines, and the beginning of the standard output, of a program that has ended.
    pub fn finish(self) -> (Vec<String>, String) {
        // A process that could not be found may hold the pipe open for ever.
        let until = Instant::now() + LINGER;
        while Instant::now() < until && !self.readers.iter().all(JoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(5));
        }
        let kept = lock(&self.kept);
        (kept.lines.iter().cloned().collect(), String::from_utf8_lossy(&kept.stdout).into_owned())
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().expect("no holder of the lock panics")
}

fn read(mut from: impl Read + Send + 'static, kept: Arc<Mutex<Kept>>, is_stdout: bool) -> JoinHandle<()> {
    thread::spawn(move || {
        let (mut buffer, mut line) = ([0; 1 << 13], Vec::new());
        loop {
            let bytes = match from.read(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(length) => &buffer[..length],
            };
            if is_stdout {
                let stdout = &mut lock(&kept).stdout;
                stdout.extend(&bytes[..bytes.len().min(BEGINNING - stdout.len())]);
            }
            for &byte in bytes {
                // Bars of progress return to the beginning of their line.
                if byte == b'\n' || byte == b'\r' {
                    keep(&kept, &mut line);
                } else if line.len() < 4 * LONGEST {
                    line.push(byte);
                }
            }
        }
        keep(&kept, &mut line);
    })
}

fn keep(kept: &Mutex<Kept>, line: &mut Vec<u8>) {
    let text = plain(&String::from_utf8_lossy(line));
    line.clear();
    if text.is_empty() {
        return;
    }
    let mut kept = lock(kept);
    kept.count += 1;
    kept.lines.push_back(text);
    if kept.lines.len() > LINES {
        kept.lines.pop_front();
    }
}

/// A line without colours and other commands to a terminal.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match c {
            '\u{1b}' => drop(letters.find(char::is_ascii_alphabetic)),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text.trim().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read_all(stdout: Vec<u8>, stderr: &'static str) -> (Vec<String>, String) {
        Output::read(Some(Cursor::new(stdout)), Some(Cursor::new(stderr))).finish()
    }

    #[test]
    fn keeps_the_last_lines_of_a_program_that_does_not_stop_talking() {
        let (lines, stdout) = read_all((0..100_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect(), "");
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (LINES, Some("line 99999")));
        assert_eq!(stdout.len(), BEGINNING);
        let (lines, _) = read_all(vec![b'x'; 10_000_000], "");
        assert_eq!(lines, ["x".repeat(LONGEST)]);
    }

    #[test]
    fn a_bar_of_progress_is_a_line_and_colours_are_left_out() {
        let (lines, _) = read_all(Vec::new(), "10 %\r20 %\r\x1b[31mred\x1b[0m\tend\n\n");
        assert_eq!(lines, ["10 %", "20 %", "red end"]);
    }

    #[test]
    fn tells_of_a_new_line_once() {
        let output = Output::read(Some(Cursor::new("one\n")), None::<Cursor<&str>>);
        let mut seen = 0;
        while !output.readers.iter().all(JoinHandle::is_finished) {}
        assert_eq!((output.newer(&mut seen).as_deref(), output.newer(&mut seen)), (Some("one"), None));
    }
}
