//! Scores of labelled pairs, taken from lists of what was scored.

use crate::error::{Error, Kind, Result};
use crate::metrics::Metric;
use crate::queries::Queries;
use crate::rank::Evaluation;

/// The scores of all labelled pairs of a test; none of a test that ranks.
pub(super) struct PairScores {
    /// By asker: where its pairs begin, and behind the last where they end.
    starts: Vec<u32>,
    /// By pair.
    scores: Vec<f64>,
}

impl PairScores {
    pub fn of(queries: &Queries) -> Self {
        let pairs = queries.pairs();
        let mut starts = vec![0; queries.inputs().n_users() + 1];
        pairs.iter().for_each(|pair| starts[pair.asker as usize + 1] += 1);
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self { starts, scores: vec![f64::NAN; pairs.len()] }
    }

    /// The items of an asker's pairs.
    pub fn items<'q>(&self, queries: &'q Queries, asker: u32) -> impl Iterator<Item = u32> + 'q {
        let [from, to] = [0, 1].map(|next| self.starts[asker as usize + next] as usize);
        queries.pairs()[from..to].iter().map(|pair| pair.item)
    }

    /// Gives an asker's pairs their scores, from items with scores. Returns the item of a pair that has none.
    pub fn take(&mut self, queries: &Queries, asker: u32, rows: &[(u32, f64)]) -> Option<u32> {
        let mut by_item = rows.to_vec();
        by_item.sort_unstable_by_key(|(item, _)| *item);
        let from = self.starts[asker as usize] as usize;
        for (at, item) in self.items(queries, asker).enumerate() {
            let Ok(place) = by_item.binary_search_by_key(&item, |(item, _)| *item) else { return Some(item) };
            self.scores[from + at] = by_item[place].1;
        }
        None
    }

    /// Askers that have pairs and no scores, ascending.
    pub fn unscored(&self) -> Vec<u32> {
        let lacks = |asker: &usize| {
            let of = self.starts[*asker] as usize..self.starts[asker + 1] as usize;
            self.scores[of].iter().any(|score| score.is_nan())
        };
        (0..self.starts.len() - 1).filter(lacks).map(|asker| asker as u32).collect()
    }

    /// # Errors
    /// [`Data`](Kind::Data): for `auc` pairs of one label only.
    pub fn evaluate(self, queries: &Queries, metrics: &[Metric]) -> Result<Evaluation> {
        Evaluation::of_scores(&self.scores, queries.pairs(), metrics)
    }
}

/// What is said of lists without scores.
pub(super) fn no_scores() -> Error {
    Error::new(Kind::Data, "labelled pairs are scored, and these lists have no scores")
        .expected("a score for each item")
        .got("an order alone")
}
