//! Published figures beside ours, as tables for people.

use super::text::{NO_GPU, NONE, mean_sd, measure_name, percent, signed, tally};
use crate::compare::{Agreement, Cell, Effect, Matched, Measurements, cells, effects};
use crate::spec::{Columns, Measure, Quantity, Spec};
use crate::stats::Interval;
use crate::table::{Align, Table};

/// A published table with all that our runs say of it.
pub(super) struct Beside<'a> {
    /// The table and what of it the spec compares.
    pub matched: &'a Matched<'a>,
    /// Its cells.
    pub cells: Vec<Cell<'a>>,
    /// Its effects.
    pub effects: Vec<Effect<'a>>,
}

impl<'a> Beside<'a> {
    /// A published table beside our runs.
    pub fn new(matched: &'a Matched<'a>, ours: &Measurements) -> Self {
        Self { matched, cells: cells(matched, ours), effects: effects(matched, ours) }
    }

    /// The cells of whole runs.
    pub fn cells_of_runs(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.cells.iter().filter(|cell| cell.column.scope.period().is_none())
    }

    /// The cells of single periods.
    pub fn cells_of_periods(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.cells.iter().filter(|cell| cell.column.scope.period().is_some())
    }

    /// The effects over whole runs.
    pub fn effects_of_runs(&self) -> impl Iterator<Item = &Effect<'a>> {
        self.effects.iter().filter(|effect| effect.column.scope.period().is_none())
    }

    /// The effects in single periods.
    pub fn effects_of_periods(&self) -> impl Iterator<Item = &Effect<'a>> {
        self.effects.iter().filter(|effect| effect.column.scope.period().is_some())
    }

    /// Whether the table has a metric, not only size and speed.
    pub fn has_metrics(&self) -> bool {
        self.matched.columns.iter().any(|column| matches!(column.measure, Measure::Metric(_)))
    }

    /// How the published figures are to be read, where they are not shown as printed.
    pub fn reading(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let comparison = self.matched.comparison;
        if comparison.percent {
            texts.push("Published in per cent; here, as in the files for programs, divided by 100.".to_string());
        }
        if let Columns::Periods { metric, tested, .. } = &comparison.columns {
            let all = self.matched.width;
            texts.push(match tested.clone().count() {
                n if n < all => format!(
                    "Its columns are the periods of {metric}. Our runs test {n} of the {all}, so the mean is over the \
                     same {n} of {all} periods, ours and theirs; it is not the paper's own mean over all {all}."
                ),
                _ => format!("Its columns are the periods of {metric}; the mean is over all {all}, ours and theirs."),
            });
        }
        texts
    }

    /// One row for each cell of whole runs.
    pub fn cells_table(&self, spec: &Spec) -> Table {
        let columns = [
            ("Row", Align::Left),
            ("Column", Align::Left),
            ("Published", Align::Right),
            ("Ours", Align::Right),
            ("Seeds", Align::Right),
            ("One more run", Align::Right),
            ("Difference", Align::Right),
            ("Relative", Align::Right),
            ("Word", Align::Left),
        ];
        let mut table = Table::new("", columns);
        let decimals = self.matched.comparison.digits();
        for cell in self.cells_of_runs() {
            table.push_of(
                cell.row.trial,
                vec![
                    row_name(cell.row.name, spec.label(cell.row.trial)),
                    format!("{} ({})", cell.column.name, measure_name(&spec.protocol, cell.column.measure)),
                    format!("{:.decimals$}", cell.published),
                    ours(cell, decimals),
                    cell.ours.map_or(0, |ours| ours.n).to_string(),
                    range(cell.interval, decimals),
                    signed(cell.difference, decimals),
                    percent(cell.relative),
                    cell.agreement.to_string(),
                ],
            );
        }
        table
    }

    /// One row for each effect over whole runs.
    pub fn effects_table(&self) -> Table {
        let columns = [
            ("Effect", Align::Left),
            ("Column", Align::Left),
            ("Published", Align::Right),
            ("Ours", Align::Right),
            ("Pairs", Align::Right),
            ("Interval of our mean", Align::Right),
            ("One more run", Align::Right),
            ("Ours / published", Align::Right),
            ("Word", Align::Left),
        ];
        let mut table = Table::new("", columns);
        let decimals = self.matched.comparison.digits();
        for effect in self.effects_of_runs() {
            table.push_of(
                effect.a.trial,
                vec![
                    format!("{} − {}", effect.a.name, effect.b.name),
                    effect.column.name.clone(),
                    signed(Some(effect.published), decimals),
                    mean_sd(effect.ours, decimals),
                    effect.ours.map_or(0, |ours| ours.n).to_string(),
                    range(effect.interval, decimals),
                    range(effect.one_more, decimals),
                    effect.ratio.map_or(NONE.into(), |ratio| format!("{ratio:.2}")),
                    effect.agreement.to_string(),
                ],
            );
        }
        table
    }

    /// The cells of single periods, a line for the published and one for our figures of each row; `None` if there are none.
    pub fn periods_table(&self, spec: &Spec) -> Option<Table> {
        let decimals = self.matched.comparison.digits();
        let rows = self.matched.rows.iter().map(|row| {
            let figures = self.cells_of_periods().filter(|cell| cell.row.name == row.name).filter_map(|cell| {
                let ours = cell.ours.map_or(NONE.into(), |ours| format!("{:.decimals$}", ours.mean));
                let published = format!("{:.decimals$}", cell.published);
                Some(InPeriod { number: cell.column.scope.period()?, published, ours, agreement: cell.agreement })
            });
            (row_name(row.name, spec.label(row.trial)), row.trial, figures.collect())
        });
        by_period("Row", rows.collect())
    }

    /// The effects in single periods, two lines for each pair of rows; `None` if there are none.
    pub fn period_effects_table(&self) -> Option<Table> {
        let comparison = self.matched.comparison;
        let decimals = comparison.digits();
        let pairs = comparison.effects.iter().map(|(a, b)| {
            let of_pair = self.effects_of_periods().filter(|effect| effect.a.name == a && effect.b.name == b);
            let figures = of_pair.filter_map(|effect| {
                let ours = signed(effect.ours.map(|ours| ours.mean), decimals);
                let published = signed(Some(effect.published), decimals);
                Some(InPeriod { number: effect.column.scope.period()?, published, ours, agreement: effect.agreement })
            });
            (format!("{a} − {b}"), self.matched.row(a).trial, figures.collect())
        });
        by_period("Effect", pairs.collect())
    }
}

