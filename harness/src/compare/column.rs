//! A column of a comparison: which published figures, and what of our runs stands beside them.

use super::{Published, Table};
use crate::error::{Error, Kind, Result};
use crate::record::Record;
use crate::spec::{Columns, Comparison};

/// What of a run a figure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Its metric.
    Run,
    /// Its metric, which is the mean over its periods 1 to this; beside the mean of the same published periods.
    Mean(usize),
    /// The metric in this period.
    Period(usize),
}

impl Over {
    /// The number of the one period.
    pub fn period(self) -> Option<usize> {
        if let Self::Period(number) = self { Some(number) } else { None }
    }
}

/// See the module's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As published; of a mean, in words.
    pub name: String,
    pub metric: String,
    pub over: Over,
}

impl Column {
    /// The columns of a comparison. Of a table of periods those that are tested, their mean first.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if more periods are tested than were published.
    pub fn all(comparison: &Comparison, table: &Table) -> Result<Vec<Self>> {
        let (metric, tested) = match &comparison.columns {
            Columns::Metrics(columns) => {
                let of_run = |(name, metric): &(String, String)| Self {
                    name: name.clone(),
                    metric: metric.clone(),
                    over: Over::Run,
                };
                return Ok(columns.iter().map(of_run).collect());
            }
            Columns::Periods { metric, tested } => (metric, *tested),
        };
        let published = table.columns.len();
        if tested > published {
            return Err(Error::new(Kind::Input, format!("table `{}` has fewer periods than are tested", table.id))
                .expected(format!("a column for each of {tested} periods"))
                .got(format!("{published} columns"))
                .hint("`periods` takes all columns of a published table, in their order, as the periods 1, 2, …"));
        }
        let mean = Self { name: mean_name(tested), metric: metric.clone(), over: Over::Mean(tested) };
        let period = |(index, name): (usize, &String)| Self {
            name: name.clone(),
            metric: metric.clone(),
            over: Over::Period(index + 1),
        };
        Ok(std::iter::once(mean).chain(table.columns.iter().take(tested).enumerate().map(period)).collect())
    }

    /// Of a run; `None` if the run has no such figure.
    pub fn ours(&self, record: &Record) -> Option<f64> {
        let metrics = match self.over {
            Over::Run => &record.metrics,
            Over::Mean(tested) => Some(&record.metrics).filter(|_| record.periods.len() == tested)?,
            Over::Period(number) => &record.period(number)?.metrics,
        };
        metrics.get(&self.metric).copied()
    }

    /// Of a published row, in our unit; `None` if it, or one that goes into the mean, was left empty.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is no such row or column, with a suggestion.
    pub fn theirs(
        &self,
        comparison: &Comparison,
        published: &Published,
        table: &Table,
        row: &str,
    ) -> Result<Option<f64>> {
        let printed = match self.over {
            Over::Run => published.cell(table, row, &self.name)?,
            Over::Mean(tested) => {
                let of_periods: Option<Vec<f64>> =
                    published.row(table, row)?.values.iter().take(tested).copied().collect();
                of_periods.map(|values| values.iter().sum::<f64>() / values.len() as f64)
            }
            Over::Period(number) => published.row(table, row)?.values.get(number - 1).copied().flatten(),
        };
        Ok(printed.map(|printed| comparison.value(printed)))
    }
}

/// What a mean over the first periods is called.
fn mean_name(periods: usize) -> String {
    if periods == 1 { "mean of 1".into() } else { format!("mean of 1–{periods}") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::cell::tests::comparison;
    use crate::compare::published::tests::small;
    use crate::record::sample_of_periods;

    /// Of the table `weeks`, in per cent.
    pub(in crate::compare) fn of_weeks() -> Comparison {
        Comparison {
            table: "weeks".into(),
            columns: Columns::Periods { metric: "hr@5".into(), tested: 2 },
            decimals: 1,
            percent: true,
            ..comparison()
        }
    }

    #[test]
    fn of_periods_the_tested_ones_and_their_mean() {
        let (published, comparison) = (small(), of_weeks());
        let table = published.table("weeks").unwrap();
        let record = sample_of_periods("teacher", 0);
        let records = [record];
        let columns = Column::all(&comparison, table).unwrap();
        let names: Vec<_> = columns.iter().map(|column| (&*column.name, column.over)).collect();
        assert_eq!(names, [("mean of 1–2", Over::Mean(2)), ("week_1", Over::Period(1)), ("week_2", Over::Period(2))]);
        let ours: Vec<_> = columns.iter().map(|column| column.ours(&records[0])).collect();
        assert_eq!(ours, [Some(0.5), Some(1.0), Some(0.0)]);
        // Teacher: 50 %, 52 %, 60 %; the third was not tested.
        let theirs = |row: &str| -> Vec<Option<f64>> {
            columns.iter().map(|column| column.theirs(&comparison, &published, table, row).unwrap()).collect()
        };
        assert_eq!(theirs("Teacher"), [Some(0.51), Some(0.5), Some(0.52)]);
        assert_eq!(theirs("Student"), [None, Some(0.4), None], "a mean of what was left empty");
        let unknown = columns[0].theirs(&comparison, &published, table, "Studnet").unwrap_err().to_string();
        assert!(unknown.contains("did you mean `Student`?"), "{unknown}");
    }

    #[test]
    fn more_periods_than_published_are_refused() {
        let columns = Columns::Periods { metric: "hr@5".into(), tested: 4 };
        let comparison = Comparison { columns, ..of_weeks() };
        let error = Column::all(&comparison, small().table("weeks").unwrap()).unwrap_err().to_string();
        for part in ["`weeks`", "each of 4 periods", "3 columns"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
