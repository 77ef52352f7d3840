//! What a spec says of a program, and what the program is told.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::process::{Cost, Ended, Process, Watch};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::file;

/// The form of the files of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Comma-separated tables with headers.
    Csv,
    /// RecBole's atomic files, and a configuration that makes it take exactly this split.
    RecBole,
    /// Relevance judgements (qrels) for the tools of TREC; the training part as CSV.
    Trec,
}

impl ExportFormat {
    /// The word of the command line, of specs and of `export.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::RecBole => "recbole",
            Self::Trec => "trec",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A program that trains and writes lists, run once for each seed of its trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalProgram {
    /// The program and its arguments; never empty.
    pub command: Vec<String>,
    /// Folder in which it runs: that of the spec.
    pub folder: PathBuf,
    /// Its own files by their names relative to the folder, as they were when the spec was read.
    pub files: Vec<(String, Digest)>,
    /// Form of the split that it is handed.
    pub export: ExportFormat,
    pub version: Version,
    /// How a person installs what it needs.
    pub install: String,
    /// The longest that a run may take.
    pub timeout: Duration,
}

/// What tells which program a machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// A command that prints it; never empty.
    pub command: Vec<String>,
    /// What it prints, without blanks around it, where the machine has the program that the spec means.
    pub prints: String,
}

/// What a program is told of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Folder of the exported split, in `REPRISE_SPLIT`.
    pub split: PathBuf,
    /// In `REPRISE_SEED`.
    pub seed: u64,
    /// The file to write lists to, in `REPRISE_LISTS`.
    pub lists: PathBuf,
    /// How many threads to use, in `REPRISE_THREADS` and in the variables by which usual libraries are told.
    pub threads: usize,
}

impl Environment {
    /// Variables of libraries that start threads.
    const THREADS: [&str; 5] =
        ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS"];

    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let threads = || OsString::from(self.threads.to_string());
        let mut variables = vec![
            ("REPRISE_SPLIT", self.split.clone().into_os_string()),
            ("REPRISE_SEED", self.seed.to_string().into()),
            ("REPRISE_LISTS", self.lists.clone().into_os_string()),
            ("REPRISE_THREADS", threads()),
        ];
        variables.extend(Self::THREADS.map(|name| (name, threads())));
        variables
    }
}

/// How long a program may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(120);

impl ExternalProgram {
    /// The name of the method by which a spec asks for a program.
    pub const METHOD: &str = "external";

    /// The command as a person would type it.
    pub fn shown(&self) -> String {
        shown(&self.command)
    }

    /// The same of the command that tells its version.
    pub fn shown_version(&self) -> String {
        shown(&self.version.command)
    }

    /// Refuses a machine that does not have the program in the version that the spec states.
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing): it cannot be started, fails, or prints another version; [`Interrupted`](Kind::Interrupted).
    pub fn check_version(&self, watch: &Watch<'_>) -> Result<()> {
        let Version { command, prints } = &self.version;
        let missing = |what: &str| {
            Error::new(Kind::Missing, what)
                .expected(format!("`{}` to print `{prints}`", shown(command)))
                .hint(format!("install it: {}", self.install))
        };
        let process = Process { command, folder: &self.folder, variables: &[], timeout: VERSION_TIMEOUT };
        let quiet = Watch { interrupted: watch.interrupted, says: &|_, _| {}, note: watch.note };
        let (_, ended) = process.run(&quiet).map_err(|error| match error.kind() {
            Kind::Interrupted => error,
            _ => missing("the program does not tell its version").got(error.what()),
        })?;
        let got = ended.stdout.trim();
        if !ended.success {
            return Err(missing("the program is not here").got(ended.told()));
        }
        if got != prints {
            return Err(missing("the program has another version than the spec states")
                .got(format!("`{}`", if got.is_empty() { "nothing" } else { got }))
                .hint("or state this version in the spec: runs of it are others"));
        }
        Ok(())
    }

    /// Runs it, until it ends by itself. Whatever it leaves running is ended too.
    ///
    /// # Errors
    /// [`Data`](Kind::Data): it fails, takes longer than its timeout or leaves no lists, or its files changed since the spec was
    /// read; [`Missing`](Kind::Missing): it cannot be started; [`Interrupted`](Kind::Interrupted).
    pub fn run(&self, environment: &Environment, watch: &Watch<'_>) -> Result<Cost> {
        for (name, digest) in &self.files {
            let path = self.folder.join(name);
            if file::read(&path).ok().map(|bytes| Digest::of(&bytes)) != Some(*digest) {
                return Err(Error::new(Kind::Data, "a file of the program changed since this command began")
                    .at(Place::file(path))
                    .expected(format!("SHA-256 {digest}"))
                    .got("another")
                    .hint("the same command runs the program as it is now"));
            }
        }
        let variables = environment.variables();
        let process =
            Process { command: &self.command, folder: &self.folder, variables: &variables, timeout: self.timeout };
        let (cost, ended) = process.run(watch).map_err(|error| match error.kind() {
            Kind::Missing => error.hint(format!("install it: {}", self.install)),
            _ => error,
        })?;
        self.judge(&ended, &environment.lists)?;
        Ok(cost)
    }

    fn judge(&self, ended: &Ended, lists: &Path) -> Result<()> {
        if !ended.success {
            return Err(Error::new(Kind::Data, format!("`{}` failed", self.shown()))
                .expected("a program that ends with exit code 0")
                .got(ended.told()));
        }
        let got = match lists.symlink_metadata() {
            Ok(found) if found.is_file() => return Ok(()),
            Ok(found) if found.is_dir() => "a folder".into(),
            Ok(_) => "something else than a file, such as a link or a pipe".into(),
            Err(_) => ended.told(),
        };
        Err(Error::new(Kind::Data, format!("`{}` left no lists", self.shown()))
            .expected("a file of the name that `REPRISE_LISTS` has")
            .got(got))
    }
}

/// A command as a person would type it; words with blanks in quotes.
fn shown(command: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "'\"\\$`;&|<>(){}*?".contains(c))
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let words = ["python3", "train it.py", "--note", "it's", ""].map(String::from);
        assert_eq!(shown(&words), r"python3 'train it.py' --note 'it'\''s' ''");
    }

    #[test]
    fn a_program_is_told_of_threads_by_every_usual_name() {
        let told = Environment { split: "s".into(), seed: 7, lists: "l".into(), threads: 2 }.variables();
        let of = |name: &str| told.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_str().unwrap());
        assert_eq!(of("REPRISE_SEED"), Some("7"));
        assert_eq!([of("REPRISE_THREADS"), of("OMP_NUM_THREADS"), of("MKL_NUM_THREADS")], [Some("2"); 3]);
    }
}