/// A figure of one period, published and ours.
struct InPeriod {
    number: usize,
    published: String,
    ours: String,
    agreement: Agreement,
}

/// Two lines, published and ours, for each of these: name, trial, figures.
fn by_period(what: &str, rows: Vec<(String, &str, Vec<InPeriod>)>) -> Option<Table> {
    let all = || rows.iter().flat_map(|(_, _, figures)| figures).map(|figure| figure.number);
    let (first, last) = (all().min()?, all().max()?);
    let numbers = (first..=last).map(|number| (number.to_string(), Align::Right));
    let left = |name: &str| (name.to_string(), Align::Left);
    let mut table = Table::new("", [left(what), left("Whose")].into_iter().chain(numbers).chain([left("Words")]));
    for (name, trial, figures) in rows {
        let line = |whose: &str, text: fn(&InPeriod) -> &str, words: String| {
            let of = |number| figures.iter().find(|figure| figure.number == number).map_or(NONE, text).to_string();
            [name.clone(), whose.to_string()].into_iter().chain((first..=last).map(of)).chain([words]).collect()
        };
        table.push(line("published", |figure| &figure.published, String::new()));
        let words = tally(figures.iter().map(|figure| figure.agreement));
        table.push_of(trial, line("ours", |figure| &figure.ours, words));
    }
    Some(table)
}

/// Our mean. There are many reasons to have no run, but one to have none on a GPU.
fn ours(cell: &Cell, decimals: usize) -> String {
    match cell.ours {
        None if cell.column.measure == Measure::Quantity(Quantity::GpuSeconds) => NO_GPU.into(),
        ours => mean_sd(ours, decimals),
    }
}

/// The published name, and our label where it is another.
fn row_name(published: &str, ours: &str) -> String {
    // Our label may say the published one in more words: `Student (φ = 0.1)`.
    if ours.starts_with(published) { ours.to_string() } else { format!("{published} ({ours})") }
}

fn range(interval: Option<Interval>, decimals: usize) -> String {
    interval.map_or(NONE.into(), |Interval { low, high }| format!("{low:.decimals$} to {high:.decimals$}"))
}
