//! Against the reference vectors, exact probabilities, finite differences, and itself.

mod draws;
mod training;
mod vectors;

use harness::rng::Stream;

use super::*;
use crate::models::TopLists;
use crate::models::bpr::{FusedBpr, of_tables};

fn sampled(epsilon: f64) -> Positions {
    Positions::Sampled { epsilon: epsilon.try_into().unwrap() }
}

/// A student of random factors.
fn student(n_users: usize, n_items: usize, dim: usize, seed: u64) -> FusedBpr {
    let mut stream = Stream::new(seed, "dcd-test", "student", 0);
    FusedBpr::new(of_tables(dim, stream.normals(n_users * dim, 1.0), stream.normals(n_items * dim, 1.0))).unwrap()
}

/// Random lists of `list` partners for `owners`.
fn lists(owners: usize, partners: usize, list: usize) -> TopLists {
    let mut stream = Stream::new(0, "dcd-test", "lists", owners as u64);
    TopLists::new(list, (0..owners).flat_map(|_| stream.without_replacement(partners as u32, list)).collect())
}

/// Both sides over random lists, and a look at the student.
fn corrections(options: DcdOptions, student: &mut dyn Recommender, n_users: usize, n_items: usize) -> [Correction; 2] {
    [(Side::User, n_users, n_items, 0.3), (Side::Item, n_items, n_users, 0.2)].map(
        |(side, owners, partners, weight)| {
            let mut correction = Correction::new(side, weight, options, lists(owners, partners, options.list));
            correction.refresh(student).unwrap();
            correction
        },
    )
}
