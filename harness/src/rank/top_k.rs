//! The best items of a query: serving, and a teacher's lists.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::Index;
use crate::error::{Error, Kind, Result};
use crate::simd::dispatch;

/// An item with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    pub item: u32,
    pub score: f32,
}

/// Queries in a block of lists. Memory of a block: its scores' tile and 2k candidates for each query.
const BLOCK: usize = 96;

impl Index<'_> {
    /// The `k` best items of one query, best first, equal scores by lower item id; fewer if fewer are
    /// left. `excluded`: ascending item ids that must not appear. One thread.
    ///
    /// # Errors
    /// A score that is not finite.
    pub fn top_k(&self, query: u32, excluded: &[u32], k: usize) -> Result<Vec<Ranked>> {
        let mut best = BestItems::new(k);
        let mut left = excluded;
        self.scan(&self.encode(&[query]), |_, first, scores| {
            mask(scores, first, &mut left);
            best.offer(first, scores);
            Ok(())
        })?;
        Ok(best.into_ranked())
    }

    /// The lists of many queries, `[queries, k]`, each as [`Index::top_k`] orders it; in parallel.
    /// `excluded(query)`: ascending item ids that must not appear.
    ///
    /// # Errors
    /// A query with fewer than `k` items left; a score that is not finite.
    pub fn top_lists<'e>(
        &self,
        queries: &[u32],
        k: usize,
        excluded: &(dyn Fn(u32) -> &'e [u32] + Sync),
    ) -> Result<Vec<u32>> {
        self.top_lists_in_blocks(queries, k, excluded, BLOCK)
    }

    pub(super) fn top_lists_in_blocks<'e>(
        &self,
        queries: &[u32],
        k: usize,
        excluded: &(dyn Fn(u32) -> &'e [u32] + Sync),
        block: usize,
    ) -> Result<Vec<u32>> {
        let mut lists = vec![0; queries.len() * k];
        if k == 0 {
            return Ok(lists);
        }
        let done: Vec<Result<()>> = queries
            .par_chunks(block)
            .zip(lists.par_chunks_mut(block * k))
            .map(|(queries, lists)| {
                let mut rows: Vec<_> = queries.iter().map(|&query| (BestItems::new(k), excluded(query))).collect();
                self.scan(&self.encode(queries), |row, first, scores| {
                    let (best, left) = &mut rows[row];
                    mask(scores, first, left);
                    best.offer(first, scores);
                    Ok(())
                })?;
                for ((list, (best, _)), &query) in lists.chunks_exact_mut(k).zip(rows).zip(queries) {
                    fill(query, list, best.into_ranked())?;
                }
                Ok(())
            })
            .collect();
        // The first failing block in the order of the queries, whichever thread was first.
        done.into_iter().collect::<Result<()>>()?;
        Ok(lists)
    }
}

/// Writes the items of a query into its list, which they must fill.
pub(super) fn fill(query: u32, list: &mut [u32], ranked: Vec<Ranked>) -> Result<()> {
    if ranked.len() < list.len() {
        return Err(Error::new(Kind::Input, format!("query {query} has too few items for its list"))
            .expected(format!("at least {} that are not excluded", list.len()))
            .got(ranked.len().to_string()));
    }
    for (slot, ranked) in list.iter_mut().zip(ranked) {
        *slot = ranked.item;
    }
    Ok(())
}

/// Sets the scores of the `excluded` items of `first..first + scores.len()` below every finite one
/// and drops those items from the list.
pub(super) fn mask(scores: &mut [f32], first: usize, excluded: &mut &[u32]) {
    while let Some((&item, rest)) = excluded.split_first() {
        let Some(score) = scores.get_mut(item as usize - first) else { break };
        *score = f32::NEG_INFINITY;
        *excluded = rest;
    }
}

/// The best k of the items offered so far, in ascending order of ids.
pub(super) struct BestItems {
    k: usize,
    /// Score and id in one number, see [`key`]. The k best offered so far, and some more.
    keys: Vec<u64>,
    /// At least k scores reach this, so a later (higher) id must beat it.
    threshold: f32,
}

impl BestItems {
    /// Candidates that are kept beyond the k best, so that one selection drops many of them at once.
    const SLACK: usize = 64;

    pub fn new(k: usize) -> Self {
        Self { k, keys: Vec::with_capacity(2 * k + Self::SLACK), threshold: f32::NEG_INFINITY }
    }

    /// Offers the items `first..`, with these scores; ids must ascend from call to call.
    pub fn offer(&mut self, first: usize, scores: &[f32]) {
        dispatch(Offer { best: self, first, scores });
    }

    fn push(&mut self, item: u32, score: f32) {
        if self.k == 0 {
            return;
        }
        self.keys.push(key(score, item));
        if self.keys.len() == 2 * self.k + Self::SLACK {
            self.shrink();
        }
    }

    #[inline(never)]
    fn shrink(&mut self) {
        let (_, worst, _) = self.keys.select_nth_unstable_by(self.k - 1, |a, b| b.cmp(a));
        self.threshold = ranked(*worst).score;
        self.keys.truncate(self.k);
    }

    /// The k best, best first; equal scores by ascending id.
    pub fn into_ranked(mut self) -> Vec<Ranked> {
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.truncate(self.k);
        self.keys.into_iter().map(ranked).collect()
    }
}

/// A number that is higher for a better item: higher score, then lower id.
fn key(score: f32, item: u32) -> u64 {
    // Adding 0 makes −0 and 0 the same number, as they are the same score.
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!item)
}

fn ranked(key: u64) -> Ranked {
    let ordered = (key >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
    Ranked { item: !(key as u32), score: f32::from_bits(bits) }
}

struct Offer<'a> {
    best: &'a mut BestItems,
    first: usize,
    scores: &'a [f32],
}

impl WithSimd for Offer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { best, first, scores } = self;
        let (body, tail) = S::as_simd_f32s(scores);
        let each = |best: &mut BestItems, start: usize, scores: &[f32]| {
            for (lane, &score) in scores.iter().enumerate() {
                if score > best.threshold {
                    best.push((first + start + lane) as u32, score);
                }
            }
        };
        for (register, &values) in body.iter().enumerate() {
            let mask = simd.greater_than_f32s(values, simd.splat_f32s(best.threshold));
            if simd.first_true_m32s(mask) < S::F32_LANES {
                let start = register * S::F32_LANES;
                each(best, start, &scores[start..start + S::F32_LANES]);
            }
        }
        each(best, scores.len() - tail.len(), tail);
    }
}
