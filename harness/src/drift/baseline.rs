//! What was accepted as the result of a spec in a profile, on the CPU or on a CUDA device.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::accept::MATTERS;
use super::check::check;
use crate::error::{Error, Kind, Place, Result};
use crate::file::write_by_rename;
use crate::record::{Arithmetic, Digests, Record, Runs, to_text, unique, unreadable};

/// The version of the baseline's form. It changes when an old baseline would be misread.
pub const FORMAT: u32 = 1;

/// The file's name, in the folder of the profile's records: `results/<spec>/<profile>/baseline.json`.
pub const BASELINE: &str = "baseline.json";

/// The result that today's is held against. Text of the same layout as records; metrics keep every bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// [`FORMAT`]
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Machine classes of the runs, joined by a comma: where, for people.
    pub class: String,
    /// Why this is the result, the newest last; the earlier ones are the file's history.
    pub accepted: Vec<Accepted>,
    /// For each metric the smallest change of a trial's mean that matters, in units of the standard deviation
    /// over the trial's seeds.
    #[serde(deserialize_with = "unique")]
    pub matters: BTreeMap<String, f64>,
    /// Trials that need not give the same bytes.
    pub inexact: BTreeSet<String>,
    /// By trial, then seed.
    #[serde(deserialize_with = "unique")]
    pub runs: BTreeMap<String, Seeds>,
}

/// One acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// RFC 3339 in UTC.
    pub when: String,
    /// In a person's words.
    pub reason: String,
    /// Git commit of the program that made all of the runs; none if it was not one, or not known, or its sources
    /// differed from the commit.
    pub commit: Option<String>,
}

/// The runs of a trial by seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seeds(#[serde(deserialize_with = "unique")] pub BTreeMap<u64, Run>);

/// Of a record, what is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// `cpu`, or `cuda:0` and the name of the device.
    pub device: String,
    pub digests: Digests,
    /// Trained numbers.
    pub parameter_count: u64,
    pub epochs_run: u64,
    /// Test queries; absent where the record kept no ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<u64>,
    /// On the test part.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// Wall-clock seconds of the whole run. Shown, never judged.
    pub seconds: f64,
}

impl Run {
    pub fn of(record: &Record) -> Self {
        Self {
            device: record.device.clone(),
            digests: record.digests.clone(),
            parameter_count: record.parameter_count,
            epochs_run: record.epochs_run,
            queries: record.queries(),
            metrics: record.metrics.clone(),
            seconds: record.seconds.get("total").copied().unwrap_or_default(),
        }
    }

    pub(super) fn arithmetic(&self) -> Arithmetic {
        Arithmetic::of_device(&self.device)
    }
}

/// The machine classes of records, joined by a comma.
pub(super) fn classes<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let classes: BTreeSet<&str> = records.map(|record| &*record.machine.class).collect();
    classes.into_iter().collect::<Vec<_>>().join(", ")
}

impl Baseline {
    /// What is recorded, taken as what was accepted: the reference of a spec without a baseline. `None` of no records.
    pub fn of_records(spec: &str, profile: &str, records: &[Record]) -> Option<Self> {
        let arithmetic = Runs::of(records).arithmetic?;
        let records: Vec<&Record> = records.iter().filter(|record| record.id().arithmetic == arithmetic).collect();
        let mut runs = BTreeMap::<String, Seeds>::new();
        for record in &records {
            runs.entry(record.trial.clone()).or_default().0.insert(record.seed, Run::of(record));
        }
        let when = records.iter().map(|record| record.started.clone()).max()?;
        let metrics = records.iter().flat_map(|record| record.metrics.keys().cloned());
        Some(Self {
            format: FORMAT,
            spec: spec.into(),
            profile: profile.into(),
            class: classes(records.iter().copied()),
            accepted: vec![Accepted { when, reason: "the records that are here".into(), commit: None }],
            matters: metrics.map(|metric| (metric, MATTERS)).collect(),
            inexact: BTreeSet::new(),
            runs,
        })
    }

    /// Trial and seed of every run.
    pub fn keys(&self) -> impl Iterator<Item = (String, u64)> {
        self.runs.iter().flat_map(|(trial, runs)| runs.0.keys().map(move |seed| (trial.clone(), *seed)))
    }

    /// Of all of its runs.
    pub(super) fn arithmetic(&self) -> Arithmetic {
        self.runs.values().flat_map(|seeds| seeds.0.values()).map(Run::arithmetic).next().unwrap_or(Arithmetic::Cpu)
    }

    /// Why it is the result today.
    ///
    /// # Panics
    /// Never of a baseline that was read or made here: it has at least one acceptance.
    pub fn newest(&self) -> &Accepted {
        self.accepted.last().expect("a checked baseline was accepted once")
    }

    /// Reads the baseline of a spec in a profile; none if there is no such file.
    ///
    /// # Errors
    /// [`Io`](Kind::Io); [`Data`](Kind::Data) with line and column, or with the key that is wrong.
    pub fn read(path: &Path, spec: &str, profile: &str) -> Result<Option<Self>> {
        let bytes = match crate::file::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("cannot read a baseline", path, &error)),
        };
        let baseline = Self::parse(&bytes, path)?;
        for (key, got, expected) in [("spec", &baseline.spec, spec), ("profile", &baseline.profile, profile)] {
            if got != expected {
                return Err(Error::new(Kind::Data, "a baseline lies where another belongs")
                    .at(Place::file(path).key(key))
                    .expected(format!("`{expected}`"))
                    .got(format!("`{got}`"))
                    .hint("a baseline says whose it is; do not rename or copy it"));
            }
        }
        Ok(Some(baseline))
    }

    /// Parses the bytes of a baseline; `path` is for errors.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        /// Another format has other keys: its number is looked at before they are.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        if let Ok(Head { format }) = serde_json::from_slice(bytes)
            && format != FORMAT
        {
            return Err(Error::new(Kind::Data, "a baseline of another format")
                .at(Place::file(path).key("format"))
                .expected(FORMAT.to_string())
                .got(format.to_string())
                .hint(
                    "another version of the program wrote it: use that one, or remove the file and accept a new one",
                ));
        }
        let baseline: Self =
            serde_json::from_slice(bytes).map_err(|error| unreadable("a baseline", path, &error).hint(WRITTEN_BY))?;
        check(&baseline).map_err(|flaw| {
            let error = Error::new(Kind::Data, "a baseline contradicts itself").at(Place::file(path).key(flaw.key));
            error.expected(flaw.expected).got(flaw.got).hint(WRITTEN_BY)
        })?;
        Ok(baseline)
    }

    /// Writes the baseline, folders included. It appears whole or not at all.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = to_text(self).map_err(|error| {
            Error::new(Kind::Internal, "a baseline has no text").at(Place::file(path)).got(error.to_string())
        })?;
        write_by_rename(path, text.as_bytes())
    }
}

const WRITTEN_BY: &str = "baselines are written by `reprise check SPEC --accept --reason TEXT` and not edited; take the \
                          committed one back, or remove it and accept a new one";
