//! NeuMF — being written.

use harness::error::{Error, Kind, Result};
use harness::method::Parameter;
use harness::metrics::Scorer;
use harness::train::Context;

use super::{Hyper, Recommender, Side};

/// The parameters of the model, in their order.
pub const NAMES: [&str; 1] = ["todo"];

fn todo<T>() -> Result<T> {
    Err(Error::new(Kind::Internal, "NeuMF is not written yet"))
}

pub fn model(_cx: &Context<'_>, _hyper: &Hyper) -> Result<Box<dyn Recommender>> {
    todo()
}

pub fn scorer(_parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    todo()
}

pub fn swapped_scorer(_parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    todo()
}

pub fn representations(_parameters: &[Parameter], _side: Side) -> Result<(usize, Vec<f32>)> {
    todo()
}
