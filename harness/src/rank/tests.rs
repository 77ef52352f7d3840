//! The ranking against hand-computed vectors, brute force, and itself in other blocks and threads.

use super::*;
use crate::kit::{Table, on_threads, same_on_threads};
use crate::metrics::{Candidates, Dot, Draw, Encode, Metric, Protocol, Scorer};
use crate::queries::Queries;
use crate::rng::Stream;
use crate::split::{HeldOut, Split, UserItems};

mod evaluation;
mod lists;
mod negatives;
mod pointwise;
mod refusals;
mod vectors;

/// A matrix factorisation.
struct Factors {
    dim: usize,
    users: Vec<f32>,
    items: Vec<f32>,
    bias: Option<Vec<f32>>,
    encode: Encode<'static>,
}

impl Factors {
    /// Values on a grid of `1/steps`, so that few steps make ties.
    fn new(n_users: usize, n_items: usize, dim: usize, biased: bool, steps: f32) -> Self {
        let mut stream = Stream::new(5, "tests", "factors", dim as u64);
        let mut values = |n| stream.normals(n, 1.0).iter().map(|v| (v * steps).round() / steps).collect::<Vec<f32>>();
        let (users, items) = (values(n_users * dim), values(n_items * dim));
        let bias = biased.then(|| values(n_items));
        let table = users.clone();
        let encode = Box::new(move |queries: &[u32], out: &mut [f32]| {
            for (row, &query) in out.chunks_exact_mut(dim).zip(queries) {
                row.copy_from_slice(&table[query as usize * dim..][..dim]);
            }
        });
        Self { dim, users, items, bias, encode }
    }
    /// The chain that every full ranking uses, as a table.
    fn table(&self) -> Table {
        let mut scores = Vec::new();
        for user in self.users.chunks(self.dim) {
            for (i, item) in self.items.chunks(self.dim).enumerate() {
                let bias = self.bias.as_ref().map_or(0.0, |bias| bias[i]);
                scores.push(user.iter().zip(item).fold(bias, |sum, (x, y)| x.mul_add(*y, sum)));
            }
        }
        Table { n_items: self.n_items(), scores }
    }
}

impl Scorer for Factors {
    fn n_items(&self) -> usize {
        self.items.len() / self.dim
    }
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        let x = &self.users[query as usize * self.dim..][..self.dim];
        self.dot().unwrap().score(x, items, out);
    }
    fn score_all(&self, query: u32, out: &mut [f32]) {
        let x = &self.users[query as usize * self.dim..][..self.dim];
        self.dot().unwrap().score_all(x, out);
    }
    fn dot(&self) -> Option<Dot<'_>> {
        Some(Dot { dim: self.dim, items: &self.items, bias: self.bias.as_deref(), encode: Box::new(&self.encode) })
    }
}

fn metrics(names: &[&str]) -> Vec<Metric> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn full(names: &[&str]) -> Protocol {
    Protocol::new(Candidates::Full, metrics(names)).unwrap()
}

fn sampled(negatives: usize, names: &[&str]) -> Protocol {
    Protocol::new(Candidates::Sampled { negatives, seed: 0, draw: Draw::Stream }, metrics(names)).unwrap()
}

fn ranker(protocol: &Protocol, split: &Split, part: HeldOut) -> Ranker {
    Ranker::new(protocol, Queries::of_users(split, part)).unwrap()
}

/// Evaluates on the test items.
fn test(protocol: &Protocol, split: &Split, scorer: &dyn Scorer) -> Evaluation {
    ranker(protocol, split, HeldOut::Test).evaluate(scorer).unwrap()
}

type Pairs<'a> = &'a [(u32, u32)];

fn split(n_users: usize, n_items: usize, train: Pairs<'_>, valid: Pairs<'_>, test: Pairs<'_>) -> Split {
    let part = |pairs| UserItems::from_pairs(n_users, pairs);
    Split { n_users, n_items, train: part(train), valid: part(valid), test: part(test) }
}

/// Every user sees, validates on and is tested on some random items.
fn random_split(n_users: usize, n_items: usize, seen: usize, held_out: usize) -> Split {
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..n_users as u32 {
        let mut stream = Stream::new(6, "tests", "split", u64::from(user));
        let items = stream.without_replacement(n_items as u32, seen + 2 * held_out);
        train.extend(items[..seen].iter().map(|&i| (user, i)));
        valid.extend(items[seen..seen + held_out].iter().map(|&i| (user, i)));
        test.extend(items[seen + held_out..].iter().map(|&i| (user, i)));
    }
    split(n_users, n_items, &train, &valid, &test)
}
