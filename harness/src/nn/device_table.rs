//! An embedding table on any candle device, with the same Adam in tensor operations.
//!
//! The way to train on CUDA. On the CPU it serves as the independent check of
//! [`EmbeddingTable`](super::EmbeddingTable): the same mathematics, none of the same code.

use candle_core::{Device, Tensor, Var};

use super::Trainable;
use crate::error::Result;
use crate::optim::Adam;
use crate::weights::{Parameter, State};

/// `[rows, dim]` with the moments of Adam.
///
/// Every tensor operation can fail, as [`Internal`](crate::error::Kind::Internal): the device is out
/// of memory, or shapes disagree.
pub struct DeviceTable {
    name: String,
    weights: Tensor,
    first_moment: Tensor,
    second_moment: Tensor,
    steps: u64,
}

impl DeviceTable {
    /// A table that starts at the values of a matrix.
    ///
    /// # Errors
    /// If it has not as many values as its shape says, or the device fails.
    pub fn new(Parameter { name, shape, values }: Parameter, device: &Device) -> Result<Self> {
        let weights = Tensor::from_vec(values, shape, device)?;
        let zeros = weights.zeros_like()?;
        Ok(Self { name, weights, first_moment: zeros.clone(), second_moment: zeros, steps: 0 })
    }

    /// The rows `ids` (`[n]`, u32), `[n, dim]`.
    ///
    /// # Errors
    /// If an id is not a row, or the device fails.
    pub fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        Ok(self.weights.index_select(ids, 0)?)
    }

    /// The same as a variable for autograd.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn leaf(&self, ids: &Tensor) -> Result<Var> {
        Ok(Var::from_tensor(&self.rows(ids)?)?)
    }

    /// One step of Adam over every row; `gradient` is `[ids, dim]`, rows named twice are summed.
    ///
    /// # Errors
    /// If shapes disagree, or the device fails.
    pub fn step(&mut self, adam: &Adam, ids: &Tensor, gradient: &Tensor) -> Result<()> {
        self.steps += 1;
        let step = adam.at(self.steps);
        let f = f64::from;
        // Detached: a moment that keeps its history keeps every step's temporaries alive.
        let data = self.weights.zeros_like()?.index_add(ids, &gradient.detach(), 0)?;
        let g = (data + (&self.weights * f(step.weight_decay))?)?;
        let m = (&self.first_moment + ((&g - &self.first_moment)? * f(step.one_minus_beta1))?)?;
        let v = ((&self.second_moment * f(step.beta2))? + (g.sqr()? * f(step.one_minus_beta2))?)?;
        let denominator = ((v.sqrt()? * f(step.inverse_root_correction2))? + f(step.eps))?;
        let weights = (&self.weights - ((&m / denominator)? * f(step.step_size))?)?;
        (self.weights, self.first_moment, self.second_moment) = (weights.detach(), m.detach(), v.detach());
        Ok(())
    }

    /// [`step`](Self::step) by gradients that came in parts.
    ///
    /// # Errors
    /// As [`step`](Self::step); if there is no part.
    pub fn step_parts(&mut self, adam: &Adam, parts: Vec<(Tensor, Tensor)>) -> Result<()> {
        let (ids, rows): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        self.step(adam, &Tensor::cat(&ids, 0)?, &Tensor::cat(&rows, 0)?)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.weights.dims()[0]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device of the table.
    pub fn device(&self) -> Device {
        self.weights.device().clone()
    }
}

impl Trainable for DeviceTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        self.weights.dims().to_vec()
    }

    fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.clone(), shape: self.shape(), values: host(&self.weights)? })
    }

    fn set_weights(&mut self, values: Vec<f32>) -> Result<()> {
        self.weights = Tensor::from_vec(values, self.weights.shape(), self.weights.device())?;
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        let arrays = [host(&self.weights)?, host(&self.first_moment)?, host(&self.second_moment)?];
        state.put_trained(&self.name, arrays, self.steps);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let (shape, device) = (self.weights.shape().clone(), self.weights.device().clone());
        let (arrays, steps) = state.take_trained(&self.name, shape.elem_count())?;
        let [weights, first, second] = arrays.map(|values| Tensor::from_vec(values, &shape, &device));
        (self.weights, self.first_moment, self.second_moment, self.steps) = (weights?, first?, second?, steps);
        Ok(())
    }
}

fn host(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
