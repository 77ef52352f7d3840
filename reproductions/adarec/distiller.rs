//! The losses of the step of a student, whatever it is, and their gradients.

use harness::error::{Error, Kind, Result};
use harness::meter::Phase;
use harness::nn::{DenseParameter, Trainable};
use harness::rng::Stream;
use harness::train::{Context, Teacher};

use super::hidden_loss::HiddenLoss;
use super::options::DistillationHyper;
use super::projection::{EmbeddingLoss, Projection};
use super::search_loss::SearchLoss;
use super::teacher_answers::{BatchAnswers, TeacherAnswers};
use crate::models::piece_kind;
use crate::models::pieces::{
    Distillation, FeatureGradients, OutputGradients, OutputLayer, OutputLoss, PieceBatch, PieceOutputs,
};

/// What the losses must know of a student.
#[derive(Clone, Copy, Debug)]
pub struct StudentShape {
    /// I.
    pub items: usize,
    /// L.
    pub length: usize,
    /// Hidden layers that learn: cells, or blocks.
    pub layers: usize,
    /// C.
    pub width: usize,
    pub projected: Projected,
}

/// When features of a student are projected to the teacher's width (code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projected {
    /// AdaRec's students.
    Always,
    /// Students that are networks of a teacher's kind.
    UnlessAsWide,
}

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
        student: &StudentShape,
        stream: impl Fn(&str) -> Stream,
    ) -> Result<Self> {
        let (width, layers) = (answers.encoder().width(), [student.layers, answers.encoder().layers()]);
        let project = |name: &str| match student.projected {
            Projected::UnlessAsWide if student.width == width => Ok(Projection::identity(width)),
            _ => Projection::new(name, student.width, width, &stream),
        };
        Ok(Self {
            embedding: EmbeddingLoss::new(project("project-embedding")?),
            hidden: HiddenLoss::new(hyper.hidden, layers, project("project-hidden")?)?,
            hyper,
            answers,
        })
    }

    /// What is learnt from a trained network over pieces, whose answers to the training part are made if they fit.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if it reads another number of positions, was trained on other items, is narrower than the student, or
    /// a fixed map of layers does not fit.
    pub fn of_teacher(
        cx: &mut Context<'_>,
        hyper: &DistillationHyper,
        teacher: &Teacher,
        student: &StudentShape,
    ) -> Result<Self> {
        let kind = piece_kind(&teacher.kind)
            .ok_or_else(|| Error::new(Kind::Internal, format!("a `{}` is no network over pieces", teacher.kind)))?;
        let encoder = (kind.encoder)(&teacher.weights)?;
        let refuse = |what: &str, expected: usize, got: usize| {
            Err(Error::new(Kind::Input, format!("teacher `{}` and its student {what}", teacher.trial))
                .expected(format!("{expected}, as the student"))
                .got(format!("{got}")))
        };
        if encoder.asks_by_mask() {
            return Err(Error::new(
                Kind::Input,
                format!("teacher `{}` answers only where a mask asks it", teacher.trial),
            )
            .expected("a network that was trained on next items")
            .got("one that was trained on masked items")
            .hint("name the trial that inherits its weights and goes on with `task = \"next-items\"`"));
        }
        if encoder.length() != student.length {
            return refuse("read different numbers of positions", student.length, encoder.length());
        }
        if encoder.output_layer().classes() != student.items + 1 {
            return refuse("know different numbers of items", student.items, encoder.output_layer().classes() - 1);
        }
        let train = &cx.split().train;
        let answers = cx.meter.time(Phase::Prepare, || TeacherAnswers::new(encoder, train))?;
        Self::new(*hyper, answers, student, |purpose| cx.stream(purpose, 0))
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
        self.embedding.projection_mut().dense_mut().iter_mut().chain(self.hidden.projection_mut().dense_mut())
    }

    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        [self.embedding.projection().tensors(), self.hidden.projection().tensors()].concat()
    }

    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let Self { embedding, hidden, .. } = self;
        embedding.projection_mut().tensors_mut().into_iter().chain(hidden.projection_mut().tensors_mut()).collect()
    }
}

/// Computes a student's losses and their gradients.
#[derive(Default)]
pub struct StudentLosses {
    output: OutputLoss,
    last: Vec<f32>,
    embedding: Vec<f32>,
    hidden: Vec<Vec<f32>>,
}

impl StudentLosses {
    /// The losses of a batch, which is of these pieces, and their gradients: of the features of the student's pass over it, and, in
    /// their places, of weight and bias of its output layer and of the distiller's projections.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if a distance of layers is not finite.
    pub fn step(
        &mut self,
        (features, [weights, bias]): (&PieceOutputs, [&mut DenseParameter; 2]),
        (pieces, batch): (&[u32], &PieceBatch),
        distiller: Option<&mut Distiller>,
    ) -> Result<(SearchLoss, FeatureGradients<'_>)> {
        let Self { output, last, embedding, hidden } = self;
        last.resize(features.last.len(), 0.0);
        let mut losses = SearchLoss::default();
        let width = features.last.len() / batch.inputs().len();
        let layer = OutputLayer { weights: &weights.weights, bias: &bias.weights, width };
        let onto = OutputGradients { x: last, weights: &mut weights.gradient, bias: &mut bias.gradient };
        let (x, labels) = (&features.last, batch.labels());
        let Some(distiller) = distiller else {
            losses.cross_entropy = output.loss(layer, x, labels, 1.0, None, onto).cross_entropy;
            return Ok((losses, FeatureGradients { last, hidden: None, embedding: None }));
        };
        let gamma = distiller.gamma();
        let Distiller { hyper, answers, embedding: of_embedding, hidden: of_hidden } = distiller;
        let BatchAnswers { embedding: theirs, hidden: layers, last: representations, layer: teacher } =
            answers.of(pieces, batch);
        let divisor = hyper.output.mean.divisor(batch.pieces(), batch.length());
        let distillation = Distillation {
            representations,
            layer: teacher,
            direction: hyper.output.direction,
            weight: gamma / divisor,
        };
        let of_output = output.loss(layer, x, labels, 1.0 - gamma, Some(&distillation), onto);
        losses.cross_entropy = of_output.cross_entropy;
        losses.output = of_output.divergence / divisor;
        embedding.resize(features.embedding.len(), 0.0);
        losses.embedding = of_embedding.step(&features.embedding, theirs, gamma, embedding);
        hidden.resize_with(features.hidden.len(), Vec::new);
        let ours: Vec<&[f32]> = features.hidden.iter().map(Vec::as_slice).collect();
        losses.hidden = of_hidden.step(&ours, &layers, batch.pieces(), gamma, hidden)?.loss;
        Ok((losses, FeatureGradients { last, hidden: Some(hidden), embedding: Some(embedding) }))
    }

    /// The cross entropy of each position of the last batch, `[T]`; 0 where it has no label.
    pub fn cross_entropies(&self) -> &[f32] {
        self.output.cross_entropies()
    }
}
