//! The methods `rd` and `cd` from their parameters to trained students, on a small synthetic world.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use candle_core::Device;
use harness::digest::Digest;
use harness::error::{Error, Kind, Result};
use harness::meter::Meter;
use harness::method::{Method, Parameter, Params};
use harness::metrics::{Candidates, Protocol};
use harness::rank::Ranker;
use harness::rng::Stream;
use harness::split::{Split, UserItems};
use harness::train::{Checkpoint, Context, Epoch, Observer, Teacher};
use toml::de::DeValue;

/// More than one task's block of users.
const USERS: usize = 150;
const ITEMS: usize = 80;

/// Every user has 8 training items, one for validation, one for the test.
fn split() -> Split {
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for user in 0..USERS as u32 {
        let mut stream = Stream::new(0, "world", "split", u64::from(user));
        for (k, item) in stream.without_replacement(ITEMS as u32, 10).into_iter().enumerate() {
            parts[k.saturating_sub(7)].push((user, item));
        }
    }
    let [train, valid, test] = parts.map(|pairs| UserItems::from_pairs(USERS, &pairs));
    Split { n_users: USERS, n_items: ITEMS, train, valid, test }
}

/// A teacher of size 12 with a derived folder.
fn teacher(folder: &Path) -> Teacher {
    let table = |name: &str, rows: usize| Parameter {
        name: name.into(),
        shape: vec![rows, 12],
        values: Stream::new(0, "world", name, 0).normals(rows * 12, 0.6),
    };
    let parameters = vec![table("user", USERS), table("item", ITEMS)];
    Teacher { trial: "teacher".into(), parameters, fingerprint: Digest::of(b"teacher"), folder: folder.join("derived") }
}

/// Asks for the end after the first epoch, if at all.
struct Quiet(AtomicBool);

