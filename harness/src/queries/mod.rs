//! Queries: inputs that a model is asked about, and the items that it should rank first; or labelled pairs to be scored.
//!
//! ```text
//! split → users, asked for their held-out items      ┐
//! pieces → pieces of sequences, asked likewise       ┤
//! period → sub-sequences, asked for what comes next  ┼→ Queries → evaluation, serving
//! period → impressions with labelled items           ┘
//! ```
//!
//! An *asker* is whoever a model answers: a user of a split, a piece of a user's sequence, a sub-sequence of a session, or a user at the moment of an
//! impression. A query is an asker with targets; users without a held-out item ask nothing.

use std::sync::{Arc, OnceLock};

use crate::data::ItemCategories;
use crate::split::periods::Period;
use crate::split::periods::sessions::{answerable, sub_sequences};
use crate::split::{HeldOut, Owners, Pieces, SampleRange, Split, TestInput, UserItems, numbered};

/// A pair of an asker and an item whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledPair {
    pub asker: u32,
    pub item: u32,
    /// Whether it is a positive: the item was clicked, bought, or rated highly.
    pub label: bool,
}

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
    /// By asker: the user; none where askers are the users themselves, or sessions, which nothing else is known of.
    users: Option<Vec<u32>>,
    /// Of askers that are pieces: the users whose pieces they are.
    owners: Option<Arc<Owners>>,
    /// Of the items, where the stream has them.
    categories: Option<Arc<ItemCategories>>,
    /// Pairs to be scored, those of an asker side by side; none where askers have targets.
    pairs: Vec<LabelledPair>,
    /// By asker: items besides the inputs that the asker is known to have; none where there are none.
    known: Option<UserItems>,
    /// By asker, ascending: inputs and what is known besides. Made when it is asked for.
    seen: OnceLock<UserItems>,
    /// By asker: targets of the other part, which are still ahead.
    ahead: Option<UserItems>,
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
        Self::of_part(split, part, Arc::new(split.train.clone()))
    }

    /// The validation and the test of a split, as [`of_users`](Self::of_users), with one copy of the inputs.
    pub fn of_both_parts(split: &Split) -> [Self; 2] {
        let train = Arc::new(split.train.clone());
        [HeldOut::Valid, HeldOut::Test].map(|part| Self::of_part(split, part, train.clone()))
    }

    /// The validation and the test of pieces: each asks for its one held-out item. Inputs of the validation are the
    /// training items, those of the test what the rule says.
    pub fn of_pieces(pieces: &Pieces) -> [Self; 2] {
        let [valid, test] = Self::of_both_parts(&pieces.split);
        let test = match pieces.test_input {
            TestInput::Training => test,
            TestInput::WithValidation => Self { inputs: Arc::new(pieces.test_inputs()), ..test },
        };
        [valid, test].map(|queries| Self { noun: "piece", owners: Some(pieces.owners.clone()), ..queries })
    }

    fn of_part(split: &Split, part: HeldOut, train: Arc<UserItems>) -> Self {
        let (known, ahead) = match part {
            HeldOut::Valid => (None, Some(split.test.clone())),
            HeldOut::Test => (Some(split.valid.clone()), None),
        };
        let queries = Self::new("user", part, split.n_items, train, &split.held_out(part).sorted());
        Self { known, ahead, ..queries }
    }

    /// Sub-sequences, each asked for its last item from those before it, among the first `n_items` items. What an
    /// asker has seen are the items of its input. Sub-sequences of one item ask nothing and are left out.
    pub fn of_sub_sequences<'a>(sub_sequences: impl Iterator<Item = &'a [u32]>, n_items: usize, part: HeldOut) -> Self {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for sub_sequence in sub_sequences {
            if let Some((target, input)) = sub_sequence.split_last().filter(|(_, input)| !input.is_empty()) {
                inputs.push(input);
                targets.push(std::slice::from_ref(target));
            }
        }
        let inputs = Arc::new(UserItems::from_rows(inputs));
        Self::new("query", part, n_items, inputs, &UserItems::from_rows(targets))
    }

    /// Labelled samples of a stream, each to be scored by itself, among `n_items` items. An asker is a user at the moment of
    /// an impression, and its input what the user had taken before, newest first.
    pub fn of_samples(samples: SampleRange<'_>, n_items: usize, part: HeldOut) -> Self {
        let mut inputs = UserItems::from_rows([[]; 0]);
        let (mut users, mut pairs) = (Vec::new(), Vec::with_capacity(samples.len()));
        let mut last = None;
        for sample in samples.iter() {
            if last.replace(sample.impression) != Some(sample.impression) {
                users.push(sample.user);
                inputs.push(sample.history);
            }
            pairs.push(LabelledPair { asker: users.len() as u32 - 1, item: sample.item, label: sample.label });
        }
        let no_targets = UserItems::from_rows([[]; 0]);
        let queries = Self::new("impression", part, n_items, Arc::new(inputs), &no_targets);
        Self { users: Some(users), pairs, ..queries }
    }

    /// The test of a period. Of a stream of labelled samples, all of them; else every event of a session after its first, from the events before it. Events with unknown
    /// items are left out, then sessions of one event.
    pub fn of_period(period: Period<'_>) -> Self {
        if let Some(samples) = period.tested_samples() {
            let queries = Self::of_samples(samples, period.items(), HeldOut::Test);
            return queries.with_categories(period.categories());
        }
        let sessions = answerable(period.tested_sessions(), period.items());
        let asked = sessions.iter().flat_map(|session| sub_sequences(session));
        Self::of_sub_sequences(asked, period.items(), HeldOut::Test)
    }

    /// `targets`: by asker, ascending.
    fn new(noun: &'static str, part: HeldOut, n_items: usize, inputs: Arc<UserItems>, targets: &UserItems) -> Self {
        let ids: Vec<u32> = (0..targets.n_users() as u32).filter(|&id| !targets.of(id).is_empty()).collect();
        let mut offsets = vec![0];
        offsets.extend(ids.iter().map(|&id| targets.offsets()[id as usize + 1]));
        let part = match part {
            HeldOut::Valid => "validation",
            HeldOut::Test => "test",
        };
        let (known, seen, targets) = (None, OnceLock::new(), targets.items().to_vec());
        let (users, owners, categories, pairs) = (None, None, None, Vec::new());
        Self {
            noun,
            part,
            n_items,
            inputs,
            users,
            owners,
            categories,
            pairs,
            known,
            seen,
            ahead: None,
            ids,
            offsets,
            targets,
        }
    }

    /// Items that can be answered: the ids below this.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// By asker, those who ask nothing included: the items read before, in the order of time.
    pub fn inputs(&self) -> &Arc<UserItems> {
        &self.inputs
    }

    /// By asker: the user at the moment of an impression; none where askers are the users themselves, or sessions.
    pub fn users(&self) -> Option<&[u32]> {
        self.users.as_deref()
    }

    /// The same, with the categories of the items.
    pub fn with_categories(self, categories: Option<&ItemCategories>) -> Self {
        Self { categories: categories.map(|categories| Arc::new(categories.clone())), ..self }
    }

    /// Categories of the items, where the stream has them.
    pub fn categories(&self) -> Option<&ItemCategories> {
        self.categories.as_deref()
    }

    /// Labelled pairs to be scored, those of an asker side by side; none where askers have targets.
    pub fn pairs(&self) -> &[LabelledPair] {
        &self.pairs
    }

    /// By asker: the items that the asker is known to have, ascending.
    pub fn seen(&self) -> &UserItems {
        self.seen.get_or_init(|| match &self.known {
            None => self.inputs.sorted(),
            Some(known) => {
                let pairs: Vec<_> = self.inputs.pairs().chain(known.pairs()).collect();
                UserItems::from_pairs(self.inputs.n_users(), &pairs).sorted()
            }
        })
    }

    /// Whether the askers of both have the same numbers and inputs, so that one scorer answers both.
    pub fn asks_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inputs, &other.inputs) && self.n_items == other.n_items
    }

    /// Whether the askers of both are the same pieces of the same users, whatever they ask.
    pub fn has_owners_of(&self, other: &Self) -> bool {
        matches!((&self.owners, &other.owners), (Some(own), Some(others)) if Arc::ptr_eq(own, others))
    }

    /// The owner of an asker, who has the items that are no negatives of it: of a piece the user; else the asker itself.
    pub fn owner(&self, asker: u32) -> u32 {
        self.owners.as_ref().map_or(asker, |owners| owners.of_askers()[asker as usize])
    }

    /// Whether askers are pieces, in which an item may come again, so that an asker may be asked for an item of its input.
    pub fn are_pieces(&self) -> bool {
        self.owners.is_some()
    }

    /// Name of the owner of askers in messages.
    pub fn name_of_owner(&self, owner: u32) -> String {
        numbered(if self.are_pieces() { "user" } else { self.noun }, owner)
    }

    /// By owner of askers: all items that the owner has in any part, ascending. Of pieces also what is in none.
    pub fn taken(&self) -> UserItems {
        if let Some(owners) = &self.owners {
            return owners.items().clone();
        }
        let asked = self.iter().flat_map(|(id, targets)| targets.iter().map(move |&item| (id, item)));
        let others = self.known.iter().chain(&self.ahead).flat_map(UserItems::pairs);
        let pairs: Vec<(u32, u32)> = self.inputs.pairs().chain(asked).chain(others).collect();
        UserItems::from_pairs(self.inputs.n_users(), &pairs).sorted()
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

    /// The targets of the k-th of [`ids`](Self::ids), distinct and ascending.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn targets_of(&self, k: usize) -> &[u32] {
        &self.targets[self.offsets[k] as usize..self.offsets[k + 1] as usize]
    }

    /// Number of queries with targets.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing is asked: no target, and no labelled pair.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.pairs.is_empty()
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

    /// The word for an asker: `user`, `piece`, `query` or `impression`.
    pub fn noun(&self) -> &'static str {
        self.noun
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
    use crate::split::Samples;
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
    fn impressions_ask_for_their_pairs() {
        let mut samples = Samples::default();
        samples.push(7, &[], &[(3, true), (4, false)]);
        samples.push(2, &[5, 5, 1], &[(3, true), (4, false)]);
        samples.push(7, &[3], &[(0, false)]);
        let queries = Queries::of_samples(samples.range(1..5), 6, HeldOut::Test);
        let pair = |asker, item, label| LabelledPair { asker, item, label };
        assert_eq!(queries.pairs(), [pair(0, 4, false), pair(1, 3, true), pair(1, 4, false), pair(2, 0, false)]);
        assert_eq!((queries.users(), queries.len(), queries.is_empty()), (Some(&[7, 2, 7][..]), 0, false));
        assert_eq!(rows(queries.inputs()), [vec![], vec![5, 5, 1], vec![3]]);
        assert_eq!(rows(queries.seen()), [vec![], vec![1, 5], vec![3]]);
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
        let queries = Queries::of_sub_sequences([&[1u32, 2, 3][..], &[4]].into_iter(), 9, HeldOut::Valid);
        assert_eq!((rows(queries.inputs()), targets(&queries)), (vec![vec![1, 2]], vec![(0, vec![3])]));
    }
}
