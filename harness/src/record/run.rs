//! The record of one run: one trial at one seed in one profile on one machine.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Curve, Machine, PeriodRecord, Ranks};
use crate::digest::Digest;
use crate::metrics::{Metric, Reads};
use crate::split::TimeTies;

/// The version of the record's form. It changes when an old record would be misread.
pub const FORMAT: u32 = 1;

/// What one run measured. Metric names are the texts of the protocol, such as `ndcg@10`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`FORMAT`]
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Id of the trial in its spec.
    pub trial: String,
    /// What people call the trial.
    pub label: String,
    pub method: String,
    pub seed: u64,
    /// The command line that made this record.
    pub command: String,
    pub program: Program,
    /// When the run began, RFC 3339 in UTC.
    pub started: String,
    pub digests: Digests,
    /// `cpu`, or `cuda:0` and the name of the device.
    pub device: String,
    /// Threads that the run could use.
    pub threads: usize,
    pub machine: Machine,
    /// The trained tensors in the model's own order.
    pub parameters: Vec<ParameterShape>,
    /// Numbers in all of them together.
    pub parameter_count: u64,
    pub epochs_run: u64,
    /// The epoch (0-based) whose test values each metric reports, for a method that selects.
    #[serde(deserialize_with = "unique")]
    pub selected: BTreeMap<String, u64>,
    /// On the test part.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// The same metrics with every tie decided against the model.
    #[serde(deserialize_with = "unique")]
    pub pessimistic: BTreeMap<String, f64>,
    /// On the validation part, at the selected epochs, or of the trained model where none is selected; over a stream of
    /// periods the mean over them; empty where the split has no validation part.
    #[serde(deserialize_with = "unique")]
    pub validation: BTreeMap<String, f64>,
    /// Wall-clock seconds by phase; `total` is their sum and always there.
    #[serde(deserialize_with = "unique")]
    pub seconds: BTreeMap<String, f64>,
    pub memory: Memory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// Of a run over a stream of periods, in their order: `metrics` are then plain means over them, `epochs_run` their
    /// sum, and `ranks` those of all their queries, period by period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<PeriodRecord>,
    /// Held-out items that ties in time chose; none where times choose nothing, and in records from before it was
    /// counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ties: Option<TimeTies>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<Ranks>,
}

/// Phases of a run that are not training.
const NOT_TRAINING: [&str; 2] = ["evaluate", "checkpoint"];

impl Record {
    /// The whole run without evaluation and checkpoints.
    pub fn training_seconds(&self) -> f64 {
        let seconds = |phase: &str| self.seconds.get(phase).copied().unwrap_or(0.0);
        seconds("total") - NOT_TRAINING.map(seconds).iter().sum::<f64>()
    }

    /// The period with a number, of a run over a stream of them.
    pub fn period(&self, number: usize) -> Option<&PeriodRecord> {
        self.periods.iter().find(|period| usize::try_from(period.period) == Ok(number))
    }

    /// Test queries, where the ranks were kept.
    pub fn queries(&self) -> Option<u64> {
        self.ranks.as_ref()?.sets.first().map(|set| set.hits.len() as u64)
    }

    /// The test value of `metric` for each query, where the ranks were kept. Their mean is the metric: over a stream of
    /// periods, which count alike, the values of a period with many queries are scaled down. None of a metric that reads scores.
    pub fn per_query(&self, metric: Metric) -> Option<Vec<f64>> {
        let ranks = self.ranks.as_ref().filter(|_| metric.reads() == Reads::Ranks)?;
        let name = metric.to_string();
        let set = ranks.sets.iter().find(|set| set.metrics.contains(&name))?;
        let targets = |query: usize| ranks.targets.as_ref().map_or(1, |targets| targets[query] as usize);
        let values = set.hits.iter().enumerate().map(|(query, ranks)| metric.value(ranks, targets(query)));
        if self.periods.is_empty() {
            return Some(values.collect());
        }
        let share = set.hits.len() as f64 / self.periods.len() as f64;
        let weights =
            self.periods.iter().flat_map(|p| std::iter::repeat_n(share / p.queries as f64, p.queries as usize));
        Some(values.zip(weights).map(|(value, weight)| value * weight).collect())
    }
}

/// The program that ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub version: String,
    /// Git commit of the sources, where it could be known.
    pub commit: Option<String>,
    /// Whether the sources differed from that commit.
    pub dirty: Option<bool>,
}

/// What the run stands on, and what it made.
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
    /// The trained parameters.
    pub weights: Digest,
}

/// Name and shape of a trained tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterShape {
    pub name: String,
    pub shape: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// The most memory the process held during the run, in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
}

