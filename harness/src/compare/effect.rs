//! Published differences between rows beside ours: what one method gains over another.

use super::{Agreement, Matched, MatchedColumn, MatchedRow, Measurements, PublishedEffect};
use crate::stats::{Interval, LEVEL, Summary, mean_interval, paired_differences, prediction_interval};

/// The difference a − b of two rows of a published table in one column, and ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect<'a> {
    /// The published row a and our trial.
    pub a: &'a MatchedRow<'a>,
    /// The published row b and our trial.
    pub b: &'a MatchedRow<'a>,
    /// The published column and our measure.
    pub column: &'a MatchedColumn,
    /// In the unit of our figures.
    pub published: f64,
    /// Paired over the seeds that both trials have; `None` if there are none.
    pub ours: Option<Summary>,
    /// Confidence interval of our mean difference; the effect is real if 0 is outside. `None` where all differences are
    /// equal.
    pub interval: Option<Interval>,
    /// Prediction interval for the difference of one more pair of runs, by which the agreement is judged.
    pub one_more: Option<Interval>,
    /// Ours / published; `None` where the published difference may be rounding alone.
    pub ratio: Option<f64>,
    /// How well the two agree.
    pub agreement: Agreement,
}

/// The effects of a matched table, without those of cells that were not published.
pub fn effects<'a>(matched: &'a Matched<'a>, ours: &Measurements) -> Vec<Effect<'a>> {
    let effect = |(a, b): (&'a MatchedRow<'a>, &'a MatchedRow<'a>), column: &'a MatchedColumn| {
        let PublishedEffect { value: published, rounding } = matched.effect(a, b, column)?;
        let by_seed = |row: &MatchedRow| ours.by_seed(row.trial, column.measure, column.scope);
        let differences = paired_differences(&by_seed(a), &by_seed(b));
        let summary = Summary::of(&differences);
        Some(Effect {
            a,
            b,
            column,
            published,
            ours: summary,
            // Methods that draw nothing give the same run for every seed: that says nothing of where another would be.
            interval: mean_interval(&differences, LEVEL).filter(|interval| interval.low < interval.high),
            one_more: prediction_interval(&differences, LEVEL),
            ratio: summary.filter(|_| published.abs() > rounding).map(|ours| ours.mean / published),
            agreement: matched.judge(published, rounding, &differences),
        })
    };
    let pairs = matched.comparison.effects.iter().map(|(a, b)| (matched.row(a), matched.row(b)));
    pairs.flat_map(|pair| matched.columns.iter().filter_map(move |column| effect(pair, column))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Scope;
    use crate::compare::cell::tests::runs_of;
    use crate::compare::matched::tests::{comparison, of_weeks};
    use crate::compare::published::tests::small;
    use crate::kit::sample_of_periods;

    #[test]
    fn by_hand() {
        let comparison = comparison();
        let mut records = runs_of("teacher", &[(0, 0.5), (1, 0.5), (2, 0.5), (9, 0.9)]);
        records.extend(runs_of("student", &[(0, 0.2), (1, 0.25), (2, 0.3)]));
        let matched = Matched::new(&comparison, &small()).unwrap();
        let effects = effects(&matched, &Measurements::of_runs(&records));
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((effect.a.trial, effect.b.trial), ("student", "teacher"));
        // Published 0.25 − 0.52; ours −0.3, −0.25, −0.2: mean −0.25, sd 0.05.
        assert!((effect.published + 0.27).abs() < 1e-12);
        let measured = effect.ours.unwrap();
        assert_eq!(measured.n, 3);
        assert!((measured.mean + 0.25).abs() < 1e-12 && (measured.sd.unwrap() - 0.05).abs() < 1e-12);
        assert!((effect.ratio.unwrap() - 0.25 / 0.27).abs() < 1e-9);
        // ± 4.302653 · 0.05 / √3
        assert!((effect.interval.unwrap().high - (-0.25 + 0.124_207)).abs() < 1e-6);
        assert_eq!(effect.agreement, Agreement::Matches);
    }

    #[test]
    fn of_periods_each_has_its_effect() {
        let records: Vec<_> =
            ["teacher", "student"].iter().flat_map(|trial| (0..3).map(|seed| sample_of_periods(trial, seed))).collect();
        let weeks = of_weeks();
        let matched = Matched::new(&weeks, &small()).unwrap();
        let effects = effects(&matched, &Measurements::of_runs(&records));
        // The student's second week was left empty, and so was its mean.
        let [effect] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((&*effect.column.name, effect.column.scope), ("week_1", Scope::Period(1)));
        assert!((effect.published + 0.1).abs() < 1e-12 && effect.ours.unwrap().mean == 0.0);
        // Two figures that are known to ± 0.05 %.
        assert_eq!((effect.ratio, effect.agreement), (Some(0.0), Agreement::Differs));
    }
}
