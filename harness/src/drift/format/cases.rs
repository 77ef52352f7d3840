//! The cases of a judgement, and each of them as a sentence.

use super::super::{Case, JudgedTrial, Judgement};

/// Digits after the decimal point: more than in reports, because a drift may be small.
pub(super) const DIGITS: usize = 6;

/// Every case with its trial.
pub(super) fn cases(judgement: &Judgement) -> impl Iterator<Item = (&JudgedTrial, &Case)> {
    judgement.trials.iter().flat_map(|trial| trial.cases.iter().map(move |case| (trial, case)))
}

/// A case in one line: its values, where it has any, and the reason of its verdict.
pub(super) fn sentence(case: &Case) -> String {
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
