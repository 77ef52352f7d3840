//! A published table, matched with the trials and measures of a spec.

use std::ops::Range;

use super::{Agreement, Published, PublishedTable, TableKind};
use crate::error::{Error, Kind, Result};
use crate::record::Record;
use crate::spec::{Columns, Comparison, Measure};

/// A comparison of a spec with its published table: rows and columns are looked up here, once. Cells, effects and the
/// paper's side of claims are read from it.
#[derive(Clone, Debug)]
pub struct Matched<'a> {
    /// What the spec compares.
    pub comparison: &'a Comparison,
    /// What the published table shows.
    pub caption: String,
    /// Who measured the published figures.
    pub kind: TableKind,
    /// Where the published figures were copied from.
    pub sources: Vec<String>,
    /// Remarks on the published table.
    pub note: Option<String>,
    /// Number of columns of the published table.
    pub width: usize,
    /// The columns that are compared, in the order of the spec.
    pub columns: Vec<MatchedColumn>,
    /// The rows that are compared, in the order of the spec.
    pub rows: Vec<MatchedRow<'a>>,
}

/// A row of a published table that is compared, and our trial beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedRow<'a> {
    /// Name of the published row.
    pub name: &'a str,
    /// Id of the trial.
    pub trial: &'a str,
    /// The values of the row in all columns of the published table, as printed.
    printed: Vec<Option<f64>>,
}

/// A column of a published table that is compared, and our measure beside it; or the mean of several columns.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedColumn {
    /// The published name; for a mean over periods, a description such as `mean of 1–16`.
    pub name: String,
    /// What the column measures.
    pub measure: Measure,
    /// Which part of a run our figures cover.
    pub scope: Scope,
    /// Indices of the published columns whose mean is the published figure: one, or those of several periods.
    published: Range<usize>,
}

/// Which part of a run a figure covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole run; if that is over periods, the mean over those that it tested.
    Run,
    /// The mean over so many tested periods, which must be all that the run tested.
    Mean(usize),
    /// The period of this number.
    Period(usize),
}

/// A difference of two published figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedEffect {
    /// In the unit of our figures.
    pub value: f64,
    /// The error to which it is known: both printed figures are rounded.
    pub rounding: f64,
}

impl Scope {
    /// The number of the period, if the figure covers a single one.
    pub fn period(self) -> Option<usize> {
        if let Self::Period(number) = self { Some(number) } else { None }
    }

    /// The value of a metric in a run; `None` if the run has no such value.
    pub(super) fn metric(self, record: &Record, metric: &str) -> Option<f64> {
        let metrics = match self {
            Self::Run => &record.metrics,
            Self::Mean(tested) => Some(&record.metrics).filter(|_| record.tested_periods().count() == tested)?,
            Self::Period(number) => &record.period(number as u64)?.metrics,
        };
        metrics.get(metric).copied()
    }
}

