//! A protocol bound to a split: evaluates any scorer.

use super::evaluation::{Evaluation, Ranks};
use super::{Index, full, sampled};
use crate::error::{Error, Kind, Result};
use crate::metrics::{Candidates, Protocol, Scorer};
use crate::split::{HeldOut, Split, UserItems, numbered};

/// Evaluates scorers under one protocol on one split. Negatives are drawn once, when it is made.
pub struct Ranker {
    protocol: Protocol,
    n_items: usize,
    valid: Queries,
    test: Queries,
    candidates: Drawn,
}

/// Users with held-out items, ascending, and those items.
pub(super) struct Queries {
    pub ids: Vec<u32>,
    /// `[queries + 1]`: where a query's targets begin.
    pub offsets: Vec<u32>,
    /// Distinct, ascending within a query.
    pub targets: Vec<u32>,
}

enum Drawn {
    /// Seen items by part, ascending.
    Full { seen_valid: UserItems, seen_test: UserItems },
    /// By user.
    Sampled { negatives: Vec<Vec<u32>> },
}

impl Ranker {
    /// # Errors
    /// No query has a target; a query has fewer candidates than the largest cutoff, or too few items
    /// for its negatives; a held-out item that the user has already seen; several held-out items
    /// where the protocol is for one.
    pub fn new(protocol: &Protocol, split: &Split) -> Result<Self> {
        let (valid, test) = (Queries::new(&split.valid), Queries::new(&split.test));
        if valid.ids.is_empty() && test.ids.is_empty() {
            return Err(no_target("validation and test"));
        }
        let one_target = protocol.metrics.iter().find(|m| m.definition().needs_one_target());
        let candidates = match protocol.candidates {
            Candidates::All => {
                let none = UserItems::from_pairs(split.n_users, &[]);
                for queries in [&valid, &test] {
                    queries.check_cutoff(protocol, |_| split.n_items)?;
                    if let Some(metric) = one_target {
                        queries.check_one_target(&format!("metric `{metric}`"))?;
                    }
                }
                Drawn::Full { seen_valid: none.clone(), seen_test: none }
            }
            Candidates::Full => {
                let seen_valid = split.train.sorted();
                let pairs: Vec<_> = split.train.pairs().chain(split.valid.pairs()).collect();
                let seen_test = UserItems::from_pairs(split.n_users, &pairs).sorted();
                for (queries, seen) in [(&valid, &seen_valid), (&test, &seen_test)] {
                    queries.check_unseen(seen)?;
                    queries.check_cutoff(protocol, |user| split.n_items - seen.of(user).len())?;
                    if let Some(metric) = one_target {
                        queries.check_one_target(&format!("metric `{metric}`"))?;
                    }
                }
                Drawn::Full { seen_valid, seen_test }
            }
            Candidates::Sampled { negatives, seed } => {
                for queries in [&valid, &test] {
                    queries.check_one_target("ranking among sampled candidates")?;
                    queries.check_cutoff(protocol, |_| negatives + 1)?;
                }
                let train = split.train.sorted();
                valid.check_unseen(&train)?;
                test.check_unseen(&train)?;
                Drawn::Sampled { negatives: sampled::draw_negatives(split, negatives, seed)? }
            }
        };
        Ok(Self { protocol: protocol.clone(), n_items: split.n_items, valid, test, candidates })
    }

    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Ranks the held-out items of a part; the user is the query. Runs on the current rayon pool;
    /// the result does not depend on it by a bit.
    ///
    /// # Errors
    /// No query has a target in this part; a score that is not finite.
    pub fn evaluate(&self, scorer: &dyn Scorer, part: HeldOut) -> Result<Evaluation> {
        let block = match self.candidates {
            Drawn::Full { .. } => full::BLOCK,
            Drawn::Sampled { .. } => sampled::BLOCK,
        };
        self.evaluate_in_blocks(scorer, part, block)
    }

