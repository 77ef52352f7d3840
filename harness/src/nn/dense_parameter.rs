//! A parameter that every step moves whole, by a gradient of its own: a layer's weights or biases.

use rayon::prelude::*;

use super::Trainable;
use crate::error::Result;
use crate::optim::{AdamW, Lamb, LambNorms, Optimiser, clip_factor};
use crate::simd::{add_scaled, sum_of_squares};
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

    /// One step of [`AdamW`].
    pub fn step_adamw(&mut self, adamw: &AdamW) {
        self.steps += 1;
        let (kept, step) = adamw.at(self.steps);
        self.blocks_mut().for_each(|(((p, m), v), g)| {
            p.iter_mut().for_each(|weight| *weight *= kept);
            step.apply(p, m, v, Some(g));
        });
    }

    /// One step of [`Lamb`], whose trust ratio is that of the whole tensor. The gradient is used up.
    pub fn step_lamb(&mut self, lamb: &Lamb) {
        self.steps += 1;
        let norms: Vec<LambNorms> = self.blocks_mut().map(|(((p, m), v), g)| lamb.update(p, m, v, g)).collect();
        let norms = norms.into_iter().fold(LambNorms::default(), |sum, norms| LambNorms {
            weights: sum.weights + norms.weights,
            update: sum.update + norms.update,
        });
        let step_size = lamb.step_size(norms);
        self.blocks_mut().for_each(|(((p, _), _), update)| add_scaled(p, -step_size, update));
    }

    /// Fixed blocks of weights, moments and gradient.
    #[allow(clippy::type_complexity, reason = "what `zip` makes")]
    fn blocks_mut(
        &mut self,
    ) -> impl IndexedParallelIterator<Item = (((&mut [f32], &mut [f32]), &mut [f32]), &mut [f32])> {
        // To hand a small layer to other threads takes longer than its step.
        let blocks = self.weights.par_chunks_mut(BLOCK).with_min_len(2);
        let moments = blocks.zip(self.first_moment.par_chunks_mut(BLOCK)).zip(self.second_moment.par_chunks_mut(BLOCK));
        moments.zip(self.gradient.par_chunks_mut(BLOCK))
    }

    /// Σ of the squares of the gradient's elements, in f64 and in a fixed order.
    fn gradient_squares(&self) -> f64 {
        self.gradient.chunks(BLOCK).map(sum_of_squares).sum()
    }
}

