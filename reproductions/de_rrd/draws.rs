//! RRD's ranking-aware draw of interesting positions of a teacher's list.

use harness::rng::Stream;

/// Draws positions of a list without replacement, successive draws in proportion to
/// e^(−(r+1)/T) for the 0-based position r (DE-RRD §4.2 and the authors' code, whose T is 10).
///
/// Successive draws without replacement are the positions with the least exponential variates of rate
/// w_r, and those are found without drawing all of them: once K are kept, the next one that gets in is
/// reached by one jump over the weights (Efraimidis and Spirakis, "Weighted random sampling with a
/// reservoir", 2006, algorithm A-ExpJ). For K = 40 of 500 that takes about 60 variates instead of 500.
pub struct RankedDraws {
    weights: Vec<f64>,
    /// Sums of the weights from each position on, and 0: from the small end, so that small weights keep
    /// their digits.
    after: Vec<f64>,
    count: usize,
}

impl RankedDraws {
    /// `count` of `len` positions at sharpness `t`.
    ///
    /// # Panics
    /// If `count > len`.
    pub fn new(len: usize, count: usize, t: f64) -> Self {
        assert!(count <= len, "{count} of {len}");
        // Relative to the first: only ratios matter.
        let weights: Vec<f64> = (0..len).map(|r| libm::exp(-(r as f64) / t)).collect();
        let mut after = vec![0.0; len + 1];
        for r in (0..len).rev() {
            after[r] = after[r + 1] + weights[r];
        }
        Self { weights, after, count }
    }

    /// One set of positions, ascending: in the teacher's order. `kept` is scratch.
    pub fn draw(&self, stream: &mut Stream, kept: &mut Vec<(f64, u32)>) {
        let exponential = |stream: &mut Stream| -libm::log(stream.unit());
        kept.clear();
        if self.count == 0 {
            return;
        }
        kept.extend((0..self.count).map(|r| (exponential(stream) / self.weights[r], r as u32)));
        let worst_of = |kept: &[(f64, u32)]| {
            let worst = (0..kept.len()).max_by(|&a, &b| kept[a].0.total_cmp(&kept[b].0)).expect("count > 0");
            (worst, kept[worst].0)
        };
        let (mut worst, mut threshold) = worst_of(kept);
        let mut next = self.count;
        while next < self.weights.len() {
            // Weight to pass over before a variate falls below the threshold; what is left after it.
            let left = self.after[next] - exponential(stream) / threshold;
            if left <= 0.0 {
                break;
            }
            // The first position from which on, its own weight excluded, no more than that is left.
            let position = next + self.after[next + 1..].partition_point(|&sum| sum > left);
            // Its variate, given that it is below the threshold.
            let below = -libm::expm1(-self.weights[position] * threshold);
            let variate = -libm::log1p(-below * stream.unit()) / self.weights[position];
            kept[worst] = (variate, position as u32);
            (worst, threshold) = worst_of(kept);
            next = position + 1;
        }
        kept.sort_unstable_by_key(|&(_, position)| position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::case;

    fn positions(draws: &RankedDraws, stream: &mut Stream) -> Vec<u32> {
        let mut kept = Vec::new();
        draws.draw(stream, &mut kept);
        let positions: Vec<u32> = kept.iter().map(|&(_, position)| position).collect();
        assert!(positions.is_sorted_by(|a, b| a < b) && positions.len() == draws.count);
        positions
    }

    #[test]
    fn pairs_come_with_their_exact_probabilities() {
        let case = case("rrd.json", "without_replacement_pairs_T2_list5_K2");
        let draws = RankedDraws::new(5, 2, 2.0);
        let mut stream = Stream::new(0, "t", "pairs", 0);
        let n = 200_000;
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..n {
            *counts.entry(positions(&draws, &mut stream)).or_insert(0) += 1;
        }
        let expected = case["expected"]["unordered_pair_probability"].as_object().unwrap();
        assert_eq!(expected.len(), 10);
        for (pair, probability) in expected {
            let digits: Vec<u32> = pair.chars().filter_map(|c| c.to_digit(10)).collect();
            let got = f64::from(*counts.get(&digits).unwrap_or(&0)) / f64::from(n);
            let want = probability.as_f64().unwrap();
            assert!((got - want).abs() < 0.005, "{pair}: {got} {want}");
        }
    }

    #[test]
    fn positions_of_the_papers_list_come_with_their_probabilities() {
        let case = case("rrd.json", "interesting_sampling_distribution_T10_list500");
        let expected = &case["expected"];
        let draws = RankedDraws::new(500, 40, 10.0);
        let total = draws.after[0];
        for (r, want) in expected["first_draw_probability_rank0to4"].as_array().unwrap().iter().enumerate() {
            assert!((draws.weights[r] / total - want.as_f64().unwrap()).abs() < 1e-6);
        }
        for (ranks, name) in [(10, "first_draw_mass_top10"), (40, "first_draw_mass_top40")] {
            assert!((1.0 - draws.after[ranks] / total - expected[name].as_f64().unwrap()).abs() < 1e-6);
        }
        let n = 40_000;
        let mut counts = vec![0; 500];
        let mut stream = Stream::new(0, "t", "inclusion", 0);
        for _ in 0..n {
            positions(&draws, &mut stream).into_iter().for_each(|r| counts[r as usize] += 1);
        }
        let inclusion = expected["inclusion_probability_at_ranks"].as_object().unwrap();
        assert!(inclusion.len() >= 5);
        for (rank, want) in inclusion {
            let got = f64::from(counts[rank.parse::<usize>().unwrap()]) / f64::from(n);
            assert!((got - want.as_f64().unwrap()).abs() < 0.01, "rank {rank}: {got} {want}");
        }
    }

    #[test]
    fn positions_stay_distinct_where_the_tail_weighs_nothing() {
        let mut stream = Stream::new(0, "t", "sharp", 0);
        for (count, t) in [(40, 1.0), (40, 0.5), (100, 2.0), (100, 3.0), (499, 1.0), (40, 0.01)] {
            let draws = RankedDraws::new(500, count, t);
            for _ in 0..200 {
                // `positions` holds them to be distinct.
                positions(&draws, &mut stream);
            }
        }
    }

    #[test]
    fn all_of_a_list_or_none_of_it() {
        let mut stream = Stream::new(0, "t", "all", 0);
        assert_eq!(positions(&RankedDraws::new(4, 4, 10.0), &mut stream), [0, 1, 2, 3]);
        assert!(positions(&RankedDraws::new(4, 0, 10.0), &mut stream).is_empty());
    }
}
