//! Zip archives: written with the same bytes every time, read as from a stranger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::error::{Error, Kind, Place, Result};
use crate::file::{is_device, open};

/// Most files of an archive: some thirty times those of the largest spec.
const MOST_FILES: usize = 20_000;

/// Most bytes of an archive: some thirty times that of the largest spec. Its directory is read as a whole.
const LONGEST: u64 = 64 << 20;

/// Most bytes of all files of an archive together once they are unpacked: some fifty times the results of the largest spec.
const MOST_BYTES: u64 = 512 << 20;

/// Most bytes of a file's name, with its folders.
const LONGEST_NAME: usize = 400;

/// The archive of these files. The same files give the same bytes: no time and no owner is kept.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the archive cannot be made, such as for a name that [`read_archive`] would refuse.
pub fn write_archive(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>> {
    let failed =
        |error: &dyn std::fmt::Display| Error::new(Kind::Internal, "an archive cannot be made").got(error.to_string());
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        if let Some(why) = unsafe_name(name) {
            return Err(failed(&format!("`{name}` {why}")));
        }
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        zip.write_all(content).map_err(|error| failed(&error))?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

/// The files of an archive by name, nothing of which is written anywhere.
///
/// # Errors
/// [`Io`](Kind::Io); [`Data`](Kind::Data) for what is no archive or a damaged one, and for one that could do harm: names that
/// lead out of a folder, that stand there twice or mean the same file on some system, links, encrypted or overlapping files, and
/// more files or bytes than a bundle has.
pub fn read_archive(path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let failed = |error: &std::io::Error| Error::io("cannot read an archive", path, error);
    let file = open(path).map_err(|error| failed(&error))?;
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    if length > LONGEST {
        return Err(refused(path, None, "is larger than a bundle can be")
            .expected(format!("at most {LONGEST} bytes"))
            .got(format!("{length} bytes")));
    }
    let mut reader = Reader { path, zip: ZipArchive::new(file).map_err(|error| damaged(path, None, &error))? };
    reader.files()
}

struct Reader<'a> {
    path: &'a Path,
    zip: ZipArchive<File>,
}

impl Reader<'_> {
    fn files(&mut self) -> Result<BTreeMap<String, Vec<u8>>> {
        let path = self.path;
        if self.zip.len() > MOST_FILES {
            return Err(refused(path, None, "has more files than a bundle can have")
                .expected(format!("at most {MOST_FILES}"))
                .got(self.zip.len().to_string()));
        }
        if self.zip.offset() != 0 || !self.zip.comment().is_empty() {
            return Err(refused(path, None, "has bytes that belong to none of its files"));
        }
        if self.zip.has_duplicate_names() {
            return Err(refused(path, None, "has two files of one name"));
        }
        // Programs that read from the front would find other names.
        self.zip.validate_header_consistency().map_err(|error| damaged(path, None, &error))?;
        if self.zip.has_overlapping_files().map_err(|error| damaged(path, None, &error))? {
            return Err(refused(path, None, "has files that share bytes, as bombs do"));
        }
        let (mut files, mut folded, mut left) = (BTreeMap::new(), BTreeSet::new(), MOST_BYTES);
        for index in 0..self.zip.len() {
            let (name, content) = self.file(index, left)?;
            // Some systems take `A` and `a` for the same file.
            if !folded.insert(name.to_lowercase()) {
                return Err(refused(path, Some(&name), "has two names that are one on some systems"));
            }
            left -= content.len() as u64;
            files.insert(name, content);
        }
        // `a` cannot be a file and, for `a/b`, a folder.
        let is_folder = |name: &str| {
            files.range(format!("{name}/")..).next().is_some_and(|(other, _)| other.starts_with(&format!("{name}/")))
        };
        match files.keys().find(|name| is_folder(name)) {
            Some(name) => Err(refused(path, Some(name), "has a file that is a folder, too")),
            None => Ok(files),
        }
    }

    /// A file that is not longer than what is `left`.
    fn file(&mut self, index: usize, left: u64) -> Result<(String, Vec<u8>)> {
        let path = self.path;
        let file = self.zip.by_index(index).map_err(|error| damaged(path, None, &error))?;
        let raw = String::from_utf8_lossy(file.name_raw()).into_owned();
        let refuse = |what: &str| refused(path, Some(&raw), what);
        if let Some(why) = unsafe_name(&raw) {
            return Err(refuse("has a name that a bundle cannot have").got(format!("{raw:?}, which {why}")));
        }
        if file.encrypted() {
            return Err(refuse("has an encrypted file"));
        }
        if file.is_symlink() || !file.is_file() || file.unix_mode().is_some_and(|mode| !is_regular(mode)) {
            return Err(refuse("has a link, a folder or a device, where a bundle has plain files"));
        }
        if ![CompressionMethod::Stored, CompressionMethod::Deflated].contains(&file.compression()) {
            return Err(refuse("compresses otherwise than by deflate").got(file.compression().to_string()));
        }
        let (stated, too_large) = (file.size(), || {
            refuse("unpacks to more than a bundle can have").expected(format!("at most {MOST_BYTES} bytes together"))
        });
        if stated > left {
            return Err(too_large().got(format!("{stated} bytes")));
        }
        // What is stated may be a lie, so memory is taken only as bytes come.
        let mut content = Vec::new();
        let read = file.take(stated + 1).read_to_end(&mut content);
        read.map_err(|error| refuse("is damaged").got(error.to_string()))?;
        if content.len() as u64 != stated {
            return Err(refuse("has a file of another length than it says")
                .expected(format!("{stated} bytes"))
                .got(if content.len() as u64 > stated { "more".into() } else { format!("{} bytes", content.len()) }));
        }
        Ok((raw, content))
    }
}

