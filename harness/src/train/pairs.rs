//! Batches of (user, positive item, negative item).

use crate::error::{Error, Kind, Result};
use crate::rng::{Rejection, Stream};
use crate::split::{Split, UserItems, numbered};

/// All training pairs, with a fresh negative each at every epoch.
pub struct TrainingPairs<'a> {
    pairs: Vec<(u32, u32)>,
    seen: &'a UserItems,
    negatives: Rejection,
}

impl<'a> TrainingPairs<'a> {
    /// `seen` is the sorted training part of `split`.
    ///
    /// # Errors
    /// If there is nothing to train on, or a user has every item, so that no negative exists.
    pub fn new(split: &Split, seen: &'a UserItems) -> Result<Self> {
        if split.train.is_empty() {
            return Err(Error::new(Kind::Data, "the training part is empty").hint("check the spec's `[split]`"));
        }
        if let Some(user) = (0..split.n_users as u32).find(|&user| seen.of(user).len() >= split.n_items) {
            return Err(Error::new(
                Kind::Data,
                format!("{} has every item: no negative can be drawn", numbered("user", user)),
            )
            .expected(format!("fewer than {} items", split.n_items))
            .got(seen.of(user).len().to_string()));
        }
        Ok(Self { pairs: split.train.pairs().collect(), seen, negatives: Rejection::new(split.n_items) })
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// One epoch: for every pair one negative, uniform over all items with rejection of the user's
    /// training items (held-out items may be drawn), with replacement; then the triples shuffled.
    /// (As DE-RRD's authors' code, SeongKu-Kang/DE-RRD_CIKM20.)
    ///
    /// Two streams, so that the order of one does not depend on the rejections of the other.
    pub fn epoch(&self, negatives: &mut Stream, order: &mut Stream) -> Vec<[u32; 3]> {
        let mut triples: Vec<[u32; 3]> = self
            .pairs
            .iter()
            .map(|&(user, positive)| [user, positive, self.negatives.one(negatives, self.seen.of(user))])
            .collect();
        order.shuffle(&mut triples);
        triples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_every_pair_once_and_no_positive_as_negative() {
        let train = UserItems::from_pairs(3, &[(0, 4), (0, 1), (2, 0), (2, 3), (2, 2)]);
        let empty = UserItems::from_pairs(3, &[]);
        let split = Split { n_users: 3, n_items: 6, train, valid: empty.clone(), test: empty };
        let seen = split.train.sorted();
        let pairs = TrainingPairs::new(&split, &seen).unwrap();
        let epoch = |e| pairs.epoch(&mut Stream::new(0, "t", "negatives", e), &mut Stream::new(0, "t", "order", e));
        let mut drawn = std::collections::BTreeSet::new();
        for e in 0..50 {
            let mut triples = epoch(e);
            assert!(triples.iter().all(|&[u, _, n]| !seen.of(u).contains(&n) && n < 6));
            drawn.extend(triples.iter().map(|&[u, _, n]| (u, n)));
            triples.sort_unstable();
            let positives: Vec<_> = triples.iter().map(|&[u, p, _]| (u, p)).collect();
            assert_eq!(positives, [(0, 1), (0, 4), (2, 0), (2, 2), (2, 3)]);
        }
        assert_eq!(drawn.len(), 4 + 3, "every item outside a user's set is drawn sooner or later");
        assert_eq!(epoch(3), epoch(3));
        assert_ne!(epoch(3), epoch(4));
    }

    #[test]
    fn a_user_with_every_item_is_refused() {
        let train = UserItems::from_pairs(2, &[(0, 0), (1, 0), (1, 1)]);
        let empty = UserItems::from_pairs(2, &[]);
        let split = Split { n_users: 2, n_items: 2, train, valid: empty.clone(), test: empty };
        let seen = split.train.sorted();
        let error = TrainingPairs::new(&split, &seen).err().expect("an error");
        assert!(
            error.to_string().contains("user number 1 of the split (from 0, not an id of the file) has every item"),
            "{error}"
        );
    }
}