impl<'a> Matched<'a> {
    /// Matches a comparison with its table.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the comparison names a table, row or column that is not published, or more periods are
    /// tested than were published.
    pub fn new(comparison: &'a Comparison, published: &Published) -> Result<Self> {
        let table = published.table(&comparison.table)?;
        let row = |(name, trial): &'a (String, String)| {
            let printed = published.row(table, name)?.values.clone();
            Ok(MatchedRow { name, trial, printed })
        };
        Ok(Self {
            comparison,
            caption: table.caption.clone(),
            kind: table.kind,
            sources: table.source.iter().map(|id| published.sources[id].place.clone()).collect(),
            note: table.note.clone(),
            width: table.columns.len(),
            columns: columns(comparison, published, table)?,
            rows: comparison.rows.iter().map(row).collect::<Result<_>>()?,
        })
    }

    /// The row with a published name.
    ///
    /// # Panics
    /// If the comparison has no such row; a checked spec takes effects only of rows that it has.
    pub fn row(&self, name: &str) -> &MatchedRow<'a> {
        self.rows.iter().find(|row| row.name == name).expect("effects are between rows of their comparison")
    }

    /// The published value of a cell in the unit of our figures; `None` if it, or one that goes into a mean, was not
    /// published.
    pub fn published(&self, row: &MatchedRow, column: &MatchedColumn) -> Option<f64> {
        let printed = row.printed[column.published.clone()].iter().copied().collect::<Option<Vec<f64>>>()?;
        Some(self.comparison.value(printed.iter().sum::<f64>() / printed.len() as f64))
    }

    /// The published values of a row in all columns of the table, compared or not, in the unit of our figures: (number,
    /// value), without those that were not published. In a table of periods the numbers are the periods', else the
    /// columns' from 1.
    pub fn course(&self, row: &MatchedRow) -> Vec<(usize, f64)> {
        let first = match self.comparison.columns {
            Columns::Periods { first, .. } => first,
            Columns::Measures(_) => 1,
        };
        let values = (first..).zip(&row.printed);
        values.filter_map(|(column, printed)| Some((column, self.comparison.value((*printed)?)))).collect()
    }

    /// The published difference a − b of two rows in a column; `None` if one of them was not published.
    pub fn effect(&self, a: &MatchedRow, b: &MatchedRow, column: &MatchedColumn) -> Option<PublishedEffect> {
        let (a, b) = self.published(a, column).zip(self.published(b, column))?;
        Some(PublishedEffect { value: a - b, rounding: 2.0 * self.comparison.rounding() })
    }

    /// Whether agreement with the table is judged: not where the spec says why it cannot be, and not with figures of others
    /// than the authors, which may have a protocol of their own.
    pub fn is_judged(&self) -> bool {
        self.comparison.not_comparable.is_none() && self.kind.is_of_the_authors()
    }

    /// Judges a published figure of the table, known to ± `rounding`, against our values, one per seed.
    pub(super) fn judge(&self, published: f64, rounding: f64, ours: &[f64]) -> Agreement {
        if self.is_judged() { Agreement::judge(published, rounding, ours) } else { Agreement::NotComparable }
    }
}

