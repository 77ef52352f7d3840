//! One published figure beside ours.

use super::{Column, Kind, Ours, Over, Published, Table, Word};
use crate::error::Result;

use crate::spec::Comparison;
use crate::stats::{Interval, LEVEL, Summary, prediction_interval};

/// A cell of a published table and what we measured for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Name of the published row.
    pub row: String,
    pub column: String,
    pub trial: String,
    pub metric: String,
    pub over: Over,
    /// In the unit of our metrics.
    pub published: f64,
    /// Over seeds; `None` if we have no run.
    pub ours: Option<Summary>,
    /// Where one more run of ours falls; not widened by the rounding.
    pub interval: Option<Interval>,
    /// Ours − published.
    pub difference: Option<f64>,
    /// Difference / |published|.
    pub relative: Option<f64>,
    pub word: Word,
}

/// The cells of a comparison, row by row, without those that were left empty in print.
///
/// # Errors
/// [`Input`](crate::error::Kind::Input) if the comparison names a table, row or column that is not
/// published, or more periods were tested than were published.
pub fn cells(comparison: &Comparison, published: &Published, ours: &Ours) -> Result<Vec<Cell>> {
    let table = published.table(&comparison.table)?;
    let columns = Column::all(comparison, table)?;
    let mut cells = Vec::new();
    for (row, trial) in &comparison.rows {
        for column in &columns {
            let Some(theirs) = column.theirs(comparison, published, table, row)? else { continue };
            let values: Vec<f64> = ours.by_seed(trial, column).into_values().collect();
            let summary = Summary::of(&values);
            let difference = summary.map(|ours| ours.mean - theirs);
            let word = if judged(comparison, table) {
                Word::judge(theirs, comparison.rounding(), &values)
            } else {
                Word::NotComparable
            };
            cells.push(Cell {
                row: row.clone(),
                column: column.name.clone(),
                trial: trial.clone(),
                metric: column.metric.clone(),
                over: column.over,
                published: theirs,
                ours: summary,
                interval: prediction_interval(&values, LEVEL),
                difference,
                relative: difference.and_then(|difference| ratio(difference, theirs.abs())),
                word,
            });
        }
    }
    Ok(cells)
}

/// Whether figures of a table are judged: not where the spec says why not, and not those of a later paper, which has a
/// protocol of its own.
pub(super) fn judged(comparison: &Comparison, table: &Table) -> bool {
    comparison.not_comparable.is_none() && table.kind != Kind::FollowUp
}

