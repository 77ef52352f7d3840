//! Brings the files of a dataset into the cache: verified, decompressed, by rename.
//!
//! A file with a wrong size or digest never appears under its name in the cache.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::file::{beside, by_rename, create};

use super::bytes::{Members, bad_gzip, open, too_long};
use super::cache::Cache;
use super::download::{Length, download};
use super::identity::Identity;
use super::load::load;
use super::lock::Lock;
use super::manifest::{DataFile, FileSource, Manifest};

/// A progress event of [`fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchEvent<'a> {
    /// The file is embedded, or in the cache and verified.
    Ready { file: &'a str },
    /// Another process is fetching the same dataset.
    Waiting { dataset: &'a str },
    /// A download begins; `bytes` is its length where it is known.
    Start { file: &'a str, from: &'a str, bytes: Option<u64> },
    /// So many more bytes of the download are here (at first: those of an earlier attempt).
    Received(u64),
    /// The file is now in the cache and verified.
    Stored { file: &'a str },
}

/// Makes sure that every file of a dataset is in the cache. For each: done if verified, else from
/// `mirror`, else from its URLs in order. What is new is read once: files that cannot be read as
/// their manifest says do not stay.
///
/// # Errors
/// `Missing` if a file cannot be had (the hints say what a person can do); `Data` if what was had
/// has the wrong bytes, a bad line or wrong counts; `Io` if the cache cannot be written or a download was cut.
pub fn fetch(
    manifest: &Manifest,
    cache: &Cache,
    mirror: Option<&Path>,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<()> {
    // What a mirror is not asked for, it need not have.
    let asked = |file: &DataFile| file.sources.iter().any(|source| matches!(source, FileSource::Mirror { .. }));
    if let Some(mirror) = mirror.filter(|mirror| manifest.files.iter().any(asked) && !mirror.is_dir()) {
        return Err(Error::new(Kind::Input, "the mirror is not a folder").at(Place::file(mirror)));
    }
    let mut lock = None;
    let mut stored = Vec::new();
    let mut missing: Option<Error> = None;
    for file in &manifest.files {
        let target = cache.file(&manifest.id, &file.name);
        if is_ready(manifest, file, &target)? {
            progress(FetchEvent::Ready { file: &file.name });
            continue;
        }
        if lock.is_none() && !file.sources.is_empty() {
            lock = Some(lock_folder(manifest, cache, interrupted, progress)?);
            // Another process may have brought it in the meantime.
            if is_ready(manifest, file, &target)? {
                progress(FetchEvent::Ready { file: &file.name });
                continue;
            }
        }
        match bring(manifest, file, &target, mirror, progress) {
            // A person who must bring several files wants to hear of all of them.
            Err(error) if error.kind() == Kind::Missing && !file.has_url() => {
                missing = Some(match missing.take() {
                    None => error,
                    Some(earlier) => error.and(earlier),
                });
                continue;
            }
            other => other?,
        }
        progress(FetchEvent::Stored { file: &file.name });
        stored.push(target);
    }
    if let Some(missing) = missing {
        return Err(missing);
    }
    if stored.is_empty() {
        return Ok(());
    }
    let Err(wrong) = load(manifest, cache) else { return Ok(()) };
    stored.iter().try_for_each(|path| remove(path))?;
    let pinned = "the bytes are the pinned ones, so the manifest is wrong about them; nothing new stays in the cache";
    Err(wrong.hint(pinned))
}

/// Whether nothing is to be done. A file that only a person can bring is an error if it is wrong.
fn is_ready(manifest: &Manifest, file: &DataFile, target: &Path) -> Result<bool> {
    // Their content is checked whenever it is read.
    if file.embedded().is_some() || manifest.near(file).is_some_and(|(path, _)| path.exists()) {
        return Ok(true);
    }
    if !target.exists() {
        return Ok(false);
    }
    match file.identity.check_file(target) {
        Ok(()) => Ok(true),
        Err(_) if !file.sources.is_empty() => Ok(false),
        Err(error) => Err(manifest.name_swapped(file, target, error)),
    }
}

/// One process at a time writes into a dataset's folder.
fn lock_folder(
    manifest: &Manifest,
    cache: &Cache,
    interrupted: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<Lock> {
    let waiting = || progress(FetchEvent::Waiting { dataset: &manifest.id });
    Lock::take(&cache.file(&manifest.id, ".lock"), waiting, interrupted)
}

fn bring(
    manifest: &Manifest,
    file: &DataFile,
    target: &Path,
    mirror: Option<&Path>,
    progress: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<()> {
    let mut failures = Vec::new();
    for source in &file.sources {
        match source {
            FileSource::Embedded { .. } | FileSource::Beside { .. } => {}
            FileSource::Mirror { path, gzip, identity } => {
                let Some(path) = mirror.map(|mirror| mirror.join(path)).filter(|path| path.exists()) else { continue };
                // A wrong file at the mirror is a fault to be mended, not to be passed over.
                return install(manifest, file, target, &path, *gzip, identity);
            }
            FileSource::Url { url, gzip, identity } => {
                let part = part_path(target, url);
                progress(FetchEvent::Start { file: &file.name, from: url, bytes: identity.bytes() });
                let length = Length { expected: identity.bytes(), most: most_of(file, *gzip, identity) };
                let got = download(url, &part, length, &mut |bytes| progress(FetchEvent::Received(bytes)));
                let Err(error) = got.and_then(|()| install(manifest, file, target, &part, *gzip, identity)) else {
                    return remove(&part);
                };
                if error.kind() == Kind::Data && part.exists() {
                    remove(&part)?;
                }
                failures.push(error);
            }
        }
    }
    // A wrong file in the cache is what led here: whoever cannot fetch it anew must hear of it.
    let about_cached = |error: Error| match target.exists().then(|| file.identity.check_file(target)) {
        Some(Err(wrong)) => error.hint(format!("what the cache holds is not used: {}", wrong.what())),
        _ => error,
    };
    let by_hand = |error: Error| match &file.instructions {
        Some(instructions) => error
            .hint(format!("a person can bring it:\n{}", instructions.trim_end()))
            .hint(format!("put it at {}", target.display())),
        None => error,
    };
    if let Some(last) = failures.pop() {
        let with = failures.into_iter().fold(last, |last, other| last.hint(format!("before that: {other}")));
        return Err(by_hand(about_cached(with)));
    }
    let error = match manifest.near(file) {
        None => {
            Error::new(Kind::Missing, format!("`{}` of `{}` cannot be fetched by a program", file.name, manifest.id))
                .at(Place::file(target))
        }
        Some((path, _)) => {
            let gone = Error::new(Kind::Missing, format!("`{}` of `{}` is not there", file.name, manifest.id));
            gone.at(Place::file(path)).hint(format!("{} says where it stands: `beside`", manifest.path.display()))
        }
    };
    let error = about_cached(error);
    let mirrored = file.sources.iter().any(|source| matches!(source, FileSource::Mirror { .. }));
    Err(by_hand(if mirrored {
        error.hint("a mirror may have it: `--mirror DIR` or `REPRISE_MIRROR=DIR`")
    } else {
        error
    }))
}

/// How much of a download is taken. Gzip of a pinned content may be another than the manifest saw: it is longer than
/// the content by no more than its headers and five bytes for every block that is only stored.
fn most_of(file: &DataFile, gzip: bool, identity: &Identity) -> u64 {
    const HEADERS: u64 = 1 << 12;
    let content = file.identity.most();
    if gzip { identity.bytes().unwrap_or(0).max(content + content / 1000 + HEADERS) } else { identity.most() }
}

/// `.NAME.DIGEST.part`, by eight digits of the URL's digest: bytes of two sources never mix. No file of a manifest has
/// a name that begins with a point.
fn part_path(target: &Path, url: &str) -> PathBuf {
    hidden(target, &format!(".{}.part", &Digest::of(url.as_bytes()).to_string()[..8]))
}

fn hidden(target: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    beside(&target.with_file_name(name), more)
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| Error::io("cannot remove a file of the cache", path, &error))
}

/// Verifies `from`, decompresses it if it is gzip, verifies the content, and names it `target`. Of gzip the content
/// decides: the same may be compressed otherwise.
fn install(
    manifest: &Manifest,
    file: &DataFile,
    target: &Path,
    from: &Path,
    gzip: bool,
    identity: &Identity,
) -> Result<()> {
    let given = if *identity == Identity::Unknown { Ok(()) } else { identity.check_file(from) };
    let given = match given {
        Err(error) if !gzip || error.kind() != Kind::Data => return Err(manifest.name_swapped(file, from, error)),
        given => given,
    };
    by_rename(target, &hidden(target, ".new"), |new| {
        let content = copy(from, new, gzip, file.identity.most()).and_then(|()| file.identity.check_file(new));
        content.map_err(|error| match &given {
            Err(given) if error.kind() == Kind::Data => manifest
                .name_swapped(file, from, given.clone())
                .hint(format!("nor is its content, decompressed, the pinned one: {}", error.what())),
            // The copy is about to vanish: the error must name what it was made from.
            _ if error.kind() == Kind::Data => manifest.name_swapped(file, new, error).at(Place::file(from)),
            _ => error,
        })
    })
}

/// Copies no more than `most` bytes.
fn copy(from: &Path, to: &Path, gzip: bool, most: u64) -> Result<()> {
    let written = |error| Error::io("cannot write a file of the cache", to, &error);
    let (input, _) = open(from)?;
    let mut output = Writer { file: create(to).map_err(written)?, failed: false };
    let some = most.saturating_add(1);
    let copied = if gzip {
        io::copy(&mut Members::new(BufReader::new(input)).take(some), &mut output)
    } else {
        io::copy(&mut input.take(some), &mut output)
    };
    match copied {
        Ok(bytes) if bytes > most => Err(too_long(from, most)),
        Ok(_) => Ok(()),
        Err(error) if output.failed => Err(written(error)),
        Err(error) if gzip => Err(bad_gzip(from, &error)),
        Err(error) => Err(Error::io("cannot read a data file", from, &error)),
    }
}

/// Remembers that it was the writing that failed: a full disk must not be called damaged data.
struct Writer {
    file: File,
    failed: bool,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|_| self.failed = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
