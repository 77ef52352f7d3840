//! Planted drifts are found by the quick experiment, and what may not matter is not reported.
//!
//! The experiment is `reproductions/quick.toml` with all of its seeds, cut to the trials that train in seconds. A drift
//! is a change of the program that no fingerprint tells, so records that were made by a changed program get the
//! fingerprints of the original. The size of evaluation blocks is a constant of the program: that it changes no bit of
//! an evaluation, from 1 query to more than there are, is tested where it can be varied, in `harness/src/rank/tests.rs`
//! (`blocks_and_threads_do_not_change_a_bit`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use harness::data::{Cache, Catalog, Manifest};
use harness::digest::Digest;
use harness::drift::{Acceptance, DriftVerdict, Judgement, Today, judge};
use harness::error::{Error, Result};
use harness::method::{Method, Params, Registry, Trained};
use harness::metrics::Metric;
use harness::record::{Checked, Program, Record, Records};
use harness::run::{ComputeDevice, DeviceChoice, Job, TrainingOptions, execute, expected};
use harness::spec::{self, Filter};
use harness::split::{Cut, UserItems};
use harness::train::{Context, Epoch, Observer, Task};

const TRIALS: [&str; 3] = ["pop", "teacher", "student"];

/// The experiment up to the trials that take longer.
fn quick() -> String {
    let text = std::fs::read_to_string(root().join("reproductions/quick.toml")).unwrap();
    text.split("# The same student, distilled").next().unwrap().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> Manifest {
    Catalog::open(&root().join("data-manifests")).unwrap().get("movietweetings-100k").unwrap()
}

type Fingerprints = BTreeMap<(String, u64), Digest>;

/// Trains a spec on some threads: its records, and its fingerprints.
fn train(text: &str, registry: &Registry, threads: usize) -> (Vec<Record>, Fingerprints) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reproductions/quick.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    let mut spec = spec::load(&file, None, registry).unwrap();
    spec.trials.retain(|trial| TRIALS.contains(&trial.id.as_str()));
    let (manifest, results) = (manifest(), folder.path().join("results"));
    let job = Job {
        spec: &spec,
        manifest: &manifest,
        filter: &Filter::default(),
        cache: &Cache::new(folder.path().join("cache")),
        results: results.clone(),
        device: &ComputeDevice::open(DeviceChoice::Cpu).unwrap(),
        command: "a test".into(),
        program: Program { version: "test".into(), commit: None, dirty: None },
        observer: &Quiet,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let outcome = pool
        .install(|| {
            execute(
                &job,
                TrainingOptions {
                    fresh: false,
                    checkpoint_every: Duration::MAX,
                    allow_programs: false,
                    keep_teachers: false,
                    keep_tested_models: false,
                },
            )
        })
        .unwrap();
    assert_eq!((outcome.trained, outcome.failed.len()), (9, 0), "{:?}", outcome.failed);
    let expected = expected(&spec, manifest.prepared.unwrap());
    let records = Checked::new(Records::read(&results).unwrap(), Vec::new(), &spec.id, &spec.profile, &expected);
    assert!(records.stale.is_empty());
    (records.current, expected)
}

struct Quiet;

impl Observer for Quiet {
    fn epoch(&self, _: Epoch<'_>) {}
    fn note(&self, _: &str) {}
    fn run_begins(&self, _: usize, _: usize, _: &str) {}
    fn run_ends(&self, _: &str, _: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// The result of the program as it is, on two threads.
fn original() -> &'static (Vec<Record>, Fingerprints) {
    static DONE: OnceLock<(Vec<Record>, Fingerprints)> = OnceLock::new();
    DONE.get_or_init(|| train(&quick(), &reproductions::registry(), 2))
}

/// Records against the baseline of the original, as those of the same runs.
fn judged(mut records: Vec<Record>) -> Judgement {
    let (original, expected) = original();
    for record in &mut records {
        record.digests.run = expected[&(record.trial.clone(), record.seed)];
    }
    let (missing, filter) = (BTreeMap::new(), Filter::default());
    let today = |records| Today { expected, records, missing: &missing, filter: &filter };
    let when = "2026-11-22T02:30:00Z".to_string();
    let accepted = Acceptance { reason: "the original", when, matters: &[], inexact: &[] };
    judge(&accepted.accept("quick", "base", &today(original), None).unwrap(), &today(&records))
}

/// The same, had a CUDA device made them.
fn judged_elsewhere(mut records: Vec<Record>) -> Judgement {
    records.iter_mut().for_each(|record| record.device = "cuda:0 Example".into());
    judged(records)
}

/// `trial: what` of every drift.
fn drifts(judgement: &Judgement) -> BTreeSet<String> {
    let cases = judgement.trials.iter().flat_map(|trial| trial.cases.iter().map(move |case| (trial, case)));
    let drifted = cases.filter(|(_, case)| case.verdict == DriftVerdict::Drift);
    drifted.map(|(trial, case)| format!("{}: {}", trial.id, case.name)).collect()
}

/// Every metric of the trained models drifted, and nothing of POP, which is only counted.
#[track_caller]
fn assert_found_in_all_that_is_trained(records: &[Record]) {
    let judgement = judged(records.to_vec());
    assert_eq!(judgement.verdict(), DriftVerdict::Drift);
    let found = drifts(&judgement);
    for trial in ["teacher", "student"] {
        for what in ["counts", "recall@20", "ndcg@10", "ndcg@20", "mrr@10"] {
            assert!(found.contains(&format!("{trial}: {what}")), "{trial}: {what} is not in {found:?}");
        }
    }
    assert!(found.iter().all(|what| !what.starts_with("pop")), "{found:?}");
}

#[test]
fn the_same_program_has_not_drifted_on_any_number_of_threads() {
    assert!(original().0.iter().all(|record| record.threads == 2));
    assert_eq!(judged(original().0.clone()).verdict(), DriftVerdict::Fine);
    let (alone, _) = train(&quick(), &reproductions::registry(), 1);
    assert!(alone.iter().all(|record| record.threads == 1));
    let judgement = judged(alone);
    assert!(judgement.trials.iter().all(|trial| trial.exact && trial.seeds.len() == 3));
    assert_eq!((judgement.verdict(), drifts(&judgement)), (DriftVerdict::Fine, BTreeSet::new()));
}

#[test]
fn a_larger_learning_rate_is_found() {
    let edited = quick().replace("learning_rate = 5e-3", "learning_rate = 6.5e-3");
    let edited = edited.replace("learning_rate = 1e-3", "learning_rate = 1.3e-3");
    let (records, _) = train(&edited, &reproductions::registry(), 2);
    assert_found_in_all_that_is_trained(&records);
    // Nothing where this was written: within the spread of three seeds.
    println!("learning rate, elsewhere: {:?}", drifts(&judged_elsewhere(records)));
}

#[test]
fn a_dropped_weight_decay_is_found() {
    let edited = quick().replace("weight_decay = 1e-2", "weight_decay = 0");
    let (records, _) = train(&edited, &reproductions::registry(), 2);
    assert_found_in_all_that_is_trained(&records);
    // recall@20 of the teacher, and nothing else, where this was written.
    println!("weight decay, elsewhere: {:?}", drifts(&judged_elsewhere(records)));
}

/// Trains with negatives that may be items of the user.
struct Forgetful(Box<dyn Method>);

impl Method for Forgetful {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let Context { trial, seed, device, observer, .. } = *cx;
        let seen = UserItems::from_pairs(cx.split().n_users, &[]);
        let task = Task { seen, ..Task::new(Cut::Split(cx.split().clone()), &cx.task.protocol)? };
        let mut forgetful = Context::new(&task, trial, seed, device, cx.checkpoint.clone(), observer);
        std::mem::swap(&mut cx.meter, &mut forgetful.meter);
        let trained = self.0.train(&mut forgetful);
        cx.meter = forgetful.meter;
        trained
    }
}

#[test]
fn a_sampler_that_may_return_positives_is_found() {
    let build = |name: &str, params: Params<'_>| reproductions::registry().get(name).unwrap()(params);
    let registry = Registry::default()
        .with("pop", move |params| build("pop", params))
        .with("item-cf", move |params| build("item-cf", params))
        .with("bpr", move |params| Ok(Box::new(Forgetful(build("bpr", params)?))));
    let (records, _) = train(&quick(), &registry, 2);
    assert_found_in_all_that_is_trained(&records);
    // Nothing where this was written: few of 2,414 items are a user's own.
    println!("sampler, elsewhere: {:?}", drifts(&judged_elsewhere(records)));
}

/// nDCG of one target with the discount 1/log2(r + 2) instead of 1/log2(r + 1), as of a program that adds one to the rank
/// once too often; the best list still has 1.
fn wrong_ndcg(record: &Record, metric: Metric) -> f64 {
    let right = record.per_query(metric).unwrap();
    let wrong = |value: &f64| if *value == 0.0 { 0.0 } else { 3f64.log2() / ((1.0 / value).exp2() + 1.0).log2() };
    right.iter().map(wrong).sum::<f64>() / right.len() as f64
}

#[test]
fn a_wrong_discount_is_found() {
    let mut records = original().0.clone();
    for record in &mut records {
        for name in ["ndcg@10", "ndcg@20"] {
            let wrong = wrong_ndcg(record, name.parse().unwrap());
            assert!(wrong > record.metrics[name]);
            record.metrics.insert(name.into(), wrong);
        }
        // They would tell the right value.
        record.ranks = None;
    }
    let all = |metrics: &[&str]| -> BTreeSet<String> {
        TRIALS.iter().flat_map(|trial| metrics.iter().map(move |metric| format!("{trial}: {metric}"))).collect()
    };
    assert_eq!(drifts(&judged(records.clone())), all(&["ndcg@10", "ndcg@20"]));
    assert_eq!(drifts(&judged_elsewhere(records)), all(&["ndcg@10", "ndcg@20"]), "several seed spreads");
}
