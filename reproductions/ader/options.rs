//! Hyper-parameters of the continual learners. The authors' values stand in parentheses; where paper and code differ,
//! each has a name.

use harness::split::periods::Schedule;
use harness::train::Ending;
use harness::value::{Count, Rate, Share, Weight};
use schemars::JsonSchema;
use serde::Deserialize;

use super::quota::Quota;
use super::selection::ExemplarSelection;
use super::weight::ReplayWeighting;
use crate::models::sasrec;

/// SASRec over a stream of periods, alone or with what keeps it from forgetting.
pub struct Continual {
    pub training: Training,
    /// Exemplars that go from period to period.
    pub kept: Option<Kept>,
    pub against_forgetting: Option<AgainstForgetting>,
}

/// The term that the loss gains after the first period.
pub enum AgainstForgetting {
    Replay(Replay),
    Ewc(Ewc),
}

/// The model and how it learns a period.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub model: sasrec::SasRecHyper,
    /// On from the last period, with the optimiser's state, and on the period before the tested one; Joint starts
    /// afresh, on all of them (code).
    pub schedule: Schedule,
    /// Sub-sequences (256 DIGINETICA, 512 YOOCHOOSE).
    pub batch: Count,
    /// Learning rate of TensorFlow 1's Adam (5e-4).
    pub learning_rate: Rate,
    /// Share of a period's sub-sequences that validate instead of training (0.1).
    pub validation: Share,
    /// In a period, at most (100).
    pub epochs: Count,
    /// In each period (recall@20, patience 5, every epoch).
    pub stopping: Ending,
}

/// The choice of exemplars.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// At most, N (30,000).
    pub budget: Budget,
    /// Number of exemplars of each item (`multinomial` in code, `proportional` in the paper; `equal` is ADER_equal).
    pub quota: Quota,
    /// Selection among the candidates of an item (`herding-capped` in code).
    pub selection: ExemplarSelection,
}

/// The replay of exemplars.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// λ_base (0.8 DIGINETICA, 1.0 YOOCHOOSE).
    pub weight: Weight,
    /// λ_t (`adaptive`; `fixed` is ADER_fix).
    pub weighting: ReplayWeighting,
    pub loss: ReplayLoss,
}

/// The loss of exemplars, a mean over those of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayLoss {
    /// ADER, with p the softmax over the items that the teacher knew (code).
    DistilOverOldItems,
    /// ADER, with p the softmax over all items seen so far: the other reading of the poster's "prediction of the
    /// current model" (paper).
    DistilOverAllItems,
    /// ER: cross entropy with the exemplar's own label, over all items seen so far.
    Labels,
}

impl ReplayLoss {
    /// Whether it asks a teacher.
    pub fn distils(self) -> bool {
        self != Self::Labels
    }
}

/// Elastic weight consolidation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ewc {
    /// λ (not published).
    pub weight: Weight,
    /// Exemplars that the Fisher information is the mean over, at most (1,000).
    pub samples: Count,
}

/// A number of exemplars, at most ten million: ADER keeps 30,000, and drawing more takes minutes for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(usize);

const MOST_EXEMPLARS: usize = 10_000_000;

impl Budget {
    /// The number of exemplars.
    pub fn get(self) -> usize {
        self.0
    }
}

harness::described! { Budget: { "type": "integer", "minimum": 1, "maximum": MOST_EXEMPLARS } }

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let budget = Count::deserialize(deserializer)?.get();
        let unexpected = || serde::de::Unexpected::Unsigned(budget as u64);
        let error = || serde::de::Error::invalid_value(unexpected(), &"at most 10000000 exemplars");
        if budget <= MOST_EXEMPLARS { Ok(Self(budget)) } else { Err(error()) }
    }
}
