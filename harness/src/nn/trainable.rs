//! The interface of a tensor in training, on any device.

use crate::error::Result;
use crate::weights::{Layout, Parameter, State, Weights};

/// A tensor in training: weights, and the moments of its optimiser. Methods fail where its device does.
pub trait Trainable {
    fn name(&self) -> &str;

    fn shape(&self) -> Vec<usize>;

    /// A copy of the weights as they stand.
    fn parameter(&self) -> Result<Parameter>;

    /// Replaces the weights, and leaves the moments alone.
    ///
    /// # Panics
    /// If there are more or fewer values than [`shape`](Self::shape) says; see [`set_weights`].
    fn set_weights(&mut self, values: Vec<f32>) -> Result<()>;

    /// Adds weights, moments and the number of steps to `state`, under the tensor's name.
    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()>;

    /// Takes back what [`save`](Self::save) put.
    ///
    /// # Errors
    /// If an array is missing or has another length.
    fn restore(&mut self, state: &mut State<'_>) -> Result<()>;
}

/// Gives the tensors of a model other weights, in their order, and leaves their moments alone.
///
/// # Errors
/// [`Internal`](crate::error::Kind::Internal), before any is changed, if the weights are not of these tensors; what
/// the device says.
pub fn set_weights(tensors: Vec<&mut dyn Trainable>, weights: Weights) -> Result<()> {
    let layout = Layout::new("trained", tensors.iter().map(|tensor| (tensor.name().to_string(), tensor.shape())));
    layout.check(&weights)?;
    let values = weights.parameters.into_iter().map(|parameter| parameter.values);
    tensors.into_iter().zip(values).try_for_each(|(tensor, values)| tensor.set_weights(values))
}
