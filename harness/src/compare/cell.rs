//! One published figure beside ours.

use super::{Agreement, Matched, MatchedColumn, MatchedRow, Measurements};
use crate::stats::{Interval, LEVEL, Summary, prediction_interval};

/// A cell of a published table and what we measured for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell<'a> {
    /// The published row and our trial.
    pub row: &'a MatchedRow<'a>,
    /// The published column and our measure.
    pub column: &'a MatchedColumn,
    /// In the unit of our figures.
    pub published: f64,
    /// Over seeds; `None` if we have no run.
    pub ours: Option<Summary>,
    /// Prediction interval for one more run of ours; not widened by the rounding of the published figure.
    pub interval: Option<Interval>,
    /// Ours − published.
    pub difference: Option<f64>,
    /// Difference / |published|; `None` where nothing but 0 was published.
    pub relative: Option<f64>,
    /// How well the two agree.
    pub agreement: Agreement,
}

/// The cells of a matched table, row by row, without those that were not published.
pub fn cells<'a>(matched: &'a Matched<'a>, ours: &Measurements) -> Vec<Cell<'a>> {
    let cell = |row: &'a MatchedRow<'a>, column: &'a MatchedColumn| {
        let published = matched.published(row, column)?;
        let values = ours.values(row.trial, column.measure, column.scope);
        let summary = Summary::of(&values);
        let difference = summary.map(|ours| ours.mean - published);
        Some(Cell {
            row,
            column,
            published,
            ours: summary,
            interval: prediction_interval(&values, LEVEL),
            difference,
            relative: difference.filter(|_| published != 0.0).map(|difference| difference / published.abs()),
            agreement: matched.judge(published, matched.comparison.rounding(), &values),
        })
    };
    let rows = matched.rows.iter();
    rows.flat_map(|row| matched.columns.iter().filter_map(move |column| cell(row, column))).collect()
}

#[cfg(test)]
pub(super) mod tests;
