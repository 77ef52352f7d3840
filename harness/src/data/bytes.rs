//! The bytes of data files: of regular files only, and decompressed no further than is pinned.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::error::{Error, Kind, Place, Result};

/// Opens a regular file and tells its length. A pipe would block for ever, and a device never ends.
///
/// # Errors
/// [`Data`](Kind::Data) for what is no regular file; [`Io`](Kind::Io).
pub(super) fn open(path: &Path) -> Result<(File, u64)> {
    let failed = |error| Error::io("cannot read a data file", path, &error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        let got = if metadata.is_dir() { "a folder" } else { "a pipe, a device or a socket" };
        let error = Error::new(Kind::Data, "a data file is not a regular file").at(Place::file(path));
        return Err(error.expected("a regular file").got(got));
    }
    Ok((File::open(path).map_err(failed)?, metadata.len()))
}

/// The content of the gzip file at `path`, of at most `most` bytes.
///
/// # Errors
/// [`Data`](Kind::Data) if it is no gzip, damaged, cut, followed by something else, or longer; [`Io`](Kind::Io).
pub(super) fn gunzip(path: &Path, most: u64) -> Result<Vec<u8>> {
    let (file, _) = open(path)?;
    let mut content = Vec::new();
    let mut members = Members::new(BufReader::new(file));
    let read = (&mut members).take(most.saturating_add(1)).read_to_end(&mut content);
    read.map_err(|error| bad_gzip(path, &error))?;
    if content.len() as u64 > most { Err(too_long(path, most)) } else { Ok(content) }
}

/// Decompressing stops at the pinned length: a small file may hold any number of bytes.
pub(super) fn too_long(path: &Path, most: u64) -> Error {
    let error = Error::new(Kind::Data, "a data file is too long").at(Place::file(path));
    error.expected(format!("{most} bytes")).got("more")
}

/// The decompressor failed: the data is not gzip, damaged, cut, or something else follows it.
pub(super) fn bad_gzip(path: &Path, error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the gzip data ends too early",
        _ if error.get_ref().is_some_and(|error| error.is::<Trailing>()) => "something else follows the gzip data",
        _ => "the gzip data is damaged",
    };
    Error::new(Kind::Data, what).at(Place::file(path)).got(error.to_string())
}

/// The content of all members of a gzip file, one after the other; zero bytes at the end are padding, as for `gzip`.
pub(crate) struct Members<R> {
    /// None at the end.
    member: Option<GzDecoder<Counted<R>>>,
}

impl<R: BufRead> Members<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(Counted { reader, read: 0 })) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            match member.read(buffer)? {
                0 if !buffer.is_empty() => {
                    let rest = self.member.take().expect("a member was just read").into_inner();
                    self.member = next_member(rest)?;
                }
                n => return Ok(n),
            }
        }
        Ok(0)
    }
}

/// What follows a member: another, or the end of the file behind any number of zeros.
fn next_member<R: BufRead>(mut rest: Counted<R>) -> io::Result<Option<GzDecoder<Counted<R>>>> {
    /// With it every gzip member begins.
    const MAGIC: u8 = 0x1f;
    let mut padded = false;
    loop {
        let block = rest.fill_buf()?;
        match block.first() {
            None => return Ok(None),
            Some(&MAGIC) if !padded => return Ok(Some(GzDecoder::new(rest))),
            Some(_) => {}
        }
        let zeros = block.iter().take_while(|byte| **byte == 0).count();
        if zeros < block.len() {
            return Err(io::Error::other(Trailing { at: rest.read + zeros as u64 }));
        }
        rest.consume(zeros);
        padded = true;
    }
}

/// Bytes behind the gzip data that are neither another member nor zeros.
#[derive(Debug)]
struct Trailing {
    at: u64,
}

impl std::fmt::Display for Trailing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bytes that are no gzip from byte {} on, counting from 0", self.at)
    }
}

impl std::error::Error for Trailing {}

/// Counts what is consumed.
struct Counted<R> {
    reader: R,
    read: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read += n as u64;
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.read += n as u64;
        self.reader.consume(n);
    }
}