    pub(super) fn evaluate_in_blocks(&self, scorer: &dyn Scorer, part: HeldOut, block: usize) -> Result<Evaluation> {
        if scorer.n_items() != self.n_items {
            return Err(Error::new(Kind::Internal, "a model was trained on another set of items than it is ranked on")
                .expected(format!("{} items", self.n_items))
                .got(scorer.n_items().to_string()));
        }
        let (queries, name) = match part {
            HeldOut::Valid => (&self.valid, "validation"),
            HeldOut::Test => (&self.test, "test"),
        };
        if queries.ids.is_empty() {
            return Err(no_target(name));
        }
        let blocks: Vec<Ranks> = match (&self.candidates, part) {
            (Drawn::Full { seen_valid: seen, .. }, HeldOut::Valid)
            | (Drawn::Full { seen_test: seen, .. }, HeldOut::Test) => {
                full::ranks(&Index::new(scorer), queries, seen, block)?
            }
            (Drawn::Sampled { negatives }, _) => sampled::ranks(scorer, queries, negatives, block)?,
        };
        let targets = queries.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(Evaluation::new(queries.ids.clone(), targets, blocks, &self.protocol.metrics))
    }

    /// The sampled candidates of a user besides the held-out item, ascending (their order cannot
    /// matter to its rank); `None` under full ranking.
    pub fn negatives(&self, user: u32) -> Option<&[u32]> {
        match &self.candidates {
            Drawn::Full { .. } => None,
            Drawn::Sampled { negatives } => Some(&negatives[user as usize]),
        }
    }
}

impl Queries {
    fn new(held_out: &UserItems) -> Self {
        let sorted = held_out.sorted();
        let ids: Vec<u32> = (0..sorted.n_users() as u32).filter(|&user| !sorted.of(user).is_empty()).collect();
        let mut offsets = vec![0];
        offsets.extend(ids.iter().map(|&user| sorted.offsets()[user as usize + 1]));
        Self { ids, offsets, targets: sorted.items().to_vec() }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let bounds = self.offsets.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
        self.ids.iter().copied().zip(bounds.map(|bounds| &self.targets[bounds]))
    }

    fn check_unseen(&self, seen: &UserItems) -> Result<()> {
        for (user, targets) in self.iter() {
            if let Some(item) = targets.iter().find(|&item| seen.of(user).binary_search(item).is_ok()) {
                return Err(Error::new(
                    Kind::Data,
                    format!("item number {item} of {} is both seen and held out", numbered("user", user)),
                )
                .expected("parts of a split that share no (user, item) pair: a seen item is no candidate")
                .hint("let the dataset or the split rule keep one interaction of each pair"));
            }
        }
        Ok(())
    }

    fn check_cutoff(&self, protocol: &Protocol, candidates: impl Fn(u32) -> usize) -> Result<()> {
        let Some(cutoff) = protocol.largest_cutoff() else { return Ok(()) };
        match self.ids.iter().find(|&&user| candidates(user) < cutoff as usize) {
            None => Ok(()),
            Some(&user) => Err(Error::new(Kind::Input, format!("the cutoff {cutoff} reaches past the candidates"))
                .expected(format!("at least {cutoff} candidates for every query"))
                .got(format!("{} for {}", candidates(user), numbered("user", user)))
                .hint("use smaller cutoffs: within such a list every model finds everything")),
        }
    }

    fn check_one_target(&self, what: &str) -> Result<()> {
        match self.iter().find(|(_, targets)| targets.len() != 1) {
            None => Ok(()),
            Some((user, targets)) => {
                Err(Error::new(Kind::Input, format!("{what} needs one held-out item for each user"))
                    .expected("a leave-one-out split")
                    .got(format!("{} for {}", targets.len(), numbered("user", user))))
            }
        }
    }
}

fn no_target(part: &str) -> Error {
    Error::new(Kind::Input, format!("nothing to rank: no user has a held-out item for {part}"))
        .hint("choose a split rule that holds out items for this part, or evaluate another part")
}