impl Observer for Quiet {
    fn epoch(&self, _epoch: Epoch<'_>) {}
    fn note(&self, _text: &str) {}
    fn run_begins(&self, _index: usize, _total: usize, _name: &str) {}
    fn run_ends(&self, _name: &str, _outcome: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

fn method(name: &str, params: &str) -> std::result::Result<Box<dyn Method>, String> {
    let params = Params(DeValue::parse(params).unwrap());
    crate::registry().get(name).unwrap()(params).map_err(|error| error.to_string())
}

const BPR: &str = "{ dim = 9, learning_rate = 1e-2, weight_decay = 1e-3, batch = 100, init_std = 0.1, epochs = 4, \
                   stopping = { watch = [\"recall@10\"], patience = 9, every = 1, decimals = 4 } }";

fn rd(lambda: &str, weighting: &str) -> String {
    format!("{{ student = {{ bpr = {BPR} }}, lambda = {lambda}, list = 7, weighting = {weighting} }}")
}

fn hybrid(estimate: &str, normalised: bool) -> String {
    format!(
        "{{ hybrid = {{ position_lambda = 2, normalised = {normalised}, start_epoch = 2, \
         discrepancy = {{ mu = 0.1, samples = 11, rank_estimate = \"{estimate}\" }} }} }}"
    )
}

fn cd(lambda: &str, count: usize, sampling: &str) -> String {
    format!(
        "{{ student = {{ bpr = {BPR} }}, lambda = {lambda}, count = {count}, sampling = {sampling}, t1 = 2, t2 = 0 }}"
    )
}

const POOL: &str = "{ better-of-two = { pool = 30, gamma = 0.05 } }";
const EXPONENTIAL: &str = "{ exponential = { gamma = 5 } }";

/// Every way of both baselines.
fn ways(lambda: &str) -> Vec<(&'static str, String)> {
    let discrepancy = "{ discrepancy = { mu = 0.1, samples = 11, rank_estimate = \"code\" } }";
    let weightings = [
        "\"uniform\"".to_string(),
        "{ position = { lambda = 1 } }".into(),
        discrepancy.into(),
        hybrid("paper", true),
        hybrid("code", false),
    ];
    let mut ways: Vec<_> = weightings.iter().map(|weighting| ("rd", rd(lambda, weighting))).collect();
    ways.extend([POOL, EXPONENTIAL].map(|sampling| ("cd", cd(lambda, 10, sampling))));
    ways
}

/// Bits of the losses of all epochs and of the selected weights.
type Bits = (Vec<u64>, Vec<Vec<u32>>);

/// Trains in a world of its own; `resumed` stops after the first epoch and goes on from the state.
fn run(name: &str, params: &str, resumed: bool) -> Result<Bits> {
    let folder = tempfile::tempdir().unwrap();
    let split = split();
    let seen = split.train.sorted();
    let metrics = vec!["recall@10".parse().unwrap()];
    let ranker = Ranker::new(&Protocol::new(Candidates::Full, metrics).unwrap(), &split).unwrap();
    let teacher = teacher(folder.path());
    let observer = Quiet(AtomicBool::new(resumed));
    let method = method(name, params).unwrap();
    let attempt = || {
        let mut cx = Context {
            split: &split,
            seen: &seen,
            ranker: &ranker,
            trial: "student",
            seed: 3,
            device: &Device::Cpu,
            teacher: Some(&teacher),
            meter: Meter::new(&Device::Cpu),
            checkpoint: Checkpoint::new(folder.path().join("checkpoint"), Duration::MAX),
            observer: &observer,
        };
        method.train(&mut cx)
    };
    if resumed {
        assert_eq!(attempt().err().unwrap().kind(), Kind::Interrupted);
    }
    let trained = attempt()?;
    let losses = trained.selected.unwrap().curve.loss;
    assert_eq!(losses.len(), 4);
    let bits = |parameter: Parameter| parameter.values.iter().map(|v| v.to_bits()).collect();
    Ok((losses.iter().map(|l| l.to_bits()).collect(), trained.parameters.into_iter().map(bits).collect()))
}

#[test]
fn a_term_of_weight_0_is_plain_training() {
    let plain = run("bpr", BPR, false).unwrap();
    for (name, params) in ways("0") {
        assert_eq!(run(name, &params, false).unwrap(), plain, "{params}");
    }
}

#[test]
fn every_way_learns_something_of_its_own() {
    let mut seen = vec![run("bpr", BPR, false).unwrap()];
    for (name, params) in ways("0.5") {
        let bits = run(name, &params, false).unwrap();
        assert!(bits.0.iter().all(|&loss| f64::from_bits(loss).is_finite()));
        assert!(!seen.contains(&bits), "{params}");
        seen.push(bits);
    }
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    for (name, params) in ways("0.5") {
        let on = |threads: usize, resumed: bool| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(name, &params, resumed)).unwrap()
        };
        let one = on(1, false);
        assert_eq!(on(2, false), one, "{params}");
        assert_eq!(on(3, false), one, "{params}");
        assert_eq!(on(2, true), one, "{params}");
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    // 80 items, 8 of them seen.
    let long = rd("1", "\"uniform\"").replace("list = 7", "list = 73");
    let error = run("rd", &long, false).unwrap_err().to_string();
    assert!(error.contains("list of user 0 cannot be filled") && error.contains("at least 73 items"), "{error}");
    let error = run("cd", &cd("1", 10, "{ better-of-two = { pool = 73, gamma = 0 } }"), false).unwrap_err();
    assert!(error.to_string().contains("at least 73"), "{error}");
    let error = run("cd", &cd("1", 73, EXPONENTIAL), false).unwrap_err().to_string();
    assert!(error.contains("user 0 has too few items") && error.contains("got:      72"), "{error}");
    assert!(error.contains("hint: a smaller `count`"), "{error}");
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let refused = |name: &str, params: &str, why: &str| {
        let error = method(name, params).err().expect("an error");
        assert!(error.contains(why), "{params}: {error}");
    };
    refused("cd", &cd("1", 31, POOL), "`count` is more than the pool has\n  expected: at most `pool`, which is 30");
    refused("cd", &cd("-1", 10, POOL), "expected a finite number of at least 0");
    refused("cd", &cd("1", 10, POOL).replace("t1 = 2", "t1 = 0"), "expected a finite number above 0");
    refused("cd", &cd("1", 10, POOL).replace("t2 = 0", "t2 = nan"), "expected a finite number");
    refused("cd", &cd("1", 10, "{ linear = {} }"), "unknown variant `linear`");
    refused("cd", &cd("1", 10, "{ exponential = { gamma = 1, pool = 3 } }"), "unexpected keys in table: pool");
    refused("rd", &rd("1", "\"hybrid\""), "in `weighting`");
    refused("rd", &rd("1", &hybrid("mine", true)), "unknown variant `mine`");
    refused("rd", &rd("1", &hybrid("paper", true).replace("mu = 0.1", "mu = 0")), "expected a finite number above 0");
    refused("rd", &rd("1", "{ uniform = { lambda = 1 } }"), "in `weighting`");
    let teacherless = method("bpr", BPR).unwrap();
    assert!(!teacherless.uses_teacher());
    assert!(method("rd", &rd("1", "\"uniform\"")).unwrap().uses_teacher());
    assert!(method("cd", &cd("1", 10, POOL)).unwrap().uses_teacher());
}
