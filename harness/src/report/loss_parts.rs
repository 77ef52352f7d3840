//! The figure of the parts of the loss, epoch by epoch.

use std::collections::BTreeMap;

use super::columns::{columns, is_part};
use super::figure::Figure;
use crate::error::Result;
use crate::plot::{Curves, Line, Palette, Panel};
use crate::record::Runs;
use crate::spec::{Spec, Trial};

/// Largest number of trials: more lines cannot be told apart by their colour.
const MOST_TRIALS: usize = 10;
/// Ratio of the largest to the smallest value from which on an axis is logarithmic.
const DECADE: f64 = 10.0;

/// A panel for each part of the loss and each other number of the training, a line for each trial that has it. Where trials
/// are too many, those with most parts are drawn: a search has those of its students, and its own. `of_trials` are label
/// and method for the palette. `None` where no trial has parts.
pub(super) fn loss_parts<'a>(
    spec: &'a Spec,
    runs: &Runs<'a>,
    of_trials: impl Iterator<Item = (String, Option<usize>)>,
) -> Result<Option<Figure>> {
    let parts = |trial: &'a Trial| {
        let columns = columns(runs, [&*trial.id]);
        columns.into_iter().filter(|column| is_part(column)).collect::<Vec<_>>()
    };
    let with_parts: Vec<_> = spec.trials.iter().filter(|trial| !parts(trial).is_empty()).collect();
    let mut most = with_parts.clone();
    most.sort_by_key(|trial| std::cmp::Reverse(parts(trial).len()));
    most.truncate(MOST_TRIALS);
    let shown: Vec<_> = with_parts.iter().copied().filter(|trial| most.iter().any(|of| of.id == trial.id)).collect();
    // Those with most parts first: they have the order of all.
    let names = columns(runs, most.iter().map(|trial| &*trial.id)).into_iter().filter(|column| is_part(column));
    let panels: Vec<_> = names.map(|part| panel(runs, &shown, part)).filter(|panel| !panel.lines.is_empty()).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let drawn = |label: &str| shown.iter().any(|trial| trial.label == label);
    let palette = Palette::apart(of_trials.filter(|(label, _)| drawn(label)));
    let title = format!("{}: parts of the loss", spec.title);
    let svg = Curves { title, blocks: Vec::new(), panels }.svg(&palette)?;
    let which = if with_parts.len() > shown.len() {
        format!(", of the {} trials with most parts out of {}", shown.len(), with_parts.len())
    } else {
        String::new()
    };
    let caption = format!(
        "Parts of the loss and other numbers of the training by epoch: the mean over seeds, as far as all seeds \
         ran{which}."
    );
    Ok(Some(Figure { file: "loss-parts.svg".into(), caption, svg }))
}

/// The panel of one part.
fn panel<'a>(runs: &Runs<'a>, trials: &[&'a Trial], part: &str) -> Panel {
    let lines: Vec<_> = trials
        .iter()
        .map(|trial| Line { label: trial.label.clone(), logged: false, points: mean(runs, &trial.id, part) })
        .filter(|line| !line.points.is_empty())
        .collect();
    let values = || lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let (least, most) = values().fold((f64::INFINITY, 0.0_f64), |(least, most), v| (least.min(v), most.max(v)));
    Panel { title: part.into(), log: least > 0.0 && most >= DECADE * least, lines }
}

/// The mean over the seeds that have the part, at the epochs where all of these have a value: where seeds stop early, the
/// mean over the others would jump.
fn mean(runs: &Runs, trial: &str, part: &str) -> Vec<(f64, f64)> {
    let curves: Vec<_> = runs.trial(trial).iter().filter_map(|record| record.curve.as_ref()?.column(part)).collect();
    let mut epochs = BTreeMap::<u64, Vec<f64>>::new();
    for (epoch, value) in curves.iter().flatten() {
        // Epochs are whole numbers: rows of the curve.
        epochs.entry(*epoch as u64).or_default().push(*value);
    }
    let of_all = epochs.into_iter().filter(|(_, values)| values.len() == curves.len());
    of_all.map(|(epoch, values)| (epoch as f64, values.iter().sum::<f64>() / values.len() as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::sample;
    use crate::record::CurveRecord;

    #[test]
    fn a_mean_ends_with_the_first_seed_that_ends() {
        let record = |seed: u64, values: &[Option<f64>]| {
            let mut curve = CurveRecord::new(vec!["loss".into(), "hidden loss".into()]);
            values.iter().for_each(|value| curve.push(&[Some(1.0), *value]));
            let mut record = sample("search", seed);
            record.curve = Some(curve);
            record
        };
        let records =
            [record(0, &[None, Some(4.0), Some(2.0)]), record(1, &[Some(9.0), Some(6.0), Some(3.0), Some(1.0)])];
        assert_eq!(mean(&Runs::of(&records), "search", "hidden loss"), [(1.0, 5.0), (2.0, 2.5)]);
        assert_eq!(mean(&Runs::of(&records), "search", "other"), []);
    }
}
