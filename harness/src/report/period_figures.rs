//! The figures of runs over a stream of periods.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::figures::{Figure, LOSS};
use super::{Experiment, periods};
use crate::error::Result;
use crate::plot::{Course, Curves, Line, Palette, Panel, Periods, PeriodsPanel};
use crate::record::{CurveRecord, Record, Runs};
use crate::spec::Columns;
use crate::stats::Summary;

/// Each metric over periods, and how they were learnt.
pub(super) fn all<'a>(
    experiment: &'a Experiment,
    runs: &Runs<'a>,
    beside: &[Beside],
    palette: &Palette,
) -> Result<Vec<Figure>> {
    let mut metrics: Vec<&str> = Vec::new();
    for of in beside {
        if let Columns::Periods { metric, .. } = &of.comparison.columns
            && !metrics.contains(&&**metric)
        {
            metrics.push(metric);
        }
    }
    if metrics.is_empty() {
        metrics.extend(experiment.metrics.first().map(|metric| &*metric.name));
    }
    let mut figures: Vec<_> =
        metrics.iter().map(|metric| over_periods(experiment, runs, beside, palette, metric)).collect::<Result<_>>()?;
    figures.extend(curves(experiment, runs, palette)?);
    Ok(figures)
}

/// Ours over what was published of the same trials; the trials of which nothing was published in a panel of their own.
fn over_periods(
    experiment: &Experiment,
    runs: &Runs,
    beside: &[Beside],
    palette: &Palette,
    metric: &str,
) -> Result<Figure> {
    let of_metric =
        |of: &&Beside| matches!(&of.comparison.columns, Columns::Periods { metric: of, .. } if of == metric);
    let published: Vec<&Beside> = beside.iter().filter(of_metric).collect();
    let with_theirs = |trial: &str| published.iter().any(|of| of.comparison.rows.iter().any(|(_, id)| id == trial));
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    for trial in &experiment.trials {
        let courses = if with_theirs(&trial.id) { &mut together } else { &mut alone };
        courses.extend(ours(runs, &trial.id, &trial.label, metric));
        for of in &published {
            courses.extend(of.courses.iter().filter(|theirs| theirs.trial == trial.id).map(|theirs| Course {
                label: trial.label.clone(),
                published: true,
                points: theirs.points.iter().map(|(period, value)| (*period as f64, *value, None)).collect(),
            }));
        }
    }
    let spread = together.iter().chain(&alone).flat_map(|course| &course.points).any(|(_, _, half)| half.is_some());
    let title = |what: &str| format!("{}{what}", experiment.marked(metric));
    let mut panels = Vec::new();
    if !together.is_empty() {
        panels.push(PeriodsPanel { title: title(""), courses: together });
    }
    if !alone.is_empty() {
        let what = if published.is_empty() { "" } else { ", trials without a published curve" };
        panels.push(PeriodsPanel { title: title(what), courses: alone });
    }
    let tables: BTreeSet<_> = published.iter().map(|of| format!("{} ({})", of.comparison.table, of.kind)).collect();
    let tables: Vec<_> = tables.into_iter().collect();
    let svg = Periods {
        title: format!("{}: period by period", experiment.title),
        whiskers: spread.then(|| "ours: mean ± standard deviation over seeds".into()),
        published: (!tables.is_empty()).then(|| format!("published: {}", tables.join(", "))),
        panels,
    }
    .svg(palette)?;
    let over = if published.is_empty() { "." } else { " (discs), over what was published of the same trials (rings)." };
    Ok(Figure {
        file: format!("{}{}.svg", periods::FIGURES, metric.replace('@', "-")),
        caption: format!("{} in each period: our mean over seeds{over}", experiment.marked(metric)),
        svg,
    })
}

fn ours(runs: &Runs, trial: &str, label: &str, metric: &str) -> Option<Course> {
    let tested = runs.periods()?;
    let value = |number: usize| {
        let of_run = |record: &Record| record.period(number).and_then(|period| period.metrics.get(metric)).copied();
        let Summary { mean, sd, .. } = runs.summary(trial, of_run)?;
        Some((number as f64, mean, sd))
    };
    let points: Vec<_> = (1..=tested).filter_map(value).collect();
    (!points.is_empty()).then(|| Course { label: label.into(), published: false, points })
}

/// The first watched metric of the first seed of each trial, epoch by epoch and period by period; the loss where none
/// was watched. Every period is as wide as the most epochs that a trial learnt in it.
fn curves<'a>(experiment: &'a Experiment, runs: &Runs<'a>, palette: &Palette) -> Result<Option<Figure>> {
    let firsts: Vec<_> = experiment
        .trials
        .iter()
        .filter_map(|trial| Some((&*trial.label, *runs.trial(&trial.id).first()?)))
        .filter(|(_, record)| !record.periods.is_empty())
        .collect();
    let all = || firsts.iter().flat_map(|(_, record)| &record.periods).map(|period| &period.curve);
    let columns = || all().flat_map(|curve: &CurveRecord| &curve.columns);
    let Some(column) = columns().find(|column| *column != LOSS).or_else(|| columns().next()) else { return Ok(None) };
    let last = firsts.iter().map(|(_, record)| record.periods.len()).max().unwrap_or(0);
    let (mut blocks, mut lines, mut begin) = (Vec::new(), Vec::new(), 0.0);
    for number in 1..=last {
        let of = |record: &'a Record| record.period(number);
        let learnt: Vec<_> = firsts.iter().filter_map(|(label, record)| Some((*label, of(record)?))).collect();
        // At least one: a period that nobody had to learn is still there.
        let wide = learnt.iter().map(|(_, period)| period.epochs_run).max().unwrap_or(0).max(1) as f64;
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
    let title = if log { LOSS.into() } else { format!("{} on validation data", experiment.marked(column)) };
    let seeds: BTreeSet<u64> = firsts.iter().map(|(_, record)| record.seed).collect();
    let svg = Curves {
        title: format!("{}: learning curves", experiment.title),
        blocks,
        panels: vec![Panel { title, log, lines }],
    }
    .svg(palette)?;
    let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
    let caption = format!(
        "Learning curves of seed {}, period by period: each is as wide as the most epochs that a trial learnt in it.",
        seeds.join(", ")
    );
    Ok(Some(Figure { file: "curves.svg".into(), caption, svg }))
}
