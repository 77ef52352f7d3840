//! The figures of runs over a stream of periods.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::columns::{LOSS, is_metric};
use super::figure::{Figure, OF_PERIODS};
use super::text::marked;
use crate::compare::{Matched, Measurements, Scope};
use crate::error::Result;
use crate::metrics::Metric;
use crate::plot::{Curves, Line, Palette, Panel, PeriodLine, PeriodPanel, PeriodPlot};
use crate::record::{CurveRecord, Record, Runs};
use crate::spec::{Columns, Measure, Spec, Trial};

/// Each metric over periods, and how they were learnt.
pub(super) fn all(spec: &Spec, ours: &Measurements, beside: &[Beside], palette: &Palette) -> Result<Vec<Figure>> {
    let mut metrics: Vec<Metric> = Vec::new();
    for metric in beside.iter().filter_map(metric_of) {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    if metrics.is_empty() {
        metrics.extend(spec.protocol.metrics.first());
    }
    let over_periods = |metric| over_periods(spec, ours, beside, palette, metric);
    let mut figures: Vec<_> = metrics.into_iter().map(over_periods).collect::<Result<_>>()?;
    figures.extend(curves(spec, &ours.runs, palette)?);
    Ok(figures)
}

/// The metric of a published table whose columns are periods.
fn metric_of(beside: &Beside) -> Option<Metric> {
    match beside.matched.comparison.columns {
        Columns::Periods { metric, .. } => Some(metric),
        Columns::Measures(_) => None,
    }
}

/// Our values over what was published of the same trials; trials of which nothing was published have a panel of their own.
fn over_periods(
    spec: &Spec,
    measured: &Measurements,
    beside: &[Beside],
    palette: &Palette,
    metric: Metric,
) -> Result<Figure> {
    let published: Vec<_> = beside.iter().filter(|of| metric_of(of) == Some(metric)).map(|of| of.matched).collect();
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for trial in &spec.trials {
        let is_published = published.iter().any(|table| table.rows.iter().any(|row| row.trial == trial.id));
        let lines = if is_published { &mut together } else { &mut alone };
        lines.extend(ours(measured, trial, metric));
        for table in &published {
            lines.extend(table.rows.iter().filter(|row| row.trial == trial.id).map(|row| PeriodLine {
                label: trial.label.clone(),
                published: true,
                points: table.course(row).into_iter().map(|(period, value)| (period as f64, value, None)).collect(),
            }));
        }
    }
    let spread = together.iter().chain(&alone).flat_map(|line| &line.points).any(|(_, _, half)| half.is_some());
    let title = |what: &str| format!("{}{what}", marked(&spec.protocol, metric));
    let mut panels = Vec::new();
    if !together.is_empty() {
        panels.push(PeriodPanel { title: title(""), lines: together });
    }
    if !alone.is_empty() {
        let what = if published.is_empty() { "" } else { ", trials without a published curve" };
        panels.push(PeriodPanel { title: title(what), lines: alone });
    }
    let name = |table: &&Matched| format!("{} ({})", table.comparison.table, table.kind);
    let tables: BTreeSet<_> = published.iter().map(name).collect();
    let tables: Vec<_> = tables.into_iter().collect();
    let svg = PeriodPlot {
        title: format!("{}: period by period", spec.title),
        whiskers: spread.then(|| "ours: mean ± standard deviation over seeds".into()),
        published: (!tables.is_empty()).then(|| format!("published: {}", tables.join(", "))),
        panels,
    }
    .svg(palette)?;
    let over = if published.is_empty() { "." } else { " (discs), over what was published of the same trials (rings)." };
    Ok(Figure {
        file: format!("{OF_PERIODS}{}.svg", metric.to_string().replace('@', "-")),
        caption: format!("{} in each period: our mean over seeds{over}", marked(&spec.protocol, metric)),
        svg,
    })
}

/// Our means in each period; `None` without runs.
fn ours(ours: &Measurements, trial: &Trial, metric: Metric) -> Option<PeriodLine> {
    let value = |number: usize| {
        let of_seeds = ours.summary(&trial.id, Measure::Metric(metric), Scope::Period(number))?;
        Some((number as f64, of_seeds.mean, of_seeds.sd))
    };
    let points: Vec<_> = ours.runs.tested_periods().into_iter().filter_map(|number| value(number as usize)).collect();
    (!points.is_empty()).then(|| PeriodLine { label: trial.label.clone(), published: false, points })
}

/// The first watched metric of the first seed of each trial, epoch by epoch and period by period; the loss where none
/// was watched. Every period is as wide as the most epochs that a trial ran in it.
fn curves<'a>(spec: &'a Spec, runs: &Runs<'a>, palette: &Palette) -> Result<Option<Figure>> {
    let firsts: Vec<_> = spec
        .trials
        .iter()
        .filter_map(|trial| Some((&*trial.label, *runs.trial(&trial.id).first()?)))
        .filter(|(_, record)| !record.periods.is_empty())
        .collect();
    let all = || firsts.iter().flat_map(|(_, record)| &record.periods).map(|period| &period.curve);
    let columns = || all().flat_map(|curve: &CurveRecord| &curve.columns);
    let Some(column) = columns().find(|column| is_metric(column)).or_else(|| columns().next()) else { return Ok(None) };
    let numbers: BTreeSet<u64> =
        firsts.iter().flat_map(|(_, record)| &record.periods).map(|period| period.period).collect();
    let (mut blocks, mut lines, mut begin) = (Vec::new(), Vec::new(), 0.0);
    for number in numbers {
        let of = |record: &'a Record| record.period(number);
        let learnt: Vec<_> = firsts.iter().filter_map(|(label, record)| Some((*label, of(record)?))).collect();
        // At least one, so that a period without training is shown too.
        let wide = learnt.iter().filter_map(|(_, period)| period.epochs_run).max().unwrap_or(0).max(1) as f64;
        for (label, period) in learnt {
            let points = period.curve.column(column).unwrap_or_default();
            // In the middle of its epoch: the first of a period does not lie on the line between two.
            let points: Vec<_> = points.into_iter().map(|(epoch, value)| (begin + epoch + 0.5, value)).collect();
            if !points.is_empty() {
                lines.push(Line { label: label.into(), logged: false, points });
            }
        }
        blocks.push((number.to_string(), wide));
        begin += wide;
    }
    let log = column == LOSS;
    let title = if log { LOSS.into() } else { format!("{} on validation data", marked(&spec.protocol, column)) };
    let seeds: BTreeSet<u64> = firsts.iter().map(|(_, record)| record.seed).collect();
    let svg =
        Curves { title: format!("{}: learning curves", spec.title), blocks, panels: vec![Panel { title, log, lines }] }
            .svg(palette)?;
    let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
    let caption = format!(
        "Learning curves of seed {}, period by period: each is as wide as the most epochs that a trial learnt in it.",
        seeds.join(", ")
    );
    Ok(Some(Figure { file: "curves.svg".into(), caption, svg }))
}
