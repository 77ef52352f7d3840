//! Where lists have the held-out items.

use crate::metrics::Metric;
use crate::queries::Queries;
use crate::rank::{Evaluation, Ranks};

/// Ranks of the held-out items of a test, as lists come.
pub(super) struct FoundRanks {
    /// By target. Those that no list has come after all others.
    ranks: Vec<u32>,
    /// The same with every tie decided against the list.
    or_equal: Vec<u32>,
    /// By query: whether it has a list.
    answered: Vec<bool>,
}

impl FoundRanks {
    /// Before the first list.
    pub fn none(queries: &Queries) -> Self {
        let unlisted: Vec<u32> = (0..queries.targets().len() as u32).map(|at| u32::MAX - at).rev().collect();
        Self { or_equal: unlisted.clone(), ranks: unlisted, answered: vec![false; queries.len()] }
    }

    /// Takes the list of the query at a place among the queries: items with scores, in the order of the rows. `targets`: places of
    /// held-out items among them; `scored`: whether scores tell the order, else the rows do; `target_first`: whether a
    /// held-out item comes before others of its score, else the lower number does.
    pub fn take(
        &mut self,
        queries: &Queries,
        at: usize,
        rows: &[(u32, f64)],
        targets: &[usize],
        scored: bool,
        target_first: bool,
    ) {
        let offset = queries.offsets()[at] as usize;
        for &place in targets {
            let (item, score) = rows[place];
            let (mut before, mut or_equal) = (0, 0);
            if scored {
                for &(other, of_other) in rows {
                    let equal = of_other == score;
                    or_equal += u32::from(of_other >= score);
                    before += u32::from(of_other > score || equal && other < item && !target_first);
                }
            } else {
                (before, or_equal) = (place as u32, place as u32 + 1);
            }
            let slot = offset + queries.targets_of(at).binary_search(&item).expect("what was found is a target");
            self.ranks[slot] = before + 1;
            self.or_equal[slot] = or_equal;
        }
        self.answered[at] = true;
    }

    /// Askers of the queries that have no list.
    pub fn unanswered(&self, queries: &Queries) -> Vec<u32> {
        (0..self.answered.len()).filter(|at| !self.answered[*at]).map(|at| queries.ids()[at]).collect()
    }

    /// The metrics of all queries.
    pub fn evaluate(self, queries: &Queries, metrics: &[Metric]) -> Evaluation {
        let mut ranks = Ranks::default();
        for bounds in queries.offsets().windows(2) {
            let of = bounds[0] as usize..bounds[1] as usize;
            ranks.push(self.ranks[of.clone()].iter().copied(), self.or_equal[of].iter().copied());
        }
        let targets = queries.offsets().windows(2).map(|pair| pair[1] - pair[0]).collect();
        Evaluation::new(queries.ids().to_vec(), targets, vec![ranks], metrics)
    }
}
