//! How well a figure of ours agrees with a published one; reports print the rule from here.

use std::fmt;

use crate::stats::{LEVEL, prediction_interval};

/// Relative difference up to which a figure that does not match is called close: about twice the difference of a careful
/// re-run by others (HyperKDMA's of DE-RRD's teacher on CiteULike: H@5 0.5273 for the printed 0.5135, 2.7 %).
const CLOSE: f64 = 0.05;

/// Number of seeds below which nothing is judged: the interval of two values is so wide (t = 12.7) that every published
/// figure would match.
pub const MIN_SEEDS: usize = 3;

/// How well our values agree with a published one. Ordered as reports count them: from best to worst, then the two that
/// judge nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agreement {
    /// The published value may be one more run of ours.
    Matches,
    /// It may not, but our mean is near to it.
    Close,
    /// Neither of the two.
    Differs,
    /// We have fewer than [`MIN_SEEDS`] values.
    TooFewSeeds,
    /// The two are not of the same data and protocol.
    NotComparable,
}

impl Agreement {
    /// All kinds of agreement, in their order.
    pub const ALL: [Self; 5] = [Self::Matches, Self::Close, Self::Differs, Self::TooFewSeeds, Self::NotComparable];

    /// Judges a published value, known to ± `rounding`, against our values, one per seed.
    pub fn judge(published: f64, rounding: f64, ours: &[f64]) -> Self {
        // Where the published value lies, for a positive mean of ours:
        //
        //     differs |      close       |         matches         |      close       | differs
        //    ---------|------------------[------------|------------]------------------|---------> published
        //        mean / 1.05       low - rounding    mean    high + rounding     mean / 0.95
        //
        // `low` and `high` are the ends of the prediction interval for one more run: mean ± t·sd·√(1 + 1/n) over seeds. An
        // interval wider than ± 5 % leaves no room for `close`.
        let Some(interval) = prediction_interval(ours, LEVEL).filter(|_| ours.len() >= MIN_SEEDS) else {
            return Self::TooFewSeeds;
        };
        let mean = (interval.low + interval.high) / 2.0;
        if interval.widened(rounding).contains(published) {
            Self::Matches
        } else if (mean - published).abs() <= CLOSE * published.abs() {
            Self::Close
        } else {
            Self::Differs
        }
    }

    /// The rule by which this is said, as part of a sentence for reports.
    pub fn rule(self) -> String {
        match self {
            Self::Matches => format!(
                "the published value lies in our {:.0} % prediction interval for one more run (mean ± t·sd·√(1 + 1/n) \
                 over seeds), widened by half a unit of its last printed digit (a whole one for the difference of two \
                 figures). A published number is itself one run, or the mean of a few. Few seeds make wide intervals: read \
                 the spread too",
                LEVEL * 100.0
            ),
            Self::Close => format!("not that, but our mean is within {:.0} % of the published value", CLOSE * 100.0),
            Self::Differs => "neither of the two".into(),
            Self::TooFewSeeds => format!("fewer than {MIN_SEEDS} seeds of ours: nothing is judged"),
            Self::NotComparable => {
                "other data, another protocol (for the stated reason) or a later paper's figures: nothing is judged"
                    .into()
            }
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Matches => "matches",
            Self::Close => "close",
            Self::Differs => "differs",
            Self::TooFewSeeds => "too few seeds",
            Self::NotComparable => "not comparable",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean 0.5, sd 0.01, n 3: t(0.975, 2) = 4.302653, so one more run falls within
    /// 0.5 ± 4.302653 · 0.01 · √(4/3) = 0.5 ± 0.049683.
    const OURS: [f64; 3] = [0.49, 0.5, 0.51];

    #[test]
    fn the_interval_decides_what_matches() {
        assert_eq!(Agreement::judge(0.5496, 0.0, &OURS), Agreement::Matches);
        assert_eq!(Agreement::judge(0.4504, 0.0, &OURS), Agreement::Matches);
        assert_eq!(Agreement::judge(0.5498, 0.0, &OURS), Agreement::Differs);
    }

    #[test]
    fn rounding_widens_it() {
        assert_eq!(Agreement::judge(0.5498, 0.0005, &OURS), Agreement::Matches);
        assert_eq!(Agreement::judge(0.5503, 0.0005, &OURS), Agreement::Differs);
    }

    #[test]
    fn a_tight_spread_can_be_close_or_differ() {
        let ours = [0.4999, 0.5, 0.5001];
        assert_eq!(Agreement::judge(0.51, 0.0, &ours), Agreement::Close);
        // 0.5 is 4.99 % and 5.01 % below these.
        assert_eq!(Agreement::judge(0.5263, 0.0, &ours), Agreement::Close);
        assert_eq!(Agreement::judge(0.5264, 0.0, &ours), Agreement::Differs);
        // The same of a negative effect.
        assert_eq!(Agreement::judge(-0.51, 0.0, &ours.map(|x| -x)), Agreement::Close);
    }

    #[test]
    fn a_trial_without_spread_matches_to_the_printed_digit() {
        let ours = [0.44732; 3];
        assert_eq!(Agreement::judge(0.4473, 0.000_05, &ours), Agreement::Matches);
        assert_eq!(Agreement::judge(0.4474, 0.000_05, &ours), Agreement::Close);
    }

    #[test]
    fn two_seeds_are_too_few() {
        assert_eq!(Agreement::judge(0.5, 0.0, &OURS[..2]), Agreement::TooFewSeeds);
        assert_eq!(Agreement::judge(0.5, 0.0, &[]), Agreement::TooFewSeeds);
    }
}
