//! ADER: adaptively distilled exemplar replay (Mi, Lin, Faltings, RecSys 2020; arXiv 2007.12000), and what it is
//! compared with. DoubleMuL/ADER at 066a235 marks [code], the authors' poster [paper].
//!
//! ```text
//! each period:  sessions → sub-sequences → nine tenths train, one tenth validates
//!   each batch:  L = CE(new rows) + λ_t · KD(exemplars, last period's model)         or + λ_t · CE, or + EWC
//!   afterwards:  candidates → quota of each item → herding → next period's exemplars
//! ```
//!
//! The model is [`sasrec`](crate::models::sasrec). Items count from 0, one less than in the authors' files; after
//! a period the items seen are `0..n`.

pub mod batches;
pub mod ewc;
pub mod herding;
pub mod memory;
pub mod period;
pub mod quota;
pub mod selection;
pub mod sessions;
pub mod split;
pub mod weight;

use harness::spec::value::{Count, Weight};
use serde::Deserialize;

pub use self::quota::Quota;
pub use self::selection::Selection;
pub use self::weight::Weighting;

/// How exemplars are kept and replayed. The authors' values stand in parentheses; where paper and code differ,
/// each has a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// Exemplars at most, N (30,000).
    pub exemplars: Count,
    /// How many of each item (`multinomial` in code, `proportional` in the paper; `equal` is ADER_equal).
    pub quota: Quota,
    /// Which (`herding-capped` in code).
    pub selection: Selection,
    /// λ_base (0.8 DIGINETICA, 1.0 YOOCHOOSE).
    pub weight: Weight,
    /// λ_t (`adaptive`; `fixed` is ADER_fix).
    pub weighting: Weighting,
    pub loss: ReplayLoss,
}

/// The loss of exemplars, a mean over those of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayLoss {
    /// ADER, with p the softmax over the items that the teacher knew [code].
    DistilOverOldItems,
    /// ADER, with p the softmax over all items seen so far: the other reading of the poster's "prediction of the
    /// current model" [paper].
    DistilOverAllItems,
    /// ER: cross entropy with the exemplar's own label, over all items seen so far.
    Labels,
}

#[cfg(test)]
mod tests;
