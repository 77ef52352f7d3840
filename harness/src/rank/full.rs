//! Ranks among all items that a user has not seen.

use std::ops::Range;

use rayon::prelude::*;

use super::Index;
use super::evaluation::Ranks;
use super::top_k::mask;
use crate::error::{Error, Kind, Result};
use crate::queries::Queries;
use crate::simd::{Above, count_above};
use crate::split::UserItems;

/// Queries in a block. With 200 dimensions 190 KiB of the L2 cache beside a tile of items; the item
/// table is read from memory once for each block, so larger is better until the cache is full.
pub(super) const BLOCK: usize = 240;

/// Rank of a target = 1 + #{higher score} + #{equal score, lower id}, over the unseen items.
pub(super) fn ranks(index: &Index<'_>, queries: &Queries, seen: &UserItems, block: usize) -> Result<Vec<Ranks>> {
    let n_blocks = queries.len().div_ceil(block);
    let blocks: Vec<Result<Ranks>> = (0..n_blocks)
        .into_par_iter()
        .map(|b| block_ranks(index, queries, seen, b * block..((b + 1) * block).min(queries.len())))
        .collect();
    blocks.into_iter().collect()
}

/// Scores and ranks of a block's targets so far; one entry for each, by query, then ascending id.
struct Counts<'a> {
    targets: &'a [u32],
    scores: Vec<f32>,
    above: Vec<Above>,
    /// Equal scores at lower ids.
    equal_before: Vec<u32>,
    /// Counts within the current tile.
    here: Vec<Above>,
}

fn block_ranks(index: &Index<'_>, queries: &Queries, seen: &UserItems, rows: Range<usize>) -> Result<Ranks> {
    let ids = &queries.ids()[rows.clone()];
    let block = index.encode(ids);
    let origin = queries.offsets()[rows.start] as usize;
    let of = |row: usize| {
        let row = rows.start + row;
        queries.offsets()[row] as usize - origin..queries.offsets()[row + 1] as usize - origin
    };
    let targets = &queries.targets()[origin..queries.offsets()[rows.end] as usize];
    let mut counts = Counts {
        targets,
        scores: vec![0.0; targets.len()],
        above: vec![Above::default(); targets.len()],
        equal_before: vec![0; targets.len()],
        here: vec![Above::default(); targets.len()],
    };
    for row in 0..ids.len() {
        index.score(&block, row, &targets[of(row)], &mut counts.scores[of(row)]);
    }
    let mut left: Vec<&[u32]> = ids.iter().map(|&query| seen.of(query)).collect();
    index.scan(&block, |row, first, scores| {
        mask(scores, first, &mut left[row]);
        counts.add(of(row), first, scores).map_err(|target| disagrees(ids[row], target))
    })?;
    let mut ranks = Ranks::default();
    for row in 0..ids.len() {
        let better = of(row).map(|t| 1 + counts.above[t].greater + counts.equal_before[t]);
        ranks.push(better, of(row).map(|t| counts.above[t].or_equal));
    }
    Ok(ranks)
}

impl Counts<'_> {
    /// Adds the scores of the items from `first` on to the counts of one query's targets.
    /// Fails with a target whose score here is not the one it is compared by.
    fn add(&mut self, of: Range<usize>, first: usize, scores: &[f32]) -> std::result::Result<(), u32> {
        count_above(scores, &self.scores[of.clone()], &mut self.here[of.clone()]);
        for t in of {
            self.above[t].greater += self.here[t].greater;
            self.above[t].or_equal += self.here[t].or_equal;
            let target = self.targets[t] as usize;
            if target >= first + scores.len() {
                self.equal_before[t] += self.here[t].or_equal - self.here[t].greater;
            } else if target >= first {
                let (before, rest) = scores.split_at(target - first);
                if rest[0] != self.scores[t] {
                    return Err(self.targets[t]);
                }
                self.equal_before[t] += before.iter().filter(|&&score| score == rest[0]).count() as u32;
            }
        }
        Ok(())
    }
}

fn disagrees(query: u32, item: u32) -> Error {
    Error::new(Kind::Internal, format!("a model gives item {item} two scores for query {query}"))
        .expected("the same bits from `Scorer::score` and `Scorer::score_all`")
}
