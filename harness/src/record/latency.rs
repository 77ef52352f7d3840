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
    /// Number of trained values of the meta-model that made them, such as a generator of models, which scoring does not
    /// need; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta_parameter_count: Option<u64>,
    /// Time of requests that come one by one.
    pub request: Latency,
    /// Speed of serving queries in batches.
    pub batch: Throughput,
    /// Speed of scoring single impressions; absent where the protocol ranks candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<ImpressionSpeed>,
}

/// How fast one item at a time is scored for the user of an impression.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpressionSpeed {
    /// Time of one pair of an impression and an item.
    pub request: Latency,
    /// Speed of scoring all labelled pairs of the test, those of a query being a pair; on all threads.
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
        check_throughput("batch", &self.batch)?;
        self.impressions.as_ref().map_or(Ok(()), |impressions| {
            check_latency("impressions.request", &impressions.request)?;
            check_throughput("impressions.batch", &impressions.batch)
        })
    }
}

fn check_throughput(key: &str, &Throughput { queries, threads, per_second }: &Throughput) -> Check {
    if queries == 0 || threads == 0 {
        return flaw(key, "at least 1 query and 1 thread", "0");
    }
    if !(per_second.is_finite() && per_second > 0.0) {
        return flaw(format!("{key}.per_second"), "a finite number above 0", per_second.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Kind;
    use crate::kit::{latency_sample, sample};
    use crate::record::{Record, Records};

    fn write(folder: &Path, record: &LatencyRecord) -> PathBuf {
        let path = folder.join(record.path());
        record.write(&path).unwrap();
        path
    }

    #[test]
    fn round_trip_apart_from_the_record_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let records = [latency_sample("student", 3), latency_sample("teacher", 0), latency_sample("teacher", 3)];
        for record in records.iter().rev() {
            let path = write(folder.path(), record);
            assert_eq!(&LatencyRecord::read(&path).unwrap(), record);
        }
        let run = sample("teacher", 3);
        run.write(&folder.path().join(run.id().path())).unwrap();
        assert_eq!(LatencyRecord::read_all(folder.path()).unwrap(), records);
        // Neither is taken for the other.
        assert_eq!(Records::read(folder.path()).unwrap().len(), 1);
        assert!(Record::read(&folder.path().join(records[2].path())).is_err());
        assert!(LatencyRecord::read(&folder.path().join(run.id().path())).is_err());
        assert_eq!(records[2].path(), Path::new("paper/x86_64-avx512/teacher/latency-seed-3.json"));
        assert!(LatencyRecord::read_all(&folder.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn a_record_in_the_place_of_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        latency_sample("a", 1).write(&folder.path().join("paper/x86_64-avx512/a/latency-seed-2.json")).unwrap();
        let error = LatencyRecord::read_all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("where another belongs") && error.contains("a/latency-seed-1.json"), "{error}");
    }

    #[test]
    fn what_is_not_true_to_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let text = latency_sample("teacher", 3).to_text().unwrap();
        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            let error = LatencyRecord::read(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().contains("`reprise latency`"), "{error}");
            error.to_string()
        };
        for (from, to, key) in [
            ("\"format\": 1", "\"format\": 2", "format"),
            ("2026-11-21T20:15:00Z", "yesterday", "started"),
            ("\"trial\": \"teacher\"", "\"trial\": \"../teacher\"", "trial"),
            ("\"device\": \"cpu\"", "\"device\": \"cuda:0 Example\"", "device"),
            ("\"parameter_bytes\": 112", "\"parameter_bytes\": 113", "parameter_bytes"),
            ("\"parameter_count\": 28", "\"parameter_count\": 18446744073709551615", "parameter_bytes"),
            ("\"p99_us\": 180.0", "\"p99_us\": 80.0", "request.p99_us"),
            ("\"p50_us\": 120.5", "\"p50_us\": -1.0", "request.p50_us"),
            ("\"requests\": 1000", "\"requests\": 0", "request"),
            ("\"queries\": 4", "\"queries\": 0", "batch"),
            ("\"per_second\": 16000.0", "\"per_second\": 0.0", "batch.per_second"),
        ] {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            let error = refused(&text.replace(from, to));
            assert!(error.contains(&format!("(key `{key}`)")), "{from} -> {to}: {error}");
        }
        let error = refused(&text.replace("\"seed\": 3,", "\"seed\": 3,\n  \"sead\": 4,"));
        assert!(error.contains("unknown field `sead`") && error.contains("x.json:7:"), "{error}");
        assert!(refused(&text.replace("  \"seed\": 3,\n", "")).contains("missing field `seed`"));
        refused(&text.replace("16000.0", "NaN"));
        refused(&text[..text.len() / 2]);
        let mut record = latency_sample("teacher", 3);
        record.batch.per_second = f64::INFINITY;
        let missing = folder.path().join("y.json");
        assert_eq!(record.write(&missing).unwrap_err().kind(), Kind::Internal);
        assert!(!missing.exists());
    }
}