/// Whether the mode of a Unix file is that of a regular one, or says nothing of its kind.
fn is_regular(mode: u32) -> bool {
    const KIND: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    mode & KIND == 0 || mode & KIND == REGULAR
}

/// Why a name is not that of a file below a folder, on every system; `None` if it is.
fn unsafe_name(name: &str) -> Option<&'static str> {
    let parts = || name.split('/');
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Some("is empty or too long");
    }
    if name.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c) || c == char::REPLACEMENT_CHARACTER) {
        return Some("has a character that not every system allows in names");
    }
    if parts().any(|part| part.is_empty() || part == "." || part == "..") {
        return Some("leads out of its folder, or is that of a folder");
    }
    if parts().any(|part| part.ends_with(['.', ' ']) || is_device(part)) {
        return Some("means another file, or a device, on Windows");
    }
    None
}

fn refused(path: &Path, name: Option<&str>, what: &str) -> Error {
    let place = Place::file(path);
    let place = match name {
        Some(name) => place.key(name.escape_debug().to_string()),
        None => place,
    };
    Error::new(Kind::Data, format!("the archive {what}"))
        .at(place)
        .hint("a bundle is made by `reprise bundle SPEC --to FILE.zip` and by nothing else")
}

fn damaged(path: &Path, name: Option<&str>, error: &ZipError) -> Error {
    refused(path, name, "is no zip file, or a damaged one").got(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, content)| (name.to_string(), content.as_bytes().to_vec())).collect()
    }

    /// An archive that no program of good will writes: each entry is a name, a content and the mode of a Unix file.
    fn hostile(entries: &[(&str, &str, u32)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content, mode) in entries {
            let plain =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(*mode);
            if mode & 0o170_000 == 0o120_000 {
                zip.add_symlink(*name, *content, plain).unwrap();
            } else {
                zip.start_file(*name, plain).unwrap();
                zip.write_all(content.as_bytes()).unwrap();
            }
        }
        zip.finish().unwrap().into_inner()
    }

    /// What is read of an archive's bytes, or the message.
    fn read_bytes(bytes: &[u8]) -> std::result::Result<BTreeMap<String, Vec<u8>>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        std::fs::write(&path, bytes).unwrap();
        read_archive(&path).map_err(|error| error.to_string())
    }

    /// Puts `new` in place of `old`, of the same length, wherever it stands.
    fn replace(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
        assert_eq!(old.len(), new.len());
        let mut bytes = bytes.to_vec();
        let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(old.as_bytes())).collect();
        assert!(!places.is_empty(), "{old}");
        for at in places {
            bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read_and_has_the_same_bytes_each_time() {
        let files = of(&[("a.json", "{}"), ("results/a/seed-0.json", "x"), ("empty", "")]);
        let bytes = write_archive(&files).unwrap();
        assert_eq!(bytes, write_archive(&files).unwrap());
        assert_eq!(read_bytes(&bytes).unwrap(), files);
        assert!(write_archive(&of(&[("../a", "x")])).is_err());
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let honest = hostile(&[("aa/bb.txt", "x", 0o644)]);
        for name in [
            "../bb.txt",
            "/a/bb.txt",
            "aa//b.txt",
            "aa\\bb.txt",
            "C:/bb.txt",
            "aa/../../",
            "aa/./.txt",
            "aa/bb.tx.",
            "aa/nul.tx",
            "aa/b\0.txt",
        ] {
            let Err(error) = read_bytes(&replace(&honest, "aa/bb.txt", name)) else { panic!("{name} was read") };
            assert!(
                error.contains("a name that a bundle cannot have") || error.contains("plain files"),
                "{name}: {error}"
            );
        }
        assert!(read_bytes(&honest).is_ok());
    }

    #[test]
    fn what_only_other_programs_would_read_is_refused() {
        let honest = hostile(&[("aa/bb.txt", "x", 0o644)]);
        // The name in the file's own header, which stands before that in the directory.
        let mut other = honest.clone();
        let first = (0..other.len()).find(|&at| other[at..].starts_with(b"aa/bb.txt")).unwrap();
        other[first..first + 9].copy_from_slice(b"../bb.txt");
        assert!(read_bytes(&other).is_err());
        let error = read_bytes(&[b"#!/bin/sh\n", &honest[..]].concat()).unwrap_err();
        assert!(error.contains("belong to none of its files"), "{error}");
    }

    #[test]
    fn links_and_folders_are_refused() {
        for entry in [("link", "/etc/passwd", 0o120_777), ("folder/", "", 0o755)] {
            let error = read_bytes(&hostile(&[entry])).unwrap_err();
            assert!(error.contains("plain files") || error.contains("cannot have"), "{error}");
        }
    }

    #[test]
    fn one_name_is_one_file() {
        let two = hostile(&[("aaaa", "x", 0o644), ("bbbb", "y", 0o644)]);
        let error = read_bytes(&replace(&two, "bbbb", "aaaa")).unwrap_err();
        assert!(error.contains("two files of one name"), "{error}");
        let error = read_bytes(&replace(&two, "bbbb", "AAAA")).unwrap_err();
        assert!(error.contains("one on some systems"), "{error}");
        let nested = hostile(&[("aaaa", "x", 0o644), ("bbbb/c", "y", 0o644)]);
        let error = read_bytes(&replace(&nested, "bbbb", "aaaa")).unwrap_err();
        assert!(error.contains("a folder, too"), "{error}");
    }

    #[test]
    fn what_unpacks_to_more_than_it_says_is_refused() {
        let bytes = write_archive(&of(&[("zeros", &"0".repeat(1 << 20))])).unwrap();
        assert!(bytes.len() < 4096, "it shrinks: {} bytes", bytes.len());
        // The two places that state the length: the file's header and the directory.
        let length = (1u32 << 20).to_le_bytes();
        let lie = |stated: u32| {
            let mut bytes = bytes.clone();
            let places: Vec<usize> = (0..bytes.len() - 3).filter(|&at| bytes[at..at + 4] == length).collect();
            assert!(!places.is_empty());
            for at in places {
                bytes[at..at + 4].copy_from_slice(&stated.to_le_bytes());
            }
            read_bytes(&bytes).unwrap_err()
        };
        for stated in [0, 16, (1 << 20) - 1, (1 << 20) + 1] {
            let error = lie(stated);
            assert!(error.contains("is damaged") || error.contains("another length"), "{stated}: {error}");
        }
        assert!(lie(u32::MAX - 1).contains("more than a bundle can have"), "{}", lie(u32::MAX - 1));
    }

    #[test]
    fn damage_is_told() {
        let bytes = write_archive(&of(&[("a.txt", "some text that is long enough to be cut")])).unwrap();
        for bad in [&bytes[..bytes.len() / 2], b"", b"no archive at all"] {
            let error = read_bytes(bad).unwrap_err();
            assert!(error.contains("no zip file, or a damaged one"), "{error}");
        }
        let mut flipped = bytes.clone();
        flipped[40] ^= 1;
        assert!(read_bytes(&flipped).is_err());
    }
}
