//! One published figure beside ours.

use super::{Kind, Published, Table, Values, Word};
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
/// published.
pub fn cells(comparison: &Comparison, published: &Published, ours: &Values) -> Result<Vec<Cell>> {
    let table = published.table(&comparison.table)?;
    let mut cells = Vec::new();
    for (row, trial) in &comparison.rows {
        for (column, metric) in &comparison.columns {
            let Some(theirs) = published.cell(table, row, column)? else { continue };
            let values: Vec<f64> = ours
                .get(trial)
                .and_then(|of| of.get(metric))
                .map_or(Vec::new(), |by_seed| by_seed.values().copied().collect());
            let summary = Summary::of(&values);
            let difference = summary.map(|ours| ours.mean - theirs);
            let word = if judged(comparison, table) {
                Word::judge(theirs, comparison.rounding(), &values)
            } else {
                Word::NotComparable
            };
            cells.push(Cell {
                row: row.clone(),
                column: column.clone(),
                trial: trial.clone(),
                metric: metric.clone(),
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
    use crate::compare::published::tests::small;

    pub(in crate::compare) fn comparison() -> Comparison {
        Comparison {
            table: "main".into(),
            rows: vec![("Teacher".into(), "teacher".into()), ("Student".into(), "student".into())],
            columns: vec![("H@5".into(), "hr@5".into())],
            decimals: 2,
            effects: vec![("Student".into(), "Teacher".into())],
            not_comparable: None,
        }
    }

    pub(in crate::compare) fn values() -> Values {
        let by_seed = |values: [f64; 3]| [("hr@5".to_string(), (0..).zip(values).collect())].into();
        [("teacher".to_string(), by_seed([0.49, 0.5, 0.51])), ("student".to_string(), by_seed([0.3, 0.3, 0.3]))].into()
    }

    #[test]
    fn by_hand() {
        let cells = cells(&comparison(), &small(), &values()).unwrap();
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
        let cells = cells(&comparison(), &small(), &Values::new()).unwrap();
        assert_eq!((cells[0].ours, cells[0].difference, cells[0].word), (None, None, Word::TooFewSeeds));
    }

    #[test]
    fn a_reason_stops_the_judging() {
        let comparison = Comparison { not_comparable: Some("other data".into()), ..comparison() };
        let cells = cells(&comparison, &small(), &values()).unwrap();
        assert_eq!(cells[0].word, Word::NotComparable);
        assert!(cells[0].difference.is_some());
    }

    #[test]
    fn a_later_papers_figures_are_not_judged() {
        let mut published = small();
        published.tables[0].kind = Kind::FollowUp;
        let cells = cells(&comparison(), &published, &values()).unwrap();
        assert!(cells.iter().all(|cell| cell.word == Word::NotComparable && cell.difference.is_some()));
    }

    #[test]
    fn names_that_are_not_published_are_refused() {
        let comparison = Comparison { table: "mian".into(), ..comparison() };
        let error = cells(&comparison, &small(), &values()).unwrap_err().to_string();
        assert!(error.contains("`mian`") && error.contains("did you mean `main`?"), "{error}");
    }
}
