//! Choice of the recorded runs that are trained again.

use std::collections::{BTreeMap, BTreeSet};

use harness::drift::Baseline;
use harness::rng::Stream;
use harness::spec::Spec;

/// A run that could be trained again: the index of its spec among those that are checked, trial and seed.
pub type Key = (usize, String, u64);

/// The runs of one spec that can be chosen.
pub struct Pool<'a> {
    pub spec: &'a Spec,
    pub reference: &'a Baseline,
    /// Trial and seed.
    pub runs: Vec<(String, u64)>,
}

/// Rule by which runs are chosen.
pub struct RunChoice {
    /// Largest number of runs.
    pub most: Option<u32>,
    /// Seed of the random draw.
    pub seed: u64,
    /// Choose the cheapest runs, as many as fit into this many seconds by their records.
    pub within: Option<f64>,
}

/// The runs that were chosen.
pub struct Chosen {
    pub runs: BTreeSet<Key>,
    /// Number of runs that could be chosen.
    pub of: usize,
    /// Seconds that they and their teachers took, by their records.
    pub seconds: f64,
}

impl RunChoice {
    /// Chooses from the runs of all specs together: each with the same probability or, with [`within`](Self::within), in
    /// the order of their cost, which includes teachers that must be trained first; the draw decides between equals.
    pub fn choose(&self, pool: &[Pool<'_>]) -> Chosen {
        let all: Vec<Key> = (pool.iter().enumerate())
            .flat_map(|(at, of)| of.runs.iter().map(move |(trial, seed)| (at, trial.clone(), *seed)))
            .collect();
        let mut drawn: Vec<Key> = Stream::new(self.seed, "check", "sample", 0)
            .permutation(all.len())
            .into_iter()
            .map(|at| all[at as usize].clone())
            .collect();
        let cost = |key: &Key, paid: &BTreeSet<Key>| -> Vec<(Key, f64)> {
            with_teachers(pool, key).into_iter().filter(|(key, _)| !paid.contains(key)).collect()
        };
        let whole = |key: &Key| cost(key, &BTreeSet::new()).iter().map(|(_, seconds)| seconds).sum::<f64>();
        if self.within.is_some() {
            drawn.sort_by(|a, b| whole(a).total_cmp(&whole(b)));
        }
        let (mut runs, mut paid, mut seconds) = (BTreeSet::new(), BTreeSet::new(), 0.0);
        for key in drawn {
            if self.most.is_some_and(|most| runs.len() >= most as usize) {
                break;
            }
            let more = cost(&key, &paid);
            let sum = seconds + more.iter().map(|(_, seconds)| seconds).sum::<f64>();
            if self.within.is_some_and(|within| sum > within) {
                break;
            }
            seconds = sum;
            paid.extend(more.into_iter().map(|(key, _)| key));
            runs.insert(key);
        }
        Chosen { runs, of: all.len(), seconds }
    }
}

/// A run and the teachers that it needs, each with the seconds of its record; 0 for a teacher without one.
fn with_teachers(pool: &[Pool<'_>], key: &Key) -> Vec<(Key, f64)> {
    let (at, trial, seed) = key;
    let Pool { spec, reference, .. } = &pool[*at];
    let seconds = |trial: &str| {
        reference.runs.get(trial).and_then(|runs| runs.0.get(seed)).map_or(0.0, |run| run.seconds.unwrap_or(0.0))
    };
    let trials: BTreeMap<&str, Option<&str>> =
        spec.trials.iter().map(|trial| (trial.id.as_str(), trial.teacher.as_deref())).collect();
    let mut needed = Vec::new();
    let mut next = Some(trial.as_str());
    while let Some(trial) = next {
        needed.push(((*at, trial.to_string(), *seed), seconds(trial)));
        next = trials.get(trial).copied().flatten();
    }
    needed
}
