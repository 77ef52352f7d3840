//! Weights with a dense gradient and the moments of Adam.

use harness::error::Result;
use harness::optim::Adam;
use harness::train::State;
use rayon::prelude::*;

/// Elements that one task moves: 16 KiB of each of four arrays. No sum crosses a block.
const BLOCK: usize = 4096;

/// See the module's head.
pub struct Trained {
    name: String,
    pub weights: Vec<f32>,
    /// Of the step in progress; whoever computes it overwrites all of it.
    pub gradient: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
}

impl Trained {
    pub fn new(name: impl Into<String>, weights: Vec<f32>) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self {
            name: name.into(),
            gradient: zeros.clone(),
            first_moment: zeros.clone(),
            second_moment: zeros,
            weights,
            steps: 0,
        }
    }

    /// One step of Adam.
    pub fn step(&mut self, adam: &Adam) {
        self.steps += 1;
        let step = adam.at(self.steps);
        self.weights
            .par_chunks_mut(BLOCK)
            .zip(self.first_moment.par_chunks_mut(BLOCK))
            .zip(self.second_moment.par_chunks_mut(BLOCK))
            .zip(self.gradient.par_chunks(BLOCK))
            .for_each(|(((p, m), v), g)| step.apply(p, m, v, Some(g)));
    }

    /// Adds all of it but the gradient to `state`.
    pub fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put(format!("{}.weights", self.name), &self.weights[..]);
        state.put(format!("{}.first_moment", self.name), &self.first_moment[..]);
        state.put(format!("{}.second_moment", self.name), &self.second_moment[..]);
        state.counts.insert(format!("{}.steps", self.name), self.steps);
    }

    /// Takes back what `save` put.
    ///
    /// # Errors
    /// If an array is missing or has another length.
    pub fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let n = self.weights.len();
        self.weights = state.take(&format!("{}.weights", self.name), n)?;
        self.first_moment = state.take(&format!("{}.first_moment", self.name), n)?;
        self.second_moment = state.take(&format!("{}.second_moment", self.name), n)?;
        self.steps = state.count(&format!("{}.steps", self.name))?;
        Ok(())
    }
}
