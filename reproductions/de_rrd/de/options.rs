//! Hyper-parameters of DE.

use harness::error::{Error, Kind, Result};
use harness::value::{Count, Rate, Weight, checked};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// The distance between a teacher's representation and its reconstruction, summed over entities.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// ‖t − t̂‖²: the authors' code.
    Squared,
    /// ‖t − t̂‖: the paper, section 3.1. Where it is 0 its gradient is taken as 0.
    Norm,
}

/// Hyper-parameters of DE.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct DeOptions {
    /// λ_DE, the weight of the term.
    pub lambda: Weight,
    /// M, for users and for items each. With 1 nothing is selected and the gate does not exist.
    pub experts: Count,
    pub distance: Distance,
    /// τ of epochs 0 and 1.
    pub temperature_start: Rate,
    /// Where τ arrives, at most that of the start.
    pub temperature_end: Rate,
    /// Epochs from one to the other: 1000 in the authors' code, the most that it trains.
    pub temperature_epochs: Count,
    /// Added to a gate's probability before its logarithm: 1e-10 in the authors' code, 0 in the paper.
    pub gate_epsilon: Weight,
}

impl<'de> Deserialize<'de> for DeOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl DeOptions {
    fn check(&self) -> Result<()> {
        let (start, end) = (self.temperature_start.get(), self.temperature_end.get());
        if end > start {
            return Err(Error::new(Kind::Input, "`temperature_end` is above the start")
                .expected(format!("at most `temperature_start`, which is {start}"))
                .got(end.to_string()));
        }
        Ok(())
    }

    /// τ of an epoch, as the authors' code has it: epochs 0 and 1 both use the start.
    pub fn temperature(&self, epoch: usize) -> f64 {
        let (start, end) = (self.temperature_start.get(), self.temperature_end.get());
        let progress = epoch.saturating_sub(1) as f64 / self.temperature_epochs.get() as f64;
        // libm: the same bits on every platform.
        (start * libm::pow(end / start, progress)).max(end)
    }
}
