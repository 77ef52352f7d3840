//! Means, spreads and intervals over seeds, in f64, with sums in the order given.

mod interval;
mod paired;
mod summary;

pub use interval::{Interval, LEVEL, mean_interval, prediction_interval};
pub use paired::paired_differences;
pub use summary::Summary;

#[cfg(test)]
mod golden;
