//! The figures of a report.

use std::collections::BTreeSet;

use super::basis::Basis;
use super::beside::Beside;
use super::columns::{LOSS, columns, is_metric};
use super::figure::{Figure, QUALITY};
use super::text::marked;
use super::{architectures, loss_parts, period_figures};
use crate::compare::{Logged, Measurements, Scope};
use crate::error::Result;
use crate::metrics::Metric;
use crate::plot::{Curves, DotMark, DotPanel, DotPlot, Line, PUBLISHED_MARKS, Palette, Panel, Point, Scatter};
use crate::record::Runs;
use crate::spec::{LoggedCurve, Measure, Quantity, Spec};
use crate::stats::{LEVEL, Summary, prediction_interval};

/// All figures for which there is something to draw.
pub(super) fn all(basis: &Basis, ours: &Measurements, beside: &[Beside]) -> Result<Vec<Figure>> {
    let (spec, runs) = (basis.spec, &ours.runs);
    if runs.arithmetic.is_none() {
        return Ok(Vec::new());
    }
    let trials = || {
        let place = |method: &str| basis.registry.place(method).unwrap_or_default();
        spec.trials
            .iter()
            .map(move |trial| (trial.label.clone(), (!spec.teaches(&trial.id)).then(|| place(&trial.method))))
    };
    let palette = Palette::new(trials());
    let mut figures = vec![quality(spec, ours, beside, &palette)?];
    figures.extend(architectures::architectures(spec, runs)?);
    if !runs.tested_periods().is_empty() {
        figures.extend(period_figures::all(spec, ours, beside, &Palette::apart(trials()))?);
    } else {
        figures.extend(curves(spec, runs, trials())?);
        figures.extend(loss_parts::loss_parts(spec, runs, trials())?);
    }
    for (curve, logged) in spec.curves.iter().zip(&basis.curves) {
        figures.push(over_logged(spec, runs, curve, logged, &palette)?);
    }
    figures.extend(against(spec, ours, &palette, ("size", "trained parameters"), Quantity::Parameters)?);
    let latency = ("latency", "median microseconds of one request");
    figures.extend(against(spec, ours, &palette, latency, Quantity::Latency)?);
    Ok(figures)
}

/// Ends of the prediction interval for one more run.
fn whiskers(values: &[f64]) -> Option<(f64, f64)> {
    prediction_interval(values, LEVEL).map(|interval| (interval.low, interval.high))
}

/// The name of a published table in the legend.
fn legend(of: &Beside) -> String {
    let comparison = of.matched.comparison;
    let judged = if comparison.not_comparable.is_some() { ", not comparable" } else { "" };
    format!("{} ({}){judged}", of.matched.kind, comparison.table)
}

