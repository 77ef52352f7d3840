//! The ranks of the test items, from which the value of a metric can be computed again for every query.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PeriodRecord;
use crate::metrics::Metric;
use crate::rank::Evaluation;

/// Ranks of the test items of one run, queries in ascending order of their id; over a stream of periods the queries of
/// one period after those of the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRanks {
    /// Number of targets of each query; absent where each has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<u32>>,
    /// One set of ranks for each epoch that was evaluated: metrics may have selected different epochs.
    pub sets: Vec<RankSet>,
}

impl QueryRanks {
    /// The ranks that each set of metrics can see in its evaluations: one evaluation or, over a stream, one for each
    /// period. Sets are of the same queries.
    ///
    /// # Panics
    /// If there is no set.
    pub fn new<'a>(sets: impl Iterator<Item = (&'a [Metric], &'a [&'a Evaluation])> + Clone) -> Self {
        let (_, evaluations) = sets.clone().next().expect("something was evaluated");
        let targets = || evaluations.iter().flat_map(|evaluation| &evaluation.targets).copied();
        Self {
            targets: targets().any(|n| n != 1).then(|| targets().collect()),
            sets: sets.map(|(metrics, evaluations)| RankSet::new(metrics, evaluations)).collect(),
        }
    }
}

/// Cuts values that stand query by query into those of each period that counts, which [`QueryRanks::new`] has joined. A
/// run without periods has no parts.
pub(super) fn by_period<'a, T>(
    periods: &'a [PeriodRecord],
    queries: &'a mut [T],
) -> impl Iterator<Item = (&'a PeriodRecord, &'a mut [T])> {
    let mut rest = queries;
    periods.iter().filter(|period| !period.warm_up).map(move |period| {
        let (of_period, after) = std::mem::take(&mut rest).split_at_mut(period.queries as usize);
        rest = after;
        (period, of_period)
    })
}

/// The ranks in one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankSet {
    /// The metrics whose values come from this evaluation.
    pub metrics: Vec<String>,
    /// The largest rank that is kept, beyond which none of the metrics sees; absent where all are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u32>,
    pub hits: Hits,
}

impl RankSet {
    fn new(metrics: &[Metric], evaluations: &[&Evaluation]) -> Self {
        let cutoffs = metrics.iter().map(|metric| metric.cutoff()).collect::<Option<Vec<_>>>();
        let within = cutoffs.and_then(|cutoffs| cutoffs.into_iter().max());
        let mut hits = Hits::default();
        for evaluation in evaluations {
            let mut rest = &evaluation.ranks[..];
            for &n in &evaluation.targets {
                let (of_query, after) = rest.split_at(n as usize);
                rest = after;
                let seen = of_query.iter().copied().filter(|&rank| within.is_none_or(|within| rank <= within));
                hits.push(&seen.collect::<Vec<_>>());
            }
        }
        Self { metrics: metrics.iter().map(Metric::to_string).collect(), within, hits }
    }
}

/// Ascending 1-based ranks of the found targets of each query.
///
/// As text, one token per query, separated by spaces: `.` for no target found, `3` for one, `2+7` for several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hits {
    /// End of each query's ranks in `ranks`.
    ends: Vec<usize>,
    ranks: Vec<u32>,
}

impl Hits {
    /// Adds the ranks of the next query.
    ///
    /// # Panics
    /// If the ranks do not ascend from 1: no two targets can share a rank.
    pub fn push(&mut self, ranks: &[u32]) {
        assert!(ascend(ranks), "ranks of a query ascend from 1: {ranks:?}");
        self.ranks.extend_from_slice(ranks);
        self.ends.push(self.ranks.len());
    }

    /// Number of queries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The ranks of each query, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.ranks[start..*end])
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(3 * self.len());
        for (query, ranks) in self.iter().enumerate() {
            if query > 0 {
                text.push(' ');
            }
            if ranks.is_empty() {
                text.push('.');
            }
            for (index, rank) in ranks.iter().enumerate() {
                let plus = if index > 0 { "+" } else { "" };
                write!(text, "{plus}{rank}").expect("a String takes all writes");
            }
        }
        text
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut hits = Self::default();
        if text.is_empty() {
            return Ok(hits);
        }
        for (query, token) in text.as_bytes().split(|&byte| byte == b' ').enumerate() {
            if token != b"." {
                let start = hits.ranks.len();
                for digits in token.split(|&byte| byte == b'+') {
                    hits.ranks.push(rank(digits).ok_or_else(|| bad_token(query, token))?);
                }
                if !ascend(&hits.ranks[start..]) {
                    return Err(bad_token(query, token));
                }
            }
            hits.ends.push(hits.ranks.len());
        }
        Ok(hits)
    }
}

/// As it is written: without sign and without leading zeros.
fn rank(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0u32, |rank, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        rank.checked_mul(10)?.checked_add(digit)
    })
}

fn ascend(ranks: &[u32]) -> bool {
    ranks.first() != Some(&0) && ranks.windows(2).all(|pair| pair[0] < pair[1])
}

fn bad_token(query: usize, token: &[u8]) -> String {
    let token = String::from_utf8_lossy(token);
    format!("`{token}` for query {query}, expected `.` or ascending ranks from 1 joined by `+`")
}

impl Serialize for Hits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Hits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HitsVisitor;
        impl serde::de::Visitor<'_> for HitsVisitor {
            type Value = Hits;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a string of ranks")
            }

            // Parsed in place: the text may be megabytes.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hits, E> {
                Hits::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(HitsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mut hits = Hits::default();
        for ranks in [&[3][..], &[], &[2, 7], &[1]] {
            hits.push(ranks);
        }
        assert_eq!(hits.text(), "3 . 2+7 1");
        assert_eq!(Hits::parse("3 . 2+7 1"), Ok(hits.clone()));
        assert_eq!(hits.iter().map(<[u32]>::len).collect::<Vec<_>>(), [1, 0, 2, 1]);
        assert_eq!(Hits::parse(""), Ok(Hits::default()));
    }

    #[test]
    fn refuses_what_it_would_not_write() {
        for bad in ["0", "7+2", "2+2", "x", "1  2", "+3", "3+", "-1", " 1", "1 ", "03", "4294967296"] {
            assert!(Hits::parse(bad).is_err(), "{bad:?}");
        }
    }
}
