//! The figures of a report.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::{Experiment, LoggedCurve, period_figures};
use crate::error::Result;
use crate::plot::{Curves, Dot, DotPanel, Dots, Line, PUBLISHED_MARKS, Palette, Panel, Point, Scatter};
use crate::record::{Record, Runs};
use crate::stats::{LEVEL, Summary, prediction_interval};

/// A figure and what it shows.
pub(super) struct Figure {
    pub file: String,
    pub caption: String,
    pub svg: String,
}

/// The figure that stands at the head of a report.
pub(super) const QUALITY: &str = "quality.svg";

/// The curve that most trials have; on a logarithmic axis it is drawn above the others.
pub(super) const LOSS: &str = "loss";

/// Those that there is something to draw for.
pub(super) fn all(experiment: &Experiment, runs: &Runs, beside: &[Beside]) -> Result<Vec<Figure>> {
    let trials =
        || experiment.trials.iter().map(|trial| (trial.label.clone(), (!trial.teaches).then_some(trial.method_place)));
    let palette = Palette::new(trials());
    let mut figures = Vec::new();
    if runs.arithmetic.is_none() {
        return Ok(figures);
    }
    figures.push(quality(experiment, runs, beside, &palette)?);
    if runs.periods().is_some() {
        figures.extend(period_figures::all(experiment, runs, beside, &Palette::apart(trials()))?);
    } else {
        figures.extend(curves(experiment, runs, &palette)?);
    }
    for curve in &experiment.curves {
        figures.push(over_logged(experiment, runs, curve, &palette)?);
    }
    let size = ("size.svg", "size", "trained parameters");
    figures.extend(against(experiment, runs, &palette, size, |record| Some(record.parameter_count as f64))?);
    let latency = ("latency.svg", "latency", "median microseconds of one request");
    let p50 = |record: &Record| {
        record.latency.as_ref().filter(|_| runs.is_on_the_processor(record)).map(|latency| latency.p50_us)
    };
    figures.extend(against(experiment, runs, &palette, latency, p50)?);
    Ok(figures)
}

fn whiskers(values: &[f64]) -> Option<(f64, f64)> {
    prediction_interval(values, LEVEL).map(|interval| (interval.low, interval.high))
}

fn legend(of: &Beside) -> String {
    let judged = if of.comparison.not_comparable.is_some() { ", not comparable" } else { "" };
    format!("{} ({}){judged}", of.kind, of.comparison.table)
}

fn quality(experiment: &Experiment, runs: &Runs, beside: &[Beside], palette: &Palette) -> Result<Figure> {
    let of_quality = || beside.iter().filter(|of| of.of_quality());
    let mut shown: Vec<_> = of_quality().collect();
    if shown.len() > PUBLISHED_MARKS {
        // What cannot be judged gives way.
        shown.sort_by_key(|of| of.comparison.not_comparable.is_some());
        shown.truncate(PUBLISHED_MARKS);
    }
    let panel = |metric: &str| {
        let mut dots = Vec::new();
        for (row, trial) in experiment.trials.iter().enumerate() {
            let values = runs.metric(&trial.id, metric);
            if let Some(ours) = Summary::of(&values) {
                dots.push(Dot { row, published: None, value: ours.mean, whiskers: whiskers(&values) });
            }
            for (index, of) in shown.iter().enumerate() {
                let cells = of.of_runs().filter(|cell| cell.trial == trial.id && cell.metric == metric);
                dots.extend(cells.map(|cell| Dot {
                    row,
                    published: Some(index),
                    value: cell.published,
                    whiskers: None,
                }));
            }
        }
        DotPanel { title: experiment.marked(metric), dots }
    };
    let title = format!("{}: {}", experiment.title, if shown.is_empty() { "quality" } else { "published and ours" });
    let svg = Dots {
        title,
        rows: experiment.trials.iter().map(|trial| trial.label.clone()).collect(),
        ours: format!("ours: mean and {:.0} % prediction interval for one more run", LEVEL * 100.0),
        published: shown.iter().map(|of| legend(of)).collect(),
        panels: experiment.metrics.iter().map(|metric| panel(&metric.name)).collect(),
    }
    .svg(palette)?;
    let published = match of_quality().count() {
        0 => "",
        n if n <= PUBLISHED_MARKS => ", and what was published",
        _ => ", and what was published in some of the tables below",
    };
    let caption =
        format!("Test metrics by trial: our mean over seeds with the interval in which one more run falls{published}.");
    Ok(Figure { file: QUALITY.into(), caption, svg })
}

