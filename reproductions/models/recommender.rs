//! What a base model must offer to be trained, plain or distilled.
//!
//! One step is [`forward_backward`](Recommender::forward_backward) (the base loss of a batch), then any
//! number of added terms, then [`step`](Recommender::step), which moves all parameters once by the
//! sum of all gradients. Ranking distillation (RD, CD, RRD, DCD) needs scores of lists only; DE needs
//! the representations of entities.

use std::ops::Range;

use harness::error::Result;
use harness::optim::Adam;
use harness::split::Split;
use harness::train::Model;

/// The two kinds of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    User,
    Item,
}

impl Side {
    /// How many of them a split has.
    pub fn count(self, split: &Split) -> usize {
        match self {
            Self::User => split.n_users,
            Self::Item => split.n_items,
        }
    }

    /// For messages: one of them.
    pub fn one(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
        }
    }

    /// For messages: several.
    pub fn many(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Item => "items",
        }
    }

    /// The partners' side.
    pub fn other(self) -> Self {
        match self {
            Self::User => Self::Item,
            Self::Item => Self::User,
        }
    }
}

/// Partners of some owners: items of users, or users of items.
#[derive(Clone, Debug, PartialEq)]
pub struct Lists {
    owners: Vec<u32>,
    /// `[owners + 1]`: where an owner's partners begin.
    offsets: Vec<usize>,
    partners: Vec<u32>,
}

impl Lists {
    /// No lists yet.
    #[expect(clippy::new_without_default, reason = "an empty `offsets` would be no list of lists")]
    pub fn new() -> Self {
        Self { owners: Vec::new(), offsets: vec![0], partners: Vec::new() }
    }

    /// Adds an owner with its partners. An owner may come twice.
    pub fn push(&mut self, owner: u32, partners: impl IntoIterator<Item = u32>) {
        self.owners.push(owner);
        self.partners.extend(partners);
        self.offsets.push(self.partners.len());
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// The owner of each list.
    pub fn owners(&self) -> &[u32] {
        &self.owners
    }

    /// All partners, list after list.
    pub fn partners(&self) -> &[u32] {
        &self.partners
    }

    /// The owner and the partners of list `k`.
    #[inline]
    pub fn of(&self, k: usize) -> (u32, &[u32]) {
        (self.owners[k], &self.partners[self.range(k)])
    }

    /// `values`, one for each partner, cut into blocks of `per` lists: for work on many threads whose
    /// parts do not depend on them.
    pub fn blocks<'v, T>(&self, per: usize, mut values: &'v mut [T]) -> Vec<(Range<usize>, &'v mut [T])> {
        assert_eq!(values.len(), self.partners.len(), "one value for each partner");
        let mut blocks = Vec::with_capacity(self.len().div_ceil(per));
        for first in (0..self.len()).step_by(per) {
            let end = (first + per).min(self.len());
            let (block, rest) = values.split_at_mut(self.offsets[end] - self.offsets[first]);
            blocks.push((first..end, block));
            values = rest;
        }
        blocks
    }

    /// The sum of `loss` over the lists, whose partners have these scores, and ∂loss/∂score of each.
    pub fn losses(&self, scores: &[f32], loss: &ListLoss<'_>) -> (f64, Vec<f32>) {
        let mut gradients = vec![0.0; scores.len()];
        let losses = (0..self.len()).map(|k| loss(k, &scores[self.range(k)], &mut gradients[self.range(k)]));
        (losses.sum(), gradients)
    }

    /// The list of each partner.
    pub fn list_of_each(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).flat_map(|k| self.range(k).map(move |_| k as u32))
    }

    /// Where the partners of list `k` stand in [`partners`](Self::partners).
    pub fn range(&self, k: usize) -> Range<usize> {
        self.offsets[k]..self.offsets[k + 1]
    }
}

/// The loss of list `k` at its `scores`: returns it, and writes ∂loss/∂score of every partner.
pub type ListLoss<'a> = dyn Fn(usize, &[f32], &mut [f32]) -> f64 + Sync + 'a;

/// A base model in training. See the module's head.
///
/// Methods fail where the model's device does.
pub trait Recommender: Model {
    /// Begins a step: loss (sum over the batch) and gradients of (user, positive, negative) triples.
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64>;

    /// Scores of all partners of `lists`, whose owners are of `side`, list after list; no gradient.
    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>>;

    /// Adds the sum of `loss` over `lists` to the step, and returns it. Lists are summed in their
    /// order, whatever the threads do.
    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64>;

    /// What represents some entities, `[ids, width]`, row-major; the width is the base model's
    /// [`representation_width`](super::Base::representation_width).
    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>>;

    /// Adds `[ids, width]` gradients of a term's loss with respect to representations to the step.
    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()>;

    /// One step of Adam over all parameters, with the gradients added since `forward_backward`.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at.
    fn settle(&mut self);
}
