//! The record of how fast a trained model answers: one trial at one seed on one device.
//!
//! It lies below the class of the machine, since another machine takes another time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::check::{check_latency, made_at, names};
use super::stored::{Check, find, flaw};
use super::{Program, RunId, Stored};
use crate::digest::Digest;
use crate::error::{Place, Result};
use crate::meter::{Arithmetic, Latency, Machine, Throughput};

/// How fast and how large one trained model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyRecord {
    /// Version of the form, [`Stored::FORMAT`].
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
    /// Device that scores are computed on: `cpu`, or `cuda:0` and the name of the device.
    pub device: String,
    pub machine: Machine,
    /// Number of trained values that scoring needs.
    pub parameter_count: u64,
    /// Their size in bytes, as 32-bit floats.
    pub parameter_bytes: u64,
    /// Time of requests that come one by one.
    pub request: Latency,
    /// Speed of serving queries in batches.
    pub batch: Throughput,
}

/// Digests that identify the model that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDigests {
    /// Fingerprint of the run that made it, as in that run's record.
    pub run: Digest,
    /// The trained parameters, names and shapes included.
    pub weights: Digest,
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

    /// Path of the record below the folder of its spec in `results/`:
    /// `<profile>/<machine class>/<trial>/latency-seed-<n>.json`, since times are those of a machine.
    pub fn path(&self) -> PathBuf {
        [&self.profile, &self.machine.class, &self.trial, &format!("{PREFIX}{}.json", self.seed)].iter().collect()
    }

    /// Reads every latency record below `folder`, sorted by run and class of machine; a folder that does not exist has
    /// none.
    ///
    /// # Errors
    /// The first record that cannot be read, or that lies where another belongs.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let mut records = Vec::new();
        for file in find(folder, PREFIX)? {
            let record = Self::read(&file)?;
            let path = record.path();
            if !file.ends_with(&path) {
                return Err(Self::misplaced(Place::file(file), format!("…/{}", path.display())));
            }
            records.push(record);
        }
        records.sort_by_key(|record| (record.id(), record.machine.class.clone()));
        Ok(records)
    }
}

const PREFIX: &str = "latency-seed-";

impl Stored for LatencyRecord {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "a latency record";
    const HINT: &'static str = "latency records are not edited by hand: `reprise latency` writes this one again";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        names(&self.spec, &self.profile, &self.trial, &self.machine)?;
        made_at(&self.started, &self.machine)?;
        let on_cuda = self.device.starts_with("cuda");
        if on_cuda != self.machine.class.ends_with("-cuda") {
            return flaw("device", format!("one of the class `{}`", self.machine.class), format!("`{}`", self.device));
        }
        let bytes = self.parameter_count.checked_mul(size_of::<f32>() as u64);
        if bytes != Some(self.parameter_bytes) {
            return flaw(
                "parameter_bytes",
                format!("4 for each of {} parameters", self.parameter_count),
                self.parameter_bytes.to_string(),
            );
        }
        check_latency("request", &self.request)?;
        let Throughput { queries, threads, per_second } = self.batch;
        if queries == 0 || threads == 0 {
            return flaw("batch", "at least 1 query and 1 thread", "0");
        }
        if !(per_second.is_finite() && per_second > 0.0) {
            return flaw("batch.per_second", "a finite number above 0", per_second.to_string());
        }
        Ok(())
    }
}

/// A record of made-up figures, for tests of whatever reads records.
#[cfg(test)]
pub(crate) fn latency_sample(trial: &str, seed: u64) -> LatencyRecord {
    let run = super::sample(trial, seed);
    LatencyRecord {
        format: LatencyRecord::FORMAT,
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
        batch: Throughput { queries: 4, threads: 2, per_second: 16_000.0 },
    }
}

#[cfg(test)]
mod tests;