/// Columns of the trial's curves, in the order in which they first appear.
fn columns<'a>(runs: &Runs<'a>, trials: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut columns = Vec::new();
    for trial in trials {
        for column in
            runs.trial(trial).iter().filter_map(|record| record.curve.as_ref()).flat_map(|curve| &curve.columns)
        {
            if !columns.contains(&&**column) {
                columns.push(column);
            }
        }
    }
    columns
}

fn lines(runs: &Runs, trial: &str, label: &str, column: &str) -> Vec<Line> {
    let curves = runs.trial(trial).iter().filter_map(|record| record.curve.as_ref()?.column(column));
    let curves = curves.filter(|points| !points.is_empty());
    curves.map(|points| Line { label: label.into(), logged: false, points }).collect()
}

/// Loss and the first metric that is watched, of the first trial of each method that learns in epochs: more would
/// hide each other.
fn curves<'a>(experiment: &'a Experiment, runs: &Runs<'a>, palette: &Palette) -> Result<Option<Figure>> {
    let mut kinds = BTreeSet::new();
    let trials: Vec<_> =
        experiment.trials.iter().filter(|trial| kinds.insert((&trial.method, trial.teaches))).collect();
    let columns = columns(runs, trials.iter().map(|trial| &*trial.id));
    let loss = columns.iter().find(|column| **column == LOSS);
    let metric = columns.iter().find(|column| **column != LOSS);
    let panels: Vec<_> = loss
        .into_iter()
        .chain(metric)
        .map(|column| Panel {
            title: if *column == LOSS {
                LOSS.into()
            } else {
                format!("{} on validation data", experiment.marked(column))
            },
            log: *column == LOSS,
            lines: trials.iter().flat_map(|trial| lines(runs, &trial.id, &trial.label, column)).collect(),
        })
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let svg =
        Curves { title: format!("{}: learning curves", experiment.title), blocks: Vec::new(), panels }.svg(palette)?;
    let others = if trials.len() < experiment.trials.len() { ", of the first trial of each method" } else { "" };
    let caption = format!("Learning curves, one thin line per seed{others}.");
    Ok(Some(Figure { file: "curves.svg".into(), caption, svg }))
}

fn over_logged(experiment: &Experiment, runs: &Runs, curve: &LoggedCurve, palette: &Palette) -> Result<Figure> {
    let label = experiment.label(&curve.trial);
    let panel = |(theirs, ours): &(String, String)| {
        let logged = curve.logged.0.get(theirs).cloned().unwrap_or_default();
        let mut lines = lines(runs, &curve.trial, label, ours);
        lines.push(Line { label: curve.label.clone(), logged: true, points: logged });
        Panel { title: if ours == LOSS { ours.clone() } else { experiment.marked(ours) }, log: ours == LOSS, lines }
    };
    let title = format!("{label}: ours over {}", curve.label);
    let svg = Curves { title, blocks: Vec::new(), panels: curve.columns.iter().map(panel).collect() }.svg(palette)?;
    let caption = format!("{label}: every seed of ours (thin) over {} (thick).", curve.label);
    Ok(Figure { file: format!("curve-{}.svg", curve.trial), caption, svg })
}

/// The first metric against a quantity, if two trials or more have both.
fn against(
    experiment: &Experiment,
    runs: &Runs,
    palette: &Palette,
    (file, name, axis): (&str, &str, &str),
    of: impl Fn(&Record) -> Option<f64>,
) -> Result<Option<Figure>> {
    let Some(metric) = experiment.metrics.first() else { return Ok(None) };
    let mut points = Vec::new();
    for trial in &experiment.trials {
        let values = runs.metric(&trial.id, &metric.name);
        if let (Some(ours), Some(x)) = (Summary::of(&values), runs.summary(&trial.id, &of))
            && x.mean > 0.0
        {
            let label = trial.label.clone();
            points.push(Point { label, x: x.mean, y: ours.mean, whiskers: whiskers(&values) });
        }
    }
    if points.len() < 2 {
        return Ok(None);
    }
    let metric = experiment.marked(&metric.name);
    let svg = Scatter {
        title: format!("{}: quality against {name}", experiment.title),
        x: format!("{axis} (log scale)"),
        y: metric.clone(),
        points,
    }
    .svg(palette)?;
    let caption = format!(
        "{metric} against {axis}; trials without any are left out. Marks that would hide each other are moved apart."
    );
    Ok(Some(Figure { file: file.into(), caption, svg }))
}
