//! Hyper-parameters of SML. The authors' values stand in parentheses, for Tmall, Sobazaar and MovieLens where they differ.

use harness::train::Ending;
use harness::value::{Count, Rate};
use schemars::JsonSchema;
use serde::Deserialize;

use super::transfer::TransferSizes;
use crate::models::mf::MfHyper;

/// How one part of a model is trained, by TensorFlow 1's Adam.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartTraining {
    pub learning_rate: Rate,
    pub epochs: Count,
    /// Samples of a step (1024, 256, 1024); the last of an epoch may have fewer.
    pub batch: Count,
}

/// The pre-training of a matrix factorisation on all periods before the first tested one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MfPretraining {
    pub model: MfHyper,
    /// (1e-3, 1e-2, 1e-2)
    learning_rate: Rate,
    /// At most (10).
    epochs: Count,
    /// As of a [part](PartTraining).
    batch: Count,
    /// The epoch that is kept, by the first tested period (the last of those with the best AUC to four decimals).
    pub stopping: Ending,
}

impl MfPretraining {
    pub fn part(&self) -> PartTraining {
        let Self { learning_rate, epochs, batch, .. } = *self;
        PartTraining { learning_rate, epochs, batch }
    }
}

/// How SML learns a period, whatever the base model.
#[derive(Clone, Debug)]
pub struct SmlTraining {
    /// Of the transfers, on the period that the model was just tested on.
    pub transfer: PartTraining,
    /// Of the base model, through the transfers, on the period before the tested one.
    pub base: PartTraining,
    pub report: ReportedEpoch,
    pub checkpoint: KeptTransfer,
}

/// The base epoch whose model is tested. Whichever it is, the next period goes on from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedEpoch {
    /// The first of those with the highest AUC on the tested period itself: a leak, where there are several (code).
    BestEpoch,
    LastEpoch,
}

/// The transfer epoch that the next period goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptTransfer {
    /// The last of those with the highest AUC on the samples that the transfer was trained on, to four decimals (code).
    BestTransferEpoch,
    LastTransferEpoch,
}

/// Sizes of the transfers of tables.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableTransfers {
    /// n1 and n2 (10 and 5).
    mix: [Count; 2],
    /// Units of the hidden layer (20).
    hidden: Count,
}

/// Sizes of the transfers of an MLP's tensors.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerTransfers {
    /// n1 and n2 (5 and 3).
    mix: [Count; 2],
    /// Units of the hidden layer for kernel and bias of each layer (80, 40, 40, 20, 20, 2 with categories; 40, 20, 20, 10, 10,
    /// 1 without).
    hidden: [Count; 6],
}

impl TableTransfers {
    /// The sizes for a table with rows of this width.
    pub fn sizes(&self, width: usize) -> TransferSizes {
        TransferSizes { width, mix: self.mix.map(Count::get), hidden: self.hidden.get() }
    }
}

impl LayerTransfers {
    /// The sizes for tensor number `tensor` of the MLP, of so many values.
    ///
    /// # Panics
    /// If there is no such tensor.
    pub fn sizes(&self, tensor: usize, values: usize) -> TransferSizes {
        TransferSizes { width: values, mix: self.mix.map(Count::get), hidden: self.hidden[tensor].get() }
    }
}
