//! Published figures beside ours, as tables for people.

use super::number::{NO_GPU, NONE, mean_sd, percent, signed};
use super::overview::tally;
use super::{Align, Experiment, Table};
use crate::compare::{Cell, Course, Effect, Kind, Ours, Published, Word, cells, courses, effects};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::spec::{Columns, Comparison, Efficiency};
use crate::stats::Interval;

/// One comparison with all that it found.
pub(super) struct Beside<'a> {
    pub comparison: &'a Comparison,
    pub caption: &'a str,
    pub kind: Kind,
    /// Where the table was copied from.
    pub sources: Vec<&'a str>,
    pub note: Option<&'a str>,
    pub cells: Vec<Cell>,
    pub effects: Vec<Effect>,
    /// Of a comparison of periods, see [`courses`].
    pub courses: Vec<Course<'a>>,
    /// Columns of the published table.
    published_columns: usize,
}

/// All comparisons of the experiment.
///
/// # Errors
/// [`Input`](ErrorKind::Input) if one names what was not published.
pub(super) fn all<'a>(
    experiment: &'a Experiment,
    ours: &Ours<'_>,
    published: Option<&'a Published>,
) -> Result<Vec<Beside<'a>>> {
    let beside = |comparison: &'a Comparison| {
        let published = published.ok_or_else(|| {
            Error::new(ErrorKind::Input, "a comparison without published tables")
                .got(format!("table `{}` in spec `{}`", comparison.table, experiment.spec))
                .hint("the spec must name a paper whose folder has a published.toml")
        })?;
        let table = published.table(&comparison.table)?;
        Ok(Beside {
            comparison,
            caption: &table.caption,
            kind: table.kind,
            sources: table.source.iter().map(|id| &*published.sources[id].place).collect(),
            note: table.note.as_deref(),
            cells: cells(comparison, published, ours)?,
            effects: effects(comparison, published, ours)?,
            courses: courses(comparison, published)?,
            published_columns: table.columns.len(),
        })
    };
    experiment.comparisons.iter().map(beside).collect()
}

impl Beside<'_> {
    /// Cells of whole runs.
    pub fn of_runs(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.over.period().is_none())
    }

    /// Whether it compares a metric, not only size and speed.
    pub fn of_quality(&self) -> bool {
        match &self.comparison.columns {
            Columns::Metrics(columns) => columns.iter().any(|(_, metric)| Efficiency::of_name(metric).is_none()),
            Columns::Periods { .. } => true,
        }
    }

    /// Effects of whole runs.
    pub fn effects_of_runs(&self) -> impl Iterator<Item = &Effect> {
        self.effects.iter().filter(|effect| effect.over.period().is_none())
    }

    /// How the printed figures became ours, and what the columns are, where that is not as printed.
    pub fn reading(&self) -> Vec<String> {
        let mut texts = Vec::new();
        if self.comparison.percent {
            texts.push("Published in per cent; here, as in the files for programs, divided by 100.".to_string());
        }
        if let Columns::Periods { metric, tested } = &self.comparison.columns {
            let all = self.published_columns;
            texts.push(match *tested {
                n if n < all => format!(
                    "Its columns are the periods of {metric}. Our runs test {n} of the {all}, so the mean is over the \
                     same {n} of {all} periods, ours and theirs; it is not the paper's own mean over all {all}."
                ),
                _ => format!("Its columns are the periods of {metric}; the mean is over all {all}, ours and theirs."),
            });
        }
        texts
    }

    /// One row per cell of a whole run.
    pub fn cells_table(&self, experiment: &Experiment) -> Table {
        let mut table = columns(&[
            ("Row", Align::Left),
            ("Column", Align::Left),
            ("Published", Align::Right),
            ("Ours", Align::Right),
            ("Seeds", Align::Right),
            ("One more run", Align::Right),
            ("Difference", Align::Right),
            ("Relative", Align::Right),
            ("Word", Align::Left),
        ]);
        let decimals = self.comparison.digits();
        for cell in self.of_runs() {
            table.push_of(
                &cell.trial,
                vec![
                    row_name(&cell.row, experiment.label(&cell.trial)),
                    format!("{} ({})", cell.column, experiment.marked(&cell.metric)),
                    format!("{:.decimals$}", cell.published),
                    ours(cell, decimals),
                    cell.ours.map_or(0, |ours| ours.n).to_string(),
                    range(cell.interval, decimals),
                    signed(cell.difference, decimals),
                    percent(cell.relative),
                    cell.word.to_string(),
                ],
            );
        }
        table
    }

    pub fn effects_table(&self) -> Table {
        let mut table = columns(&[
            ("Effect", Align::Left),
            ("Column", Align::Left),
            ("Published", Align::Right),
            ("Ours", Align::Right),
            ("Pairs", Align::Right),
            ("Interval of our mean", Align::Right),
            ("One more run", Align::Right),
            ("Ours / published", Align::Right),
            ("Word", Align::Left),
        ]);
        let decimals = self.comparison.digits();
        for effect in self.effects_of_runs() {
            table.push_of(
                self.trial(&effect.a),
                vec![
                    format!("{} − {}", effect.a, effect.b),
                    effect.column.clone(),
                    signed(Some(effect.published), decimals),
                    mean_sd(effect.ours, decimals),
                    effect.ours.map_or(0, |ours| ours.n).to_string(),
                    range(effect.interval, decimals),
                    range(effect.one_more, decimals),
                    effect.ratio.map_or(NONE.into(), |ratio| format!("{ratio:.2}")),
                    effect.word.to_string(),
                ],
            );
        }
        table
    }

    /// Cells of single periods, a line for theirs and one for ours of each row; `None` if there are none.
    pub fn periods_table(&self, experiment: &Experiment) -> Option<Table> {
        let decimals = self.comparison.digits();
        let of_row = |(row, trial): &(String, String)| {
            let cells = self.cells.iter().filter(|cell| cell.row == *row);
            let cells = cells.filter_map(|cell| {
                let ours = cell.ours.map_or(NONE.into(), |ours| format!("{:.decimals$}", ours.mean));
                let theirs = format!("{:.decimals$}", cell.published);
                Some(InPeriod { number: cell.over.period()?, theirs, ours, word: cell.word })
            });
            (row_name(row, experiment.label(trial)), trial.clone(), cells.collect())
        };
        by_period("Row", self.comparison.rows.iter().map(of_row).collect())
    }

    /// Effects in single periods; `None` if there are none.
    pub fn period_effects_table(&self) -> Option<Table> {
        let decimals = self.comparison.digits();
        let of_pair = |(a, b): &(String, String)| {
            let effects = self.effects.iter().filter(|effect| effect.a == *a && effect.b == *b);
            let effects = effects.filter_map(|effect| {
                let ours = signed(effect.ours.map(|ours| ours.mean), decimals);
                let theirs = signed(Some(effect.published), decimals);
                Some(InPeriod { number: effect.over.period()?, theirs, ours, word: effect.word })
            });
            (format!("{a} − {b}"), self.trial(a).to_string(), effects.collect())
        };
        by_period("Effect", self.comparison.effects.iter().map(of_pair).collect())
    }

    /// The trial that stands for a published row.
    fn trial(&self, row: &str) -> &str {
        self.comparison.rows.iter().find(|(name, _)| name == row).map_or("", |(_, trial)| trial)
    }
}

