//! ASMG's generators of models: from the base models of past periods to the one that is served
//! (danni9594/ASMG at 75ea1e0 marks (code)).
//!
//! ```text
//! Θ_{t−k+1} … Θ_t → GRU over each coordinate → Θ*_t, served      method `asmg`
//!                 → weighted mean of each    → Θ*_t, served      method `asmg-linear`
//! ```
//!
//! The Θ are the models of the trial IU, period by period; they are constants. What learns is the generator, from the loss
//! of the models that it makes on the data that comes next.

pub mod cell;
pub mod chunks;
pub mod gru;
mod learner;
pub mod linear;
pub mod model_generator;
mod options;
pub mod past_models;
pub mod sequence_batch;
pub mod sequence_loss;
mod sequence_plan;

use candle_core::Device;
use harness::error::Result;
use harness::method::{Built, Method, Params, Trained};
use harness::split::TrainingData;
use harness::train::{Context, Task, learn};

use self::gru::Gru;
use self::learner::GeneratorLearner;
use self::linear::Linear;
pub use self::options::{GruHyper, InitialState, LinearHyper, MeanWeights};
use self::sequence_plan::SequencePlan;
use crate::models::embedding_mlp;

/// The method `asmg`: the GRU in its variants multi, unif, single, zero and full.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<GruHyper>()?))
}

/// The method `asmg-linear`.
pub fn build_linear(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<LinearHyper>()?))
}

/// The kinds of models that can be the base.
const BASE: &[&str] = &[embedding_mlp::NAME];

fn trained<'p>(cx: &mut Context<'p>, mut learner: GeneratorLearner<'p>) -> Result<Trained> {
    let periods = learn(cx, &mut learner)?;
    let (weights, generator) = learner.into_weights()?;
    let scorer = embedding_mlp::scorer(&weights, cx.task.test.queries())?;
    Ok(Trained { scorer, weights, meta: Some(generator), selected: None, periods })
}

impl Method for GruHyper {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let continued = self.initial_state == InitialState::Continued;
        let states = if continued { self.hidden.get() } else { 0 };
        let learner = GeneratorLearner::new(self.training(), states, cx, |sizes| {
            Box::new(Gru::new(sizes, self.hidden.get(), self.output, continued, |purpose| cx.stream(purpose, 0)))
        })?;
        trained(cx, learner)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(embedding_mlp::NAME)
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Samples
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        SequencePlan::new(self.training(), task, device).map(|_| ())
    }

    fn learns_from(&self) -> &'static [&'static str] {
        BASE
    }

    fn learns_from_periods(&self) -> bool {
        true
    }
}

impl Method for LinearHyper {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let learner = GeneratorLearner::new(self.training(), 0, cx, |sizes| {
            Box::new(Linear::new(sizes, self.length.get(), self.weights))
        })?;
        trained(cx, learner)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(embedding_mlp::NAME)
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Samples
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        SequencePlan::new(self.training(), task, device).map(|_| ())
    }

    fn learns_from(&self) -> &'static [&'static str] {
        BASE
    }

    fn learns_from_periods(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
