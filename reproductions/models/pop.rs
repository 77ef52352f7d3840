//! POP: the score of an item is the number of its training interactions, for every user.

use harness::error::Result;
use harness::meter::Phase;
use harness::method::{Built, Method, Params, Trained};
use harness::metrics::Scorer;
use harness::train::Context;
use harness::weights::Parameter;
use schemars::JsonSchema;
use serde::Deserialize;

/// POP has no hyper-parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pop {}

pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Pop>()?))
}

impl Method for Pop {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let split = cx.split();
        let counts = cx.meter.time(Phase::ForwardBackward, || {
            let mut counts = vec![0.0f32; split.n_items];
            for &item in split.train.items() {
                counts[item as usize] += 1.0;
            }
            counts
        });
        let parameters = vec![Parameter { name: "count".into(), shape: vec![counts.len()], values: counts.clone() }];
        Ok(Trained {
            scorer: Box::new(ItemScores(counts)),
            weights: parameters.into(),
            meta: None,
            selected: None,
            periods: Vec::new(),
        })
    }
}

/// Scores of the items, the same for every user.
pub(crate) struct ItemScores(pub Vec<f32>);

impl Scorer for ItemScores {
    fn n_items(&self) -> usize {
        self.0.len()
    }

    fn score(&self, _query: u32, items: &[u32], out: &mut [f32]) {
        for (score, &item) in out.iter_mut().zip(items) {
            *score = self.0[item as usize];
        }
    }

    fn score_all(&self, _query: u32, out: &mut [f32]) {
        out.copy_from_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_counts() {
        let model = ItemScores(vec![2.0, 0.0, 5.0]);
        let mut scores = [0.0; 2];
        model.score(9, &[2, 1], &mut scores);
        assert_eq!(scores, [5.0, 0.0]);
    }
}
