//! The record of how fast a trained model answers: one trial at one seed on one device.
//!
//! It lies below the class of the machine, since another machine takes another time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::{Check, Flaw, check_latency, flaw, made_at, names};
use super::file::unreadable;
use super::records::find;
use super::text::to_text;
use super::{Arithmetic, Checked, Latency, Machine, Program, RunId, Stale};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::file::write_by_rename;

/// The version of the record's form. It changes when an old record would be misread.
pub const LATENCY_FORMAT: u32 = 1;

/// What was measured of one trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyRecord {
    /// [`LATENCY_FORMAT`]
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Id of the trial in its spec.
    pub trial: String,
    pub seed: u64,
    /// The command line that made this record.
    pub command: String,
    pub program: Program,
    /// When the measurement began, RFC 3339 in UTC.
    pub started: String,
    pub digests: ModelDigests,
    /// Where scores are computed: `cpu`, or `cuda:0` and the name of the device.
    pub device: String,
    pub machine: Machine,
    /// Numbers that scoring needs from training.
    pub parameter_count: u64,
    /// Their size, as 32-bit floats.
    pub parameter_bytes: u64,
    /// Of requests that come alone.
    pub request: Latency,
    pub batch: Batch,
}

/// Which model it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDigests {
    /// Fingerprint of the run that made it, as in that run's record.
    pub run: Digest,
    /// Its trained parameters.
    pub weights: Digest,
}

/// Queries that are answered together, in blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub queries: u64,
    pub threads: usize,
    /// Queries per second of the median batch.
    pub per_second: f64,
}

impl LatencyRecord {
    /// The run that made the model.
    pub fn id(&self) -> RunId {
        RunId {
            spec: self.spec.clone(),
            profile: self.profile.clone(),
            arithmetic: Arithmetic::of_device(&self.device),
            trial: self.trial.clone(),
            seed: self.seed,
        }
    }

    /// Where the record lies below its spec's folder in `results/`: `<profile>/<machine class>/<trial>/latency-seed-<n>.json`.
    /// Times are facts of a machine.
    pub fn path(&self) -> PathBuf {
        [&self.profile, &self.machine.class, &self.trial, &format!("{PREFIX}{}.json", self.seed)].iter().collect()
    }

    /// Writes the record, folders included. It appears whole or not at all.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the record is not true to its own figures; [`Io`](Kind::Io).
    pub fn write(&self, path: &Path) -> Result<()> {
        let what = "a latency record that must not be written";
        check(self).map_err(|flaw| flaw.error(Kind::Internal, what, path))?;
        let text = to_text(self).map_err(|error| {
            Error::new(Kind::Internal, "a latency record has no text").at(Place::file(path)).got(error.to_string())
        })?;
        write_by_rename(path, text.as_bytes())
    }

    /// Reads a record, as strictly as it is written.
    ///
    /// # Errors
    /// [`Io`](Kind::Io); [`Data`](Kind::Data) with line and column, or with the key that is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let what = "a latency record";
        let bytes = crate::file::read(path).map_err(|error| Error::io(format!("cannot read {what}"), path, &error))?;
        let record: Self =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(what, path, &error).hint(MEASURE_AGAIN))?;
        let contradiction = |flaw: Flaw| flaw.error(Kind::Data, format!("{what} contradicts itself"), path);
        check(&record).map_err(|flaw| contradiction(flaw).hint(MEASURE_AGAIN))?;
        Ok(record)
    }

    /// Reads every latency record below `folder`, sorted; a folder that does not exist has none.
    ///
    /// # Errors
    /// The first record that cannot be read, or that lies where another belongs.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut files = Vec::new();
        find(folder, PREFIX, &mut files)?;
        let mut records = Vec::new();
        for file in files {
            let record = Self::read(&file)?;
            let path = record.path();
            if !file.ends_with(&path) {
                return Err(Error::new(Kind::Data, "a latency record lies where another belongs")
                    .at(Place::file(file))
                    .expected(format!("…/{}", path.display()))
                    .hint("a record says which run it is of; do not rename or copy it"));
            }
            records.push(record);
        }
        records.sort_by_key(|record| (record.id(), record.machine.class.clone()));
        Ok(records)
    }
}

const PREFIX: &str = "latency-seed-";

const MEASURE_AGAIN: &str = "latency records are written by `reprise latency` and not edited; it writes this one again";

impl Checked {
    /// Adds latency records of one spec and profile, and sets those aside whose run is not today's.
    /// `expected` holds today's fingerprints, by trial and seed.
    pub fn add_latency(
        &mut self,
        records: Vec<LatencyRecord>,
        spec: &str,
        profile: &str,
        expected: &BTreeMap<(String, u64), Digest>,
    ) {
        for record in records.into_iter().filter(|record| record.spec == spec && record.profile == profile) {
            let run = record.digests.run;
            if expected.get(&(record.trial.clone(), record.seed)) == Some(&run) {
                self.latency.push(record);
            } else {
                let why = format!("its latency was measured of the run {}, which is not today's", run.short());
                self.stale.push(Stale { id: record.id(), why });
            }
        }
    }
}

fn check(record: &LatencyRecord) -> Check {
    if record.format != LATENCY_FORMAT {
        return flaw("format", LATENCY_FORMAT.to_string(), record.format.to_string());
    }
    names(&record.spec, &record.profile, &record.trial, &record.machine)?;
    made_at(&record.started, &record.machine)?;
    let on_cuda = record.device.starts_with("cuda");
    if on_cuda != record.machine.class.ends_with("-cuda") {
        return flaw("device", format!("one of the class `{}`", record.machine.class), format!("`{}`", record.device));
    }
    let bytes = record.parameter_count.checked_mul(size_of::<f32>() as u64);
    if bytes != Some(record.parameter_bytes) {
        return flaw(
            "parameter_bytes",
            format!("4 for each of {} parameters", record.parameter_count),
            record.parameter_bytes.to_string(),
        );
    }
    check_latency("request", &record.request)?;
    let Batch { queries, threads, per_second } = record.batch;
    if queries == 0 || threads == 0 {
        return flaw("batch", "at least 1 query and 1 thread", "0");
    }
    if !(per_second.is_finite() && per_second > 0.0) {
        return flaw("batch.per_second", "a finite number above 0", per_second.to_string());
    }
    Ok(())
}

/// A record of made-up figures, for tests of whatever reads records.
#[cfg(test)]
pub(crate) fn latency_sample(trial: &str, seed: u64) -> LatencyRecord {
    let run = super::sample(trial, seed);
    LatencyRecord {
        format: LATENCY_FORMAT,
        spec: run.spec,
        profile: run.profile,
        trial: run.trial,
        seed,
        command: "reprise latency de-rrd/citeulike".into(),
        program: run.program,
        started: run.started,
        digests: ModelDigests { run: run.digests.run, weights: run.digests.weights },
        device: run.device,
        machine: run.machine,
        parameter_count: run.parameter_count,
        parameter_bytes: 4 * run.parameter_count,
        request: Latency { requests: 1000, threads: 1, p50_us: 120.5, p99_us: 180.0 },
        batch: Batch { queries: 4, threads: 2, per_second: 16_000.0 },
    }
}

#[cfg(test)]
mod tests;
