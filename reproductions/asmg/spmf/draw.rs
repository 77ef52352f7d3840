//! The training set of a period: the period's own samples and old ones.

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::value::Rate;
use schemars::JsonSchema;
use serde::Deserialize;

use super::reservoir::{Reservoir, draw_weighted, rank_weights};

/// Where the samples of a training set come from. Positives are drawn by the weights of their ranks, negatives uniformly, both
/// without replacement.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Drawing {
    /// All of the period, and beside them the share `ratio` of its number of each class from the reservoirs: the authors'
    /// second strategy, which they used (code). Ratios: 0.01 Tmall, 0.1 Sobazaar, 0.5 MovieLens.
    BesidePeriod { ratio: Rate },
    /// From the reservoirs and the period together, as many of each class as the period has: their first strategy, that of
    /// SPMF itself (Wang et al., SIGIR 2018).
    FromBoth,
}

impl Drawing {
    /// Number of samples of a class that are drawn where the period has `count` of it.
    pub fn count(self, count: usize) -> usize {
        match self {
            Self::BesidePeriod { ratio } => (ratio.get() * count as f64).floor() as usize,
            Self::FromBoth => count,
        }
    }

    /// Whether all of the period is learnt beside what is drawn.
    pub fn keeps_period(self) -> bool {
        matches!(self, Self::BesidePeriod { .. })
    }

    /// The samples that are drawn from, of one class.
    pub fn pool(self, reservoir: &Reservoir, period: &[u32]) -> Vec<u32> {
        match self {
            Self::BesidePeriod { .. } => reservoir.samples().to_vec(),
            Self::FromBoth => reservoir.samples().iter().chain(period).copied().collect(),
        }
    }

    /// Refuses a reservoir of `size` that is too small for a period with `count` of its class.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    pub fn check(self, size: usize, count: usize, class: &str, period: usize) -> Result<()> {
        let wanted = self.count(count);
        if matches!(self, Self::FromBoth) || wanted <= size {
            return Ok(());
        }
        Err(Error::new(Kind::Input, format!("the reservoir of {class} is too small for period {period}"))
            .expected(format!("at least {wanted} samples, `ratio` of the period's {count}"))
            .got(size.to_string())
            .hint("use a larger `fraction` or a smaller `ratio`"))
    }
}

/// Numbers of samples by class: positives, negatives.
pub type ByClass<T> = [T; 2];

/// The samples that are drawn for a period, in any order. `pools` and `counts` are those of a [`Drawing`]; `scores` are of the
/// positive pool.
pub fn draw(
    pools: &ByClass<Vec<u32>>,
    scores: &[f32],
    counts: ByClass<usize>,
    mut stream: impl FnMut(&str) -> Stream,
) -> Vec<u32> {
    let [positives, negatives] = pools;
    let drawn = draw_weighted(&rank_weights(scores), counts[0], &mut stream("positives"));
    let uniform = stream("negatives").without_replacement(negatives.len() as u32, counts[1]);
    let drawn = drawn.into_iter().map(|at| positives[at as usize]);
    drawn.chain(uniform.into_iter().map(|at| negatives[at as usize])).collect()
}
