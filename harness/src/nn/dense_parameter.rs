//! A parameter that every step moves whole, by a gradient of its own: a layer's weights or biases.

use rayon::prelude::*;

use super::Trainable;
use crate::error::Result;
use crate::optim::Optimiser;
use crate::weights::{Parameter, State};

/// Elements that one task moves: 16 KiB of each of four arrays. No sum crosses a block.
const BLOCK: usize = 4096;

/// Weights, their gradient, and the moments of Adam; row-major, all of one length.
pub struct DenseParameter {
    name: String,
    shape: Vec<usize>,
    pub weights: Vec<f32>,
    /// Gradient of the step in progress; whoever computes it overwrites all of it.
    pub gradient: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
}

impl DenseParameter {
    /// A parameter that starts at these values.
    ///
    /// # Panics
    /// If they are not as many as the shape says.
    pub fn new(Parameter { name, shape, values: weights }: Parameter) -> Self {
        assert_eq!(weights.len(), shape.iter().product::<usize>(), "parameter `{name}`");
        let zeros = vec![0.0; weights.len()];
        Self {
            name,
            shape,
            gradient: zeros.clone(),
            first_moment: zeros.clone(),
            second_moment: zeros,
            weights,
            steps: 0,
        }
    }

    /// One step of the optimiser.
    pub fn step(&mut self, adam: &impl Optimiser) {
        self.step_first(self.weights.len(), adam);
    }

    /// One step that moves the first `count` weights only. That is the step of all where the others have had no
    /// gradient yet, and nothing decays: their moments are zeros.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn step_first(&mut self, count: usize, adam: &impl Optimiser) {
        self.steps += 1;
        let step = adam.at(self.steps);
        if count <= BLOCK {
            // To hand a small layer to other threads takes longer than its step.
            let [p, m, v] = [&mut self.weights, &mut self.first_moment, &mut self.second_moment];
            return step.apply(&mut p[..count], &mut m[..count], &mut v[..count], Some(&self.gradient[..count]));
        }
        self.weights[..count]
            .par_chunks_mut(BLOCK)
            .zip(self.first_moment[..count].par_chunks_mut(BLOCK))
            .zip(self.second_moment[..count].par_chunks_mut(BLOCK))
            .zip(self.gradient[..count].par_chunks(BLOCK))
            .for_each(|(((p, m), v), g)| step.apply(p, m, v, Some(g)));
    }
}

impl Trainable for DenseParameter {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.clone(), shape: self.shape.clone(), values: self.weights.clone() })
    }

    fn set_weights(&mut self, values: Vec<f32>) -> Result<()> {
        assert_eq!(values.len(), self.weights.len(), "parameter `{}`", self.name);
        self.weights = values;
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        let arrays = [&self.weights[..], &self.first_moment, &self.second_moment];
        state.put_trained(&self.name, arrays, self.steps);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let ([weights, first, second], steps) = state.take_trained(&self.name, self.weights.len())?;
        (self.weights, self.first_moment, self.second_moment, self.steps) = (weights, first, second, steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::same_on_threads;
    use crate::nn::{EmbeddingTable, Occurrences};
    use crate::optim::{Adam, TfAdam};
    use crate::rng::Stream;

    const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    const ROWS: usize = 700;
    const DIM: usize = 13;

    fn fresh() -> DenseParameter {
        let values = Stream::new(0, "dense", "init", 0).normals(ROWS * DIM, 0.1);
        DenseParameter::new(Parameter { name: "dense".into(), shape: vec![ROWS, DIM], values })
    }

    fn train(dense: &mut DenseParameter, steps: std::ops::Range<u64>) {
        for step in steps {
            dense.gradient = Stream::new(0, "dense", "gradient", step).normals(ROWS * DIM, 1.0);
            dense.step(&ADAM);
        }
    }

    /// Several blocks, and a table in which every row has one gradient.
    #[test]
    fn it_moves_as_a_table_does_of_which_every_row_is_named() {
        let mut dense = fresh();
        let mut table = EmbeddingTable::new("dense", ROWS, DIM, dense.weights.clone());
        let mut rows = Occurrences::new(ROWS);
        rows.set(0..ROWS as u32);
        for step in 0..5 {
            train(&mut dense, step..step + 1);
            table.step(&ADAM, &rows, |row| (1.0, &dense.gradient[row * DIM..][..DIM]));
        }
        assert_eq!(dense.parameter().unwrap(), table.parameter().unwrap());
        let (mut of_dense, mut of_table) = (State::default(), State::default());
        dense.save(&mut of_dense).unwrap();
        table.save(&mut of_table).unwrap();
        assert_eq!(of_dense.counts, of_table.counts);
        assert_eq!(of_dense.arrays, of_table.arrays, "the same names and the same bits");
    }

    #[test]
    fn threads_change_no_bit() {
        same_on_threads(|| {
            let mut dense = fresh();
            train(&mut dense, 0..3);
            dense.weights
        });
    }

    #[test]
    fn a_saved_state_goes_on_bit_for_bit() {
        let (mut first, mut second) = (fresh(), fresh());
        train(&mut first, 0..3);
        let mut state = State::default();
        first.save(&mut state).unwrap();
        second.restore(&mut state).unwrap();
        train(&mut first, 3..5);
        train(&mut second, 3..5);
        assert_eq!(first.weights, second.weights);
        assert!(second.restore(&mut State::default()).is_err());
    }

    #[test]
    fn rows_without_a_gradient_so_far_need_no_step() {
        let (mut all, mut first) = (fresh(), fresh());
        let adam = TfAdam { learning_rate: 1e-3 };
        for (step, rows) in [300, 300, 500, 650].into_iter().enumerate() {
            let mut gradient = vec![0.0; ROWS * DIM];
            gradient[..rows * DIM]
                .copy_from_slice(&Stream::new(0, "dense", "seen", step as u64).normals(rows * DIM, 1.0));
            (all.gradient, first.gradient) = (gradient.clone(), gradient);
            all.step(&adam);
            first.step_first(rows * DIM, &adam);
        }
        let [mut of_all, mut of_first] = [State::default(), State::default()];
        all.save(&mut of_all).unwrap();
        first.save(&mut of_first).unwrap();
        assert_eq!(of_all.arrays, of_first.arrays);
        assert_eq!(of_all.counts, of_first.counts);
    }

    #[test]
    fn new_weights_leave_the_moments_alone() {
        let (mut first, mut second) = (fresh(), fresh());
        train(&mut first, 0..1);
        train(&mut second, 0..1);
        second.set_weights(vec![0.0; ROWS * DIM]).unwrap();
        let [mut before, mut after] = [State::default(), State::default()];
        first.save(&mut before).unwrap();
        second.save(&mut after).unwrap();
        assert_eq!(before.arrays["dense.first_moment"], after.arrays["dense.first_moment"]);
        assert!(second.weights.iter().all(|w| *w == 0.0));
    }
}
