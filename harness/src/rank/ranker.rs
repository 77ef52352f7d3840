//! A protocol bound to queries: evaluates any scorer.

use super::evaluation::{Evaluation, Ranks};
use super::{Index, full, sampled};
use crate::error::{Error, Kind, Result};
use crate::metrics::{Candidates, Protocol, Scorer};
use crate::queries::Queries;
use crate::split::UserItems;

/// Evaluates scorers under one protocol on some queries. Negatives are drawn once, when it is made.
pub struct Ranker {
    protocol: Protocol,
    queries: Queries,
    candidates: CandidateItems,
}

enum CandidateItems {
    /// Items that are no candidates by asker, ascending; none where all items are candidates.
    Full { excluded: UserItems },
    /// By asker.
    Sampled { negatives: Vec<Vec<u32>> },
}

impl Ranker {
    /// # Errors
    /// No query has a target; a query has fewer candidates than the largest cutoff, or too few items
    /// for its negatives; a target that the asker has already seen; several targets where the protocol is for one.
    pub fn new(protocol: &Protocol, queries: Queries) -> Result<Self> {
        if queries.is_empty() {
            return Err(Error::new(
                Kind::Input,
                format!("nothing to rank: no query of the {} has a target", queries.part()),
            )
            .hint("choose a split rule that holds out items for this part"));
        }
        if let Some(metric) = protocol.metrics.iter().find(|metric| metric.definition().needs_one_target()) {
            check_one_target(&queries, &format!("metric `{metric}`"))?;
        }
        let candidates = match protocol.candidates {
            Candidates::All => {
                check_cutoff(&queries, protocol, |_| queries.n_items())?;
                CandidateItems::Full { excluded: UserItems::from_pairs(queries.seen().n_users(), &[]) }
            }
            Candidates::Full => {
                let seen = queries.seen();
                check_unseen(&queries, seen)?;
                check_cutoff(&queries, protocol, |id| queries.n_items() - seen.of(id).len())?;
                CandidateItems::Full { excluded: seen.clone() }
            }
            Candidates::Sampled { negatives, seed } => {
                check_one_target(&queries, "ranking among sampled candidates")?;
                check_cutoff(&queries, protocol, |_| negatives + 1)?;
                check_unseen(&queries, &queries.inputs().sorted())?;
                CandidateItems::Sampled { negatives: sampled::draw_negatives(&queries, negatives, seed)? }
            }
        };
        Ok(Self { protocol: protocol.clone(), queries, candidates })
    }

    /// The queries that are ranked.
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// The protocol that they are ranked under.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Ranks the targets of the queries. Runs on the current rayon pool; the result does not depend on it by a bit.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) at a score that is not finite; [`Internal`](Kind::Internal) for a model of another
    /// set of items.
    pub fn evaluate(&self, scorer: &dyn Scorer) -> Result<Evaluation> {
        let block = match self.candidates {
            CandidateItems::Full { .. } => full::BLOCK,
            CandidateItems::Sampled { .. } => sampled::BLOCK,
        };
        self.evaluate_in_blocks(scorer, block)
    }

    pub(super) fn evaluate_in_blocks(&self, scorer: &dyn Scorer, block: usize) -> Result<Evaluation> {
        let queries = &self.queries;
        if scorer.n_items() != queries.n_items() {
            return Err(Error::new(Kind::Internal, "a model was trained on another set of items than it is ranked on")
                .expected(format!("{} items", queries.n_items()))
                .got(scorer.n_items().to_string()));
        }
        let blocks: Vec<Ranks> = match &self.candidates {
            CandidateItems::Full { excluded } => full::ranks(&Index::new(scorer), queries, excluded, block)?,
            CandidateItems::Sampled { negatives } => sampled::ranks(scorer, queries, negatives, block)?,
        };
        let targets = queries.offsets().windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(Evaluation::new(queries.ids().to_vec(), targets, blocks, &self.protocol.metrics))
    }

    /// The sampled candidates of an asker besides the target, ascending (their order cannot matter to its rank); `None`
    /// under full ranking.
    pub fn negatives(&self, asker: u32) -> Option<&[u32]> {
        match &self.candidates {
            CandidateItems::Full { .. } => None,
            CandidateItems::Sampled { negatives } => Some(&negatives[asker as usize]),
        }
    }
}

fn check_unseen(queries: &Queries, seen: &UserItems) -> Result<()> {
    for (id, targets) in queries.iter() {
        if let Some(item) = targets.iter().find(|&item| seen.of(id).binary_search(item).is_ok()) {
            return Err(Error::new(
                Kind::Data,
                format!("item number {item} of {} is both seen and held out", queries.name(id)),
            )
            .expected("parts of a split that share no (user, item) pair: a seen item is no candidate")
            .hint("let the dataset or the split rule keep one interaction of each pair"));
        }
    }
    Ok(())
}

fn check_cutoff(queries: &Queries, protocol: &Protocol, candidates: impl Fn(u32) -> usize) -> Result<()> {
    let Some(cutoff) = protocol.largest_cutoff() else { return Ok(()) };
    match queries.ids().iter().find(|&&id| candidates(id) < cutoff as usize) {
        None => Ok(()),
        Some(&id) => Err(Error::new(Kind::Input, format!("the cutoff {cutoff} reaches past the candidates"))
            .expected(format!("at least {cutoff} candidates for every query"))
            .got(format!("{} for {}", candidates(id), queries.name(id)))
            .hint("use smaller cutoffs: within such a list every model finds everything")),
    }
}

fn check_one_target(queries: &Queries, what: &str) -> Result<()> {
    match queries.iter().find(|(_, targets)| targets.len() != 1) {
        None => Ok(()),
        Some((id, targets)) => Err(Error::new(Kind::Input, format!("{what} needs one held-out item for each user"))
            .expected("a leave-one-out split")
            .got(format!("{} for {}", targets.len(), queries.name(id)))),
    }
}
