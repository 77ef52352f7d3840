//! Judgements for a person at a terminal.

use super::super::{DriftVerdict, Suite};
use super::cases::{DIGITS, cases};
use crate::table::{Align, Table};

/// Placeholder of a missing number.
const NONE: &str = "–";

/// Table of what changed in a spec, one row for each trial and metric; `None` if nothing changed.
pub fn table(suite: &Suite) -> Option<Table> {
    let judgement = suite.found.as_ref().ok()?;
    let left = [("trial", Align::Left), ("what", Align::Left)];
    let numbers = ["baseline", "today", "change", "seed spreads"].map(|name| (name, Align::Right));
    let right = [("verdict", Align::Left), ("why", Align::Left)];
    let columns = left.into_iter().chain(numbers).chain(right);
    let mut table = Table::new(suite.name(), columns);
    for (trial, case) in cases(judgement).filter(|(_, case)| case.moved()) {
        let numbers = match &case.values {
            Some(values) => [
                format!("{:.DIGITS$}", values.baseline),
                format!("{:.DIGITS$}", values.today),
                format!("{:+.DIGITS$}", values.today - values.baseline),
                values.in_spreads.map_or(NONE.into(), |n| format!("{n:+.2}")),
            ],
            None => [NONE; 4].map(String::from),
        };
        let words = [case.verdict.to_string(), case.why.clone()];
        table.push([trial.id.clone(), case.name.clone()].into_iter().chain(numbers).chain(words).collect());
    }
    if table.rows.is_empty() { None } else { Some(table) }
}

/// Table of the runs that were trained again, one row each; `None` if there are none.
pub fn reruns(suite: &Suite) -> Option<Table> {
    let judgement = suite.found.as_ref().ok()?;
    let left = ["trial", "seed", "weights", "metrics"].map(|name| (name, Align::Left));
    let right = ["seconds then", "seconds now"].map(|name| (name, Align::Right));
    let columns = left.into_iter().chain(right);
    let mut table = Table::new(suite.name(), columns);
    let word = |same: bool| if same { "same" } else { "other" }.to_string();
    for trial in &judgement.trials {
        for run in &trial.runs {
            let shown = |seconds: Option<f64>| seconds.map_or(NONE.into(), |seconds| format!("{seconds:.1}"));
            let (then, now) = run.seconds.unzip();
            table.push(vec![
                trial.id.clone(),
                run.seed.to_string(),
                word(run.same_weights),
                word(run.same_metrics),
                shown(then),
                shown(now),
            ]);
        }
    }
    if table.rows.is_empty() { None } else { Some(table) }
}

/// One line for each spec, then the verdict of all.
pub fn lines(suites: &[Suite]) -> String {
    let mut text: String = suites.iter().map(|suite| line(suite) + "\n").collect();
    text.push_str(&format!("verdict: {}", Suite::overall(suites)));
    text
}

/// One spec, such as `quick (base): fine; 9 runs compared in 3 trials; wall time 1.02 of the baseline's (12.4 s, was 12.2 s)`
fn line(suite: &Suite) -> String {
    let judgement = match &suite.found {
        Ok(judgement) => judgement,
        Err(error) => {
            let what = error.what().lines().next().unwrap_or_default();
            return format!("{}: {}: {what}", suite.name(), suite.verdict());
        }
    };
    let mut parts = vec![format!("{}: {}", suite.name(), suite.verdict())];
    for (verdict, words) in [(DriftVerdict::Drift, "drifted"), (DriftVerdict::CouldNotJudge, "not judged")] {
        let found = cases(judgement).filter(|(_, case)| case.verdict == verdict);
        let mut names: Vec<&str> = found.map(|(trial, _)| trial.id.as_str()).collect();
        names.dedup();
        if !names.is_empty() {
            parts.push(format!("{words}: {}", names.join(", ")));
        }
    }
    let runs: usize = judgement.trials.iter().map(|trial| trial.seeds.len()).sum();
    let trials = judgement.trials.iter().filter(|trial| !trial.seeds.is_empty()).count();
    parts.push(format!("{} compared in {}", plural(runs, "run"), plural(trials, "trial")));
    let (before, now) = judgement.seconds();
    if before > 0.0 {
        parts.push(format!("wall time {:.2} of the baseline's ({now:.1} s, was {before:.1} s)", now / before));
    }
    parts.join("; ")
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
