//! Drift: whether today's records agree with a baseline that a person accepted.
//!
//! Pure functions lead from a [`Baseline`] and today's records to a [`Judgement`], by the rules in [`judge`], and from
//! there to the texts of [`format`](mod@format).

mod accept;
mod baseline;
mod change;
mod check;
pub mod format;
mod judge;
mod judgement;
#[cfg(test)]
mod tests;
mod today;

pub use accept::Acceptance;
pub use baseline::{Accepted, BASELINE, Baseline, BaselineRun, Seeds};
pub use judge::judge;
pub use judgement::{Case, Compared, DriftVerdict, JudgedTrial, Judgement, MeanChange, Suite};
pub use today::Today;
