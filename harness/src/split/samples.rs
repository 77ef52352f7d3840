//! Labelled samples: whether a user took an item, given what the user had taken before.

use std::ops::Range;

use super::UserItems;

/// Samples in their order. Those of one impression (a positive and the negatives drawn for it) share a user and a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    items: Vec<u32>,
    labels: Vec<bool>,
    /// By sample, ascending: number of its impression.
    impressions: Vec<u32>,
    /// By impression.
    users: Vec<u32>,
    /// By impression: what the user had taken before it, newest first.
    histories: UserItems,
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

impl Default for Samples {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            labels: Vec::new(),
            impressions: Vec::new(),
            users: Vec::new(),
            histories: UserItems::from_rows([[]; 0]),
        }
    }
}

impl Samples {
    /// Adds an impression: what `user` had taken before it, newest first, and its (item, label) pairs.
    pub fn push(&mut self, user: u32, history: &[u32], pairs: &[(u32, bool)]) {
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

    /// Leaves out the samples from number `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.items.truncate(len);
        self.labels.truncate(len);
        self.impressions.truncate(len);
        let impressions = self.impressions.last().map_or(0, |last| *last as usize + 1);
        self.users.truncate(impressions);
        self.histories.truncate(impressions);
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
        let Samples { items, labels, impressions, users, histories } = self.samples;
        let at = self.start + k;
        assert!(at < self.end, "sample {k} of {}", self.len());
        let impression = impressions[at];
        LabelledSample {
            user: users[impression as usize],
            item: items[at],
            label: labels[at],
            history: histories.of(impression),
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
        samples.truncate(1);
        assert_eq!((samples.len(), samples.users.len(), samples.histories.n_users()), (1, 1, 1));
        samples.truncate(0);
        assert_eq!(samples, Samples::default());
    }
}