/// A figure of one period, theirs and ours.
struct InPeriod {
    number: usize,
    theirs: String,
    ours: String,
    word: Word,
}

/// Two lines, published and ours, for each of these: name, trial, figures.
fn by_period(what: &str, of: Vec<(String, String, Vec<InPeriod>)>) -> Option<Table> {
    let last = of.iter().flat_map(|(_, _, figures)| figures).map(|figure| figure.number).max()?;
    let numbers: Vec<String> = (1..=last).map(|number| number.to_string()).collect();
    let right = numbers.iter().map(|number| (&**number, Align::Right));
    let names: Vec<_> = [(what, Align::Left), ("Whose", Align::Left)]
        .into_iter()
        .chain(right)
        .chain([("Words", Align::Left)])
        .collect();
    let mut table = columns(&names);
    for (name, trial, figures) in of {
        let cell = |number: usize, text: fn(&InPeriod) -> &str| {
            figures.iter().find(|figure| figure.number == number).map_or(NONE, text).to_string()
        };
        let line = |whose: &str, text: fn(&InPeriod) -> &str, words: String| {
            let figures = (1..=last).map(|number| cell(number, text));
            [name.clone(), whose.to_string()].into_iter().chain(figures).chain([words]).collect()
        };
        table.push(line("published", |figure| &figure.theirs, String::new()));
        table.push_of(&trial, line("ours", |figure| &figure.ours, tally(figures.iter().map(|figure| figure.word))));
    }
    Some(table)
}

fn columns(columns: &[(&str, Align)]) -> Table {
    Table::new("", columns.iter().map(|(name, align)| ((*name).to_string(), *align)))
}

/// Our mean. There are many reasons to have no run, but one to have none on a GPU.
fn ours(cell: &Cell, decimals: usize) -> String {
    match cell.ours {
        None if cell.metric == Efficiency::GpuSeconds.name() => NO_GPU.into(),
        ours => mean_sd(ours, decimals),
    }
}

/// The published name, and ours where it is another.
fn row_name(published: &str, ours: &str) -> String {
    // Our label may say the published one in more words: `Student (φ = 0.1)`.
    if ours.starts_with(published) { ours.to_string() } else { format!("{published} ({ours})") }
}

fn range(interval: Option<Interval>, decimals: usize) -> String {
    interval.map_or(NONE.into(), |Interval { low, high }| format!("{low:.decimals$} to {high:.decimals$}"))
}
