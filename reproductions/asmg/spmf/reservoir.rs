//! A reservoir of samples of one class, and what is drawn from it.

use harness::rng::Stream;

/// Numbers of samples of one class, ascending: a uniform sample of those of the pre-training at first. A sample of all seen
/// so far later, though not quite a uniform one, because samples of one period do not push each other out (code).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservoir(Vec<u32>);

impl Reservoir {
    /// `size` of these samples, uniformly, without replacement.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn new(samples: &[u32], size: usize, stream: &mut Stream) -> Self {
        Self::of(stream.without_replacement(samples.len() as u32, size).into_iter().map(|at| samples[at as usize]))
    }

    /// A reservoir of these samples.
    pub fn of(samples: impl IntoIterator<Item = u32>) -> Self {
        let mut samples: Vec<u32> = samples.into_iter().collect();
        samples.sort_unstable();
        Self(samples)
    }

    /// The samples, ascending.
    pub fn samples(&self) -> &[u32] {
        &self.0
    }

    /// Takes in samples of a period, in their order, each with its [`chance`], after `before` of its class in all periods
    /// before; as many of the old ones, chosen uniformly, leave.
    pub fn update(&mut self, period: &[u32], before: usize, stream: &mut Stream) {
        let size = self.0.len();
        let mut enters = |j: usize| chance(size, before, j) > stream.unit();
        let entering: Vec<u32> =
            period.iter().enumerate().filter(|(j, _)| enters(*j)).map(|(_, &sample)| sample).collect();
        // Not more than there are places, where a period is much longer than the reservoir.
        let new = &entering[..entering.len().min(size)];
        let left = stream.without_replacement(size as u32, size - new.len());
        *self = Self::of(left.into_iter().map(|at| self.0[at as usize]).chain(new.iter().copied()));
    }
}

/// The probability with which the j-th sample of a period (from 0) enters a reservoir of `size`, after `before` samples of its
/// class.
pub fn chance(size: usize, before: usize, j: usize) -> f64 {
    size as f64 / (before + j + 1) as f64
}

/// By sample: its weight e^(rank/n), where rank 0 has the highest score; of equal scores the earlier sample has the lower rank.
/// So samples that the model scores low are drawn more often.
pub fn rank_weights(scores: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut weights = vec![0.0; scores.len()];
    for (rank, at) in order.into_iter().enumerate() {
        weights[at] = libm::exp(rank as f64 / scores.len() as f64);
    }
    weights
}

/// Positions of `count` of these weights, drawn one after the other without replacement, each with a probability proportional
/// to its weight: those with the smallest of the keys −ln(1 − u)/w (Efraimidis and Spirakis, 2006), smallest first.
///
/// # Panics
/// If there are fewer.
pub fn draw_weighted(weights: &[f64], count: usize, stream: &mut Stream) -> Vec<u32> {
    assert!(count <= weights.len(), "{count} of {} weights", weights.len());
    let mut key = |(at, weight): (usize, &f64)| (-libm::log1p(-stream.unit()) / weight, at as u32);
    let mut keys: Vec<(f64, u32)> = weights.iter().enumerate().map(&mut key).collect();
    keys.sort_by(|a, b| a.0.total_cmp(&b.0));
    keys.truncate(count);
    keys.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, floats};

    fn stream(purpose: &str) -> Stream {
        Stream::new(0, "spmf", purpose, 0)
    }

    #[test]
    fn weights_and_chances_are_those_of_the_reference() {
        let case = case("asmg.json", "spmf_sampling");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let number = |key: &str| inputs[key].as_u64().unwrap() as usize;
        let scores = floats(&inputs["reservoir_positive_scores"]);
        let weights = rank_weights(&scores);
        assert_near(&weights, &doubles(&expected["weight"]), 1e-6, "weights");
        let all: f64 = weights.iter().sum();
        let probabilities: Vec<f64> = weights.iter().map(|weight| weight / all).collect();
        assert_near(&probabilities, &doubles(&expected["prob"]), 1e-6, "probabilities of the first draw");
        let chances: Vec<f64> = (0..number("current_positives"))
            .map(|j| chance(number("reservoir_size"), number("positives_seen_before"), j))
            .collect();
        assert_near(&chances, &doubles(&expected["insert_prob"]), 1e-6, "chances");
        let tied = rank_weights(&[0.5, 0.9, 0.5]);
        assert!(tied[1] == 1.0 && tied[0] < tied[2], "the earlier of two equal scores");
    }

    /// Of weights 1, 2, 3 the pairs have the chances that two draws without replacement give them.
    #[test]
    fn draws_have_their_probabilities() {
        let (weights, n) = ([1.0, 2.0, 3.0], 60_000);
        let mut stream = stream("weighted");
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..n {
            *counts.entry(draw_weighted(&weights, 2, &mut stream)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        for (pair, count) in counts {
            let [first, second] = [weights[pair[0] as usize], weights[pair[1] as usize]];
            let chance = first / 6.0 * second / (6.0 - first);
            let spread = (chance * (1.0 - chance) / f64::from(n)).sqrt();
            assert!((f64::from(count) / f64::from(n) - chance).abs() < 4.0 * spread, "{pair:?}: {count} {chance}");
        }
        assert!(draw_weighted(&[], 0, &mut stream).is_empty());
        let mut all = draw_weighted(&weights, 3, &mut stream);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    }

    /// Newcomers stay with their chances, old ones with what the newcomers leave them.
    #[test]
    fn a_reservoir_takes_in_and_gives_away() {
        const RUNS: u32 = 20_000;
        let (size, mut counts, mut stream) = (10, [0u32; 30], stream("reservoir"));
        for _ in 0..RUNS {
            let mut reservoir = Reservoir::new(&(0..20).collect::<Vec<_>>(), size, &mut stream);
            reservoir.update(&(20..30).collect::<Vec<_>>(), 20, &mut stream);
            assert!(reservoir.samples().len() == size && reservoir.samples().is_sorted());
            reservoir.samples().iter().for_each(|&sample| counts[sample as usize] += 1);
        }
        let new: f64 = (0..10).map(|j| chance(size, 20, j)).sum();
        for (sample, &count) in counts.iter().enumerate() {
            let want = if sample < 20 { 0.5 * (1.0 - new / size as f64) } else { chance(size, 20, sample - 20) };
            let spread = (want * (1.0 - want) / f64::from(RUNS)).sqrt();
            assert!((f64::from(count) / f64::from(RUNS) - want).abs() < 4.5 * spread, "{sample}: {count} {want}");
        }
        let mut tiny = Reservoir::of([3, 1]);
        tiny.update(&(10..200).collect::<Vec<_>>(), 1, &mut stream);
        assert!(tiny.samples().len() == 2 && tiny.samples()[0] >= 10, "{tiny:?}");
    }
}
