//! One error type for everything a person can cause or must act on.
//!
//! An error says *what* happened, *where* (file, line, key), what was *expected*, what was *got*,
//! and then, after a blank line, what to do: `hint: …`. The kind decides the exit code, nothing else.

use std::fmt;
use std::path::{Path, PathBuf};

/// The kind of an error; the program maps it to an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line, a spec or a manifest has an invalid value.
    Input,
    /// A data file is wrong: digest, size, format, counts.
    Data,
    /// A data file, record or device is missing on this machine.
    Missing,
    /// The operating system refused a read or a write.
    Io,
    /// A loss, weight or score became infinite or not a number.
    Diverged,
    /// A person stopped the program (Ctrl-C).
    Interrupted,
    /// A bug: an invariant of this program or of a library did not hold.
    Internal,
}

/// Where an error points. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: Option<usize>,
    pub column: Option<usize>,
    /// Dotted key inside the file, such as `trial.teacher.params.dim`.
    pub key: Option<String>,
}

impl Place {
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: None, column: None, key: None }
    }

    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    pub fn column(mut self, column: usize) -> Self {
        self.column = Some(column);
        self
    }

    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        if let Some(key) = &self.key {
            write!(f, " (key `{key}`)")?;
        }
        Ok(())
    }
}

/// An error for a person: what happened, where (file, line, key), what was expected, what was got, and hints about what to
/// do. Built in the order in which it is read:
/// `Error::new(Kind::Data, "…").at(place).expected("…").got("…").hint("…")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<ErrorParts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ErrorParts {
    kind: Kind,
    what: String,
    place: Option<Place>,
    expected: Option<String>,
    got: Option<String>,
    hints: Vec<String>,
}

const EXPECTED: &str = "  expected: ";
const GOT: &str = "  got:      ";
const HINT: &str = "hint: ";

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self(Box::new(ErrorParts {
            kind,
            what: what.into(),
            place: None,
            expected: None,
            got: None,
            hints: Vec::new(),
        }))
    }

    /// An I/O error with its path and a hint for the usual causes. A caller that knows which option of the command line
    /// set the path adds a hint with its name.
    pub fn io(what: impl Into<String>, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let new = Self::new(Kind::Io, what).at(Place::file(path)).got(error.to_string());
        match error.kind() {
            K::PermissionDenied | K::ReadOnlyFilesystem => {
                new.hint("no permission to do that here: choose another folder, or change the permissions of this one")
            }
            K::StorageFull | K::QuotaExceeded => {
                new.hint("the disk is full; nothing was changed, free some space and run again")
            }
            K::NotFound => new.hint("the file or folder does not exist"),
            _ => new,
        }
    }

    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Sets the place unless a more precise one is already known.
    pub fn or_at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    pub fn got(mut self, got: impl Into<String>) -> Self {
        self.0.got = Some(got.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Joins an earlier error of the same kind with this one: both messages, then all hints, each once.
    pub fn and(mut self, earlier: Self) -> Self {
        self.0.what = format!("{}\n{}", earlier.0.what, self.0.what);
        let mut hints = earlier.0.hints;
        hints.extend(std::mem::take(&mut self.0.hints));
        let mut seen = Vec::new();
        hints.retain(|hint| {
            !seen.contains(hint) && {
                seen.push(hint.clone());
                true
            }
        });
        self.0.hints = hints;
        self.0.place = earlier.0.place;
        self
    }

    /// Parses the text of an error back into its parts: serde carries errors as text only.
    pub fn from_text(kind: Kind, text: &str) -> Self {
        let mut lines = text.lines();
        let mut error = Self::new(kind, lines.next().unwrap_or_default());
        for line in lines {
            if let Some(expected) = line.strip_prefix(EXPECTED) {
                error = error.expected(expected);
            } else if let Some(got) = line.strip_prefix(GOT) {
                error = error.got(got);
            } else if let Some(hint) = line.strip_prefix(HINT) {
                error = error.hint(hint);
            }
        }
        error
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn what(&self) -> &str {
        &self.0.what
    }

    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        write!(f, "{}", report.what)?;
        if let Some(place) = &report.place {
            write!(f, "\n  where:    {place}")?;
        }
        if let Some(expected) = &report.expected {
            write!(f, "\n{EXPECTED}{expected}")?;
        }
        if let Some(got) = &report.got {
            write!(f, "\n{GOT}{got}")?;
        }
        for (index, hint) in report.hints.iter().enumerate() {
            write!(f, "{}\n{HINT}{hint}", if index == 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::new(Kind::Internal, "a tensor operation failed").got(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_where_expected_got_hint() {
        let error = Error::new(Kind::Input, "unknown key")
            .at(Place::file("a.toml").line(3).column(1).key("trial.x"))
            .expected("one of `dim`")
            .got("`dimm`")
            .hint("did you mean `dim`?");
        assert_eq!(
            error.to_string(),
            "unknown key\n  where:    a.toml:3:1 (key `trial.x`)\n  expected: one of `dim`\n  got:      `dimm`\n\nhint: did you mean `dim`?"
        );
        let again = Error::from_text(Kind::Input, &error.to_string());
        assert_eq!(again.at(error.place().unwrap().clone()), error);
    }
}