/// Every metric by trial: ours with whiskers, and what was published.
fn quality(spec: &Spec, ours: &Measurements, beside: &[Beside], palette: &Palette) -> Result<Figure> {
    let of_quality = || beside.iter().filter(|of| of.has_metrics());
    let mut shown: Vec<_> = of_quality().collect();
    if shown.len() > PUBLISHED_MARKS {
        // Tables that cannot be judged are dropped first.
        shown.sort_by_key(|of| of.matched.comparison.not_comparable.is_some());
        shown.truncate(PUBLISHED_MARKS);
    }
    let panel = |metric: Metric| {
        let measure = Measure::Metric(metric);
        let mut dots = Vec::new();
        for (row, trial) in spec.trials.iter().enumerate() {
            let values = ours.values(&trial.id, measure, Scope::Run);
            if let Some(ours) = Summary::of(&values) {
                dots.push(DotMark { row, published: None, value: ours.mean, whiskers: whiskers(&values) });
            }
            for (index, of) in shown.iter().enumerate() {
                let of_trial = of.cells_of_runs().filter(|cell| cell.row.trial == trial.id);
                let cells = of_trial.filter(|cell| cell.column.measure == measure);
                dots.extend(cells.map(|cell| DotMark {
                    row,
                    published: Some(index),
                    value: cell.published,
                    whiskers: None,
                }));
            }
        }
        DotPanel { title: marked(&spec.protocol, metric), dots }
    };
    let title = format!("{}: {}", spec.title, if shown.is_empty() { "quality" } else { "published and ours" });
    let svg = DotPlot {
        title,
        rows: spec.trials.iter().map(|trial| trial.label.clone()).collect(),
        ours: format!("ours: mean and {:.0} % prediction interval for one more run", LEVEL * 100.0),
        published: shown.iter().map(|of| legend(of)).collect(),
        panels: spec.protocol.metrics.iter().map(|metric| panel(*metric)).collect(),
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

/// A column of the curves of a trial, a line for each seed.
fn lines(runs: &Runs, trial: &str, label: &str, column: &str) -> Vec<Line> {
    let curves = runs.trial(trial).iter().filter_map(|record| record.curve.as_ref()?.column(column));
    let curves = curves.filter(|points| !points.is_empty());
    curves.map(|points| Line { label: label.into(), logged: false, points }).collect()
}

/// Loss and the first metric that is watched, of the first trial of each method, as teacher and as student: more curves
/// would hide each other. `of_trials` are label and method for the palette.
fn curves<'a>(
    spec: &'a Spec,
    runs: &Runs<'a>,
    of_trials: impl Iterator<Item = (String, Option<usize>)>,
) -> Result<Option<Figure>> {
    let mut kinds = BTreeSet::new();
    let trials: Vec<_> =
        spec.trials.iter().filter(|trial| kinds.insert((&trial.method, spec.teaches(&trial.id)))).collect();
    let columns = columns(runs, trials.iter().map(|trial| &*trial.id));
    let loss = columns.iter().find(|column| **column == LOSS);
    let metric = columns.iter().find(|column| is_metric(column));
    let panels: Vec<_> = loss
        .into_iter()
        .chain(metric)
        .map(|column| Panel {
            title: if *column == LOSS {
                LOSS.into()
            } else {
                format!("{} on validation data", marked(&spec.protocol, column))
            },
            log: *column == LOSS,
            lines: trials.iter().flat_map(|trial| lines(runs, &trial.id, &trial.label, column)).collect(),
        })
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    // All teachers have one colour, which tells nothing where most are teachers.
    let teachers = trials.iter().filter(|trial| spec.teaches(&trial.id)).count();
    let drawn = of_trials.filter(|(label, _)| trials.iter().any(|trial| trial.label == *label));
    let palette = if 2 * teachers > trials.len() { Palette::apart(drawn) } else { Palette::new(drawn) };
    let svg = Curves { title: format!("{}: learning curves", spec.title), blocks: Vec::new(), panels }.svg(&palette)?;
    let others = if trials.len() < spec.trials.len() { ", of the first trial of each method" } else { "" };
    let caption = format!("Learning curves, one thin line per seed{others}.");
    Ok(Some(Figure { file: "curves.svg".into(), caption, svg }))
}

/// Our curves of a trial over a logged one.
fn over_logged(spec: &Spec, runs: &Runs, curve: &LoggedCurve, logged: &Logged, palette: &Palette) -> Result<Figure> {
    let label = spec.label(&curve.trial);
    let panel = |(theirs, ours): &(String, String)| {
        let logged = logged.0.get(theirs).cloned().unwrap_or_default();
        let mut lines = lines(runs, &curve.trial, label, ours);
        lines.push(Line { label: curve.label.clone(), logged: true, points: logged });
        Panel {
            title: if ours == LOSS { ours.clone() } else { marked(&spec.protocol, ours) },
            log: ours == LOSS,
            lines,
        }
    };
    let title = format!("{label}: ours over {}", curve.label);
    let svg = Curves { title, blocks: Vec::new(), panels: curve.columns.iter().map(panel).collect() }.svg(palette)?;
    let caption = format!("{label}: every seed of ours (thin) over {} (thick).", curve.label);
    Ok(Figure { file: format!("curve-{}.svg", curve.trial), caption, svg })
}

/// The first metric against a quantity, if two trials or more have both.
fn against(
    spec: &Spec,
    ours: &Measurements,
    palette: &Palette,
    (name, axis): (&str, &str),
    quantity: Quantity,
) -> Result<Option<Figure>> {
    let Some(metric) = spec.protocol.metrics.first() else { return Ok(None) };
    let mut points = Vec::new();
    for trial in &spec.trials {
        let values = ours.values(&trial.id, Measure::Metric(*metric), Scope::Run);
        let x = ours.summary(&trial.id, Measure::Quantity(quantity), Scope::Run);
        if let (Some(y), Some(x)) = (Summary::of(&values), x.filter(|x| x.mean > 0.0)) {
            points.push(Point { label: trial.label.clone(), x: x.mean, y: y.mean, whiskers: whiskers(&values) });
        }
    }
    if points.len() < 2 {
        return Ok(None);
    }
    let metric = marked(&spec.protocol, metric);
    let svg = Scatter {
        title: format!("{}: quality against {name}", spec.title),
        x: format!("{axis} (log scale)"),
        y: metric.clone(),
        points,
    }
    .svg(palette)?;
    let caption = format!(
        "{metric} against {axis}; trials without any are left out. Marks that would hide each other are moved apart."
    );
    Ok(Some(Figure { file: format!("{name}.svg"), caption, svg }))
}
