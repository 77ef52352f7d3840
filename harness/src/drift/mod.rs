//! Whether our own result still is what it was: today's records against a baseline that a person accepted.
//!
//! Pure from a [`Baseline`] and today's records to a [`Judgement`], and from that to the texts of [`format`].
//! The rules stand in [`judge`] and nowhere else.

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
pub use baseline::{Accepted, BASELINE, Baseline, FORMAT, Run, Seeds};
pub use judge::judge;
pub use judgement::{Case, Compared, Judgement, Suite, Trial, Values, Verdict};
pub use today::Today;
