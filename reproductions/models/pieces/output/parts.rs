//! Inputs and outputs of the losses of an output layer.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::OutputLayer;

/// Which of two softmaxes, p of the student and q of the teacher, is the reference of their Kullback–Leibler divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KlDirection {
    /// KL(p ‖ q) = Σ p (log p − log q), as AdaRec has it (code: the arguments are swapped at every call).
    StudentTeacher,
    /// KL(q ‖ p) = Σ q (log q − log p), the usual one of distillation.
    TeacherStudent,
}

/// What the sum of divergences over all positions of a batch, padded ones included, is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KlMean {
    /// B, the number of pieces, as AdaRec has it (code: `batchmean`).
    Pieces,
    /// T = B·L, the number of positions.
    Positions,
}

impl KlMean {
    /// The divisor for a batch of pieces of `length` positions.
    pub fn divisor(self, pieces: usize, length: usize) -> f64 {
        match self {
            Self::Pieces => pieces as f64,
            Self::Positions => (pieces * length) as f64,
        }
    }
}

/// What a student learns from a teacher's logits.
#[derive(Clone, Copy, Debug)]
pub struct Distillation<'a> {
    /// What the teacher's output layer reads, `[T, its width]`.
    pub representations: &'a [f32],
    /// Over the same classes as the student's.
    pub layer: OutputLayer<'a>,
    pub direction: KlDirection,
    /// Factor of the sum of the rows' divergences in the loss: the weight of this term over what the sum is
    /// [divided by](KlMean::divisor).
    pub weight: f64,
}

/// Where gradients are written; what was there is overwritten.
pub struct OutputGradients<'a> {
    /// ∂L/∂x, `[T, width]`.
    pub x: &'a mut [f32],
    /// ∂L/∂W, `[classes, width]`.
    pub weights: &'a mut [f32],
    /// ∂L/∂b, `[classes]`.
    pub bias: &'a mut [f32],
}

/// The losses of a batch, without their weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputLosses {
    /// Mean cross entropy of the rows with a label; 0 where there is none.
    pub cross_entropy: f64,
    /// Sum of the divergences of all rows; 0 without a teacher.
    pub divergence: f64,
}

/// What strips share.
#[derive(Clone, Copy)]
pub struct OutputTask<'a> {
    pub layer: OutputLayer<'a>,
    /// `[T, width]`
    pub x: &'a [f32],
    /// `[T]`
    pub labels: &'a [u32],
    /// Factor of the sum of cross entropies.
    pub scale: f32,
    pub distillation: Option<&'a Distillation<'a>>,
}
