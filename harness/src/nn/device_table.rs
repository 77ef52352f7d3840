//! An embedding table on any candle device, with the same Adam in tensor operations.
//!
//! The way to train on CUDA. On the CPU it serves as the independent check of
//! [`EmbeddingTable`](super::EmbeddingTable): the same mathematics, none of the same code.

use candle_core::{Device, Tensor, Var};

use crate::error::Result;
use crate::optim::Adam;
use crate::train::State;
use crate::weights::Parameter;

/// `[rows, dim]` with the moments of Adam.
///
/// Every tensor operation can fail, as [`Internal`](crate::error::Kind::Internal): the device is out
/// of memory, or shapes disagree.
pub struct DeviceTable {
    pub name: &'static str,
    weights: Tensor,
    first_moment: Tensor,
    second_moment: Tensor,
    steps: u64,
}

impl DeviceTable {
    /// A table that starts at `weights` (`rows × dim` values).
    ///
    /// # Errors
    /// If the length is another, or the device fails.
    pub fn new(name: &'static str, rows: usize, dim: usize, weights: Vec<f32>, device: &Device) -> Result<Self> {
        let weights = Tensor::from_vec(weights, (rows, dim), device)?;
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

    pub fn device(&self) -> Device {
        self.weights.device().clone()
    }

    /// Replaces the weights, and leaves the moments alone.
    ///
    /// # Errors
    /// If the length is not the table's, or the device fails.
    pub fn set_weights(&mut self, weights: Vec<f32>) -> Result<()> {
        self.weights = Tensor::from_vec(weights, self.weights.shape(), self.weights.device())?;
        Ok(())
    }

    /// Adds weights, moments and the step count to `state`.
    ///
    /// # Errors
    /// If they cannot be copied from the device.
    pub fn save(&self, state: &mut State<'_>) -> Result<()> {
        for (part, tensor) in self.tensors() {
            state.put(format!("{}.{part}", self.name), host(tensor)?);
        }
        state.counts.insert(format!("{}.steps", self.name), self.steps);
        Ok(())
    }

    /// Takes back what `save` put.
    ///
    /// # Errors
    /// If an array is missing or has another length.
    pub fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let (shape, device) = (self.weights.shape().clone(), self.device());
        let mut take = |part: &str| -> Result<Tensor> {
            let values = state.take(&format!("{}.{part}", self.name), shape.elem_count())?;
            Ok(Tensor::from_vec(values, &shape, &device)?)
        };
        let (weights, first, second) = (take("weights")?, take("first_moment")?, take("second_moment")?);
        (self.weights, self.first_moment, self.second_moment) = (weights, first, second);
        self.steps = state.count(&format!("{}.steps", self.name))?;
        Ok(())
    }

    fn tensors(&self) -> [(&'static str, &Tensor); 3] {
        [("weights", &self.weights), ("first_moment", &self.first_moment), ("second_moment", &self.second_moment)]
    }

    /// The weights as a parameter of the model.
    ///
    /// # Errors
    /// If they cannot be copied from the device.
    pub fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.into(), shape: self.weights.dims().to_vec(), values: host(&self.weights)? })
    }
}

fn host(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
