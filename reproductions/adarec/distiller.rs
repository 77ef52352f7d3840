//! The losses of a student's step, and their gradients.

use harness::error::Result;
use harness::nn::{DenseParameter, Trainable};
use harness::rng::Stream;

use super::hidden_loss::HiddenLoss;
use super::options::DistillationHyper;
use super::projection::EmbeddingLoss;
use super::search_loss::SearchLoss;
use super::student::{FeatureGradients, Student};
use super::student_sizes::StudentSizes;
use super::teacher_answers::{BatchAnswers, TeacherAnswers};
use crate::models::pieces::{Distillation, OutputGradients, OutputLayer, OutputLoss, PieceBatch};

/// A teacher, what is learnt from it, and the projections that are learnt with it.
pub struct Distiller {
    hyper: DistillationHyper,
    answers: TeacherAnswers,
    embedding: EmbeddingLoss,
    hidden: HiddenLoss,
}

impl Distiller {
    /// # Errors
    /// [`Input`](harness::error::Kind::Input) if the student is wider than the teacher, or a fixed map of layers does not fit.
    pub fn new(
        hyper: DistillationHyper,
        answers: TeacherAnswers,
        student: &StudentSizes,
        stream: impl Fn(&str) -> Stream,
    ) -> Result<Self> {
        let (width, layers) = (answers.encoder().width(), [student.cells, answers.encoder().layers()]);
        Ok(Self {
            embedding: EmbeddingLoss::new(student.channels, width, &stream)?,
            hidden: HiddenLoss::new(hyper.hidden, layers, student.channels, width, &stream)?,
            hyper,
            answers,
        })
    }

    /// The losses between layers, with the weights of these.
    pub fn hidden(&self) -> &HiddenLoss {
        &self.hidden
    }

    pub fn hidden_mut(&mut self) -> &mut HiddenLoss {
        &mut self.hidden
    }

    /// γ.
    pub fn gamma(&self) -> f64 {
        self.hyper.gamma.get()
    }

    /// All parameters, with the gradients of the step in progress.
    pub fn dense_mut(&mut self) -> impl Iterator<Item = &mut DenseParameter> {
        self.embedding.projection_mut().dense_mut().into_iter().chain(self.hidden.projection_mut().dense_mut())
    }

    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        [self.embedding.projection().tensors(), self.hidden.projection().tensors()].concat()
    }

    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let Self { embedding, hidden, .. } = self;
        embedding.projection_mut().tensors_mut().into_iter().chain(hidden.projection_mut().tensors_mut()).collect()
    }
}

/// Computes a student's losses and all gradients but those that a search adds.
#[derive(Default)]
pub struct StudentLosses {
    output: OutputLoss,
    representation: Vec<f32>,
    embedding: Vec<f32>,
    cells: Vec<Vec<f32>>,
}

impl StudentLosses {
    /// The losses of a batch, which is of these pieces and on whose forward pass the student is, and all gradients. With `search`,
    /// also ∂L/∂(weight of each operation of each edge), as [`Student::backward`] has it.
    ///
    /// # Errors
    /// [`Diverged`](harness::error::Kind::Diverged) if a distance of layers is not finite.
    pub fn backward(
        &mut self,
        student: &mut Student,
        (pieces, batch): (&[u32], &PieceBatch),
        distiller: Option<&mut Distiller>,
        search: bool,
    ) -> Result<(SearchLoss, Option<Vec<f64>>)> {
        let Self { output, representation, embedding, cells } = self;
        let width = student.sizes().channels;
        representation.resize(batch.inputs().len() * width, 0.0);
        let mut losses = SearchLoss::default();
        let (features, [weights, bias]) = student.features_and_output_mut();
        let layer = OutputLayer { weights: &weights.weights, bias: &bias.weights, width };
        let onto = OutputGradients { x: representation, weights: &mut weights.gradient, bias: &mut bias.gradient };
        let (x, labels) = (&features.representation, batch.labels());
        let gradients = match distiller {
            None => {
                losses.cross_entropy = output.loss(layer, x, labels, 1.0, None, onto).cross_entropy;
                (None, None)
            }
            Some(distiller) => {
                let gamma = distiller.gamma();
                let Distiller { hyper, answers, embedding: of_embedding, hidden } = distiller;
                let BatchAnswers { embedding: theirs, hidden: layers, last, layer: teacher } =
                    answers.of(pieces, batch);
                let divisor = hyper.output.mean.divisor(batch.pieces(), batch.length());
                let distillation = Distillation {
                    representations: last,
                    layer: teacher,
                    direction: hyper.output.direction,
                    weight: gamma / divisor,
                };
                let of_output = output.loss(layer, x, labels, 1.0 - gamma, Some(&distillation), onto);
                losses.cross_entropy = of_output.cross_entropy;
                losses.output = of_output.divergence / divisor;
                embedding.resize(features.embedding.len(), 0.0);
                losses.embedding = of_embedding.step(&features.embedding, theirs, gamma, embedding);
                cells.resize_with(features.cells.len(), Vec::new);
                let ours: Vec<&[f32]> = features.cells.iter().map(Vec::as_slice).collect();
                losses.hidden = hidden.step(&ours, &layers, batch.pieces(), gamma, cells)?.loss;
                (Some(&cells[..]), Some(&embedding[..]))
            }
        };
        let (cells, embedding) = gradients;
        let gradients = FeatureGradients { representation, cells, embedding };
        Ok((losses, student.backward(gradients, search)?))
    }

    /// The cross entropy of each position of the last batch, `[T]`; 0 where it has no label.
    pub fn cross_entropies(&self) -> &[f32] {
        self.output.cross_entropies()
    }
}
