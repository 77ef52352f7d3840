//! Plausibility checks of a saved state: one whose digest is right may still have been made by another program.

use crate::error::{Error, Kind, Result};
use crate::meter::Seconds;
use crate::rank::Evaluation;

/// Seconds that no run takes: three thousand years.
const MOST_SECONDS: f64 = 1e11;

/// An error of a saved state that is not what a run would have saved.
pub(super) fn unsound(what: impl Into<String>) -> Error {
    Error::new(Kind::Data, "a saved state cannot be used").got(what)
}

/// Refuses with `what` where a state cannot be.
pub(super) fn require(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(unsound(what())) }
}

/// The number of values of a shape.
pub(super) fn size(name: &str, shape: &[usize]) -> Result<usize> {
    let size = shape.iter().try_fold(1usize, |size, n| size.checked_mul(*n));
    size.ok_or_else(|| unsound(format!("`{name}` of the shape {shape:?}")))
}

/// Refuses times that are none.
pub(super) fn seconds(seconds: &Seconds) -> Result<()> {
    let wrong = seconds.iter().find(|(_, seconds)| !(0.0..=MOST_SECONDS).contains(*seconds));
    wrong.map_or(Ok(()), |(phase, seconds)| Err(unsound(format!("{seconds} seconds of `{}`", phase.name()))))
}

/// Refuses an evaluation that contradicts itself.
pub(super) fn evaluation(of: &str, evaluation: &Evaluation) -> Result<()> {
    let Evaluation { queries, targets, ranks, pessimistic_ranks, pairs, values, pessimistic } = evaluation;
    let asked: u64 = targets.iter().map(|&n| u64::from(n)).sum();
    let fits = (*pairs == 0 || queries.is_empty())
        && targets.len() == queries.len()
        && asked == ranks.len() as u64
        && asked == pessimistic_ranks.len() as u64
        && !ranks.contains(&0)
        && !pessimistic_ranks.contains(&0);
    require(fits, || format!("ranks of {of} that are not those of its queries"))?;
    let finite = values.values().chain(pessimistic.values()).all(|value| value.is_finite());
    require(finite && values.keys().eq(pessimistic.keys()), || format!("values of {of} that are none"))
}
