//! A protocol bound to queries: evaluates any scorer.

use std::sync::Arc;

use super::evaluation::{Evaluation, Ranks};
use super::negatives::draw_negatives;
use super::{Index, full, pointwise, sampled};
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
    /// All items but those that the asker has seen.
    Full,
    /// All items; `excluded` has none for every asker.
    All { excluded: UserItems },
    /// The target and these, by owner of askers. Rankers of one split share them.
    Sampled { negatives: Arc<Vec<Vec<u32>>> },
    /// None: labelled pairs are scored.
    Labelled,
}

impl Ranker {
    /// # Errors
    /// Nothing is asked, or not what the protocol evaluates; no positive or no negative among labelled pairs; a query has fewer candidates than the largest cutoff, or too few items
    /// for its negatives; a target that the asker has already seen; several targets where the protocol is for one.
    pub fn new(protocol: &Protocol, queries: Queries) -> Result<Self> {
        Self::sharing(protocol, queries, None)
    }

    /// A ranker of other queries under the same protocol, which shares the negatives of askers, or owners of pieces, of both.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn beside(&self, queries: Queries) -> Result<Self> {
        let drawn = match &self.candidates {
            CandidateItems::Sampled { negatives }
                if queries.asks_as(&self.queries) || queries.has_owners_of(&self.queries) =>
            {
                Some(negatives)
            }
            _ => None,
        };
        Self::sharing(&self.protocol, queries, drawn)
    }

    fn sharing(protocol: &Protocol, queries: Queries, drawn: Option<&Arc<Vec<Vec<u32>>>>) -> Result<Self> {
        if queries.is_empty() {
            return Err(Error::new(
                Kind::Input,
                format!("nothing to rank: no query of the {} has a target", queries.part()),
            )
            .hint("choose a split rule that holds out items for this part"));
        }
        if (protocol.candidates == Candidates::Labelled) == queries.pairs().is_empty() {
            return Err(other_questions(protocol.candidates, &queries));
        }
        if let Some(metric) = protocol.metrics.iter().find(|metric| metric.definition().needs_one_target()) {
            check_one_target(&queries, &format!("metric `{metric}`"))?;
        }
        let candidates = match protocol.candidates {
            Candidates::Labelled => {
                check_both_labels(&queries)?;
                CandidateItems::Labelled
            }
            Candidates::All => {
                check_cutoff(&queries, protocol, |_| queries.n_items())?;
                CandidateItems::All { excluded: UserItems::from_pairs(queries.inputs().n_users(), &[]) }
            }
            Candidates::Full => {
                let seen = queries.seen();
                check_unseen(&queries, seen)?;
                check_cutoff(&queries, protocol, |id| queries.n_items() - seen.of(id).len())?;
                CandidateItems::Full
            }
            Candidates::Sampled { negatives, seed, draw } => {
                check_one_target(&queries, "ranking among sampled candidates")?;
                check_cutoff(&queries, protocol, |_| negatives + 1)?;
                // In a piece an item may come again, and being asked for does not hang on what was seen.
                if !queries.are_pieces() {
                    check_unseen(&queries, &queries.inputs().sorted())?;
                }
                let asked = |drawn: &&Arc<Vec<Vec<u32>>>| {
                    queries.ids().iter().all(|&id| !drawn[queries.owner(id) as usize].is_empty())
                };
                let negatives = match drawn.filter(asked) {
                    Some(drawn) => drawn.clone(),
                    None => Arc::new(draw_negatives(&queries, negatives, seed, draw)?),
                };
                CandidateItems::Sampled { negatives }
            }
        };
        Ok(Self { protocol: protocol.clone(), queries, candidates })
    }

    /// The queries that are ranked.
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// Ranks the targets of the queries, or scores the labelled pairs. Runs on the current rayon pool; the result does not depend on it by a bit.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) at a score that is not finite; [`Internal`](Kind::Internal) for a model of another
    /// set of items.
    pub fn evaluate(&self, scorer: &dyn Scorer) -> Result<Evaluation> {
        let block = match self.candidates {
            CandidateItems::Full | CandidateItems::All { .. } => full::BLOCK,
            CandidateItems::Sampled { .. } => sampled::BLOCK,
            CandidateItems::Labelled => 0,
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
            CandidateItems::Full => full::ranks(&Index::new(scorer), queries, queries.seen(), block)?,
            CandidateItems::All { excluded } => full::ranks(&Index::new(scorer), queries, excluded, block)?,
            CandidateItems::Sampled { negatives } => sampled::ranks(scorer, queries, negatives, block)?,
            CandidateItems::Labelled => {
                return pointwise::evaluate(scorer, queries.pairs(), &self.protocol.metrics);
            }
        };
        let targets = queries.offsets().windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(Evaluation::new(queries.ids().to_vec(), targets, blocks, &self.protocol.metrics))
    }

    /// The protocol that it evaluates by.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Items that the protocol excludes for an asker, ascending; none but under full ranking.
    pub fn excluded(&self, asker: u32) -> &[u32] {
        match &self.candidates {
            CandidateItems::Full => self.queries.seen().of(asker),
            CandidateItems::All { .. } | CandidateItems::Sampled { .. } | CandidateItems::Labelled => &[],
        }
    }

    /// The sampled candidates of an asker besides the target, ascending (their order cannot matter to its rank); `None`
    /// under full ranking.
    pub fn negatives(&self, asker: u32) -> Option<&[u32]> {
        match &self.candidates {
            CandidateItems::Full | CandidateItems::All { .. } | CandidateItems::Labelled => None,
            CandidateItems::Sampled { negatives } => Some(&negatives[self.queries.owner(asker) as usize]),
        }
    }
}

fn other_questions(candidates: Candidates, queries: &Queries) -> Error {
    let (asks, expected) = match candidates {
        Candidates::Labelled => ("targets", "a split rule that makes labelled samples, such as `periods-by-count`"),
        _ => ("labelled pairs", "`candidates = \"labelled\"`"),
    };
    Error::new(Kind::Input, format!("the protocol does not evaluate what the {} asks", queries.part()))
        .expected(expected)
        .got(asks)
}

/// AUC compares positives with negatives.
fn check_both_labels(queries: &Queries) -> Result<()> {
    let positives = queries.pairs().iter().filter(|pair| pair.label).count();
    let negatives = queries.pairs().len() - positives;
    if positives > 0 && negatives > 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::Data,
        format!("the {} has labelled pairs of one kind only: AUC is not defined", queries.part()),
    )
    .expected("positives and negatives")
    .got(format!("{positives} positives and {negatives} negatives")))
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
