//! Effects before absolutes: what one row gains over another, in theirs and in ours.

use super::cell::judged;
use super::{Column, Ours, Over, Published, Word};
use crate::error::{Error, Kind, Result};

use crate::spec::Comparison;
use crate::stats::{Interval, LEVEL, Summary, mean_interval, paired_differences, prediction_interval};

/// The difference a − b of two rows in one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Names of the published rows.
    pub a: String,
    pub b: String,
    pub column: String,
    pub metric: String,
    pub over: Over,
    /// In the unit of our metrics.
    pub published: f64,
    /// Paired over the seeds that both trials have.
    pub ours: Option<Summary>,
    /// Where the mean of our differences is; the effect is real if 0 is outside. `None` where seeds change nothing.
    pub interval: Option<Interval>,
    /// Where the difference of one more pair of runs falls: what the word judges by.
    pub one_more: Option<Interval>,
    /// Ours / published, if that is more than rounding.
    pub ratio: Option<f64>,
    pub word: Word,
}

/// The effects of a comparison, without those of cells that were left empty in print.
///
/// # Errors
/// [`Input`](Kind::Input) if the comparison names a table, row or column that is not published, or
/// takes the effect of a row that it does not compare, or more periods were tested than were published.
pub fn effects(comparison: &Comparison, published: &Published, ours: &Ours) -> Result<Vec<Effect>> {
    let table = published.table(&comparison.table)?;
    let columns = Column::all(comparison, table)?;
    let mut effects = Vec::new();
    for (a, b) in &comparison.effects {
        let (trial_a, trial_b) = (trial(comparison, a)?, trial(comparison, b)?);
        for column in &columns {
            let theirs = |row: &str| column.theirs(comparison, published, table, row);
            let Some(theirs) = theirs(a)?.zip(theirs(b)?).map(|(a, b)| a - b) else { continue };
            let differences = paired_differences(&ours.by_seed(trial_a, column), &ours.by_seed(trial_b, column));
            let summary = Summary::of(&differences);
            let word = if judged(comparison, table) {
                // Both printed figures are rounded.
                Word::judge(theirs, 2.0 * comparison.rounding(), &differences)
            } else {
                Word::NotComparable
            };
            effects.push(Effect {
                a: a.clone(),
                b: b.clone(),
                column: column.name.clone(),
                metric: column.metric.clone(),
                over: column.over,
                published: theirs,
                ours: summary,
                // Of methods that draw nothing seeds are one run, and say nothing of where another would be.
                interval: mean_interval(&differences, LEVEL).filter(|interval| interval.low < interval.high),
                one_more: prediction_interval(&differences, LEVEL),
                // A difference within the rounding is no divisor.
                ratio: summary.filter(|_| theirs.abs() > 2.0 * comparison.rounding()).map(|ours| ours.mean / theirs),
                word,
            });
        }
    }
    Ok(effects)
}

fn trial<'a>(comparison: &'a Comparison, row: &str) -> Result<&'a str> {
    let found = comparison.rows.iter().find(|(name, _)| name == row);
    found.map(|(_, trial)| &**trial).ok_or_else(|| {
        Error::new(Kind::Input, format!("an effect of a row that is not compared: `{row}`"))
            .hint(format!("name the row and its trial in the comparison with table `{}`", comparison.table))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Figures;
    use crate::compare::cell::tests::{comparison, runs_of};
    use crate::compare::column::tests::of_weeks;
    use crate::compare::published::tests::small;
    use crate::record::{Runs, sample_of_periods};

    #[test]
    fn by_hand() {
        let comparison = comparison();
        let mut records = runs_of("teacher", &[(0, 0.5), (1, 0.5), (2, 0.5), (9, 0.9)]);
        records.extend(runs_of("student", &[(0, 0.2), (1, 0.25), (2, 0.3)]));
        let runs = Runs::of(&records);
        let ours = Ours::new(&runs, Figures::new());
        let effects = effects(&comparison, &small(), &ours).unwrap();
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        // Published 0.25 − 0.52; ours −0.3, −0.25, −0.2: mean −0.25, sd 0.05.
        assert!((effect.published + 0.27).abs() < 1e-12);
        let measured = effect.ours.unwrap();
        assert_eq!(measured.n, 3);
        assert!((measured.mean + 0.25).abs() < 1e-12 && (measured.sd.unwrap() - 0.05).abs() < 1e-12);
        assert!((effect.ratio.unwrap() - 0.25 / 0.27).abs() < 1e-9);
        // ± 4.302653 · 0.05 / √3
        assert!((effect.interval.unwrap().high - (-0.25 + 0.124_207)).abs() < 1e-6);
        assert_eq!(effect.word, Word::Matches);

        let unknown = Comparison { effects: vec![("DE".into(), "Student".into())], ..comparison };
        assert!(super::effects(&unknown, &small(), &ours).unwrap_err().to_string().contains("`DE`"));
    }

    #[test]
    fn of_periods_each_has_its_effect() {
        let records: Vec<_> =
            ["teacher", "student"].iter().flat_map(|trial| (0..3).map(|seed| sample_of_periods(trial, seed))).collect();
        let effects = effects(&of_weeks(), &small(), &Ours::new(&Runs::of(&records), Figures::new())).unwrap();
        // The student's second week was left empty, and so was its mean.
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((&*effect.column, effect.over), ("week_1", Over::Period(1)));
        assert!((effect.published + 0.1).abs() < 1e-12 && effect.ours.unwrap().mean == 0.0);
        // Two figures that are known to ± 0.05 %.
        assert_eq!((effect.ratio, effect.word), (Some(0.0), Word::Differs));
    }
}
