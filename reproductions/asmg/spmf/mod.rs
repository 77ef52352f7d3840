//! SPMF: the base model trains on each period and on samples of a reservoir, those that it scores low more often (Wang et al.,
//! "Streaming ranking based recommender systems", SIGIR 2018), as ASMG's authors have it on Embedding&MLP (code).
//!
//! ```text
//! before the first update:  reservoirs R⁺, R⁻ = uniform samples of the pre-training periods' positives and negatives
//! period D:  score R⁺; draw positives by e^(rank/|R⁺|) and negatives uniformly, without replacement
//!            one pass over the drawn ones and D, the oldest first
//!            reservoirs take in samples of D by chance, and lose as many old ones
//! ```

mod draw;
mod learner;
mod reservoir;

use harness::error::{Error, Kind, Result};
use harness::method::{Built, Method, Params, Trained};
use harness::train::{Context, learn};
use harness::value::{Rate, checked};
use serde::Deserialize;

use self::draw::Drawing;
use self::learner::SpmfLearner;
use super::sml::options::PartTraining;
use crate::models::embedding_mlp;

/// SPMF on Embedding&MLP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spmf {
    /// Of each class of the pre-training samples: the size of its reservoir, above 0 and at most 1 (0.1 Tmall, 1 Sobazaar, 0.3
    /// MovieLens).
    fraction: Rate,
    drawing: Drawing,
    /// On each period, in the order of time: one epoch (code).
    training: PartTraining,
}

impl Spmf {
    fn check(&self) -> Result<()> {
        if self.fraction.get() <= 1.0 {
            return Ok(());
        }
        Err(Error::new(Kind::Input, "a reservoir is a part of the pre-training samples")
            .expected("`fraction` above 0 and at most 1")
            .got(self.fraction.get().to_string()))
    }
}

impl Method for Spmf {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let mut learner = SpmfLearner::new(self, cx)?;
        let periods = learn(cx, &mut learner)?;
        let weights = learner.into_model().weights()?;
        let scorer = embedding_mlp::scorer(&weights, cx.task.test.queries())?;
        Ok(Trained { scorer, weights, meta: None, selected: None, periods })
    }

    fn makes(&self) -> Option<&'static str> {
        Some(embedding_mlp::NAME)
    }

    fn goes_through_periods(&self) -> bool {
        true
    }

    fn learns_from(&self) -> &'static [&'static str] {
        &[embedding_mlp::NAME]
    }

    fn learns_from_periods(&self) -> bool {
        true
    }
}

/// The method `spmf`.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(checked(params.read::<Spmf>()?, Spmf::check)?))
}

#[cfg(test)]
mod tests;
