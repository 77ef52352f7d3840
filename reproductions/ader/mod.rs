//! ADER: adaptively distilled exemplar replay (Mi, Lin, Faltings, RecSys 2020; arXiv 2007.12000), and what it is
//! compared with. DoubleMuL/ADER at 066a235 marks (code), the authors' poster (paper).
//!
//! ```text
//! each period:  sessions → sub-sequences → nine tenths train, one tenth validates
//!   each batch:  L = CE(new rows) + λ_t · KD(exemplars, last period's model)         or + λ_t · CE, or + EWC
//!   afterwards:  candidates → quota of each item → herding → next period's exemplars
//! ```
//!
//! The model is [`sasrec`](crate::models::sasrec), the stream of periods the engine's
//! ([`harness::split::periods`]). Items count from 0, one less than in the authors' files; after a period the items seen
//! are `0..n`.

pub mod batches;
pub mod ewc;
pub mod herding;
mod learner;
pub mod memory;
mod options;
pub mod quota;
pub mod sample;
pub mod selection;
pub mod split;
pub mod weight;

use harness::error::{Error, Kind, Result};
use harness::method::{Built, Method, Params, Trained};
use harness::split::TrainingData;
use harness::split::periods::{Schedule, Start};
use harness::train::{Context, Model, learn};
use harness::value::{Limit, checked};
use schemars::JsonSchema;
use serde::Deserialize;

use self::learner::ContinualSasRec;
pub use self::options::{AgainstForgetting, Continual, Ewc, Kept, Replay, ReplayLoss, Training};
pub use self::quota::Quota;
pub use self::selection::ExemplarSelection;
pub use self::weight::ReplayWeighting;
use crate::models::sasrec;

impl Method for Continual {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let mut learner = ContinualSasRec::new(self, cx)?;
        let periods = learn(cx, &mut learner)?;
        let weights = learner.into_model().weights()?;
        let scorer = sasrec::scorer(&weights, cx.task.test.queries())?;
        Ok(Trained { scorer, weights, meta: None, selected: None, periods })
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Sessions
    }

    fn makes(&self) -> Option<&'static str> {
        Some(sasrec::NAME)
    }
}

/// Exemplars need `start = "last"` and `window = 1`: a fresh model cannot use what another chose, and a longer window offers
/// the same sub-sequence twice.
fn goes_on(training: &Training) -> Result<()> {
    let refuse = |what: &str, expected: &str| Err(Error::new(Kind::Input, what).expected(expected));
    match training.schedule {
        Schedule { start: Start::Last, window: Limit::At(1) } => Ok(()),
        Schedule { start: Start::Fresh, .. } => {
            refuse("exemplars go on with the model that chose them", "`schedule` with `start = \"last\"`")
        }
        Schedule { start: Start::Last, .. } => {
            refuse("exemplars stand for the periods before the last", "`schedule` with `window = 1`")
        }
    }
}

/// The method `sasrec`: SASRec without a remedy against forgetting, trained on the last period (Finetune, Dropout) or on all
/// (Joint).
pub fn build_sasrec(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct SasRecParams {
        training: Training,
    }
    let SasRecParams { training } = params.read()?;
    Ok(Box::new(Continual { training, kept: None, against_forgetting: None }))
}

/// The method `ader`: exemplars are replayed, with the last model's answers as targets (ADER) or with their labels (ER).
pub fn build(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct AderParams {
        training: Training,
        exemplars: Kept,
        replay: Replay,
    }
    let AderParams { training, exemplars, replay } = params.read()?;
    let training = checked(training, goes_on)?;
    Ok(Box::new(Continual {
        training,
        kept: Some(exemplars),
        against_forgetting: Some(AgainstForgetting::Replay(replay)),
    }))
}

/// The method `ewc`: [elastic weight consolidation](ewc), with Fisher information of the exemplars.
pub fn build_ewc(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct EwcParams {
        training: Training,
        exemplars: Kept,
        ewc: Ewc,
    }
    let EwcParams { training, exemplars, ewc } = params.read()?;
    let training = checked(training, goes_on)?;
    Ok(Box::new(Continual { training, kept: Some(exemplars), against_forgetting: Some(AgainstForgetting::Ewc(ewc)) }))
}

#[cfg(test)]
mod tests;
