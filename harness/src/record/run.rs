//! The record of one run: one trial at one seed in one profile on one machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ranks::by_period;
use super::stored::unique;
use super::{CurveRecord, PeriodRecord, QueryRanks, RunId};
use crate::digest::Digest;
use crate::meter::{Arithmetic, Latency, Machine};
use crate::metrics::{Metric, Reads};
use crate::split::TimeTies;
use crate::train::Fact;

/// All that one run measured, with digests of all that it was made from. Metrics are named as in the spec's protocol,
/// such as `ndcg@10`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the form, [`Stored::FORMAT`](super::Stored::FORMAT).
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Id of the trial in its spec.
    pub trial: String,
    /// Name of the trial in tables and figures.
    pub label: String,
    /// Name of the method that trained.
    pub method: String,
    pub seed: u64,
    /// Whether another program made the lists that were judged; absent for runs that this one trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The file of lists that was judged, where another program made them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<ListsRecord>,
    /// The command line that made this record.
    pub command: String,
    pub program: Program,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    pub digests: Digests,
    /// Device of the training: `cpu`, or `cuda:0` and the name of the device; `external` where another program trained.
    pub device: String,
    /// Number of threads that the run, or the judging of lists, could use.
    pub threads: usize,
    /// The machine that trained or, of lists of another program, that judged them.
    pub machine: Machine,
    /// Names and shapes of the trained tensors, in the model's order.
    pub parameters: Vec<ParameterShape>,
    /// Number of values in all of them together; absent where another program trained, as all that follows of the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_count: Option<u64>,
    /// The meta-model that made these tensors, such as a generator of models; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<MetaModel>,
    /// Epochs that were trained, those after the selected one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs_run: Option<u64>,
    /// For each metric the epoch (0-based) whose test value is reported; none of a metric whose best value is that of the weights
    /// that training started from; empty for a method that selects no epoch.
    #[serde(deserialize_with = "unique")]
    pub selected: BTreeMap<String, u64>,
    /// Values on the test part.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// Values on the test part with every tie decided against the model.
    #[serde(deserialize_with = "unique")]
    pub pessimistic: BTreeMap<String, f64>,
    /// Values on the validation part at the selected epoch, or of the trained model where no epoch is selected; over a
    /// stream of periods the mean over those that are tested. Empty where the split has no validation part.
    #[serde(deserialize_with = "unique")]
    pub validation: BTreeMap<String, f64>,
    /// Wall-clock seconds by phase; `total`, which is always there, is their sum. Of a program of others that was run here it
    /// is all there is, from the program's start to its end; empty for lists that were brought.
    #[serde(deserialize_with = "unique")]
    pub seconds: BTreeMap<String, f64>,
    pub memory: MemoryUse,
    /// Time of one request to the trained model, on one thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// What the method reports of its model, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique")]
    pub facts: BTreeMap<String, Fact>,
    /// Loss and validation metrics by epoch, for a method that trains in epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<CurveRecord>,
    /// The periods of a run over a stream of them, in order: `metrics` are then plain means over those
    /// that are tested, and `ranks` holds the queries of these, one period after the other; `epochs_run` is the sum over
    /// all, warm-up included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<PeriodRecord>,
    /// How many held-out items were chosen among events of equal time; absent where the split does not go by time, and
    /// in records that are older than this count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ties: Option<TimeTies>,
    /// Ranks of the test items, query by query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<QueryRanks>,
}

/// Phases that do not count as training.
const NOT_TRAINING: [&str; 2] = ["evaluate", "checkpoint"];

impl Record {
    /// The run that the record is of.
    pub fn id(&self) -> RunId {
        RunId {
            spec: self.spec.clone(),
            profile: self.profile.clone(),
            arithmetic: Arithmetic::of_device(&self.device),
            trial: self.trial.clone(),
            seed: self.seed,
        }
    }

    /// Wall-clock seconds of the run without evaluation and saved states; of a program of others that was run here, all that it
    /// took; `None` for lists that were brought.
    pub fn training_seconds(&self) -> Option<f64> {
        let seconds = |phase: &str| self.seconds.get(phase).copied().unwrap_or(0.0);
        Some(self.seconds.get("total")? - NOT_TRAINING.map(seconds).iter().sum::<f64>())
    }

    /// Whether there are times of the run: not of lists that were brought.
    pub fn is_timed(&self) -> bool {
        !self.seconds.is_empty()
    }

