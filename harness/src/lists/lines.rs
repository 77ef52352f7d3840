//! Lines with their numbers, of bounded length.

use std::io::{self, BufRead, Read as _};

use memchr::memchr;

/// The lines of a text.
pub(super) struct Lines<R> {
    text: R,
    /// A line that the text's buffer does not hold as a whole.
    line: Vec<u8>,
    /// Bytes of the text's buffer that the line in hand takes.
    taken: usize,
    /// Number of the line in hand, from 1, or of one that is too long.
    pub number: usize,
    /// Whether a line feed ended it.
    pub ended: bool,
}

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum NoLine {
    /// More bytes than any line can have.
    TooLong(usize),
    Io(io::Error),
}

impl<R: BufRead> Lines<R> {
    pub fn new(text: R) -> Self {
        Self { text, line: Vec::new(), taken: 0, number: 0, ended: true }
    }

    /// The next line with its number, without what ends it; `None` at the end. Lines without anything are passed over.
    ///
    /// # Errors
    /// A line of more than `most` bytes; errors of the reader.
    pub fn next(&mut self, most: usize) -> Result<Option<(usize, &[u8])>, NoLine> {
        let length = loop {
            let Some(line) = self.with_end(most)? else { return Ok(None) };
            let ended = line.strip_suffix(b"\n");
            let line = ended.unwrap_or(line);
            let (ended, length) = (ended.is_some(), line.strip_suffix(b"\r").unwrap_or(line).len());
            self.number += 1;
            self.ended = ended;
            if length > most {
                return Err(NoLine::TooLong(most));
            }
            if length > 0 {
                break length;
            }
        };
        let line = match self.taken {
            0 => &self.line[..length],
            _ => &self.text.fill_buf().map_err(NoLine::Io)?[..length],
        };
        Ok(Some((self.number, line)))
    }

    /// The next line with what ends it, which stays in the text's buffer if that has all of it.
    fn with_end(&mut self, most: usize) -> Result<Option<&[u8]>, NoLine> {
        self.text.consume(std::mem::take(&mut self.taken));
        let limit = most.saturating_add(2); // What ends a line is no part of it.
        let buffer = match self.text.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => &[],
            buffer => buffer.map_err(NoLine::Io)?,
        };
        if let Some(end) = memchr(b'\n', &buffer[..buffer.len().min(limit)]) {
            self.taken = end + 1;
            return Ok(Some(&self.text.fill_buf().map_err(NoLine::Io)?[..=end]));
        }
        self.line.clear();
        let read = (&mut self.text).take(limit as u64).read_until(b'\n', &mut self.line).map_err(NoLine::Io)?;
        if read == limit && self.line.last() != Some(&b'\n') {
            self.number += 1;
            return Err(NoLine::TooLong(most));
        }
        Ok((read > 0).then_some(&*self.line))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// By buffers of a few bytes: lines that lie in one and lines that do not are the same.
    fn all(text: &str, most: usize) -> Result<Vec<(usize, String)>, NoLine> {
        let read = |buffer: usize| of(BufReader::with_capacity(buffer, text.as_bytes()), most);
        let found = read(64)?;
        for buffer in 1..12 {
            assert_eq!(read(buffer)?, found, "{text:?} by {buffer}");
        }
        Ok(found)
    }

    fn of(text: impl BufRead, most: usize) -> Result<Vec<(usize, String)>, NoLine> {
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next(most)? {
            found.push((number, String::from_utf8(line.to_vec()).unwrap()));
        }
        Ok(found)
    }

    #[test]
    fn lines_end_in_either_way_and_empty_ones_count() {
        let found = all("a\r\n\n\r\nb\nc", 5).unwrap();
        assert_eq!(found, [(1, "a".into()), (4, "b".into()), (5, "c".into())]);
        assert!(all("", 5).unwrap().is_empty());
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        assert_eq!(all("abcde\r\n", 5).unwrap(), [(1, "abcde".into())]);
        assert!(matches!(all("abcdef\n", 5), Err(NoLine::TooLong(5))));
        assert!(matches!(all("abcdef", 5), Err(NoLine::TooLong(5))));
        assert!(matches!(all("abcdefg", 5), Err(NoLine::TooLong(5))));
        assert!(matches!(all("ab\nabcdefghijk\n", 5), Err(NoLine::TooLong(5))));
    }
}
