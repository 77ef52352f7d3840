//! The data that is learnt from, and the protocol that it is tested by.

use crate::digest::Digest;
use crate::error::Result;
use crate::metrics::Protocol;
use crate::queries::Queries;
use crate::rank::Ranker;
use crate::split::periods::Periods;
use crate::split::{Cut, Split, UserItems};

/// The data and the protocol of a spec: the same for all of its runs.
pub struct Task {
    pub data: Cut,
    pub protocol: Protocol,
    /// By asker of the test: the items of its input, ascending. Of a split, the training part of each user or piece.
    pub seen: UserItems,
    /// Ranks the validation items of a split; none where it has none, and for a stream of periods, in which a method makes
    /// its own.
    pub valid: Option<Ranker>,
    /// Ranks the test items of a split; of a stream, those of the last period, which stand for it when a model is served.
    pub test: Ranker,
}

impl Task {
    /// # Errors
    /// If the protocol does not fit the data.
    pub fn new(data: Cut, protocol: &Protocol) -> Result<Self> {
        let (valid, test) = match &data {
            Cut::Split(split) => {
                let [valid, test] = Queries::of_both_parts(split);
                ((!valid.is_empty()).then_some(valid), test)
            }
            Cut::Pieces(pieces) => {
                let [valid, test] = Queries::of_pieces(pieces);
                (Some(valid), test)
            }
            Cut::Periods(periods) => (None, Queries::of_period(periods.period(periods.last()))),
        };
        let valid = valid.map(|valid| Ranker::new(protocol, valid)).transpose()?;
        let test = match &valid {
            Some(valid) => valid.beside(test)?,
            None => Ranker::new(protocol, test)?,
        };
        // The test of a piece may be asked from its validation item, too, which training must not know.
        let inputs = valid.as_ref().unwrap_or(&test).queries().inputs();
        Ok(Self { seen: inputs.sorted(), data, protocol: protocol.clone(), valid, test })
    }

    /// The split; of pieces, the one whose users they are.
    ///
    /// # Panics
    /// If the data is a stream of periods: a spec that asks a method of a single split to go through one is refused when
    /// it is read.
    pub fn split(&self) -> &Split {
        match &self.data {
            Cut::Split(split) => split,
            Cut::Pieces(pieces) => &pieces.split,
            Cut::Periods(_) => panic!("a stream of periods has no single split"),
        }
    }

    /// The stream of periods, where the data is one.
    pub fn periods(&self) -> Option<&Periods> {
        match &self.data {
            Cut::Split(_) | Cut::Pieces(_) => None,
            Cut::Periods(periods) => Some(periods),
        }
    }

    /// Digest of all that is learnt and tested.
    pub fn digest(&self) -> Digest {
        match &self.data {
            Cut::Split(split) => split.digest(),
            Cut::Pieces(pieces) => pieces.digest(),
            Cut::Periods(periods) => periods.digest(),
        }
    }
}
