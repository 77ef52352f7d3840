//! The best candidates of every query, with the scores by which an evaluation ranks them.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::index::not_finite;
use super::{Index, Ranked, Ranker};
use crate::error::Result;
use crate::metrics::{Candidates, Scorer};
use crate::queries::LabelledPair;

/// An asker with its best items, best first.
pub type AskerList = (u32, Vec<Ranked>);

impl Ranker {
    /// Every asker that asks, ascending, with the `k` best of its candidates, best first, as an evaluation ranks them: of
    /// equal scores first what the protocol says. All candidates where they are sampled; of labelled pairs every asker with
    /// the items of its pairs, in their order. Runs on the current rayon pool; takes the memory of all lists.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged) at a score that is not finite.
    pub fn lists(&self, scorer: &dyn Scorer, k: usize) -> Result<Vec<AskerList>> {
        let queries = self.queries();
        if self.protocol().candidates == Candidates::Labelled {
            return labelled_lists(scorer, queries.pairs());
        }
        let one = |asker: u32, index: &Index<'_>| match self.protocol().candidates {
            Candidates::Full | Candidates::All => index.top_k(asker, self.excluded(asker), k),
            Candidates::Sampled { .. } => self.sampled_list(scorer, asker),
            Candidates::Labelled => unreachable!("they were answered above"),
        };
        let index = Index::new(scorer);
        let lists: Vec<Result<Vec<Ranked>>> = queries.ids().par_iter().map(|&asker| one(asker, &index)).collect();
        queries.ids().iter().copied().zip(lists).map(|(asker, list)| Ok((asker, list?))).collect()
    }

    fn sampled_list(&self, scorer: &dyn Scorer, asker: u32) -> Result<Vec<Ranked>> {
        let queries = self.queries();
        let at = queries.ids().binary_search(&asker).expect("lists are of those who ask");
        let items = [queries.targets_of(at), self.negatives(asker).unwrap_or_default()].concat();
        let mut scores = vec![0.0; items.len()];
        match scorer.dot() {
            Some(dot) => {
                let mut x = vec![0.0; dot.dim];
                (dot.encode)(&[asker], &mut x);
                dot.score(&x, &items, &mut scores);
            }
            None => scorer.score(asker, &items, &mut scores),
        }
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(not_finite(asker, items[at], scores[at]));
        }
        let mut list: Vec<Ranked> = items.iter().zip(scores).map(|(&item, score)| Ranked { item, score }).collect();
        // Stable: the held-out item, which stands first, wins ties; the negatives ascend.
        list.sort_by(|a, b| b.score.partial_cmp(&a.score).expect("scores are finite"));
        Ok(list)
    }
}

fn labelled_lists(scorer: &dyn Scorer, pairs: &[LabelledPair]) -> Result<Vec<AskerList>> {
    let mut lists = Vec::new();
    for of_asker in pairs.chunk_by(|a, b| a.asker == b.asker) {
        let asker = of_asker[0].asker;
        let mut seen = BTreeSet::new();
        let items: Vec<u32> = of_asker.iter().map(|pair| pair.item).filter(|item| seen.insert(*item)).collect();
        let mut scores = vec![0.0; items.len()];
        scorer.score(asker, &items, &mut scores);
        if let Some(at) = scores.iter().position(|score| !score.is_finite()) {
            return Err(not_finite(asker, items[at], scores[at]));
        }
        lists.push((asker, items.into_iter().zip(scores).map(|(item, score)| Ranked { item, score }).collect()));
    }
    Ok(lists)
}
