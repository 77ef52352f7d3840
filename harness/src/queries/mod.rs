//! Queries: inputs that a model is asked about, and the items that it should rank first.
//!
//! ```text
//! split → users, asked for their held-out items      ┐
//! period → sub-sequences, asked for what comes next  ┴→ Queries → ranking, serving
//! ```
//!
//! An *asker* is whoever a model answers: a user of a split, or a sub-sequence of a session. A query is an asker with
//! targets; users without a held-out item ask nothing.

use std::sync::Arc;

use crate::split::periods::Period;
use crate::split::periods::sessions::{answerable, sub_sequences};
use crate::split::{HeldOut, Split, UserItems, numbered};

/// Askers with what they have read, which of them ask, and the items that they should be given.
#[derive(Clone, Debug)]
pub struct Queries {
    /// Noun for an asker in messages.
    noun: &'static str,
    /// Name of the held-out part in messages.
    part: &'static str,
    n_items: usize,
    /// By asker.
    inputs: Arc<UserItems>,
    /// By asker, ascending.
    seen: Arc<UserItems>,
    /// By asker: targets of the other part, which are still ahead.
    ahead: Option<Arc<UserItems>>,
    /// Askers with targets, ascending.
    ids: Vec<u32>,
    /// `[queries + 1]`: where a query's targets begin.
    offsets: Vec<u32>,
    targets: Vec<u32>,
}

impl Queries {
    /// Users of a split, asked for their held-out items of a part. Their inputs are the training items; seen are those
    /// and, in the test, the validation items.
    pub fn of_users(split: &Split, part: HeldOut) -> Self {
        let train = Arc::new(split.train.clone());
        let (seen, ahead, part_name) = match part {
            HeldOut::Valid => (split.train.sorted(), Some(Arc::new(split.test.clone())), "validation"),
            HeldOut::Test => {
                let pairs: Vec<_> = split.train.pairs().chain(split.valid.pairs()).collect();
                (UserItems::from_pairs(split.n_users, &pairs).sorted(), None, "test")
            }
        };
        let targets = split.held_out(part).sorted();
        Self { ahead, part: part_name, ..Self::new("user", split.n_items, train, seen, &targets) }
    }

