//! Labelled samples: whether a user took an item, given what the user had taken before.

use std::ops::Range;

use crate::digest::FieldHasher;

/// Samples in their order. Those of one impression (a positive and the negatives drawn for it) share a user and a history.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    items: Vec<u32>,
    labels: Vec<bool>,
    /// By sample, ascending: number of its impression.
    impressions: Vec<u32>,
    /// By impression.
    users: Vec<u32>,
    /// By impression: where in `taken` lies what the user had taken before it.
    histories: Vec<Range<u32>>,
    /// Items, newest first: histories of one user overlap, and each is a part of what the user took at all.
    taken: Vec<u32>,
}

/// One labelled sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledSample<'s> {
    pub user: u32,
    pub item: u32,
    /// Whether it is a positive: the user took the item, or rated it highly.
    pub label: bool,
    /// Items that the user had taken before, newest first; may be empty.
    pub history: &'s [u32],
    /// Number of the impression among those of all samples.
    pub impression: u32,
}

/// Samples that follow each other, such as those of a period.
#[derive(Clone, Copy, Debug)]
pub struct SampleRange<'s> {
    samples: &'s Samples,
    start: usize,
    end: usize,
}

impl Samples {
    /// No samples yet, whose histories are parts of `taken`: what each user took, newest first, one user after the other.
    pub fn with_histories_in(taken: Vec<u32>) -> Self {
        Self { taken, ..Self::default() }
    }

    /// Adds an impression: what `user` had taken before it, newest first, and its (item, label) pairs.
    pub fn push(&mut self, user: u32, history: &[u32], pairs: &[(u32, bool)]) {
        let start = self.taken.len() as u32;
        self.taken.extend_from_slice(history);
        self.push_with_history_at(user, start..self.taken.len() as u32, pairs);
    }

    /// Adds an impression whose history is the part `history` of the list given to
    /// [`with_histories_in`](Self::with_histories_in).
    ///
    /// # Panics
    /// If the list has no such part.
    pub fn push_with_history_at(&mut self, user: u32, history: Range<u32>, pairs: &[(u32, bool)]) {
        assert!(history.start <= history.end && history.end as usize <= self.taken.len(), "a history at {history:?}");
        let impression = self.users.len() as u32;
        self.users.push(user);
        self.histories.push(history);
        for &(item, label) in pairs {
            self.items.push(item);
            self.labels.push(label);
            self.impressions.push(impression);
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The samples of these numbers.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn range(&self, range: Range<usize>) -> SampleRange<'_> {
        assert!(range.start <= range.end && range.end <= self.len(), "samples {range:?} of {}", self.len());
        SampleRange { samples: self, start: range.start, end: range.end }
    }
}

impl<'s> SampleRange<'s> {
    /// Number of samples.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The k-th sample.
    ///
    /// # Panics
    /// If there are not as many.
    #[inline]
    pub fn get(self, k: usize) -> LabelledSample<'s> {
        let Samples { items, labels, impressions, users, histories, taken } = self.samples;
        let at = self.start + k;
        assert!(at < self.end, "sample {k} of {}", self.len());
        let impression = impressions[at];
        let history = &histories[impression as usize];
        LabelledSample {
            user: users[impression as usize],
            item: items[at],
            label: labels[at],
            history: &taken[history.start as usize..history.end as usize],
            impression,
        }
    }

    /// The samples in their order.
    pub fn iter(self) -> impl Iterator<Item = LabelledSample<'s>> {
        (0..self.len()).map(move |k| self.get(k))
    }

    /// By sample: its label.
    pub fn labels(self) -> &'s [bool] {
        &self.samples.labels[self.start..self.end]
    }

    /// Adds the samples to a digest: users, items, labels, impressions and histories, each as a field.
    pub(super) fn digest_into(self, hasher: &mut FieldHasher) {
        let of = |field: fn(LabelledSample<'s>) -> u32| self.iter().map(field).collect::<Vec<_>>();
        hasher.u32s("users", &of(|sample| sample.user)).u32s("items", &of(|sample| sample.item));
        hasher.u32s("labels", &of(|sample| u32::from(sample.label)));
        hasher.u32s("impressions", &of(|sample| sample.impression));
        hasher.u32s("lengths", &of(|sample| sample.history.len() as u32));
        // Those of one impression are alike.
        let mut last = None;
        let mut is_new = |sample: &LabelledSample<'_>| last.replace(sample.impression) != Some(sample.impression);
        let histories: Vec<u32> =
            self.iter().filter(|sample| is_new(sample)).flat_map(|sample| sample.history).copied().collect();
        hasher.u32s("histories", &histories);
    }

    /// Number of positives.
    pub fn positives(self) -> usize {
        self.labels().iter().filter(|label| **label).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_an_impression_share_user_and_history() {
        let mut samples = Samples::default();
        samples.push(7, &[], &[(3, true), (4, false)]);
        samples.push(8, &[5, 5, 2], &[(1, false)]);
        samples.push(7, &[3], &[(9, true)]);
        let middle = samples.range(1..3);
        assert_eq!((middle.len(), middle.positives(), middle.labels()), (2, 0, &[false, false][..]));
        assert_eq!(
            middle.iter().collect::<Vec<_>>(),
            [
                LabelledSample { user: 7, item: 4, label: false, history: &[], impression: 0 },
                LabelledSample { user: 8, item: 1, label: false, history: &[5, 5, 2], impression: 1 },
            ]
        );
        let mut shared = Samples::with_histories_in(vec![5, 5, 2]);
        shared.push_with_history_at(8, 1..3, &[(1, true)]);
        shared.push_with_history_at(8, 0..3, &[(2, true)]);
        assert_eq!([0, 1].map(|k| shared.range(0..2).get(k).history), [&[5, 2][..], &[5, 5, 2]]);
    }
}
