//! Checks the comparisons of a spec: published tables and logged curves that our results are compared with.

use std::path::{Component, PathBuf};

use toml::Spanned;

use super::checked::{Columns, Comparison, LoggedCurve};
use super::measure::{Measure, Quantity};
use super::refuse::{known_trial, measured, not_empty};
use super::wire::{SpannedText, SpannedTexts, WireComparison, WireCurve};
use crate::document::Document;
use crate::error::Result;
use crate::metrics::Protocol;
use crate::split::SplitRule;
use crate::suggest::{did_you_mean, one_of};

/// The trials, metrics and periods that comparisons and curves may refer to.
pub struct Allowed<'s, 'a> {
    pub document: &'s Document<'a>,
    pub trials: &'s [&'s str],
    pub protocol: &'s Protocol,
    pub split: &'s SplitRule,
}

impl Allowed<'_, '_> {
    pub fn comparison(&self, wire: &WireComparison) -> Result<Comparison> {
        let rows = self.pairs(&wire.rows, "row")?;
        rows.iter().try_for_each(|(_, trial)| self.trial(trial))?;
        Ok(Comparison {
            table: wire.table.get_ref().clone(),
            rows: plain(rows),
            columns: self.columns(wire)?,
            decimals: wire.decimals.get(),
            percent: wire.percent,
            effects: wire.effects.iter().map(|pair| self.effect(pair, wire)).collect::<Result<_>>()?,
            not_comparable: wire.not_comparable.clone(),
        })
    }

    /// Either way of saying what the columns are of, and not both.
    fn columns(&self, wire: &WireComparison) -> Result<Columns> {
        const EITHER: &str = "`columns` (column = \"metric\"), or `periods` where they are the periods of one metric";
        if let (Some(first), None) = (&wire.first_period, &wire.periods) {
            return Err(self
                .document
                .refuse(first.span(), "`first_period` has no meaning without `periods`")
                .expected("`periods`, the metric of which the table's columns are periods")
                .got("none"));
        }
        match (&wire.columns, &wire.periods) {
            (Some(columns), None) => {
                let columns = self.pairs(columns, "column")?.into_iter();
                let measures = columns.map(|(name, text)| Ok((name.get_ref().clone(), self.measure(text)?)));
                Ok(Columns::Measures(measures.collect::<Result<_>>()?))
            }
            (None, Some(metric)) => {
                let of = measured(self.document, metric, self.protocol)?;
                let roles = self.split.roles()?.ok_or_else(|| {
                    self.document
                        .refuse(metric.span(), "the split has no periods to compare")
                        .expected("a `split` whose `rule` is `periods` or one of `periods-by-…`, or `columns` instead")
                        .got(self.split.describe())
                })?;
                let first = wire.first_period.as_ref().map_or(1, |first| *first.get_ref());
                Ok(Columns::Periods { metric: of, tested: roles.tested(), first })
            }
            (Some(_), Some(periods)) => Err(self
                .document
                .refuse(periods.span(), "the comparison says twice what the table's columns are")
                .expected(EITHER)
                .got("both")),
            (None, None) => Err(self
                .document
                .refuse(wire.table.span(), "the comparison does not say what the table's columns are")
                .expected(EITHER)
                .got("neither")),
        }
    }

    /// A metric of the protocol, or a quantity.
    fn measure(&self, text: &SpannedText) -> Result<Measure> {
        let named = |quantity: &Quantity| quantity.name() == text.get_ref();
        if let Some(quantity) = Quantity::OF_COLUMNS.into_iter().find(named) {
            return Ok(Measure::Quantity(quantity));
        }
        let others = one_of(Quantity::OF_COLUMNS.map(Quantity::name));
        let hint = format!("size and speed have names of their own: {others}");
        measured(self.document, text, self.protocol).map(Measure::Metric).map_err(|error| error.hint(hint))
    }

    /// Both rows of an effect are rows of the comparison.
    fn effect(&self, (a, b): &(SpannedText, SpannedText), wire: &WireComparison) -> Result<(String, String)> {
        let rows: Vec<&str> = wire.rows.get_ref().keys().map(|row| row.get_ref().as_str()).collect();
        for row in [a, b] {
            let name = row.get_ref().as_str();
            if !rows.contains(&name) {
                let error = self
                    .document
                    .refuse(row.span(), format!("the effect names the row `{name}`, which is not compared"))
                    .expected(one_of(rows.iter().copied()))
                    .got(format!("`{name}`"));
                return Err(did_you_mean(error, name, rows.iter().copied()));
            }
        }
        Ok((a.get_ref().clone(), b.get_ref().clone()))
    }

    pub fn curve(&self, wire: &WireCurve) -> Result<LoggedCurve> {
        let file = PathBuf::from(wire.file.get_ref());
        if !file.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(self
                .document
                .refuse(wire.file.span(), "the curve's file lies outside the paper's folder")
                .expected("a path below the paper's folder, such as `curves/student.csv`")
                .got(format!("`{}`", wire.file.get_ref())));
        }
        self.trial(&wire.trial)?;
        let columns = self.pairs(&wire.columns, "column")?;
        for (_, text) in columns.iter().filter(|(_, text)| text.get_ref() != LoggedCurve::LOSS) {
            measured(self.document, text, self.protocol)
                .map_err(|error| error.hint(format!("the training loss is called `{}`", LoggedCurve::LOSS)))?;
        }
        Ok(LoggedCurve {
            file,
            label: wire.label.clone(),
            trial: wire.trial.get_ref().clone(),
            columns: plain(columns),
        })
    }

    fn trial(&self, id: &Spanned<String>) -> Result<()> {
        known_trial(self.document, id, self.trials)
    }

    /// A map as pairs, in the order of the file.
    fn pairs<'w>(&self, map: &'w SpannedTexts, noun: &str) -> Result<Vec<(&'w Spanned<String>, &'w Spanned<String>)>> {
        not_empty(self.document, map, map.get_ref().is_empty(), noun)?;
        let mut pairs: Vec<_> = map.get_ref().iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        Ok(pairs)
    }
}

fn plain(pairs: Vec<(&Spanned<String>, &Spanned<String>)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(key, value)| (key.get_ref().clone(), value.get_ref().clone())).collect()
}
