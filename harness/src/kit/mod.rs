//! What unit tests of several rooms share.

mod records;

pub use crate::golden::{bits, on_threads, same_on_threads};
pub use records::{latency_sample, sample, sample_of_periods};

use crate::data::{Clock, Dataset, Interaction, Part, Values};
use crate::error::Result;
use crate::metrics::Scorer;
use crate::split::{Cut, Split, SplitRule, Ties};

/// The name of a part of a dataset and its rows: user, item, time.
pub type NamedPart<'a> = (&'a str, &'a [(u32, u32, i64)]);

/// The dataset `made-up` of these parts, by the clock of Unix; every row has the value 1.
pub fn dataset(n_users: usize, n_items: usize, parts: &[NamedPart<'_>]) -> Dataset {
    let row =
        |&(user, item, time): &(u32, u32, i64)| Interaction { user, item, time: time.into(), value: 1.0, session: 0 };
    let part = |&(name, rows): &NamedPart<'_>| Part { name: name.into(), interactions: rows.iter().map(row).collect() };
    Dataset {
        name: "made-up".into(),
        n_users,
        n_items,
        user_places: Vec::new(),
        item_places: Vec::new(),
        session_places: Vec::new(),
        categories: None,
        clock: Clock::Unix,
        values: Values::None,
        parts: parts.iter().map(part).collect(),
    }
}

/// A dataset of three periods of sessions. Session 1 goes on in period 1; items 3 and 4 are new in period 1, and 5 in
/// period 2.
pub fn three_periods() -> Dataset {
    dataset(
        20,
        9,
        &[
            ("period-0", &[(1, 0, 0), (2, 1, 1), (1, 2, 2), (2, 0, 3), (3, 1, 4)]),
            ("period-1", &[(1, 3, 5), (4, 0, 6), (4, 3, 7), (4, 1, 8), (5, 2, 9), (1, 4, 10), (5, 1, 11)]),
            ("period-2", &[(6, 3, 12), (6, 5, 13), (6, 4, 14), (7, 5, 15), (7, 0, 16)]),
        ],
    )
}

/// A model that is a table of scores `[queries, n_items]`.
pub struct Table {
    pub n_items: usize,
    pub scores: Vec<f32>,
}

impl Scorer for Table {
    fn n_items(&self) -> usize {
        self.n_items
    }
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        for (out, &item) in out.iter_mut().zip(items) {
            *out = self.scores[query as usize * self.n_items + item as usize];
        }
    }
    fn score_all(&self, query: u32, out: &mut [f32]) {
        out.copy_from_slice(&self.scores[query as usize * self.n_items..][..self.n_items]);
    }
}

/// The split of a rule that makes no stream of periods.
pub fn applied(rule: &SplitRule, dataset: &Dataset) -> Result<Split> {
    match rule.apply(dataset, Ties::FileOrder)?.cut {
        Cut::Split(split) => Ok(split),
        Cut::Pieces(pieces) => Ok(pieces.split),
        Cut::Periods(_) => panic!("a stream of periods"),
    }
}
