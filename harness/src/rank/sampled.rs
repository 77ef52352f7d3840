//! Ranks among a held-out item and sampled negatives.

use rayon::prelude::*;

use super::evaluation::Ranks;
use super::index::not_finite;
use super::ranker::Queries;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Dot, Scorer};
use crate::rng::{Rejection, Stream};
use crate::simd::{Above, all_finite, count_above};
use crate::split::{Split, UserItems};

/// Queries in a block: enough work to share between threads, few enough encoded vectors.
pub(super) const BLOCK: usize = 64;

/// `count` distinct items for each user with a held-out item, uniform over what the user has in no
/// part; none for other users.
///
/// # Errors
/// A user with fewer than `count` such items.
pub(super) fn draw_negatives(split: &Split, count: usize, seed: u64) -> Result<Vec<Vec<u32>>> {
    let parts = [&split.train, &split.valid, &split.test];
    let pairs: Vec<(u32, u32)> = parts.iter().flat_map(|part| part.pairs()).collect();
    let taken = UserItems::from_pairs(split.n_users, &pairs).sorted();
    let sampler = Rejection::new(split.n_items);
    let drawn: Vec<Result<Vec<u32>>> = (0..split.n_users as u32)
        .into_par_iter()
        .map(|user| {
            if split.valid.of(user).is_empty() && split.test.of(user).is_empty() {
                return Ok(Vec::new());
            }
            let mut stream = Stream::new(seed, "protocol", "negatives", u64::from(user));
            let taken = taken.of(user);
            sampler.distinct(&mut stream, taken, count).ok_or_else(|| {
                Error::new(Kind::Input, format!("user {user} has too few items left to draw negatives from"))
                    .expected(format!("at least {count} of {} items outside the user's own", split.n_items))
                    .got(format!("{} (the user has {})", split.n_items - taken.len(), taken.len()))
                    .hint("lower `negatives`, or use `candidates = \"full\"`")
            })
        })
        .collect();
    drawn.into_iter().collect()
}

/// Rank of the target = 1 + #{negatives with a higher score}.
pub(super) fn ranks(
    scorer: &dyn Scorer,
    queries: &Queries,
    negatives: &[Vec<u32>],
    block: usize,
) -> Result<Vec<Ranks>> {
    let dot = scorer.dot();
    let blocks: Vec<Result<Ranks>> = queries
        .ids
        .par_chunks(block)
        .zip(queries.targets.par_chunks(block))
        .map(|(ids, targets)| block_ranks(scorer, dot.as_ref(), ids, targets, negatives))
        .collect();
    blocks.into_iter().collect()
}

/// `targets`: one for each of `ids`.
fn block_ranks(
    scorer: &dyn Scorer,
    dot: Option<&Dot<'_>>,
    ids: &[u32],
    targets: &[u32],
    negatives: &[Vec<u32>],
) -> Result<Ranks> {
    let mut x = Vec::new();
    if let Some(dot) = dot {
        x.resize(ids.len() * dot.dim, 0.0);
        (dot.encode)(ids, &mut x);
    }
    let mut ranks = Ranks::default();
    let (mut candidates, mut scores) = (Vec::new(), Vec::new());
    for (row, (&query, &target)) in ids.iter().zip(targets).enumerate() {
        candidates.clear();
        candidates.push(target);
        candidates.extend_from_slice(&negatives[query as usize]);
        scores.resize(candidates.len(), 0.0);
        match dot {
            Some(dot) => dot.score(&x[row * dot.dim..(row + 1) * dot.dim], &candidates, &mut scores),
            None => scorer.score(query, &candidates, &mut scores),
        }
        if !all_finite(&scores) {
            let at = scores.iter().position(|score| !score.is_finite()).expect("one of them is not finite");
            return Err(not_finite(query, candidates[at], scores[at]));
        }
        let mut above = [Above::default()];
        count_above(&scores[1..], &scores[..1], &mut above);
        ranks.push([1 + above[0].greater], [1 + above[0].or_equal]);
    }
    Ok(ranks)
}
