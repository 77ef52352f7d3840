//! The one way to keep results: text files that are checked alike when they are written and when they are read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::to_text;
use crate::error::{Error, Kind, Place, Result};
use crate::file::{read, write_by_rename};

/// A contradiction inside a file of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Dotted key of the wrong value.
    pub key: String,
    pub expected: String,
    pub got: String,
}

impl Flaw {
    fn error(self, kind: Kind, what: String, path: &Path) -> Error {
        Error::new(kind, what).at(Place::file(path).key(self.key)).expected(self.expected).got(self.got)
    }
}

/// Result of a check of a file: the first contradiction, if there is any.
pub type Check = std::result::Result<(), Flaw>;

/// The result of a check that refuses the value of `key`.
pub(crate) fn flaw(key: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Check {
    Err(Flaw { key: key.into(), expected: expected.into(), got: got.into() })
}

/// A kind of file in `results/`: JSON with a key `format`, unknown and repeated keys refused, figures checked.
pub trait Stored: Serialize + DeserializeOwned {
    /// The version of the form. It changes when an old file would be misread.
    const FORMAT: u32;
    /// Name of the kind in messages, such as `a record`.
    const WHAT: &'static str;
    /// Hint about a file that cannot be used.
    const HINT: &'static str;

    /// The version that this value says it has.
    fn format(&self) -> u32;

    /// Whether the value is true to its own figures.
    ///
    /// # Errors
    /// The first contradiction.
    fn check(&self) -> Check;

    /// Writes the file, folders included. It appears whole or not at all.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the value contradicts itself, such as by a metric that is not finite;
    /// [`Io`](Kind::Io).
    fn write(&self, path: &Path) -> Result<()> {
        let what = format!("{} that must not be written", Self::WHAT);
        self.check().map_err(|flaw| flaw.error(Kind::Internal, what, path))?;
        write_by_rename(path, self.to_text().map_err(|error| error.at(Place::file(path)))?.as_bytes())
    }

    /// The text of the file: JSON that is laid out to be read and compared line by line.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the value has no form in JSON.
    fn to_text(&self) -> Result<String> {
        to_text(self)
            .map_err(|error| Error::new(Kind::Internal, format!("{} has no text", Self::WHAT)).got(error.to_string()))
    }

    /// Reads the file, as strictly as it is written.
    ///
    /// # Errors
    /// [`Io`](Kind::Io); [`Data`](Kind::Data) with line and column, or with the key that is wrong.
    fn read(path: &Path) -> Result<Self> {
        let bytes = read(path).map_err(|error| Error::io(format!("cannot read {}", Self::WHAT), path, &error))?;
        Self::parse(&bytes, path)
    }

    /// Parses the bytes of a file and checks the value; `path` is for errors.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) with line and column, or with the key that is wrong.
    fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let parsed = serde_json::from_slice::<Self>(bytes);
        // Another format may have other keys, so its number says more than the first unknown key.
        let format = match &parsed {
            Ok(value) => Some(value.format()),
            Err(_) => serde_json::from_slice(bytes).ok().map(|Version { format }| format),
        };
        if let Some(format) = format.filter(|format| *format != Self::FORMAT) {
            return Err(Error::new(Kind::Data, format!("{} of another format", Self::WHAT))
                .at(Place::file(path).key("format"))
                .expected(Self::FORMAT.to_string())
                .got(format.to_string())
                .hint("another version of the program wrote it: use that version, or remove the file")
                .hint(Self::HINT));
        }
        let value = parsed.map_err(|error| unreadable(Self::WHAT, path, &error).hint(Self::HINT))?;
        let what = || format!("{} contradicts itself", Self::WHAT);
        value.check().map_err(|flaw| flaw.error(Kind::Data, what(), path).hint(Self::HINT))?;
        Ok(value)
    }

    /// The error of a file that lies at `place` and says of itself that it belongs elsewhere.
    fn misplaced(place: Place, expected: impl Into<String>) -> Error {
        Error::new(Kind::Data, format!("{} lies where another belongs", Self::WHAT))
            .at(place)
            .expected(expected)
            .hint("the file says which runs it is of; do not rename or copy it")
    }
}

/// serde's message says what it found, what it wants and where, all in one sentence.
fn unreadable(what: &str, path: &Path, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(head, _)| head);
    let place = Place::file(path).line(error.line()).column(error.column());
    let new = Error::new(Kind::Data, format!("{what} cannot be read")).at(place);
    match message.split_once(", expected ") {
        Some((got, expected)) => new.expected(expected).got(got),
        None => new.got(message),
    }
}

/// Files below `folder` that are called `<prefix>….json`, in order; a folder that does not exist has none.
///
/// # Errors
/// [`Io`](Kind::Io)
pub(super) fn find(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("cannot list a folder of records", folder, &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let entry = |entry: std::io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
    let mut paths = entries.map(entry).collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut files = Vec::new();
    for (path, kind) in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Links to folders are not followed: they may lead back.
        if kind.is_dir() {
            files.extend(find(&path, prefix)?);
        } else if name.starts_with(prefix) && name.ends_with(".json") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads a map and refuses a key that stands there twice; serde would keep the last in silence.
pub(crate) fn unique<'de, D, K, V>(deserializer: D) -> std::result::Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + Display,
    V: Deserialize<'de>,
{
    struct Visitor<K, V>(std::marker::PhantomData<(K, V)>);
    impl<'de, K: Deserialize<'de> + Ord + Display, V: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<K, V> {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a map with each key once")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> std::result::Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<K, V>()? {
                if map.contains_key(&key) {
                    return Err(serde::de::Error::custom(format!("duplicate key `{key}`")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }
    deserializer.deserialize_map(Visitor(std::marker::PhantomData))
}
