//! Baselines: the accepted result of a spec in a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Place, Result};
use crate::meter::Arithmetic;
use crate::record::{Digests, Record, Runs, Stored as _, unique};

/// Name of the file, which lies beside the profile's records: `results/<spec>/<profile>/baseline.json`.
pub const BASELINE: &str = "baseline.json";

/// The smallest change that matters unless a person says otherwise, in standard deviations over the seeds.
pub(super) const MATTERS: f64 = 1.0;

/// The accepted result of a spec in a profile, with which today's is compared. Metrics keep every bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the form, [`Stored::FORMAT`](crate::record::Stored::FORMAT).
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Machine classes of the runs, joined by commas; shown, and never compared.
    pub class: String,
    /// All acceptances, the newest last: the reason for this baseline, after those of the earlier ones.
    pub accepted: Vec<Accepted>,
    /// For each metric the smallest change of a trial's mean that matters, in standard deviations over the trial's seeds.
    #[serde(deserialize_with = "unique")]
    pub matters: BTreeMap<String, f64>,
    /// Trials that are exempt from bit-exact comparison.
    pub inexact: BTreeSet<String>,
    /// Runs by trial and seed.
    #[serde(deserialize_with = "unique")]
    pub runs: BTreeMap<String, Seeds>,
}

/// One acceptance of a baseline by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Time of the acceptance, RFC 3339 in UTC.
    pub when: String,
    /// The reason, in that person's words.
    pub reason: String,
    /// Git commit of the program that made all of the runs; `None` if there were several, or it is not known, or the
    /// sources differed from it.
    pub commit: Option<String>,
}

/// The runs of a trial by seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seeds(#[serde(deserialize_with = "unique")] pub BTreeMap<u64, BaselineRun>);

/// The part of a run's record that is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRun {
    /// Device of the training: `cpu`, or `cuda:0` and the name of the device.
    pub device: String,
    pub digests: Digests,
    /// Number of trained values; absent, as epochs, for lists of another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs_run: Option<u64>,
    /// Number of test queries; absent where the record kept no ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<u64>,
    /// Values on the test part.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// Wall-clock seconds of the whole run; shown, and never judged. Absent for lists that were brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl BaselineRun {
    /// The compared part of `record`.
    pub fn of(record: &Record) -> Self {
        Self {
            device: record.device.clone(),
            digests: record.digests.clone(),
            parameter_count: record.parameter_count,
            epochs_run: record.epochs_run,
            queries: record.queries(),
            metrics: record.metrics.clone(),
            seconds: record.seconds.get("total").copied(),
        }
    }

    pub(super) fn arithmetic(&self) -> Arithmetic {
        Arithmetic::of_device(&self.device)
    }

    /// Whether another program made the lists that were judged, so that it cannot be trained again here.
    pub fn is_external(&self) -> bool {
        self.digests.lists.is_some()
    }
}

/// The compared parts of records, by trial and seed.
pub(super) fn by_trial(records: &[&Record]) -> BTreeMap<String, Seeds> {
    let mut runs = BTreeMap::<String, Seeds>::new();
    for record in records {
        runs.entry(record.trial.clone()).or_default().0.insert(record.seed, BaselineRun::of(record));
    }
    runs
}

/// The machine classes of records, joined by commas.
pub(super) fn classes<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let classes: BTreeSet<&str> = records.map(|record| &*record.machine.class).collect();
    classes.into_iter().collect::<Vec<_>>().join(", ")
}

impl Baseline {
    /// Takes records as if they had been accepted, for a spec that has no baseline. `None` if there are no records.
    pub fn of_records(spec: &str, profile: &str, records: &[Record]) -> Option<Self> {
        let arithmetic = Runs::of(records).arithmetic?;
        let records: Vec<&Record> = records.iter().filter(|record| record.id().arithmetic == arithmetic).collect();
        let when = records.iter().map(|record| record.started.clone()).max()?;
        let metrics = records.iter().flat_map(|record| record.metrics.keys().cloned());
        Some(Self {
            format: Self::FORMAT,
            spec: spec.into(),
            profile: profile.into(),
            class: classes(records.iter().copied()),
            accepted: vec![Accepted { when, reason: "the records that are here".into(), commit: None }],
            matters: metrics.map(|metric| (metric, MATTERS)).collect(),
            inexact: BTreeSet::new(),
            runs: by_trial(&records),
        })
    }

    /// Trial and seed of every run.
    pub fn keys(&self) -> impl Iterator<Item = (String, u64)> {
        self.runs.iter().flat_map(|(trial, runs)| runs.0.keys().map(move |seed| (trial.clone(), *seed)))
    }

    /// Trial and seed of every run that this program trained.
    pub fn own_keys(&self) -> impl Iterator<Item = (String, u64)> {
        let own = |seeds: &Seeds| -> Vec<u64> {
            seeds.0.iter().filter(|(_, run)| !run.is_external()).map(|(seed, _)| *seed).collect()
        };
        self.runs.iter().flat_map(move |(trial, seeds)| own(seeds).into_iter().map(move |seed| (trial.clone(), seed)))
    }

    /// Whether another program made the lists of any of its runs.
    pub fn has_external(&self) -> bool {
        self.runs.values().flat_map(|seeds| seeds.0.values()).any(BaselineRun::is_external)
    }

    /// Arithmetic of its runs.
    pub(super) fn arithmetic(&self) -> Arithmetic {
        self.runs
            .values()
            .flat_map(|seeds| seeds.0.values())
            .map(BaselineRun::arithmetic)
            .next()
            .unwrap_or(Arithmetic::Cpu)
    }

    /// The acceptance that made this the result.
    ///
    /// # Panics
    /// If there is no acceptance, which is refused when a baseline is read.
    pub fn newest(&self) -> &Accepted {
        self.accepted.last().expect("a checked baseline was accepted once")
    }

    /// The baseline of a spec in a profile, read from `path`; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io); [`Data`](crate::error::Kind::Data) with line and column, or with the key that is wrong.
    pub fn find(path: &Path, spec: &str, profile: &str) -> Result<Option<Self>> {
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let baseline = Self::read(path)?;
        for (key, got, expected) in [("spec", &baseline.spec, spec), ("profile", &baseline.profile, profile)] {
            if got != expected {
                let place = Place::file(path).key(key);
                return Err(Self::misplaced(place, format!("`{expected}`")).got(format!("`{got}`")));
            }
        }
        Ok(Some(baseline))
    }
}
