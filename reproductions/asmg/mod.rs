//! ASMG: an adaptive, sequential generator of models (Peng, Pan, Zhang, Zeng; RecSys 2021; arXiv 2111.04282), and what it is
//! compared with. danni9594/ASMG at 75ea1e0 marks (code), the authors' slides (paper).
//!
//! ```text
//! pre-training       periods 0–9, ten epochs; the best on period 10 is the model of all methods
//! each period t:     train on period t − 1, or as the method says;  test on period t
//! ```
//!
//! Every method is on [Embedding&MLP](crate::models::embedding_mlp), over a stream of labelled samples. The method `iu` is
//! trained first: its models, period by period, are what the others start or generate from. Those that update the model
//! otherwise ([`BatchUpdate`], [`IncCtr`], [`Spmf`](spmf::Spmf)) are a [`Strategy`] of one [learner](learner::IncrementalLearner).

mod batch_update;
pub mod generator;
mod incctr;
mod learner;
mod options;
pub mod sml;
pub mod spmf;
mod strategy;
mod stream;

use harness::method::{Built, Params};
use harness::value::{Count, Rate, Weight, checked};
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::batch_update::BatchUpdate;
pub use self::incctr::IncCtr;
pub use self::options::{OptimiserState, Pretraining, Update};
pub use self::strategy::{Order, Strategy, TrainingSet};
pub use learner::{Incremental, Start};

/// The method `iu`: pre-training, then one update after the other on the period before (incremental update). Its model of the
/// first tested period is kept with the optimiser's moments, with which the other methods go on.
pub fn build_iu(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct IuParams {
        pretraining: Pretraining,
        update: Update,
    }
    let IuParams { pretraining, update } = params.read()?;
    let strategy = || Box::new(BatchUpdate { window: 1 }) as Box<dyn Strategy>;
    Ok(Box::new(Incremental { start: Start::Pretraining(pretraining), update: Some((update, Box::new(strategy))) }))
}

/// The method `bu`: batch update. As `iu`, but each update is on the last `window` periods (3, 5, 7).
pub fn build_bu(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct BuParams {
        update: Update,
        window: Count,
    }
    let BuParams { update, window } = params.read()?;
    let strategy = move || Box::new(BatchUpdate { window: window.get() }) as Box<dyn Strategy>;
    Ok(Box::new(Incremental { start: Start::Teacher, update: Some((update, Box::new(strategy))) }))
}

/// The method `incctr`: IncCTR (Wang et al., 2020). As `iu`, with the answers of the model before the update as soft labels.
pub fn build_incctr(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct IncCtrParams {
        update: Update,
        /// λ (0.2 Tmall, 0.1 Sobazaar, 0.2 MovieLens).
        weight: Weight,
    }
    let IncCtrParams { update, weight } = params.read()?;
    let strategy = move || Box::new(IncCtr { weight: weight.get() as f32 }) as Box<dyn Strategy>;
    Ok(Box::new(Incremental { start: Start::Teacher, update: Some((update, Box::new(strategy))) }))
}

/// The method `spmf`: [SPMF](spmf). As `iu`, with samples of a reservoir beside those of the period, in the order of time.
pub fn build_spmf(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct SpmfParams {
        update: Update,
        /// Of each class of the pre-training samples: the size of its reservoir, above 0 and at most 1 (0.1 Tmall, 1 Sobazaar,
        /// 0.3 MovieLens).
        fraction: Rate,
        drawing: spmf::Drawing,
    }
    let SpmfParams { update, fraction, drawing } = params.read()?;
    let fraction = checked(fraction, |fraction| spmf::check_fraction(*fraction))?;
    let strategy = move || Box::new(spmf::Spmf::new(fraction, drawing)) as Box<dyn Strategy>;
    Ok(Box::new(Incremental { start: Start::Teacher, update: Some((update, Box::new(strategy))) }))
}

/// The method `pretrained`: the pre-trained model, tested on every period and never updated.
pub fn build_pretrained(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct PretrainedParams {}
    let PretrainedParams {} = params.read()?;
    Ok(Box::new(Incremental { start: Start::Teacher, update: None }))
}

#[cfg(test)]
mod tests;
