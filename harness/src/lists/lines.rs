//! Lines with their numbers, of bounded length.

use std::io::{self, BufRead, Read as _};

/// The lines of a text.
pub(super) struct Lines<'r> {
    text: &'r mut dyn BufRead,
    line: Vec<u8>,
    /// Number of the line in hand, from 1.
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

impl<'r> Lines<'r> {
    pub fn new(text: &'r mut dyn BufRead) -> Self {
        Self { text, line: Vec::new(), number: 0, ended: true }
    }

    /// The next line without what ends it; `None` at the end. Lines without anything are passed over.
    ///
    /// # Errors
    /// A line of more than `most` bytes; errors of the reader.
    pub fn next(&mut self, most: usize) -> Result<Option<&[u8]>, NoLine> {
        loop {
            self.line.clear();
            let limit = most as u64 + 2; // What ends a line is no part of it.
            let read = self.text.take(limit).read_until(b'\n', &mut self.line).map_err(NoLine::Io)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.ended = self.line.last() == Some(&b'\n');
            if !self.ended && read as u64 == limit {
                return Err(NoLine::TooLong(most));
            }
            if self.ended {
                self.line.pop();
            }
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
            if !self.line.is_empty() {
                return Ok(Some(&self.line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, most: usize) -> Result<Vec<(usize, String)>, NoLine> {
        let mut bytes = text.as_bytes();
        let mut lines = Lines::new(&mut bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next(most)? {
            let line = String::from_utf8(line.to_vec()).unwrap();
            found.push((lines.number, line));
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
        assert!(matches!(all("abcdefg", 5), Err(NoLine::TooLong(5))));
        assert!(matches!(all("ab\nabcdefghijk\n", 5), Err(NoLine::TooLong(5))));
    }
}
