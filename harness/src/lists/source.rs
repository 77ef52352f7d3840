//! The bytes of a file of lists, as text: digested as they are read, decompressed, without a byte order mark.

use std::io::{self, BufRead, BufReader, Read};

use crate::data::GzipMembers;
use crate::digest::{Digest, Hashed, Hashing};

/// What every gzip file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What some programs put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// A text, and the digest of the bytes that it came from.
pub(super) struct Source {
    pub text: BufReader<Box<dyn Read>>,
    /// Whether the bytes are those of a gzip file.
    pub is_gzip: bool,
    hashed: Hashed,
}

impl Source {
    /// # Errors
    /// Those of `input` for the first bytes.
    pub fn new(input: impl Read + 'static) -> io::Result<Self> {
        let (hashing, hashed) = Hashing::new(input);
        let mut raw = BufReader::with_capacity(BUFFER, hashing);
        let is_gzip = raw.fill_buf()?.starts_with(&GZIP);
        let text: Box<dyn Read> = match is_gzip {
            true => Box::new(GzipMembers::new(raw)),
            false => Box::new(raw),
        };
        // As long as the one below, which is then passed by.
        let mut text = BufReader::with_capacity(BUFFER, text);
        if text.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            text.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { text, is_gzip, hashed })
    }

    /// Digest and number of the bytes that were read.
    pub fn digest(self) -> (Digest, u64) {
        drop(self.text);
        self.hashed.wait()
    }
}