/// `None` where the divisor is 0.
fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::Figures;
    use crate::compare::column::tests::of_weeks;
    use crate::compare::published::tests::small;
    use crate::record::{Record, Runs, sample, sample_of_periods};
    use crate::spec::Columns;

    pub(in crate::compare) fn comparison() -> Comparison {
        Comparison {
            table: "main".into(),
            rows: vec![("Teacher".into(), "teacher".into()), ("Student".into(), "student".into())],
            columns: Columns::Metrics(vec![("H@5".into(), "hr@5".into())]),
            decimals: 2,
            percent: false,
            effects: vec![("Student".into(), "Teacher".into())],
            not_comparable: None,
        }
    }

    /// Runs of a trial with these values of `hr@5`, by seed.
    pub(in crate::compare) fn runs_of(trial: &str, values: &[(u64, f64)]) -> Vec<Record> {
        let run = |(seed, value): &(u64, f64)| Record {
            metrics: [("hr@5".to_string(), *value)].into(),
            ..sample(trial, *seed)
        };
        values.iter().map(run).collect()
    }

    fn records() -> Vec<Record> {
        let teacher = runs_of("teacher", &[(0, 0.49), (1, 0.5), (2, 0.51)]);
        teacher.into_iter().chain(runs_of("student", &[(0, 0.3), (1, 0.3), (2, 0.3)])).collect()
    }

    #[test]
    fn by_hand() {
        let records = records();
        let cells = cells(&comparison(), &small(), &Ours::new(&Runs::of(&records), Figures::new())).unwrap();
        assert_eq!(cells.len(), 2);
        let teacher = &cells[0];
        assert_eq!((&*teacher.row, &*teacher.metric, teacher.published), ("Teacher", "hr@5", 0.52));
        let ours = teacher.ours.unwrap();
        assert!((ours.mean - 0.5).abs() < 1e-12 && (ours.sd.unwrap() - 0.01).abs() < 1e-12);
        assert!((teacher.difference.unwrap() + 0.02).abs() < 1e-12);
        assert!((teacher.relative.unwrap() + 0.02 / 0.52).abs() < 1e-12);
        assert!((teacher.interval.unwrap().high - 0.549_683).abs() < 1e-6);
        assert_eq!(teacher.word, Word::Matches);
        // 0.3 against 0.25 ± 0.005.
        assert_eq!(cells[1].word, Word::Differs);
    }

    #[test]
    fn without_runs_nothing_is_judged() {
        let cells = cells(&comparison(), &small(), &Ours::new(&Runs::of(&[]), Figures::new())).unwrap();
        assert_eq!((cells[0].ours, cells[0].difference, cells[0].word), (None, None, Word::TooFewSeeds));
    }

    #[test]
    fn a_reason_stops_the_judging() {
        let comparison = Comparison { not_comparable: Some("other data".into()), ..comparison() };
        let cells = cells(&comparison, &small(), &Ours::new(&Runs::of(&records()), Figures::new())).unwrap();
        assert_eq!(cells[0].word, Word::NotComparable);
        assert!(cells[0].difference.is_some());
    }

    #[test]
    fn figures_in_per_cent_are_divided_once() {
        let percent = Comparison { table: "weeks".into(), percent: true, decimals: 1, ..comparison() };
        let percent = Comparison {
            columns: Columns::Metrics(vec![("week_2".into(), "hr@5".into())]),
            rows: vec![("Teacher".into(), "teacher".into())],
            ..percent
        };
        // 0.52 lies within 0.5 ± 0.049683.
        let cells = cells(&percent, &small(), &Ours::new(&Runs::of(&records()), Figures::new())).unwrap();
        assert_eq!((cells[0].published, cells[0].word), (0.52, Word::Matches));
        assert!((cells[0].difference.unwrap() + 0.02).abs() < 1e-12);
    }

    #[test]
    fn each_tested_period_and_their_mean_have_a_cell() {
        // 1 and 0 in the two periods, whatever the seed.
        let records: Vec<_> = (0..3).map(|seed| sample_of_periods("teacher", seed)).collect();
        let cells = cells(&of_weeks(), &small(), &Ours::new(&Runs::of(&records), Figures::new())).unwrap();
        let teacher: Vec<_> = cells
            .iter()
            .filter(|cell| cell.row == "Teacher")
            .map(|cell| (&*cell.column, cell.over, cell.published, cell.ours.unwrap().mean, cell.word))
            .collect();
        assert_eq!(
            teacher,
            [
                ("mean of 1–2", Over::Mean(2), 0.51, 0.5, Word::Close),
                ("week_1", Over::Period(1), 0.5, 1.0, Word::Differs),
                ("week_2", Over::Period(2), 0.52, 0.0, Word::Differs),
            ]
        );
        // Of the student a week was left empty, and so was the mean.
        let student: Vec<_> = cells.iter().filter(|cell| cell.row == "Student").collect();
        assert_eq!(student.len(), 1);
        assert_eq!((student[0].ours, student[0].word), (None, Word::TooFewSeeds));
    }

    #[test]
    fn a_later_papers_figures_are_not_judged() {
        let mut published = small();
        published.tables[0].kind = Kind::FollowUp;
        let cells = cells(&comparison(), &published, &Ours::new(&Runs::of(&records()), Figures::new())).unwrap();
        assert!(cells.iter().all(|cell| cell.word == Word::NotComparable && cell.difference.is_some()));
    }

    #[test]
    fn names_that_are_not_published_are_refused() {
        let comparison = Comparison { table: "mian".into(), ..comparison() };
        let error = cells(&comparison, &small(), &Ours::new(&Runs::of(&[]), Figures::new())).unwrap_err().to_string();
        assert!(error.contains("`mian`") && error.contains("did you mean `main`?"), "{error}");
    }
}
