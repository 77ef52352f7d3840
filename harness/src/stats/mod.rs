//! Means, spreads, intervals and tests, in f64, with sums in the order given.

mod bootstrap;
mod holm;
mod interval;
mod one_sided;
mod paired;
mod student;
mod summary;
mod welch;

pub use bootstrap::bootstrap_interval;
pub use holm::holm;
pub use interval::{Interval, LEVEL, mean_interval, prediction_interval};
pub use one_sided::{OneSided, t_test};
pub use paired::paired_differences;
pub use summary::Summary;
pub use welch::welch_interval;

#[cfg(test)]
mod tests;
