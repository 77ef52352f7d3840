//! Definitions of metrics and the ranking that they measure.

mod scorer;

pub use scorer::{Dot, Scorer};