    /// Sub-sequences, each asked for its last item from those before it, among the first `n_items` items. What an
    /// asker has seen are the items of its input. Sub-sequences of one item ask nothing and are left out.
    pub fn of_sub_sequences<'a>(sub_sequences: impl Iterator<Item = &'a [u32]>, n_items: usize) -> Self {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for sub_sequence in sub_sequences {
            if let Some((target, input)) = sub_sequence.split_last().filter(|(_, input)| !input.is_empty()) {
                inputs.push(input);
                targets.push(std::slice::from_ref(target));
            }
        }
        let inputs = UserItems::from_rows(inputs);
        let seen = inputs.sorted();
        Self::new("query", n_items, Arc::new(inputs), seen, &UserItems::from_rows(targets))
    }

    /// The test of a period: every event of a session after its first, from the events before it. Events with unknown
    /// items are left out, then sessions of one event.
    pub fn of_period(period: Period<'_>) -> Self {
        let sessions = answerable(period.tested_sessions(), period.items());
        Self::of_sub_sequences(sessions.iter().flat_map(|session| sub_sequences(session)), period.items())
    }

    /// `targets`: by asker, ascending.
    fn new(noun: &'static str, n_items: usize, inputs: Arc<UserItems>, seen: UserItems, targets: &UserItems) -> Self {
        let ids: Vec<u32> = (0..targets.n_users() as u32).filter(|&id| !targets.of(id).is_empty()).collect();
        let mut offsets = vec![0];
        offsets.extend(ids.iter().map(|&id| targets.offsets()[id as usize + 1]));
        let (seen, targets) = (Arc::new(seen), targets.items().to_vec());
        Self { noun, part: "test", n_items, inputs, seen, ahead: None, ids, offsets, targets }
    }

    /// Items that can be answered: the ids below this.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// By asker, those who ask nothing included: the items read before, in the order of time.
    pub fn inputs(&self) -> &Arc<UserItems> {
        &self.inputs
    }

    /// By asker: the items that the asker is known to have, ascending.
    pub fn seen(&self) -> &UserItems {
        &self.seen
    }

    /// By asker: all items that the asker has in any part, ascending.
    pub fn taken(&self) -> UserItems {
        let asked = self.iter().flat_map(|(id, targets)| targets.iter().map(move |&item| (id, item)));
        let ahead = self.ahead.iter().flat_map(|ahead| ahead.pairs());
        let pairs: Vec<(u32, u32)> = self.seen.pairs().chain(asked).chain(ahead).collect();
        UserItems::from_pairs(self.seen.n_users(), &pairs).sorted()
    }

    /// Askers with targets, ascending.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// `[queries + 1]`: where the targets of the k-th of [`ids`](Self::ids) begin in [`targets`](Self::targets).
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Targets of all queries, distinct and ascending within a query.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Number of queries.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The queries: asker and targets.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let bounds = self.offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
        self.ids.iter().copied().zip(bounds.map(|bounds| &self.targets[bounds]))
    }

    /// Name of the held-out part in messages: `validation` or `test`.
    pub fn part(&self) -> &'static str {
        self.part
    }

    /// Name of an asker in messages.
    pub fn name(&self, id: u32) -> String {
        numbered(self.noun, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::three_periods;
    use crate::split::periods::{Catalogue, Roles, given};

    fn rows(lists: &UserItems) -> Vec<Vec<u32>> {
        lists.rows().map(<[u32]>::to_vec).collect()
    }

    fn targets(queries: &Queries) -> Vec<(u32, Vec<u32>)> {
        queries.iter().map(|(id, targets)| (id, targets.to_vec())).collect()
    }

    #[test]
    fn users_ask_for_what_is_held_out() {
        let part = |pairs| UserItems::from_pairs(3, pairs);
        let (train, valid) = (part(&[(0, 4), (0, 1), (1, 2), (2, 0)]), part(&[(0, 3), (2, 1)]));
        let split = Split { n_users: 3, n_items: 6, train, valid, test: part(&[(0, 5), (0, 2), (1, 0)]) };
        let valid = Queries::of_users(&split, HeldOut::Valid);
        assert_eq!((targets(&valid), valid.part()), (vec![(0, vec![3]), (2, vec![1])], "validation"));
        assert_eq!(valid.inputs().of(0), [4, 1], "in the order of time");
        assert_eq!(rows(valid.seen()), [vec![1, 4], vec![2], vec![0]]);
        let test = Queries::of_users(&split, HeldOut::Test);
        assert_eq!((targets(&test), test.part()), (vec![(0, vec![2, 5]), (1, vec![0])], "test"));
        assert_eq!(rows(test.seen()), [vec![1, 3, 4], vec![2], vec![0, 1]]);
        assert_eq!((test.len(), test.offsets(), test.targets()), (2, &[0, 2, 3][..], &[2, 5, 0][..]));
        assert_eq!(rows(&test.taken()), [vec![1, 2, 3, 4, 5], vec![0, 2], vec![0, 1]]);
        assert_eq!(test.taken(), valid.taken(), "whichever part is asked for");
        assert!(test.name(1).starts_with("user number 1"));
    }

    #[test]
    fn a_period_asks_every_event_after_the_first_of_what_is_known() {
        let test = |number, catalogue| {
            Queries::of_period(given(&three_periods(), Roles::after_the_first(2), catalogue).unwrap().period(number))
        };
        // Items 3 and 4 are not known yet: session 1 is gone, and session 4 is 0, 1.
        let first = test(1, Catalogue::Growing);
        assert_eq!((rows(first.inputs()), targets(&first)), (vec![vec![0], vec![2]], vec![(0, vec![1]), (1, vec![1])]));
        assert_eq!((first.n_items(), first.len()), (3, 2));
        let second = test(2, Catalogue::Growing);
        assert_eq!((rows(second.inputs()), targets(&second)), (vec![vec![3]], vec![(0, vec![4])]));
        assert_eq!(rows(test(2, Catalogue::Full).inputs()), [vec![3, 5], vec![3], vec![5]], "longest first");
        let queries = Queries::of_sub_sequences([&[1u32, 2, 3][..], &[4]].into_iter(), 9);
        assert_eq!((rows(queries.inputs()), targets(&queries)), (vec![vec![1, 2]], vec![(0, vec![3])]));
    }
}
