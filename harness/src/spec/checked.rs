//! The checked spec, which the rest of the engine reads.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::claim::Claim;
use super::measure::Measure;
use crate::method::Method;
use crate::metrics::{Metric, Protocol};
use crate::program::ExternalProgram;
use crate::split::{Events, SplitRule};

/// One experiment in one profile.
pub struct Spec {
    /// Folder and file name with `-` for `_`: `de-rrd/citeulike` for `reproductions/de_rrd/citeulike.toml`.
    pub id: String,
    pub title: String,
    /// The file, as it was named when loading.
    pub file: PathBuf,
    /// Whether it stands outside of a repository, where commands name it by its file.
    pub outside: bool,
    /// The profile that was asked for; see [`base_profile`].
    pub profile: String,
    /// Folder of the paper, which holds its published tables; `None` for an experiment that re-runs no paper.
    pub paper: Option<String>,
    /// Id of a manifest.
    pub dataset: String,
    /// Which events of the dataset count, and what orders those of one time.
    pub events: Events,
    pub split: SplitRule,
    pub protocol: Protocol,
    /// One run of each trial per seed; at least one, none twice, each below 2^63.
    pub seeds: Vec<u64>,
    /// At least one; a teacher stands before its students, else the order is that of the file.
    pub trials: Vec<Trial>,
    pub comparisons: Vec<Comparison>,
    pub curves: Vec<LoggedCurve>,
    /// Claims of the paper that are tested.
    pub claims: Vec<Claim>,
    /// Prose for the report; may be empty.
    pub analysis: String,
    /// The resolved spec as text, table by table, with the origin of each value.
    pub resolved: Vec<Section>,
}

/// One method with its hyper-parameters.
pub struct Trial {
    /// Lower-case letters, digits, `-` and `.`: it names folders and random streams.
    pub id: String,
    /// Name in tables and figures.
    pub label: String,
    /// Name in the registry, or [`ExternalProgram::METHOD`].
    pub method: String,
    /// Another trial of the spec; there exactly if the method learns from one.
    pub teacher: Option<String>,
    /// The hyper-parameters as resolved, an object with its keys in order; of a program what determines its lists: its own files
    /// by their digests, and neither how it is installed nor its timeout.
    pub params: serde_json::Value,
    pub trainer: Trainer,
}

/// What makes the runs of a trial.
pub enum Trainer {
    /// A method of this program, built from the hyper-parameters.
    Method(Box<dyn Method>),
    /// A program of others, whose lists are judged.
    Program(ExternalProgram),
    /// Nothing here: lists are brought, and judged.
    Brought,
}

impl Trainer {
    /// The method, where it is one of this program.
    pub fn method(&self) -> Option<&dyn Method> {
        match self {
            Self::Method(method) => Some(&**method),
            Self::Program(_) | Self::Brought => None,
        }
    }

    /// The program of others, where it is one.
    pub fn program(&self) -> Option<&ExternalProgram> {
        match self {
            Self::Program(program) => Some(program),
            Self::Method(_) | Self::Brought => None,
        }
    }

    /// The kind of model that training makes; `None` where no model is kept.
    pub fn makes(&self) -> Option<&'static str> {
        self.method()?.makes()
    }

    /// The kinds of models of which one is learnt from; none where nothing is.
    pub fn learns_from(&self) -> &'static [&'static str] {
        self.method().map_or(&[], Method::learns_from)
    }

    /// Whether the models are read with which the teacher was tested on each period.
    pub fn learns_from_periods(&self) -> bool {
        self.method().is_some_and(Method::learns_from_periods)
    }
}

/// A comparison of our results with a published table.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Id of a table of the paper's `published.toml`.
    pub table: String,
    /// Row of the table → id of a trial, in the order of the file.
    pub rows: Vec<(String, String)>,
    pub columns: Columns,
    /// Digits after the decimal point to which the table is printed: a published value is known to
    /// half a unit of the last.
    pub decimals: u32,
    /// Whether the table is printed in per cent, `decimals` too.
    pub percent: bool,
    /// Effects to compare: (a, b) of the published rows, the effect is a − b.
    pub effects: Vec<(String, String)>,
    /// Why the figures cannot be judged (other data, other protocol), where they cannot.
    pub not_comparable: Option<String>,
}

