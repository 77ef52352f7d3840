//! What is learnt and how it is tested.

use crate::digest::Digest;
use crate::error::Result;
use crate::metrics::Protocol;
use crate::periods::Periods;
use crate::rank::Ranker;
use crate::split::{Cut, Split, UserItems};

/// The same for all runs of a spec.
pub struct Task {
    /// The stream of periods, where there is one; `split` is then the test of the last one.
    pub periods: Option<Periods>,
    pub split: Split,
    /// The training part, sorted: for set membership.
    pub seen: UserItems,
    pub ranker: Ranker,
}

impl Task {
    /// # Errors
    /// If the protocol does not fit the data.
    pub fn new(cut: Cut, protocol: &Protocol) -> Result<Self> {
        let (split, periods) = match cut {
            Cut::Split(split) => (split, None),
            Cut::Periods(periods) => (periods.period(periods.last()).test(), Some(periods)),
        };
        let ranker = Ranker::new(protocol, &split)?;
        Ok(Self { seen: split.train.sorted(), periods, split, ranker })
    }

    /// Of all that is learnt and tested.
    pub fn digest(&self) -> Digest {
        self.periods.as_ref().map_or_else(|| self.split.digest(), Periods::digest)
    }
}
