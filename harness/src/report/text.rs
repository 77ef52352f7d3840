//! Numbers and names as people read them.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::metrics::{Candidates, Protocol};
use crate::record::{ListsRecord, Record};
use crate::spec::Measure;
use crate::stats::Summary;

/// Stands where there is no number.
pub(super) const NONE: &str = "–";

/// Stands where there is no figure of a GPU: unlike others, it has but one reason.
pub(super) const NO_GPU: &str = "no GPU run";

/// Digits after the decimal point of a metric, as papers print them.
pub(super) const METRIC: usize = 4;

/// Units in ascending order: (size in the base unit, name).
pub(super) type Units = &'static [(f64, &'static str)];
pub(super) const SECONDS: Units = &[(1.0, "s"), (60.0, "min"), (3600.0, "h")];
pub(super) const MICROSECONDS: Units = &[(1.0, "µs"), (1e3, "ms"), (1e6, "s")];
pub(super) const BYTES: Units = &[(1024.0 * 1024.0, "MiB"), (1024.0 * 1024.0 * 1024.0, "GiB")];

/// Mean ± standard deviation, such as `0.4474 ± 0.0031`; the mean alone if there is one value.
pub(super) fn mean_sd(summary: Option<Summary>, decimals: usize) -> String {
    let Some(Summary { mean, sd, .. }) = summary else { return NONE.into() };
    match sd {
        Some(sd) => format!("{mean:.decimals$} ± {sd:.decimals$}"),
        None => format!("{mean:.decimals$}"),
    }
}

/// Mean ± standard deviation in the largest unit of which the mean has two, such as `12.5 ± 0.3 min`.
pub(super) fn in_units(summary: Option<Summary>, units: Units) -> String {
    let Some(Summary { n, mean, sd }) = summary else { return NONE.into() };
    let fitting = units.iter().rev().find(|(size, _)| mean >= 2.0 * size);
    let (size, name) = fitting.unwrap_or(&units[0]);
    let mean = mean / size;
    let scaled = Summary { n, mean, sd: sd.map(|sd| sd / size) };
    format!("{} {name}", mean_sd(Some(scaled), decimals(mean)))
}

/// Digits after the decimal point that give three significant ones, if the whole part has no more.
pub(super) fn decimals(value: f64) -> usize {
    match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    }
}

/// A count with its thousands set apart, such as `6,080,400`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number as a count, any other to four digits after the decimal point.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..1e15).contains(&value) { count(value as u64) } else { format!("{value:.4}") }
}

/// Seeds in ascending order, such as `seed 3`, `seeds 0, 2` and `seeds 0 to 4`.
pub(super) fn seeds(seeds: &[u64]) -> String {
    match seeds {
        [one] => format!("seed {one}"),
        [first, _, .., last]
            if seeds.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) && seeds.len() > 2 =>
        {
            format!("seeds {first} to {last}")
        }
        seeds => format!("seeds {}", seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A share with its sign, such as `+1.2 %`.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or(NONE.into(), |share| format!("{:+.1} %", 100.0 * share))
}

/// A number with its sign, such as `+0.0012`.
pub(super) fn signed(value: Option<f64>, decimals: usize) -> String {
    value.map_or(NONE.into(), |value| format!("{value:+.decimals$}"))
}

/// The number of negatives that each target was ranked against, if not against all items.
pub(super) fn negatives(protocol: &Protocol) -> Option<usize> {
    if let Candidates::Sampled { negatives, .. } = protocol.candidates { Some(negatives) } else { None }
}

/// The name of a metric of the protocol, with a dagger if it was measured against sampled negatives.
pub(super) fn marked(protocol: &Protocol, metric: impl Display) -> String {
    if negatives(protocol).is_some() { format!("{metric} †") } else { metric.to_string() }
}

/// The name of a measure, with a dagger if it is a metric measured against sampled negatives.
pub(super) fn measure_name(protocol: &Protocol, measure: Measure) -> String {
    match measure {
        Measure::Metric(metric) => marked(protocol, metric),
        Measure::Quantity(quantity) => quantity.to_string(),
    }
}

/// The files of lists of other programs, each with its trial, seed and digest; `None` if there are none.
pub(super) fn external<'r>(records: impl Iterator<Item = &'r Record>) -> Option<String> {
    let told: Vec<String> = records
        .filter_map(|record| {
            let (lists, digest) = (record.lists.as_ref()?, record.digests.lists?);
            let ties =
                if lists.ties == ListsRecord::UNKNOWN_TIES { format!(", {}", lists.ties) } else { String::new() };
            let file = lists.file.replace('`', "'");
            let by = lists.by.as_ref().map_or(String::new(), |by| format!(" by `{}`", by.replace('`', "'")));
            Some(format!(
                "{} seed {}: `{file}`{by} ({}, `{}`{ties})",
                record.trial,
                record.seed,
                lists.form,
                digest.short()
            ))
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// How often each word occurs, in the order of the words: `12 *matches*, 4 *close*`.
pub(super) fn tally<W: Ord + Display>(words: impl IntoIterator<Item = W>) -> String {
    let mut counts = BTreeMap::<W, usize>::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} *{word}*")).collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mean: f64, sd: f64) -> Option<Summary> {
        Some(Summary { n: 3, mean, sd: Some(sd) })
    }

    #[test]
    fn formats() {
        assert_eq!(mean_sd(of(0.44736, 0.00312), 4), "0.4474 ± 0.0031");
        assert_eq!(mean_sd(Some(Summary { n: 1, mean: 0.5, sd: None }), 4), "0.5000");
        assert_eq!(mean_sd(None, 4), "–");
        assert_eq!(in_units(of(119.0, 1.0), SECONDS), "119 ± 1 s");
        assert_eq!(in_units(of(750.0, 18.0), SECONDS), "12.5 ± 0.3 min");
        assert_eq!(in_units(of(0.25, 0.01), SECONDS), "0.25 ± 0.01 s");
        assert_eq!(in_units(of(2345.0, 20.0), MICROSECONDS), "2.35 ± 0.02 ms");
        assert_eq!(in_units(of(77.0 * 1024.0 * 1024.0, 0.0), BYTES), "77.0 ± 0.0 MiB");
        assert_eq!([count(0), count(999), count(1000), count(6_080_400)], ["0", "999", "1,000", "6,080,400"]);
        assert_eq!(percent(Some(-0.0123)), "-1.2 %");
        assert_eq!(signed(Some(0.00119), 4), "+0.0012");
    }

    #[test]
    fn numbers_and_seeds() {
        assert_eq!([9932.0, 0.0, -2.0, 3.391_91].map(number), ["9,932", "0", "-2.0000", "3.3919"]);
        assert_eq!(seeds(&[3]), "seed 3");
        assert_eq!([seeds(&[0, 1]), seeds(&[0, 2, 3])], ["seeds 0, 1", "seeds 0, 2, 3"]);
        assert_eq!(seeds(&[0, 1, 2, 3]), "seeds 0 to 3");
    }

    #[test]
    fn tallies_in_order() {
        use crate::compare::Agreement::{Close, Matches};
        assert_eq!(tally([Close, Matches, Close]), "1 *matches*, 2 *close*");
    }
}