/// Time of one request: encode one query, score all items, take the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    pub requests: u64,
    pub threads: usize,
    /// Median, in microseconds.
    pub p50_us: f64,
    /// 99th percentile, in microseconds.
    pub p99_us: f64,
}

/// Reads a map and refuses a key that stands there twice; serde would keep the last in silence.
pub(crate) fn unique<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
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

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
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

/// A record of made-up figures, for tests of whatever reads records.
#[cfg(test)]
pub(crate) fn sample(trial: &str, seed: u64) -> Record {
    use super::{Hits, RankSet};
    let digest = |what: &str| Digest::of(what.as_bytes());
    let map = |pairs: &[(&str, f64)]| pairs.iter().map(|(k, v)| ((*k).to_string(), *v)).collect::<BTreeMap<_, _>>();
    let mut curve = Curve::new(vec!["loss".into(), "hr@5".into()]);
    curve.push(&[Some(706.25), None]);
    curve.push(&[Some(313.5), Some(0.25)]);
    let mut hits = Hits::default();
    for ranks in [&[3][..], &[], &[2, 5], &[1]] {
        hits.push(ranks);
    }
    Record {
        format: FORMAT,
        spec: "de-rrd/citeulike".into(),
        profile: "paper".into(),
        trial: trial.into(),
        label: trial.to_uppercase(),
        method: "bpr".into(),
        seed,
        command: "reprise run de-rrd/citeulike --profile paper".into(),
        program: Program { version: "0.1.0".into(), commit: None, dirty: None },
        started: "2026-11-21T20:15:00Z".into(),
        digests: Digests {
            run: digest(&format!("{trial} {seed}")),
            data: digest("data"),
            dataset: digest("dataset"),
            split: digest("split"),
            weights: digest(&format!("weights {trial} {seed}")),
        },
        device: "cpu".into(),
        threads: 2,
        machine: Machine {
            class: "x86_64-avx512".into(),
            cpu: Some("Example CPU".into()),
            cores: 2,
            memory_bytes: Some(8 << 30),
            os: "Example OS 1".into(),
            simd: vec!["avx2".into(), "avx512f".into()],
        },
        parameters: vec![
            ParameterShape { name: "user".into(), shape: vec![4, 2] },
            ParameterShape { name: "item".into(), shape: vec![10, 2] },
        ],
        parameter_count: 28,
        epochs_run: 2,
        selected: [("hr@5".to_string(), 1)].into(),
        metrics: map(&[("hr@5", 0.75), ("recall@5", 0.75)]),
        pessimistic: map(&[("hr@5", 0.75), ("recall@5", 0.75)]),
        validation: map(&[("hr@5", 0.25)]),
        seconds: map(&[("step", 1.5), ("total", 2.5)]),
        memory: Memory { peak_rss_bytes: Some(77_000_000) },
        latency: Some(Latency { requests: 1000, threads: 1, p50_us: 120.5, p99_us: 180.0 }),
        curve: Some(curve),
        periods: Vec::new(),
        time_ties: None,
        ranks: Some(Ranks {
            targets: Some(vec![1, 1, 2, 1]),
            sets: vec![RankSet { metrics: vec!["hr@5".into(), "recall@5".into()], within: Some(5), hits }],
        }),
    }
}

/// A record over two periods, of one query and of three, for tests of whatever reads records.
#[cfg(test)]
pub(crate) fn sample_of_periods(trial: &str, seed: u64) -> Record {
    use super::{Hits, RankSet};
    let mut record = sample(trial, seed);
    let map = |value: f64| BTreeMap::from([("hr@5".to_string(), value), ("recall@5".to_string(), value)]);
    let curve = record.curve.take().expect("the sample has one");
    let period = |number: u64, queries: u64, value: f64| PeriodRecord {
        period: number,
        items: 10 * number,
        queries,
        facts: [("exemplars".to_string(), 5.0)].into(),
        epochs_run: 2,
        selected: Some(1),
        metrics: map(value),
        pessimistic: map(value),
        validation: [("hr@5".to_string(), 0.25)].into(),
        seconds: 1.25,
        curve: curve.clone(),
    };
    record.periods = vec![period(1, 1, 1.0), period(2, 3, 0.0)];
    (record.epochs_run, record.selected) = (4, BTreeMap::new());
    (record.metrics, record.pessimistic) = (map(0.5), map(0.5));
    let mut hits = Hits::default();
    [&[3][..], &[], &[], &[]].into_iter().for_each(|ranks| hits.push(ranks));
    let metrics = vec!["hr@5".into(), "recall@5".into()];
    record.ranks = Some(Ranks { targets: None, sets: vec![RankSet { metrics, within: Some(5), hits }] });
    record
}