/// The columns of a comparison; for a table of periods, the mean over those that are tested, then each of them.
fn columns(comparison: &Comparison, published: &Published, table: &PublishedTable) -> Result<Vec<MatchedColumn>> {
    let (metric, tested, first_column) = match &comparison.columns {
        Columns::Measures(columns) => {
            let column = |(name, measure): &(String, Measure)| {
                let index = published.column(table, name)?;
                Ok(MatchedColumn {
                    name: name.clone(),
                    measure: *measure,
                    scope: Scope::Run,
                    published: index..index + 1,
                })
            };
            return columns.iter().map(column).collect();
        }
        Columns::Periods { metric, tested, first } => (*metric, tested.clone(), *first),
    };
    let all = table.columns.len();
    let (first, last) = tested.into_inner();
    if first < first_column || last >= first_column + all {
        let expected = match first_column {
            1 => format!("a column for each of {last} periods"),
            _ => format!("columns for the periods {first} to {last}"),
        };
        return Err(Error::new(Kind::Input, format!("table `{}` has fewer periods than are tested", table.id))
            .expected(expected)
            .got(format!("{all} columns, the first of which is period {first_column}"))
            .hint(
                "`periods` takes all columns of a published table, in their order, as the periods 1, 2, …, or from \
                 `first_period` on",
            ));
    }
    let column =
        |name: String, scope, published| MatchedColumn { name, measure: Measure::Metric(metric), scope, published };
    let mean = if first == last { format!("mean of {first}") } else { format!("mean of {first}–{last}") };
    let at = |number: usize| number - first_column;
    let mean = column(mean, Scope::Mean(last + 1 - first), at(first)..at(last) + 1);
    let periods = (first..=last)
        .map(|number| column(table.columns[at(number)].clone(), Scope::Period(number), at(number)..at(number) + 1));
    Ok(std::iter::once(mean).chain(periods).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::published::tests::small;
    use crate::kit::sample_of_periods;

    pub(in crate::compare) fn hr5() -> Measure {
        Measure::Metric("hr@5".parse().unwrap())
    }

    /// Teacher and student beside the table `main`.
    pub(in crate::compare) fn comparison() -> Comparison {
        Comparison {
            table: "main".into(),
            rows: vec![("Teacher".into(), "teacher".into()), ("Student".into(), "student".into())],
            columns: Columns::Measures(vec![("H@5".into(), hr5())]),
            decimals: 2,
            percent: false,
            effects: vec![("Student".into(), "Teacher".into())],
            not_comparable: None,
        }
    }

    /// The same beside two periods of the table `weeks`, which is in per cent.
    pub(in crate::compare) fn of_weeks() -> Comparison {
        Comparison {
            table: "weeks".into(),
            columns: Columns::Periods { metric: "hr@5".parse().unwrap(), tested: 1..=2, first: 1 },
            decimals: 1,
            percent: true,
            ..comparison()
        }
    }

    #[test]
    fn of_periods_the_tested_ones_and_their_mean() {
        let comparison = of_weeks();
        let weeks = Matched::new(&comparison, &small()).unwrap();
        let names: Vec<_> = weeks.columns.iter().map(|column| (&*column.name, column.scope)).collect();
        let expected = [("mean of 1–2", Scope::Mean(2)), ("week_1", Scope::Period(1)), ("week_2", Scope::Period(2))];
        assert_eq!(names, expected);
        let record = sample_of_periods("teacher", 0);
        let ours: Vec<_> = weeks.columns.iter().map(|column| column.scope.metric(&record, "hr@5")).collect();
        assert_eq!(ours, [Some(0.5), Some(1.0), Some(0.0)]);
        // Teacher: 50 %, 52 %, 60 %; the third was not tested.
        let theirs = |row: &str| -> Vec<Option<f64>> {
            weeks.columns.iter().map(|column| weeks.published(weeks.row(row), column)).collect()
        };
        assert_eq!(theirs("Teacher"), [Some(0.51), Some(0.5), Some(0.52)]);
        assert_eq!(theirs("Student"), [None, Some(0.4), None], "a mean of what was left empty");
        assert_eq!(weeks.course(weeks.row("Teacher")), [(1, 0.5), (2, 0.52), (3, 0.6)]);
        assert_eq!(weeks.course(weeks.row("Student")), [(1, 0.4), (3, 0.44)]);
    }

    #[test]
    fn the_first_column_may_be_a_later_period() {
        let columns = Columns::Periods { metric: "hr@5".parse().unwrap(), tested: 24..=25, first: 23 };
        let comparison = Comparison { columns, ..of_weeks() };
        let weeks = Matched::new(&comparison, &small()).unwrap();
        let teacher = weeks.row("Teacher");
        let published: Vec<_> = weeks.columns.iter().map(|column| weeks.published(teacher, column)).collect();
        assert_eq!(published, [Some(0.56), Some(0.52), Some(0.6)]);
        assert_eq!(weeks.columns[1].scope, Scope::Period(24));
        assert_eq!(weeks.course(teacher), [(23, 0.5), (24, 0.52), (25, 0.6)]);
    }

    #[test]
    fn names_that_are_not_published_are_refused() {
        let refused = |comparison: Comparison| Matched::new(&comparison, &small()).unwrap_err().to_string();
        let table = refused(Comparison { table: "mian".into(), ..comparison() });
        assert!(table.contains("`mian`") && table.contains("did you mean `main`?"), "{table}");
        let row = refused(Comparison { rows: vec![("Studnet".into(), "student".into())], ..comparison() });
        assert!(row.contains("did you mean `Student`?"), "{row}");
        let columns = Columns::Measures(vec![("H@55".into(), hr5())]);
        let column = refused(Comparison { columns, ..comparison() });
        assert!(column.contains("no published column `H@55`"), "{column}");
        let columns = Columns::Periods { metric: "hr@5".parse().unwrap(), tested: 1..=4, first: 1 };
        let periods = refused(Comparison { columns, ..of_weeks() });
        assert!(periods.contains("each of 4 periods") && periods.contains("3 columns"), "{periods}");
        let columns = Columns::Periods { metric: "hr@5".parse().unwrap(), tested: 1..=2, first: 2 };
        let before = refused(Comparison { columns, ..of_weeks() });
        assert!(before.contains("periods 1 to 2") && before.contains("first of which is period 2"), "{before}");
    }
}
