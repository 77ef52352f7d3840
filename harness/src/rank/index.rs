//! A scorer made ready to score all items for many queries, in the caller's cache.

use super::panels::{GROUP, LANES, Panels, pack_queries};
use crate::error::{Error, Kind, Result};
use crate::metrics::Scorer;
use crate::simd;

/// Panels in a tile of items: 16 × 32 items × 200 dimensions are 400 KiB, within a 1 MiB L2 cache
/// beside a block of queries.
const TILE: usize = 16;

/// A scorer, and its item table in the layout that scores fastest if it is a dot product.
///
/// Costs one pass over the item table and a copy of it: make it once for many queries.
pub struct Index<'a> {
    scorer: &'a dyn Scorer,
    panels: Option<Panels>,
}

/// Some queries, encoded if the scorer is a dot product.
pub(super) struct QueryBlock<'a> {
    queries: &'a [u32],
    /// `[queries, dim]`
    x: Vec<f32>,
}

impl<'a> Index<'a> {
    pub fn new(scorer: &'a dyn Scorer) -> Self {
        let panels = scorer.dot().filter(|dot| dot.dim > 0).map(|dot| {
            assert_eq!(dot.items.len(), scorer.n_items() * dot.dim, "a dot product's table has a row for each item");
            Panels::pack(&dot)
        });
        Self { scorer, panels }
    }

    /// Number of items that are scored.
    pub fn n_items(&self) -> usize {
        self.scorer.n_items()
    }

    pub(super) fn encode<'q>(&self, queries: &'q [u32]) -> QueryBlock<'q> {
        let mut x = Vec::new();
        if let (Some(panels), Some(dot)) = (&self.panels, self.scorer.dot()) {
            x.resize(queries.len() * panels.dim, 0.0);
            (dot.encode)(queries, &mut x);
        }
        QueryBlock { queries, x }
    }

    /// Scores of some items for the `row`-th query of the block: the bits that [`Self::scan`] shows.
    pub(super) fn score(&self, block: &QueryBlock<'_>, row: usize, items: &[u32], out: &mut [f32]) {
        match &self.panels {
            Some(panels) => panels.score_items(&block.x[row * panels.dim..(row + 1) * panels.dim], items, out),
            None => self.scorer.score(block.queries[row], items, out),
        }
    }

    /// Shows all scores to `visit(row, first, scores)`: of the `row`-th query of the block, for the
    /// items `first..first + scores.len()`. Each row sees its items in ascending order; `visit` may
    /// change the scores that it is shown.
    ///
    /// # Errors
    /// A score that is not finite, and what `visit` returns.
    pub(super) fn scan(
        &self,
        block: &QueryBlock<'_>,
        mut visit: impl FnMut(usize, usize, &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let mut show = |row: usize, first: usize, scores: &mut [f32]| {
            if !simd::all_finite(scores) {
                let at = scores.iter().position(|score| !score.is_finite()).expect("one of them is not finite");
                return Err(not_finite(block.queries[row], (first + at) as u32, scores[at]));
            }
            visit(row, first, scores)
        };
        let n_items = self.n_items();
        let Some(panels) = &self.panels else {
            let mut scores = vec![0.0; n_items];
            for (row, &query) in block.queries.iter().enumerate() {
                self.scorer.score_all(query, &mut scores);
                show(row, 0, &mut scores)?;
            }
            return Ok(());
        };
        let mut show_tile = |row: usize, panel: usize, scores: &mut [f32]| {
            let first = panel * LANES;
            let len = scores.len().min(n_items - first);
            show(row, first, &mut scores[..len])
        };
        let tiles = (0..panels.count()).step_by(TILE).map(|panel| (panel, TILE.min(panels.count() - panel)));
        if block.queries.len() == 1 {
            let mut scores = [0.0; TILE * LANES];
            for (panel, count) in tiles {
                panels.score_one(panel, count, &block.x, &mut scores[..count * LANES]);
                show_tile(0, panel, &mut scores[..count * LANES])?;
            }
            return Ok(());
        }
        let groups = pack_queries(&block.x, panels.dim);
        let mut scores = vec![0.0; GROUP * TILE * LANES];
        for (panel, count) in tiles {
            for (group, x) in groups.chunks_exact(panels.dim * GROUP).enumerate() {
                panels.score_group(panel, count, x, &mut scores, TILE * LANES);
                let rows = (group * GROUP..block.queries.len()).take(GROUP);
                for (row, scores) in rows.zip(scores.chunks_exact_mut(TILE * LANES)) {
                    show_tile(row, panel, &mut scores[..count * LANES])?;
                }
            }
        }
        Ok(())
    }
}

/// The error for a score that cannot be ranked.
pub(super) fn not_finite(query: u32, item: u32, score: f32) -> Error {
    Error::new(Kind::Diverged, format!("the score of item {item} for query {query} cannot be ranked"))
        .expected("a finite number")
        .got(score.to_string())
        .hint("the model's weights left the real numbers: a smaller learning rate usually helps")
}
