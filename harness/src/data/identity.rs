//! The pinned identity of a file: its size and digest.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use sha1::{Digest as _, Sha1};

use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

use super::bytes::{open, too_long};

/// Git's name of a file's content: SHA-1 of `blob LENGTH\0` and the bytes. It is all that an
/// authors' pinned tree tells about a file that we have never seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GitBlob(pub [u8; 20]);

impl GitBlob {
    /// The id of `length` bytes that `reader` yields.
    ///
    /// # Errors
    /// Those of `reader`.
    pub fn of_reader(length: u64, mut reader: impl Read) -> std::io::Result<Self> {
        let mut hasher = Sha1::new();
        hasher.update(format!("blob {length}\0"));
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(Self(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }
}

impl fmt::Display for GitBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for GitBlob {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("a git blob id is 40 lower-case hexadecimal digits, this is `{text}`");
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 40 || !text.bytes().all(lower_hex) {
            return Err(wrong());
        }
        let mut bytes = [0; 20];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

crate::described! { GitBlob: { "type": "string", "pattern": "^[0-9a-f]{40}$" } }

impl<'de> Deserialize<'de> for GitBlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is pinned of a file's bytes, against which they are checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Identity {
    Sha256 {
        bytes: u64,
        digest: Digest,
    },
    GitBlob(GitBlob),
    /// Nothing is pinned, because the file was never available to us: it cannot be used before its digest is pinned.
    Unknown,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256 { digest, .. } => write!(f, "sha256 {digest}"),
            Self::GitBlob(id) => write!(f, "git blob {id}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl Identity {
    /// Length in bytes, where it is known.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Sha256 { bytes, .. } => Some(*bytes),
            _ => None,
        }
    }

    /// No more bytes than this can be it. A git blob id says no length: then it is 1 GiB, far more than hosts of git
    /// repositories take (GitHub: 100 MiB a file).
    pub fn most(&self) -> u64 {
        const OF_A_BLOB: u64 = 1 << 30;
        self.bytes().unwrap_or(OF_A_BLOB)
    }

    /// Checks the file at `path`.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if its size or digest is another; [`Io`](Kind::Io).
    pub fn check_file(&self, path: &Path) -> Result<()> {
        let (file, length) = open(path)?;
        self.check(path, length, file)
    }

    /// Checks `length` bytes that `reader` yields; `path` is only named.
    ///
    /// # Errors
    /// `Data` if they are others, or if no digest is known; `Io` if they cannot be read.
    pub fn check(&self, path: &Path, length: u64, reader: impl Read) -> Result<()> {
        let failed = |error| Error::io("cannot read a data file", path, &error);
        match self {
            Self::Sha256 { bytes, .. } if length != *bytes => {
                let what = match length {
                    0 => "a data file is empty",
                    short if short < *bytes => "a data file is too short",
                    _ => "a data file is too long",
                };
                Err(wrong(what, path).expected(format!("{bytes} bytes")).got(format!("{length} bytes")))
            }
            Self::Sha256 { digest, .. } => {
                let (got, _) = Digest::of_reader(reader).map_err(failed)?;
                if got == *digest {
                    return Ok(());
                }
                Err(wrong("a data file has another digest", path)
                    .expected(format!("sha256 {digest}"))
                    .got(format!("sha256 {got}")))
            }
            Self::GitBlob(_) if length > self.most() => Err(too_long(path, self.most())),
            Self::GitBlob(id) => {
                let got = GitBlob::of_reader(length, reader).map_err(failed)?;
                if got == *id {
                    return Ok(());
                }
                Err(wrong("a data file has another git blob id", path)
                    .expected(format!("git blob {id}"))
                    .got(format!("git blob {got} ({length} bytes)")))
            }
            Self::Unknown => {
                let (got, length) = Digest::of_reader(reader).map_err(failed)?;
                Err(wrong("the manifest does not say what this file's digest is", path)
                    .expected("a pinned digest: the file is not used without one")
                    .got(format!("bytes = {length}, sha256 = \"{got}\""))
                    .hint("if you trust this file, write these two keys into its [[file]] section of the manifest"))
            }
        }
    }
}

fn wrong(what: &str, path: &Path) -> Error {
    Error::new(Kind::Data, what).at(Place::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_id_is_gits() {
        // `printf 'hello\n' | git hash-object --stdin`
        let id = GitBlob::of_reader(6, &b"hello\n"[..]).unwrap();
        assert_eq!(id.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!("ce013625030ba8dba906f756967f9e9ca394464a".parse(), Ok(id));
        assert!("ce01".parse::<GitBlob>().is_err());
    }

    #[test]
    fn wrong_bytes_are_named_by_what_is_wrong() {
        let identity = Identity::Sha256 { bytes: 3, digest: Digest::of(b"abc") };
        let what =
            |bytes: &[u8]| identity.check(Path::new("f"), bytes.len() as u64, bytes).map_err(|e| e.what().to_string());
        assert_eq!(what(b"abc"), Ok(()));
        assert_eq!(what(b""), Err("a data file is empty".into()));
        assert_eq!(what(b"ab"), Err("a data file is too short".into()));
        assert_eq!(what(b"abcd"), Err("a data file is too long".into()));
        assert_eq!(what(b"abd"), Err("a data file has another digest".into()));
    }

    #[test]
    fn an_unknown_file_is_refused_with_what_to_pin() {
        let error = Identity::Unknown.check(Path::new("f"), 3, &b"abc"[..]).unwrap_err().to_string();
        assert!(error.contains(&format!("bytes = 3, sha256 = \"{}\"", Digest::of(b"abc"))), "{error}");
    }
}
