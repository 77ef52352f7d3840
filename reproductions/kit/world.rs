//! A world for tests of whole training runs: a split and a teacher.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::digest::Digest;
use harness::error::Result;
use harness::method::Method;
use harness::metrics::{Candidates, Protocol};
use harness::rng::Stream;
use harness::split::{Cut, Split, UserItems};
use harness::train::{Checkpoint, Context, Task, Teacher};
use harness::weights::{PeriodArtefacts, Provenance, Weights};

use super::{Watcher, bits, method};
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
            tested_models: PeriodArtefacts {
                folder: folder.into(),
                of: Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") },
            },
            folder: folder.join("derived"),
            teacher: None,
        };
        let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
        let begun = Context::new(&task, "student", 3, &Device::Cpu, checkpoint, watcher);
        work(&mut Context { teacher: Some(&teacher), ..begun })
    }

    /// Trains until the end, or until the watcher asks for it; what it keeps stays in `folder`.
    pub fn watched(&self, method: &dyn Method, folder: &Path, watcher: &Watcher) -> Result<Bits> {
        let trained = self.in_context(folder, watcher, |cx| method.train(cx))?;
        let losses = trained.selected.unwrap().curve.loss;
        let weights = trained.weights.parameters.iter().map(|parameter| bits(&parameter.values)).collect();
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
