//! A world for tests of whole training runs: a split, a teacher, and someone who watches.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use candle_core::Device;
use harness::digest::Digest;
use harness::error::{Error, Result};
use harness::method::{Method, Params};
use harness::metrics::{Candidates, Protocol};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::{Cut, HeldOut, Split, UserItems};
use harness::train::{Checkpoint, Context, Epoch, Observer, Task, Teacher};
use harness::weights::{Parameter, PeriodArtefacts, Provenance, Weights};
use toml::de::DeValue;

use crate::models::bpr::of_tables;

/// What a run ended with: bits of the losses of all epochs and of the selected weights.
pub type Bits = (Vec<u64>, Vec<Vec<u32>>);

/// A split, and the weights of a teacher.
pub struct World {
    pub split: Split,
    pub teacher: Weights,
    /// The kind of model that the teacher is.
    pub kind: &'static str,
}

/// Keeps notes, and asks for the end after some epochs.
pub struct Watcher {
    pub notes: Mutex<Vec<String>>,
    epochs: AtomicUsize,
    end_after: usize,
}

impl Watcher {
    pub fn until(end_after: usize) -> Self {
        Self { notes: Mutex::default(), epochs: AtomicUsize::new(0), end_after }
    }
}

impl Observer for Watcher {
    fn epoch(&self, _: Epoch<'_>) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.into());
    }
    fn run_begins(&self, _: usize, _: usize, _: &str) {}
    fn run_ends(&self, _: &str, _: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        self.epochs.load(Ordering::Relaxed) >= self.end_after
    }
}

/// A method as a spec has it, or what is said against its parameters.
pub fn method(name: &str, params: &str) -> std::result::Result<Box<dyn Method>, String> {
    let params = params.replace('\n', " ");
    let params = Params(DeValue::parse(&params).unwrap());
    crate::registry().get(name).unwrap()(params).map_err(|error| error.to_string())
}

/// Users with these training sequences, who are held out nothing: to ask a model for any of the items.
pub fn queries(train: &UserItems, n_items: usize) -> Queries {
    let n_users = train.n_users();
    let [valid, test] = [(); 2].map(|()| UserItems::from_pairs(n_users, &[]));
    Queries::of_users(&Split { n_users, n_items, train: train.clone(), valid, test }, HeldOut::Test)
}

/// The first CUDA device, for a test that runs where there is one.
#[cfg(feature = "cuda")]
pub fn cuda() -> Option<harness::run::ComputeDevice> {
    use std::io::Write;
    let opened = harness::run::ComputeDevice::open(harness::run::DeviceChoice::Cuda(0));
    // Not `eprintln!`, which a passing test swallows.
    opened.map_err(|error| writeln!(std::io::stderr(), "skipped, no CUDA device: {error}").unwrap()).ok()
}

impl World {
    /// 150 users, more than one task's block, of 8 training items each, and one for validation and test;
    /// 80 items; a BPR model of size 12.
    pub fn new() -> Self {
        const USERS: usize = 150;
        const ITEMS: usize = 80;
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for user in 0..USERS as u32 {
            let mut stream = Stream::new(0, "world", "split", u64::from(user));
            for (k, item) in stream.without_replacement(ITEMS as u32, 10).into_iter().enumerate() {
                parts[k.saturating_sub(7)].push((user, item));
            }
        }
        let [train, valid, test] = parts.map(|pairs| UserItems::from_pairs(USERS, &pairs));
        let table = |name: &str, rows: usize| Stream::new(0, "world", name, 0).normals(rows * 12, 0.6);
        let split = Split { n_users: USERS, n_items: ITEMS, train, valid, test };
        Self { split, teacher: of_tables(12, table("user", USERS), table("item", ITEMS)), kind: "bpr" }
    }

    /// Does something in the world of a run, in a folder of its own.
    pub fn with_context<T>(&self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        self.in_context(folder.path(), &Watcher::until(usize::MAX), work)
    }

    fn in_context<T>(&self, folder: &Path, watcher: &Watcher, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let protocol = Protocol::new(Candidates::Full, vec!["recall@10".parse().unwrap()]).unwrap();
        let task = Task::new(Cut::Split(self.split.clone()), &protocol).unwrap();
        let teacher = Teacher {
            trial: "teacher".into(),
            kind: self.kind.into(),
            weights: self.teacher.clone(),
            after_periods: PeriodArtefacts {
                folder: folder.into(),
                of: Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") },
            },
            folder: folder.join("derived"),
        };
        let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
        let begun = Context::new(&task, "student", 3, &Device::Cpu, checkpoint, watcher);
        work(&mut Context { teacher: Some(&teacher), ..begun })
    }

    /// Trains until the end, or until the watcher asks for it; what it keeps stays in `folder`.
    pub fn watched(&self, method: &dyn Method, folder: &Path, watcher: &Watcher) -> Result<Bits> {
        let trained = self.in_context(folder, watcher, |cx| method.train(cx))?;
        let losses = trained.selected.unwrap().curve.loss;
        let bits = |parameter: &Parameter| parameter.values.iter().map(|v| v.to_bits()).collect();
        let weights = trained.weights.parameters.iter().map(bits).collect();
        Ok((losses.iter().map(|l| l.to_bits()).collect(), weights))
    }

    /// Trains in a folder of its own, stopped after each of `stops` epochs (of an attempt) and gone on with.
    pub fn run(&self, name: &str, params: &str, stops: &[usize]) -> Result<Bits> {
        let folder = tempfile::tempdir().unwrap();
        let method = method(name, params).unwrap();
        for &stop in stops {
            let error = self.watched(&*method, folder.path(), &Watcher::until(stop)).unwrap_err();
            assert_eq!(error.kind(), harness::error::Kind::Interrupted, "{error}");
        }
        self.watched(&*method, folder.path(), &Watcher::until(usize::MAX))
    }
}
