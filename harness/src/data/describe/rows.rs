//! The rows of a table that nobody has described yet, one after the other: no more than one of them is in memory.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::ByteRecord;
use sha2::{Digest as _, Sha256};

use crate::data::bytes::{Members, bad_gzip, open};
use crate::data::layout::Separator;
use crate::data::read::BYTE_ORDER_MARK;
use crate::data::read::quotes::well_quoted;
use crate::data::text::{BadLine, quoted, without_return};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

/// Bytes of the longest row: no table has longer ones, and what is none must not be read into memory as a whole.
const LONGEST_ROW: usize = 1 << 20;

/// Bytes that are looked at before a file is read: those of a buffer.
const BUFFER: usize = 1 << 16;

/// What a file is that begins with some bytes and is no text, and what to do with it.
const NO_TEXT: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV"),
    (b"PAR1", "a Parquet file: write it as CSV first"),
    (b"BZh", "compressed with bzip2: decompress it first, or compress it with gzip"),
    (b"\xFD7zXZ", "compressed with xz: decompress it first, or compress it with gzip"),
    (b"\x28\xB5\x2F\xFD", "compressed with Zstandard: decompress it first, or compress it with gzip"),
    (b"\xFF\xFE", "text in UTF-16: save it as UTF-8"),
    (b"\xFE\xFF", "text in UTF-16: save it as UTF-8"),
    (b"SQLite", "a database of SQLite: write the table as CSV first"),
];

/// The digest and the length of what was read so far.
type Seen = Rc<RefCell<(Sha256, u64)>>;

/// Passes bytes on and digests them.
struct Digested<R> {
    reader: R,
    seen: Seen,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        let mut seen = self.seen.borrow_mut();
        seen.0.update(&buffer[..n]);
        seen.1 += n as u64;
        Ok(n)
    }
}

/// The lines of a file, decompressed where it is gzip, without a byte order mark.
pub(super) struct Lines {
    path: PathBuf,
    gzip: bool,
    reader: Box<dyn BufRead>,
    seen: Seen,
    /// Lines read so far.
    number: usize,
    mark: bool,
}

impl Lines {
    /// # Errors
    /// `Data` for what is empty, no regular file or no text; `Io`.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| Error::io("cannot read a data file", path, &error);
        let (file, _) = open(path)?;
        let mut raw = BufReader::with_capacity(BUFFER, file);
        let gzip = raw.fill_buf().map_err(failed)?.starts_with(b"\x1f\x8b");
        let seen = Seen::default();
        let content: Box<dyn Read> = if gzip {
            Box::new(Digested { reader: Members::new(raw), seen: Rc::clone(&seen) })
        } else {
            Box::new(Digested { reader: raw, seen: Rc::clone(&seen) })
        };
        let mut reader = BufReader::with_capacity(BUFFER, content);
        let failed = |error: io::Error| if gzip { bad_gzip(path, &error) } else { failed(error) };
        let begin = reader.fill_buf().map_err(failed)?;
        no_text(path, begin)?;
        let mark = begin.starts_with(BYTE_ORDER_MARK);
        if mark {
            reader.consume(BYTE_ORDER_MARK.len());
        }
        let empty = reader.fill_buf().map_err(failed)?.is_empty();
        if empty {
            return Err(Error::new(Kind::Data, "a data file is empty").at(Place::file(path)));
        }
        Ok(Self { path: path.to_path_buf(), gzip, reader: Box::new(reader), seen, number: 0, mark })
    }

    /// Lines that are in memory; `path` is only named.
    pub fn of(path: &Path, content: Vec<u8>) -> Self {
        let reader = Box::new(io::Cursor::new(content));
        Self { path: path.to_path_buf(), gzip: false, reader, seen: Seen::default(), number: 0, mark: false }
    }

    pub fn is_gzip(&self) -> bool {
        self.gzip
    }

    pub fn has_mark(&self) -> bool {
        self.mark
    }

    /// Appends the next line with its line feed; false at the end.
    ///
    /// # Errors
    /// `Data` for a row that is too long, and for damaged gzip; `Io`.
    pub fn next(&mut self, row: &mut Vec<u8>) -> Result<bool> {
        let room = (LONGEST_ROW + 1).saturating_sub(row.len());
        let read = (&mut self.reader).take(room as u64).read_until(b'\n', row);
        let n = read.map_err(|error| match self.gzip {
            true => bad_gzip(&self.path, &error),
            false => Error::io("cannot read a data file", &self.path, &error),
        })?;
        self.number += usize::from(n > 0);
        if row.len() > LONGEST_ROW {
            let error = self.wrong(
                self.number,
                "a row is longer than that of any table",
                BadLine::new(format!("at most {LONGEST_ROW} bytes"), format!("more: {}", quoted(row))),
            );
            return Err(match row.contains(&b'\r') {
                true => error.hint("if its lines end with carriage returns alone, turn these into line feeds"),
                false => error,
            });
        }
        Ok(n > 0)
    }

    /// Digest and length of the content, once all lines were read.
    pub fn content(&self) -> (Digest, u64) {
        let seen = self.seen.borrow();
        (Digest(seen.0.clone().finalize().into()), seen.1)
    }

    /// An error about a line.
    pub fn wrong(&self, line: usize, what: &str, bad: BadLine) -> Error {
        let error = Error::new(Kind::Data, what).at(Place::file(&self.path).line(line));
        bad.hint.into_iter().fold(error.expected(bad.expected).got(bad.got), Error::hint)
    }
}

