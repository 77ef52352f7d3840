//! Lists of partners, and losses over their scores.

use std::ops::Range;

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