/// Scales the gradients of all these parameters so that their common norm is at most `most`, if it is larger
/// ([`clip_factor`]).
pub fn clip_gradients(parameters: &mut [&mut DenseParameter], most: f64) {
    let squares = parameters.iter().map(|parameter| parameter.gradient_squares()).sum();
    if let Some(factor) = clip_factor(most, squares) {
        for parameter in parameters {
            parameter.gradient.iter_mut().for_each(|gradient| *gradient *= factor);
        }
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
    use crate::golden::{assert_near, case, doubles, rows};
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

    /// The weights after each step, of a parameter that starts at `weights`.
    fn steps(weights: &[f64], gradients: &[Vec<f64>], step: impl Fn(&mut DenseParameter)) -> Vec<Vec<f32>> {
        let values: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
        let mut dense = DenseParameter::new(Parameter { name: "theta".into(), shape: vec![values.len()], values });
        let of_step = |gradient: &Vec<f64>| {
            dense.gradient = gradient.iter().map(|&g| g as f32).collect();
            step(&mut dense);
            dense.weights.clone()
        };
        gradients.iter().map(of_step).collect()
    }

    /// The vectors are of f64; f32 weights of 0.8 are 6e-8 apart, and two roundings are allowed.
    #[test]
    fn adamw_adam_and_lamb_agree_with_the_reference() {
        let case = case("adarec.json", "optimisers");
        let (theta, gradients) = (doubles(&case["inputs"]["theta0"]), rows(&case["inputs"]["grads"]));
        let check = |name: &str, step: &dyn Fn(&mut DenseParameter)| {
            for (got, want) in steps(&theta, &gradients, step).iter().zip(rows(&case["expected"][name])) {
                assert_near(got, &want, 1.2e-7, name);
            }
        };
        let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-7 };
        check("adamw_lr5e3_wd5e4", &|dense| dense.step_adamw(&AdamW { learning_rate: 5e-3, weight_decay: 5e-4 }));
        check("adam_coupled_l2_lr1e3_wd1e7", &|dense| dense.step(&adam));
        check("lamb_lr5e3_wd1e2", &|dense| dense.step_lamb(&Lamb { learning_rate: 5e-3, weight_decay: 1e-2 }));
    }

    /// Addenda of AdaRec's specification, 11.1: a gradient of zero is a step, and zero weights have a trust ratio of 1.
    #[test]
    fn weights_without_a_gradient_and_weights_of_zero_move_as_stated() {
        let adamw = AdamW { learning_rate: 5e-3, weight_decay: 5e-4 };
        let gradients = [vec![0.1, -0.2], vec![0.0; 2], vec![0.0; 2]];
        let moved = steps(&[0.5, -0.3], &gradients, |dense| dense.step_adamw(&adamw));
        let first: Vec<f32> = moved.iter().map(|weights| weights[0]).collect();
        assert_near(&first, &[0.494_998_750_5, 0.491_647_222_2, 0.489_056_208_7], 1e-7, "AdamW");
        let lamb = Lamb { learning_rate: 5e-3, weight_decay: 1e-2 };
        let moved = steps(&[0.0], &[vec![0.3], vec![-0.1], vec![-0.2]], |dense| dense.step_lamb(&lamb)).concat();
        assert_near(&moved, &[-0.015_809_721_8, -0.015_888_770_4, -0.015_809_326_6], 4e-9, "Lamb");
        assert_eq!(steps(&[0.0], &[vec![0.0]], |dense| dense.step_lamb(&lamb)), [[0.0]]);
    }

    /// The norm of many weights is beyond the bound: the step is that of a norm of 10.
    #[test]
    fn lamb_trusts_the_norm_of_the_whole_tensor_up_to_its_bound() {
        let lamb = Lamb { learning_rate: 5e-3, weight_decay: 0.0 };
        let step = |weight: f32| {
            same_on_threads(|| {
                let mut dense = fresh();
                dense.weights.fill(weight);
                dense.gradient = Stream::new(0, "dense", "lamb", 0).normals(ROWS * DIM, 1.0);
                dense.step_lamb(&lamb);
                dense.weights.iter().map(|moved| moved - weight).collect::<Vec<f32>>()
            })
        };
        let length = |moved: &[f32]| sum_of_squares(moved).sqrt();
        let root = ((ROWS * DIM) as f64).sqrt();
        for (weight, norm) in [(0.05, 0.05 * root), (0.5, 10.0)] {
            assert!((length(&step(weight)) / (5e-3 * norm) - 1.0).abs() < 1e-4, "{weight}");
        }
    }

    #[test]
    fn gradients_are_clipped_together() {
        let case = case("adarec.json", "grad_clip");
        let mut all: Vec<DenseParameter> = rows(&case["inputs"]["grads"])
            .iter()
            .map(|gradient| {
                let values = vec![0.0; gradient.len()];
                let mut dense = DenseParameter::new(Parameter { name: "g".into(), shape: vec![values.len()], values });
                dense.gradient = gradient.iter().map(|&g| g as f32).collect();
                dense
            })
            .collect();
        clip_gradients(&mut all.iter_mut().collect::<Vec<_>>(), case["inputs"]["max_norm"].as_f64().unwrap());
        let clipped: Vec<f32> = all.iter().flat_map(|dense| dense.gradient.clone()).collect();
        assert_near(&clipped, &doubles(&case["expected"]["clipped"]), 1e-6, "clipped");
        let before = clipped.clone();
        clip_gradients(&mut all.iter_mut().collect::<Vec<_>>(), 6.0);
        assert_eq!(all.iter().flat_map(|dense| dense.gradient.clone()).collect::<Vec<_>>(), before);
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