    /// Whether another program made the lists that were judged.
    pub fn is_external(&self) -> bool {
        self.origin.is_some()
    }

    /// The period with this number; `None` if the run has none such.
    pub fn period(&self, number: u64) -> Option<&PeriodRecord> {
        self.periods.iter().find(|period| period.period == number)
    }

    /// The periods whose results count, in their order: all but those that warm up.
    pub fn tested_periods(&self) -> impl Iterator<Item = &PeriodRecord> {
        self.periods.iter().filter(|period| !period.warm_up)
    }

    /// Number of test queries; `None` if the record keeps no ranks.
    pub fn queries(&self) -> Option<u64> {
        self.ranks.as_ref()?.sets.first().map(|set| set.hits.len() as u64)
    }

    /// The test value of `metric` for each query; `None` if the record keeps no ranks, and of a metric that reads scores.
    /// Their mean is the metric: over a stream, whose periods count alike, the values of a period with many queries are
    /// scaled down.
    pub fn per_query(&self, metric: Metric) -> Option<Vec<f64>> {
        let ranks = self.ranks.as_ref().filter(|_| metric.reads() == Reads::Ranks)?;
        let name = metric.to_string();
        let set = ranks.sets.iter().find(|set| set.metrics.contains(&name))?;
        let targets = |query: usize| ranks.targets.as_ref().map_or(1, |targets| targets[query] as usize);
        let values = set.hits.iter().enumerate().map(|(query, ranks)| metric.value(ranks, targets(query)));
        let mut values: Vec<f64> = values.collect();
        let share = values.len() as f64 / self.tested_periods().count() as f64;
        for (period, of_period) in by_period(&self.periods, &mut values) {
            of_period.iter_mut().for_each(|value| *value *= share / period.queries as f64);
        }
        Some(values)
    }
}

/// The program that made a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub version: String,
    /// Git commit of the sources; `None` if the build could not find it.
    pub commit: Option<String>,
    /// Whether the sources differed from that commit; `None` if the build could not find out.
    pub dirty: Option<bool>,
}

/// Digests of what a run was made from, and of the weights that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// Fingerprint of everything that makes the result: data, split, protocol, method, parameters,
    /// seed, teacher.
    pub run: Digest,
    /// The raw files.
    pub data: Digest,
    /// The prepared dataset.
    pub dataset: Digest,
    pub split: Digest,
    /// The trained parameters, names and shapes included; absent where another program trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Digest>,
    /// The file of lists that was judged, as it was given; absent for runs that this program trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<Digest>,
}

/// Who made the lists that a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Another program.
    External,
}

impl Origin {
    /// The mark behind the label of a trial whose lists another program made.
    pub const MARK: &str = " ‡";
}

/// A file of lists that was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListsRecord {
    /// Name of the file, without its folder.
    pub file: String,
    /// Its form: `csv`, `tsv`, `trec` or `json`.
    pub form: String,
    pub bytes: u64,
    /// Number of lists that answer a query.
    pub lists: u64,
    /// How equal scores were ordered: by the protocol's rule, or `order given, ties unknown` where there are no scores.
    pub ties: String,
    /// Whose lists they are, such as a program with its version; absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The program that was run here for them; absent for lists that were brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<ProgramRun>,
}

/// A program of others that was run for a trial. Its wall-clock time and its memory stand where those of other runs do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRun {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// CPU time of it and all that it started, where the system tells it.
    pub cpu_seconds: Option<f64>,
}

impl ListsRecord {
    /// What is said of lists without scores.
    pub const UNKNOWN_TIES: &str = "order given, ties unknown";
    /// What is said of lists with scores.
    pub const BY_SCORE: &str = "by the protocol's rule, from the scores";
}

/// Name and shape of one trained tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterShape {
    pub name: String,
    pub shape: Vec<usize>,
}

/// A model that makes the weights of the model that serves, and that serving does not need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetaModel {
    /// Names and shapes of its trained tensors.
    pub parameters: Vec<ParameterShape>,
    /// Number of values in all of them together.
    pub parameter_count: u64,
    /// Digest of its trained parameters, names and shapes included.
    pub weights: Digest,
}

/// Memory that a run needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryUse {
    /// Peak resident memory of the process during the run, in bytes, where the system tells it.
    pub peak_rss_bytes: Option<u64>,
}
