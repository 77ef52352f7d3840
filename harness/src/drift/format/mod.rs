//! What was found, for those who read it. Pure: the same judgements give the same text.

mod github;
mod json;
mod junit;
mod text;

pub use github::github;
pub use json::json;
pub use junit::junit;
pub use text::{lines, reruns, table};

use self::text::DIGITS;
use super::{Case, JudgedTrial, Judgement};

/// Every case with its trial.
fn cases(judgement: &Judgement) -> impl Iterator<Item = (&JudgedTrial, &Case)> {
    judgement.trials.iter().flat_map(|trial| trial.cases.iter().map(move |case| (trial, case)))
}

/// What a case says in a line: its numbers, where it has any, and why.
fn sentence(case: &Case) -> String {
    match &case.values {
        Some(values) if case.moved() => {
            let spreads = values.in_spreads.map(|n| format!(", {n:+.2} seed spreads")).unwrap_or_default();
            let change = values.today - values.baseline;
            format!(
                "{:.DIGITS$} → {:.DIGITS$} ({change:+.DIGITS$}{spreads}): {}",
                values.baseline, values.today, case.why
            )
        }
        _ => case.why.clone(),
    }
}
