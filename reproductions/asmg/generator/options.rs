//! Hyper-parameters of the generators. The authors' values stand in parentheses.

use std::fmt;

use harness::error::{Error, Kind, Result};
use harness::value::{Count, Limit, Rate, checked};
use schemars::JsonSchema;
use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::cell::Squash;
use super::sequence_loss::SequenceLoss;

/// ASMG's GRU over the models of past periods.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct GruHyper {
    /// Models that the generator reads, k (3): those tested on the current period and on the ones before it. `"all"`: every
    /// one since the pre-trained model, which is never among them (the variant full).
    pub length: Limit,
    /// The hidden state before the first model of a sequence (`continued`; `zeros` for the variants zero and full).
    pub initial_state: InitialState,
    /// Which outputs of a sequence have a loss (`linear`; `uniform` is the variant unif, `last` is single).
    pub loss: SequenceLoss,
    /// d (4).
    pub hidden: HiddenSize,
    /// Whether outputs are squashed (`linear`; `tanh` stands in a comment of the authors' code).
    pub output: Squash,
    /// Samples of a batch (1024; 256 on Sobazaar).
    pub batch: Count,
    /// Of TensorFlow 1's Adam (1e-2).
    pub learning_rate: Rate,
    /// In a period (1).
    pub epochs: Count,
    /// The last period before whose test the generator trains (`end`).
    pub train_until: TrainUntil,
}

/// ASMG-linear: weighted means of the models of past periods.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearHyper {
    /// Models that the means are over, k (3).
    pub length: Count,
    /// Which coordinates share the weights of their mean (`per-coordinate`).
    pub weights: MeanWeights,
    /// As of [`GruHyper`].
    pub batch: Count,
    /// As of [`GruHyper`].
    pub learning_rate: Rate,
    /// As of [`GruHyper`].
    pub epochs: Count,
    /// As of [`GruHyper`].
    pub train_until: TrainUntil,
}

/// How a generator trains, whichever it is.
#[derive(Clone, Debug)]
pub struct GeneratorTraining {
    pub length: Limit,
    pub loss: SequenceLoss,
    pub batch: Count,
    pub learning_rate: Rate,
    pub epochs: Count,
    pub train_until: TrainUntil,
}

/// The hidden state before the first model of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitialState {
    /// What the period before left after the first model of its sequence; zeros at first.
    Continued,
    Zeros,
}

/// Which coordinates share the weights of their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MeanWeights {
    /// Each coordinate of a layer has its own; the rows of a table share those of a dimension (code).
    PerCoordinate,
    /// The whole model has one set of weights (the authors' slides).
    PerPeriod,
}

/// The last period before whose test the generator trains: `"end"`, or the period's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainUntil {
    End,
    Period(usize),
}

impl TrainUntil {
    /// Whether the generator trains before the test on this period.
    pub fn trains(self, period: usize) -> bool {
        match self {
            Self::End => true,
            Self::Period(last) => period <= last,
        }
    }
}

harness::described! {
    TrainUntil: { "anyOf": [{ "const": "end" }, { "type": "integer", "minimum": 0 }] },
    HiddenSize: { "enum": HiddenSize::SIZES },
}

impl<'de> Deserialize<'de> for TrainUntil {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(TrainUntilVisitor)
    }
}

struct TrainUntilVisitor;

impl Visitor<'_> for TrainUntilVisitor {
    type Value = TrainUntil;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"end\"` or the number of a period")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<TrainUntil, E> {
        if text == "end" { Ok(TrainUntil::End) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> std::result::Result<TrainUntil, E> {
        let wrong = |_| E::invalid_value(Unexpected::Signed(number), &self);
        usize::try_from(number).map(TrainUntil::Period).map_err(wrong)
    }
}

/// d, one of the sizes that there is a kernel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenSize(usize);

impl HiddenSize {
    pub const SIZES: [usize; 5] = [2, 4, 8, 12, 16];

    pub fn get(self) -> usize {
        self.0
    }
}

impl<'de> Deserialize<'de> for HiddenSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let size = Count::deserialize(deserializer)?.get();
        if Self::SIZES.contains(&size) {
            return Ok(Self(size));
        }
        Err(D::Error::invalid_value(Unexpected::Unsigned(size as u64), &"a hidden size of 2, 4, 8, 12 or 16"))
    }
}

impl<'de> Deserialize<'de> for GruHyper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl GruHyper {
    fn check(&self) -> Result<()> {
        if self.length == Limit::All && self.initial_state == InitialState::Continued {
            return Err(Error::new(Kind::Input, "a state cannot be continued where every sequence begins with the same model")
                .expected("`initial_state = \"zeros\"` with `length = \"all\"`")
                .hint("the state after the first model of a sequence is that before the second, with which the next one begins"));
        }
        Ok(())
    }

    pub fn training(&self) -> GeneratorTraining {
        let Self { length, loss, batch, learning_rate, epochs, train_until, .. } = *self;
        GeneratorTraining { length, loss, batch, learning_rate, epochs, train_until }
    }
}

impl LinearHyper {
    /// The loss is on the newest data alone (code).
    pub fn training(&self) -> GeneratorTraining {
        let Self { batch, learning_rate, epochs, train_until, .. } = *self;
        let (length, loss) = (Limit::At(self.length.get()), SequenceLoss::Last);
        GeneratorTraining { length, loss, batch, learning_rate, epochs, train_until }
    }
}
