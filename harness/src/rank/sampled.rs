//! Ranks among a held-out item and sampled negatives.

use rayon::prelude::*;

use super::evaluation::Ranks;
use super::index::not_finite;
use crate::error::Result;
use crate::metrics::{Dot, Scorer};
use crate::queries::Queries;
use crate::simd::{Above, all_finite, count_above};

/// Queries in a block: they share each tile of items while it is in the cache.
pub(super) const BLOCK: usize = 256;
/// Size of a tile of item rows: half of a 1 MiB L2 cache, beside the block's encoded queries.
const TILE_BYTES: usize = 512 * 1024;

/// Rank of the target = 1 + #{negatives with a higher score}; `negatives`: by owner of askers, ascending.
pub(super) fn ranks(
    scorer: &dyn Scorer,
    queries: &Queries,
    negatives: &[Vec<u32>],
    block: usize,
) -> Result<Vec<Ranks>> {
    let dot = scorer.dot();
    let blocks: Vec<Result<Ranks>> = queries
        .ids()
        .par_chunks(block)
        .zip(queries.targets().par_chunks(block))
        .map(|(ids, targets)| {
            let left = ids.iter().map(|&id| &negatives[queries.owner(id) as usize][..]).collect();
            block_ranks(scorer, dot.as_ref(), ids, targets, left)
        })
        .collect();
    blocks.into_iter().collect()
}

/// `targets` and the negatives `left`: one, and one list, for each of `ids`.
///
/// Goes through the item table tile by tile, not query by query: 499 rows of 200 dimensions, drawn
/// from all of it, would come from memory again for every query.
fn block_ranks(
    scorer: &dyn Scorer,
    dot: Option<&Dot<'_>>,
    ids: &[u32],
    targets: &[u32],
    mut left: Vec<&[u32]>,
) -> Result<Ranks> {
    let (dim, mut x) = (dot.map_or(0, |dot| dot.dim), Vec::new());
    if let Some(dot) = dot {
        x.resize(ids.len() * dim, 0.0);
        (dot.encode)(ids, &mut x);
    }
    let score = |row: usize, items: &[u32], out: &mut [f32]| {
        match dot {
            Some(dot) => dot.score(&x[row * dim..(row + 1) * dim], items, out),
            None => scorer.score(ids[row], items, out),
        }
        if all_finite(out) {
            return Ok(());
        }
        let at = out.iter().position(|score| !score.is_finite()).expect("one of them is not finite");
        Err(not_finite(ids[row], items[at], out[at]))
    };
    let mut of_target = vec![0.0; ids.len()];
    for (row, target) in targets.iter().enumerate() {
        score(row, std::slice::from_ref(target), &mut of_target[row..row + 1])?;
    }
    let mut above = vec![Above::default(); ids.len()];
    let mut scores = vec![0.0; left.iter().map(|items| items.len()).max().unwrap_or(0)];
    // A model that is no dot product scores all candidates of a query at once.
    let tile = (TILE_BYTES / size_of::<f32>()).checked_div(dim).unwrap_or(scorer.n_items()).max(1);
    for end in (0..scorer.n_items()).step_by(tile).map(|start| start + tile) {
        for (row, left) in left.iter_mut().enumerate() {
            let (items, rest) = left.split_at(left.partition_point(|&item| (item as usize) < end));
            *left = rest;
            let scores = &mut scores[..items.len()];
            score(row, items, scores)?;
            let mut here = [Above::default()];
            count_above(scores, &of_target[row..row + 1], &mut here);
            above[row].greater += here[0].greater;
            above[row].or_equal += here[0].or_equal;
        }
    }
    let mut ranks = Ranks::default();
    for above in above {
        ranks.push([1 + above.greater], [1 + above.or_equal]);
    }
    Ok(ranks)
}
