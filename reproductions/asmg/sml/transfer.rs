//! The net that makes a tensor of the served model out of the one served before and the one in training.
//!
//! ```text
//! prev, upd [rows, width] → mix of each coordinate (`mix`) → [rows, width·n2]
//!   → gelu(·hidden + bias) [rows, hidden] → ·out + bias [rows, width]          no residual path
//! ```
//!
//! One for each tensor. An embedding table goes through row by row, so its rows share the weights; a tensor of the MLP is one
//! row, however it is shaped. SML (Zhang et al., SIGIR 2020), as ASMG's authors have it (code).

use harness::nn::{DenseParameter, Matrix, Trainable, multiply};
use harness::optim::Optimiser;
use harness::rng::Stream;
use harness::weights::{Init, Layout, Parameter};
use rayon::prelude::*;

use super::mix::{INPUTS, Mix, MixCoordinates, inverse_norms};
use crate::models::gelu::activate;

/// Rows that are transferred together where all of a table are: bounds memory.
const BLOCK: usize = 2048;

/// Sizes of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferSizes {
    /// Length of a row.
    pub width: usize,
    /// n1 and n2, the units of the mix.
    pub mix: [usize; 2],
    /// Units of the hidden layer.
    pub hidden: usize,
}

/// A transfer in training.
pub struct Transfer {
    sizes: TransferSizes,
    /// `mix1` `[3, n1]`, `mix2` `[n1, n2]`, `hidden` `[width·n2, hidden]` with the units of one coordinate side by side,
    /// `hidden.bias`, `out` `[hidden, width]`, `out.bias`.
    parameters: [DenseParameter; 6],
}

/// Some rows on their way through a transfer, as its backward passes need them.
#[derive(Default)]
pub struct Tape {
    /// `[rows, width]`: of the model served before. The caller fills both.
    pub prev: Vec<f32>,
    /// `[rows, width]`: of the model in training.
    pub upd: Vec<f32>,
    inverse_norms: Vec<f32>,
    /// `[rows, width·n2]`
    mixed: Vec<f32>,
    /// `[rows, hidden]`: values and slopes.
    hidden: Vec<f32>,
    slopes: Vec<f32>,
}

impl TransferSizes {
    /// Names and shapes of the weights of the tensor `name`'s transfer.
    pub fn layout(self, name: &str) -> Layout {
        let Self { width, mix: [n1, n2], hidden } = self;
        let shapes: [(&str, Vec<usize>); 6] = [
            ("mix1", vec![INPUTS, n1]),
            ("mix2", vec![n1, n2]),
            ("hidden", vec![width.saturating_mul(n2), hidden]),
            ("hidden.bias", vec![hidden]),
            ("out", vec![hidden, width]),
            ("out.bias", vec![width]),
        ];
        Layout::new("transfer", shapes.map(|(part, shape)| (format!("transfer.{name}.{part}"), shape)))
    }

    /// Initial weights: all of Glorot's uniform distribution, biases too, as TensorFlow starts what is given no other (code).
    /// The mixes are convolutions there, of the shapes `[3, 1, 1, n1]` and `[n1, 1, 1, n2]`, whose first axes count as a
    /// receptive field.
    pub fn initial(self, name: &str, stream: impl Fn(&str) -> Stream) -> Vec<Parameter> {
        let start = |parameter: &str, shape: &[usize]| match shape {
            &[inputs, units] if parameter.contains(".mix") => Init::glorot(&[inputs, 1, 1, units]),
            shape => Init::glorot(shape),
        };
        self.layout(name).initial(stream, start)
    }
}

impl Transfer {
    /// A transfer that starts at these weights, in the order of [`TransferSizes::layout`].
    ///
    /// # Panics
    /// If they are not six.
    pub fn new(sizes: TransferSizes, weights: Vec<Parameter>) -> Self {
        let parameters: Vec<DenseParameter> = weights.into_iter().map(DenseParameter::new).collect();
        let parameters = parameters.try_into().unwrap_or_else(|_| panic!("a transfer has six tensors"));
        Self { sizes, parameters }
    }

    pub fn tensors(&self) -> impl Iterator<Item = &dyn Trainable> {
        self.parameters.iter().map(|parameter| parameter as _)
    }

    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut dyn Trainable> {
        self.parameters.iter_mut().map(|parameter| parameter as _)
    }

