//! Our learning curves beside a logged one, as a table.

use super::text::{NONE, mean_sd, percent};
use crate::compare::Logged;
use crate::record::Runs;
use crate::spec::{LoggedCurve, Spec};
use crate::stats::Summary;
use crate::table::{Align, Table};

/// Epochs that the table shows: the start, where nothing is learnt yet, and about each half decade after.
const EPOCHS: [f64; 6] = [0.0, 1.0, 10.0, 30.0, 100.0, 300.0];

/// Our values and the logged ones at some epochs, where both have a value.
pub(super) fn table(spec: &Spec, runs: &Runs, curve: &LoggedCurve, logged: &Logged) -> Table {
    let columns = [
        ("Curve", Align::Left),
        ("Epoch", Align::Right),
        (&*curve.label, Align::Right),
        ("Ours", Align::Right),
        ("Seeds", Align::Right),
        ("Relative", Align::Right),
    ];
    let title = format!("{} and {}", spec.label(&curve.trial), curve.label);
    let mut table = Table::new(title, columns);
    for (theirs, ours) in &curve.columns {
        for epoch in EPOCHS {
            let at = |points: &[(f64, f64)]| points.iter().find(|(e, _)| *e == epoch).map(|(_, value)| *value);
            let logged = logged.0.get(theirs).and_then(|points| at(points));
            let of_runs = runs.summary(&curve.trial, |record| at(&record.curve.as_ref()?.column(ours)?));
            if let (Some(logged), Some(summary)) = (logged, of_runs) {
                let Summary { n, mean, .. } = summary;
                let relative = if logged == 0.0 { NONE.into() } else { percent(Some(mean / logged - 1.0)) };
                let decimals = if logged.abs() < 1.0 { 4 } else { 2 };
                table.push(vec![
                    ours.clone(),
                    epoch.to_string(),
                    format!("{logged:.decimals$}"),
                    mean_sd(of_runs, decimals),
                    n.to_string(),
                    relative,
                ]);
            }
        }
    }
    table
}