/// How the columns of a published table map to metrics or periods.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// Column of the table → what it measures, in the order of the file; metrics are those of the protocol.
    Measures(Vec<(String, Measure)>),
    /// All columns, in their order, are periods of one metric of the protocol, the first of them the period `first`; the
    /// spec tests those of the numbers `tested`.
    Periods { metric: Metric, tested: RangeInclusive<usize>, first: usize },
}

impl Comparison {
    /// A printed figure in the unit of our figures: a share where the table is in per cent, else as printed.
    pub fn value(&self, printed: f64) -> f64 {
        // In decimal: 49.448 / 100 is not the number that is written 0.49448.
        let shifted = || format!("{printed}e-2").parse().expect("Rust parses the numbers that it prints");
        if self.percent { shifted() } else { printed }
    }

    /// Half a unit of the last printed digit, in the unit of our figures.
    pub fn rounding(&self) -> f64 {
        let power: f64 = format!("1e{}", self.decimals).parse().expect("Rust parses a power of ten");
        // Divided, because 10⁻ⁿ itself is not exact.
        self.value(0.5 / power)
    }

    /// Digits after the decimal point with which our figures are as precise as the printed ones.
    pub fn digits(&self) -> usize {
        self.decimals as usize + if self.percent { 2 } else { 0 }
    }
}

/// A learning curve from a log of the authors, to be compared with ours.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedCurve {
    /// CSV file, relative to the paper's folder.
    pub file: PathBuf,
    /// Whose curve it is, such as `authors' log`.
    pub label: String,
    /// Id of a trial.
    pub trial: String,
    /// Column of the file → column of our curve: [`LOSS`](Self::LOSS) or a metric of the protocol.
    pub columns: Vec<(String, String)>,
}

impl LoggedCurve {
    /// The name of the training loss among the columns of a curve.
    pub const LOSS: &str = "loss";
}

/// A value of the resolved spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Dotted key from the root, trials by id: `trial.teacher.params.dim`.
    pub key: String,
    /// The last part of the key, as TOML writes it.
    pub name: String,
    /// The value as TOML text.
    pub value: String,
    /// Line of the spec's file, from 1.
    pub line: usize,
    /// The profile that overrides the base here; none where the base holds.
    pub profile: Option<String>,
}

/// A TOML table of the resolved spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `[split]`, `[[trial]]`; empty for the top of the file.
    pub header: String,
    pub entries: Vec<Origin>,
}

/// The name of the base document as a profile: `paper` where the spec re-runs one, else `base`.
pub fn base_profile(has_paper: bool) -> &'static str {
    if has_paper { "paper" } else { "base" }
}

impl Spec {
    /// The trial with an id.
    pub fn trial(&self, id: &str) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.id == id)
    }

    /// What people call the trial with an id; the id itself if there is no such trial.
    pub fn label<'a>(&'a self, trial: &'a str) -> &'a str {
        self.trial(trial).map_or(trial, |trial| &trial.label)
    }

    /// The argument by which a command names it: the id or, of a spec outside of a repository, the file as seen from its
    /// folder.
    pub fn argument(&self) -> String {
        match self.file.file_name().filter(|_| self.outside) {
            Some(name) => format!("./{}", name.to_string_lossy()),
            None => self.id.clone(),
        }
    }

    /// Whether another trial learns from this one.
    pub fn teaches(&self, trial: &str) -> bool {
        self.trials.iter().any(|other| other.teacher.as_deref() == Some(trial))
    }

    /// Id of the trial that a trial's size and speed are held against: its teacher, or the one that this learnt from, and so on;
    /// for a plain student the only teacher of the spec, if that is another trial of the same method.
    pub fn larger_model<'a>(&'a self, trial: &'a Trial) -> Option<&'a str> {
        let teacher = |trial: &'a Trial| trial.teacher.as_deref();
        if let Some(mut first) = teacher(trial) {
            while let Some(before) = self.trial(first).and_then(teacher) {
                first = before;
            }
            return Some(first);
        }
        let mut teachers = self.trials.iter().filter_map(|trial| trial.teacher.as_deref());
        let first = teachers.next()?;
        let alike = first != trial.id && self.trial(first).is_some_and(|teacher| teacher.method == trial.method);
        (alike && teachers.all(|other| other == first)).then_some(first)
    }

    /// Whether this is the profile that a command without `--profile` takes.
    pub fn is_base_profile(&self) -> bool {
        self.profile == base_profile(self.paper.is_some())
    }

    /// Every value of the resolved spec with where it was written, in the order of the file.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.resolved.iter().flat_map(|section| &section.entries)
    }
}