    fn mix(&self) -> Mix<'_> {
        let [n1, n2] = self.sizes.mix;
        Mix { first: &self.parameters[0].weights, second: &self.parameters[1].weights, n1, n2 }
    }

    /// The weights of a dense layer, number 0 or 1.
    fn layer(&self, number: usize) -> (Matrix<'_>, &[f32]) {
        let TransferSizes { width, mix: [_, n2], hidden } = self.sizes;
        let (inputs, outputs) = if number == 0 { (width * n2, hidden) } else { (hidden, width) };
        let [weights, bias] = [2, 3].map(|k| &self.parameters[2 * number + k].weights[..]);
        (Matrix::new(weights, inputs, outputs, outputs), bias)
    }

    /// Transfers the rows of the tape into `out: [rows, width]`.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn forward(&self, tape: &mut Tape, out: &mut [f32]) {
        let TransferSizes { width, mix: [_, n2], hidden } = self.sizes;
        let rows = tape.upd.len() / width;
        inverse_norms(&tape.prev, width, &mut tape.inverse_norms);
        tape.mixed.resize(rows * width * n2, 0.0);
        let Tape { prev, upd, inverse_norms, mixed, .. } = &mut *tape;
        self.mix().forward(MixCoordinates { prev, upd, inverse_norms, width }, mixed);
        tape.hidden.resize(rows * hidden, 0.0);
        tape.slopes.resize(rows * hidden, 0.0);
        let ((kernel, bias), (out_kernel, out_bias)) = (self.layer(0), self.layer(1));
        multiply(Matrix::new(&tape.mixed, rows, width * n2, width * n2), kernel, Some(bias), &mut tape.hidden, hidden);
        activate(&mut tape.hidden, &mut tape.slopes);
        multiply(Matrix::new(&tape.hidden, rows, hidden, hidden), out_kernel, Some(out_bias), out, width);
    }

    /// Transfers all rows of a tensor into `out: [rows, width]`.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn transfer(&self, prev: &[f32], upd: &[f32], out: &mut [f32]) {
        let block = BLOCK * self.sizes.width;
        let blocks = out.par_chunks_mut(block).zip(prev.par_chunks(block)).zip(upd.par_chunks(block));
        blocks.for_each_init(Tape::default, |tape, ((out, prev), upd)| {
            for (values, block) in [(&mut tape.prev, prev), (&mut tape.upd, upd)] {
                values.clear();
                values.extend_from_slice(block);
            }
            self.forward(tape, out);
        });
    }

    /// The gradients of the hidden layer's sums, `[rows, hidden]`, and of the mix, `[rows, width·n2]`.
    fn backward(&self, tape: &Tape, gradient: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let TransferSizes { width, mix: [_, n2], hidden } = self.sizes;
        let rows = gradient.len() / width;
        let ((kernel, _), (out_kernel, _)) = (self.layer(0), self.layer(1));
        let (mut of_hidden, mut of_mixed) = (vec![0.0; rows * hidden], vec![0.0; rows * width * n2]);
        multiply(Matrix::new(gradient, rows, width, width), out_kernel.transposed(), None, &mut of_hidden, hidden);
        of_hidden.iter_mut().zip(&tape.slopes).for_each(|(gradient, slope)| *gradient *= slope);
        let sums = Matrix::new(&of_hidden, rows, hidden, hidden);
        multiply(sums, kernel.transposed(), None, &mut of_mixed, width * n2);
        (of_hidden, of_mixed)
    }

    /// Writes the gradient of `upd` over `into: [rows, width]`, given that of what [`forward`](Self::forward) made of this
    /// tape; that of the weights is not needed where only the base model is trained.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn backward_to_base(&self, tape: &Tape, gradient: &[f32], into: &mut [f32]) {
        let (_, of_mixed) = self.backward(tape, gradient);
        self.mix().backward_to_input(self.coordinates(tape), &of_mixed, into);
    }

    /// Makes the gradients of the weights, for [`step`](Self::step); that of `upd` is not needed where only the transfer is
    /// trained.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn backward_to_weights(&mut self, tape: &Tape, gradient: &[f32]) {
        let TransferSizes { width, mix: [n1, n2], hidden } = self.sizes;
        let rows = gradient.len() / width;
        let (of_hidden, of_mixed) = self.backward(tape, gradient);
        let coordinates = self.coordinates(tape);
        let [first, second, kernel, bias, out_kernel, out_bias] = &mut self.parameters;
        let mix = Mix { first: &first.weights, second: &second.weights, n1, n2 };
        mix.backward_to_weights(coordinates, &of_mixed, &mut first.gradient, &mut second.gradient);
        let (result, sums) = (Matrix::new(gradient, rows, width, width), Matrix::new(&of_hidden, rows, hidden, hidden));
        let mixed = Matrix::new(&tape.mixed, rows, width * n2, width * n2);
        multiply(mixed.transposed(), sums, None, &mut kernel.gradient, hidden);
        let values = Matrix::new(&tape.hidden, rows, hidden, hidden);
        multiply(values.transposed(), result, None, &mut out_kernel.gradient, width);
        for (bias, rows) in [(bias, &of_hidden[..]), (out_bias, gradient)] {
            bias.gradient.fill(0.0);
            for row in rows.chunks_exact(bias.gradient.len()) {
                bias.gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    fn coordinates<'t>(&self, tape: &'t Tape) -> MixCoordinates<'t> {
        let Tape { prev, upd, inverse_norms, .. } = tape;
        MixCoordinates { prev, upd, inverse_norms, width: self.sizes.width }
    }

    /// One step of the optimiser over all weights.
    pub fn step(&mut self, optimiser: &impl Optimiser) {
        self.parameters.iter_mut().for_each(|parameter| parameter.step(optimiser));
    }

    /// Gradients in the order of the weights.
    #[cfg(test)]
    pub(super) fn gradients(&self) -> [&[f32]; 6] {
        self.parameters.each_ref().map(|parameter| &parameter.gradient[..])
    }
}

#[cfg(test)]
pub(super) mod tests;
