//! Published figures beside ours, as tables for people.

use super::number::{NO_GPU, NONE, mean_sd, percent, signed};
use super::overview::tally;
use super::{Align, Experiment, Table};
use crate::compare::{Cell, Effect, Kind, Published, Values, cells, effects};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::spec::{Comparison, Efficiency};
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
}

/// All comparisons of the experiment.
///
/// # Errors
/// [`Input`](ErrorKind::Input) if one names what was not published.
pub(super) fn all<'a>(
    experiment: &'a Experiment,
    ours: &Values,
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
        })
    };
    experiment.comparisons.iter().map(beside).collect()
}

impl Beside<'_> {
    fn decimals(&self) -> usize {
        self.comparison.decimals as usize
    }

    /// Whether it compares a metric, not only size and speed.
    pub fn of_quality(&self) -> bool {
        self.comparison.columns.iter().any(|(_, metric)| Efficiency::of_name(metric).is_none())
    }

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
        let decimals = self.decimals();
        for cell in &self.cells {
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
        let decimals = self.decimals();
        for effect in &self.effects {
            let trial = self.comparison.rows.iter().find(|(row, _)| *row == effect.a).map_or("", |(_, trial)| trial);
            table.push_of(
                trial,
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

    /// How many cells got each word: `12 matches, 4 close`.
    pub fn tally(&self) -> String {
        tally(self.cells.iter().map(|cell| cell.word))
    }
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