fn no_text(path: &Path, begin: &[u8]) -> Result<()> {
    let known = NO_TEXT.iter().find(|(magic, _)| begin.starts_with(magic));
    if known.is_none() && !begin.contains(&0) {
        return Ok(());
    }
    let error = Error::new(Kind::Data, "a data file is no text").at(Place::file(path));
    let error = error.expected("a table as text, or as text compressed with gzip");
    Err(match known {
        Some((_, what)) => error.got(*what),
        None => error.got(format!("a zero byte among the first {}", begin.len())),
    })
}

/// What cuts rows into fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub separator: Separator,
    /// As in a layout: whether fields may stand in quotes; none where no field begins with one.
    pub quoted: Option<bool>,
}

/// The rows of a file as fields.
pub(super) struct Rows {
    pub lines: Lines,
    cut: Cut,
    row: Vec<u8>,
}

/// Why a row cannot be read under what was assumed of quotes.
pub(super) enum Refused {
    /// A field begins with a quote, or quotes stand elsewhere than around fields: to be read in another way.
    Quotes(Error),
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Rows {
    pub fn new(lines: Lines, cut: Cut) -> Self {
        Self { lines, cut, row: Vec::new() }
    }

    /// Whether nothing follows the last row, or nothing can be read.
    pub fn is_at_end(&mut self) -> bool {
        self.lines.reader.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    /// Puts the fields of the next row into `fields` and returns the line on which it begins; none at the end.
    ///
    /// # Errors
    /// As [`Lines::next`], and of quotes.
    pub fn next(&mut self, fields: &mut ByteRecord) -> std::result::Result<Option<usize>, Refused> {
        let quoted_form = self.cut.quoted == Some(true);
        loop {
            self.row.clear();
            fields.clear();
            if !self.lines.next(&mut self.row)? {
                return Ok(None);
            }
            let begin = self.lines.number;
            // A field in quotes goes on over line ends; then the number of quotes so far is odd.
            while quoted_form && self.row.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
                if !self.lines.next(&mut self.row)? {
                    break;
                }
            }
            let row = without_return(self.row.strip_suffix(b"\n").unwrap_or(&self.row));
            if quoted_form && row.is_empty() {
                continue; // As the reader does.
            }
            self.split(row, begin, fields)?;
            return Ok(Some(begin));
        }
    }

    fn split(&self, row: &[u8], begin: usize, fields: &mut ByteRecord) -> std::result::Result<(), Refused> {
        let quotes = |line, bad| Refused::Quotes(self.lines.wrong(line, "quotes do not stand around fields", bad));
        let separator = self.cut.separator;
        if let (Some(true), Some(byte)) = (self.cut.quoted, separator.byte()) {
            well_quoted(row, byte).map_err(|(line, bad)| quotes(begin + line, bad))?;
            unquote(row, byte, fields);
            return Ok(());
        }
        let mut rest = Some(row);
        while let Some(field) = separator.next(&mut rest) {
            if self.cut.quoted.is_none() && field.starts_with(b"\"") {
                let bad = BadLine::new("fields without quotes, as before", quoted(field));
                return Err(quotes(begin, bad));
            }
            fields.push_field(field);
        }
        Ok(())
    }
}

/// The fields of a row whose quotes stand well.
fn unquote(row: &[u8], separator: u8, fields: &mut ByteRecord) {
    let (mut at, mut field) = (0, Vec::new());
    loop {
        field.clear();
        if row.get(at) == Some(&b'"') {
            at += 1;
            while at < row.len() {
                match (row[at], row.get(at + 1)) {
                    (b'"', Some(b'"')) => {
                        field.push(b'"');
                        at += 2;
                    }
                    (b'"', _) => break,
                    (byte, _) => {
                        field.push(byte);
                        at += 1;
                    }
                }
            }
            at += 1;
        } else {
            let end = row[at..].iter().position(|byte| *byte == separator).map_or(row.len(), |n| at + n);
            field.extend_from_slice(&row[at..end]);
            at = end;
        }
        fields.push_field(&field);
        if row.get(at) != Some(&separator) {
            return;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_taken_off_as_the_csv_crate_does() {
        for row in ["a,b", "\"a\",b", "\"a,\"\"b\"\"\",", "\"\"", ",\"\",x", "\"a\nb\",c", "\"\"\"\"", ","] {
            assert!(well_quoted(row.as_bytes(), b',').is_ok(), "{row}");
            let mut fields = ByteRecord::new();
            unquote(row.as_bytes(), b',', &mut fields);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let mut expected = ByteRecord::new();
            assert!(reader.read_byte_record(&mut expected).unwrap(), "{row}");
            assert_eq!(fields.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>(), "{row}");
        }
    }
}
