//! Records for tests of whatever reads records.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::meter::{Latency, Machine, Throughput};
use crate::record::{
    CurveRecord, Digests, Hits, LatencyRecord, MemoryUse, ModelDigests, ParameterShape, PeriodRecord, Program,
    QueryRanks, RankSet, Record, Stored as _,
};

/// A record of made-up figures.
pub fn sample(trial: &str, seed: u64) -> Record {
    let digest = |what: &str| Digest::of(what.as_bytes());
    let map = |pairs: &[(&str, f64)]| pairs.iter().map(|(k, v)| ((*k).to_string(), *v)).collect::<BTreeMap<_, _>>();
    let mut curve = CurveRecord::new(vec!["loss".into(), "hr@5".into()]);
    curve.push(&[Some(706.25), None]);
    curve.push(&[Some(313.5), Some(0.25)]);
    let mut hits = Hits::default();
    for ranks in [&[3][..], &[], &[2, 5], &[1]] {
        hits.push(ranks);
    }
    Record {
        format: Record::FORMAT,
        spec: "de-rrd/citeulike".into(),
        profile: "paper".into(),
        trial: trial.into(),
        label: trial.to_uppercase(),
        method: "bpr".into(),
        seed,
        origin: None,
        lists: None,
        command: "reprise run de-rrd/citeulike --profile paper".into(),
        program: Program { version: "0.1.0".into(), commit: None, dirty: None },
        started: "2026-11-21T20:15:00Z".into(),
        digests: Digests {
            run: digest(&format!("{trial} {seed}")),
            data: digest("data"),
            dataset: digest("dataset"),
            split: digest("split"),
            weights: Some(digest(&format!("weights {trial} {seed}"))),
            lists: None,
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
        parameter_count: Some(28),
        meta: None,
        epochs_run: Some(2),
        selected: [("hr@5".to_string(), 1)].into(),
        metrics: map(&[("hr@5", 0.75), ("recall@5", 0.75)]),
        pessimistic: map(&[("hr@5", 0.75), ("recall@5", 0.75)]),
        validation: map(&[("hr@5", 0.25)]),
        seconds: map(&[("step", 1.5), ("total", 2.5)]),
        memory: MemoryUse { peak_rss_bytes: Some(77_000_000) },
        latency: Some(Latency { requests: 1000, threads: 1, p50_us: 120.5, p99_us: 180.0 }),
        curve: Some(curve),
        facts: BTreeMap::new(),
        periods: Vec::new(),
        time_ties: None,
        ranks: Some(QueryRanks {
            targets: Some(vec![1, 1, 2, 1]),
            sets: vec![RankSet { metrics: vec!["hr@5".into(), "recall@5".into()], within: Some(5), hits }],
        }),
    }
}

/// A record of made-up figures over two periods, of one query and of three.
pub fn sample_of_periods(trial: &str, seed: u64) -> Record {
    let mut record = sample(trial, seed);
    let map = |value: f64| BTreeMap::from([("hr@5".to_string(), value), ("recall@5".to_string(), value)]);
    let curve = record.curve.take().expect("the sample has one");
    let period = |number: u64, queries: u64, value: f64| PeriodRecord {
        period: number,
        warm_up: false,
        items: 10 * number,
        queries,
        facts: [("exemplars".to_string(), 5.0)].into(),
        epochs_run: Some(2),
        selected: Some(1),
        metrics: map(value),
        pessimistic: map(value),
        validation: [("hr@5".to_string(), 0.25)].into(),
        seconds: Some(1.25),
        training_seconds: Some(1.0),
        curve: curve.clone(),
    };
    record.periods = vec![period(1, 1, 1.0), period(2, 3, 0.0)];
    (record.epochs_run, record.selected) = (Some(4), BTreeMap::new());
    (record.metrics, record.pessimistic) = (map(0.5), map(0.5));
    let mut hits = Hits::default();
    [&[3][..], &[], &[], &[]].into_iter().for_each(|ranks| hits.push(ranks));
    let metrics = vec!["hr@5".into(), "recall@5".into()];
    record.ranks = Some(QueryRanks { targets: None, sets: vec![RankSet { metrics, within: Some(5), hits }] });
    record
}

/// A latency record of made-up figures, of the model of [`sample`].
pub fn latency_sample(trial: &str, seed: u64) -> LatencyRecord {
    let run = sample(trial, seed);
    LatencyRecord {
        format: LatencyRecord::FORMAT,
        spec: run.spec,
        profile: run.profile,
        trial: run.trial,
        seed,
        command: "reprise latency de-rrd/citeulike".into(),
        program: run.program,
        started: run.started,
        digests: ModelDigests { run: run.digests.run, weights: run.digests.weights.expect("a sample was trained") },
        device: run.device,
        machine: run.machine,
        parameter_count: run.parameter_count.expect("a sample was trained"),
        parameter_bytes: 4 * run.parameter_count.expect("a sample was trained"),
        meta_parameter_count: None,
        impressions: None,
        request: Latency { requests: 1000, threads: 1, p50_us: 120.5, p99_us: 180.0 },
        batch: Throughput { queries: 4, threads: 2, per_second: 16_000.0 },
    }
}
