//! The number of exemplars that each item may have.

use harness::rng::Stream;
use schemars::JsonSchema;
use serde::Deserialize;

/// A rule. What an item has no candidates for is lost, and goes to no other (code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// One multinomial draw of all of them, with probabilities as the items' candidates (code).
    Multinomial,
    /// N · candidates of the item / all candidates (paper). Its fractions are given by largest remainder, lower item
    /// first, so that all N are given: how the authors would round is not known.
    Proportional,
    /// One multinomial draw in which every item seen so far has the same probability, with candidates or without
    /// (code) (ADER_equal).
    Equal,
}

impl Quota {
    /// Weights that the probabilities are proportional to. `counts`: candidates of each item seen so far.
    fn weights(self, counts: &[u32]) -> Vec<u64> {
        match self {
            Self::Multinomial | Self::Proportional => counts.iter().map(|&count| count.into()).collect(),
            Self::Equal => vec![1; counts.len()],
        }
    }

    /// Quota of each item, not capped by its candidates; together they are `budget`, unless there is no candidate.
    pub fn of(self, counts: &[u32], budget: usize, stream: &mut Stream) -> Vec<usize> {
        let weights = self.weights(counts);
        let mut quotas = vec![0; weights.len()];
        let ends: Vec<u64> = weights
            .iter()
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let total = ends.last().copied().unwrap_or(0);
        if total == 0 {
            return quotas;
        }
        match self {
            Self::Multinomial | Self::Equal => {
                for _ in 0..budget {
                    let drawn = below(total, stream);
                    quotas[ends.partition_point(|&end| end <= drawn)] += 1;
                }
            }
            Self::Proportional => {
                let share = |weight: u64| u128::from(weight) * budget as u128;
                for (quota, &weight) in quotas.iter_mut().zip(&weights) {
                    *quota = (share(weight) / u128::from(total)) as usize;
                }
                let mut order: Vec<usize> = (0..weights.len()).collect();
                order.sort_by_key(|&item| std::cmp::Reverse(share(weights[item]) % u128::from(total)));
                let left = budget - quotas.iter().sum::<usize>();
                order[..left].iter().for_each(|&item| quotas[item] += 1);
            }
        }
        quotas
    }
}

/// Uniform in `0..n`.
fn below(n: u64, stream: &mut Stream) -> u64 {
    match u32::try_from(n) {
        Ok(n) => stream.below(n).into(),
        // More candidates than any data set here has: by rejection.
        Err(_) => loop {
            let drawn = stream.u64() & (n.next_power_of_two() - 1);
            if drawn < n {
                break drawn;
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles, ids};

    fn stream(epoch: u64) -> Stream {
        Stream::new(0, "quota", "test", epoch)
    }

    #[test]
    fn probabilities_and_shares_agree_with_the_reference() {
        let case = case("ader.json", "quota");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let (counts, budget) = (ids(&inputs["label_counts"]), inputs["N"].as_u64().unwrap() as usize);
        for (quota, name) in [(Quota::Multinomial, "probabilities"), (Quota::Equal, "equal_variant_probabilities")] {
            let weights = quota.weights(&counts);
            let total: u64 = weights.iter().sum();
            let got: Vec<f64> = weights.iter().map(|w| *w as f64 / total as f64).collect();
            assert_eq!(got, doubles(&expected[name]));
            // Means of many draws: four standard errors.
            let mut sums = vec![0; counts.len()];
            for epoch in 0..4000 {
                let quotas = quota.of(&counts, budget, &mut stream(epoch));
                assert_eq!(quotas.iter().sum::<usize>(), budget);
                sums.iter_mut().zip(quotas).for_each(|(sum, quota)| *sum += quota);
            }
            for (sum, p) in sums.iter().zip(got) {
                let (mean, n) = (budget as f64 * p, 4000.0);
                assert!((*sum as f64 / n - mean).abs() <= 4.0 * (mean * (1.0 - p) / n).sqrt(), "{quota:?} {p}");
            }
        }
        // Shares 0, 1.5, 0.5, 3: the first of equal remainders gets one more.
        assert_eq!(doubles(&expected["paper_expected_quota"]), [0.0, 1.5, 0.5, 3.0]);
        assert_eq!(Quota::Proportional.of(&counts, budget, &mut stream(0)), [0, 2, 0, 3]);
    }

    #[test]
    fn without_candidates_there_is_no_quota() {
        for quota in [Quota::Multinomial, Quota::Proportional, Quota::Equal] {
            assert!(quota.of(&[], 5, &mut stream(0)).is_empty());
        }
        assert_eq!(Quota::Multinomial.of(&[0, 0], 5, &mut stream(0)), [0, 0]);
        assert_eq!(Quota::Proportional.of(&[0, 7], 3, &mut stream(0)), [0, 3]);
    }

    #[test]
    fn large_ranges_are_uniform_too() {
        let n = 3 << 40;
        let mut stream = stream(0);
        let mean = (0..4000).map(|_| below(n, &mut stream) as f64 / n as f64).sum::<f64>() / 4000.0;
        assert!((mean - 0.5).abs() < 4.0 * (1.0 / 12.0f64 / 4000.0).sqrt(), "{mean}");
    }
}
