//! L_hid: the student's cells (or layers), projected to the teacher's width, against the teacher's hidden layers (code).
//!
//! ```text
//! p_i = softmax over channels of (cell i)·W + b    one projection for all cells
//! q_j = softmax over channels of hidden layer j
//! D_ij = KL(p_i ‖ q_j) = Σ p_i (log p_i − log q_j) / B over all positions, those of padding included, and channels
//! L_hid = Σ f_ij D_ij                              the flow f of D, held constant
//! ∂L/∂(logits of cell i) = p∘(u − Σ p·u)/B  with  u = Σ_j f_ij (log p − log q_j)
//! ```
//!
//! The code gives the student as the reference of the divergence, and divides by the pieces B alone, not by their positions;
//! the other direction and the mean over positions are named options.

mod kernels;

use harness::error::{Error, Kind, Result};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use self::kernels::{Divergences, ExpOf, GradientRows, LogSoftmax};
use super::layer_flow::{LayerFlow, LayerMap, TeacherUpdate};
use super::projection::{PackedProjection, Projection, ProjectionGradients, ROWS};
use crate::models::pieces::{KlDirection, KlMean};
use harness::nn::padded;
use harness::simd;

/// The options of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HiddenOptions {
    /// How layers are paired.
    pub map: LayerMap,
    /// Which distances adapt the weights of the teacher's layers.
    pub teacher_update: TeacherUpdate,
    pub direction: KlDirection,
    pub mean: KlMean,
}

/// A step's loss, unweighted, and how it came about; matrices are `[student layers, teacher layers]`.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenStep {
    pub loss: f64,
    /// D.
    pub distances: Vec<f64>,
    /// D′, with the other distribution as the reference.
    pub opposite: Vec<f64>,
    pub flow: Vec<f64>,
}

/// The loss between hidden layers, its projection, and the weights of the layers.
pub struct HiddenLoss {
    options: HiddenOptions,
    /// Layers of student and teacher.
    layers: [usize; 2],
    projection: Projection,
    flow: LayerFlow,
    blocks: Vec<HiddenBlock>,
}

/// Some rows of all layers, and buffers of the task that works on them.
#[derive(Default)]
struct HiddenBlock {
    /// log p of the student's layers, `[rows, C_t]` each.
    log_student: Vec<Vec<f32>>,
    /// Sums over the rows of p (log p − log q) and of q (log q − log p), by pair of layers.
    sums: Vec<[f64; 2]>,
    gained: ProjectionGradients,
    x_gradients: Vec<Vec<f32>>,
    out: Vec<f32>,
    student: Vec<f32>,
    teacher: Vec<f32>,
    slopes: Vec<f32>,
    room: Vec<f32>,
}

/// `out` = the log-softmax of each row of `x: [rows, width]`, on all threads: the form in which [`HiddenLoss::step`] takes the
/// teacher's layers, and in which they may be cached.
///
/// # Panics
/// If sizes do not fit.
pub fn log_softmax(x: &[f32], width: usize, out: &mut [f32]) {
    assert!(width > 0 && x.len().is_multiple_of(width) && out.len() == x.len(), "rows of {width}");
    let rows = x.par_chunks(ROWS * width).zip(out.par_chunks_mut(ROWS * width));
    rows.for_each(|(x, log)| simd::dispatch(LogSoftmax { x, stride: width, width, log }));
}

impl HiddenLoss {
    /// With this projection, and uniform weights of the layers.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if a side has no layer, or a fixed map does not fit.
    pub fn new(options: HiddenOptions, [student, teacher]: [usize; 2], projection: Projection) -> Result<Self> {
        Ok(Self {
            options,
            layers: [student, teacher],
            projection,
            flow: LayerFlow::new(options.map, options.teacher_update, student, teacher)?,
            blocks: Vec::new(),
        })
    }

    /// The projection.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The projection, with its gradients.
    pub fn projection_mut(&mut self) -> &mut Projection {
        &mut self.projection
    }

    /// The weights of the layers.
    pub fn layer_flow(&self) -> &LayerFlow {
        &self.flow
    }

    /// The weights of the layers, to be restored.
    pub fn layer_flow_mut(&mut self) -> &mut LayerFlow {
        &mut self.flow
    }

    /// The loss of a training step, after which the weights of the layers are adapted. `cells` are the outputs of the
    /// student's cells, or layers, `[T, C]` each; `teacher` the [log-softmaxes](log_softmax) of the teacher's layers, `[T, C_t]` each; T is
    /// all positions of `pieces` pieces. Gradients are of `weight` times the loss; those of the cells overwrite `gradients`,
    /// `[T, C]` each.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if a distance is not finite; [`Internal`](Kind::Internal) if sizes do not fit.
    pub fn step(
        &mut self,
        cells: &[&[f32]],
        teacher: &[&[f32]],
        pieces: usize,
        weight: f64,
        gradients: &mut [Vec<f32>],
    ) -> Result<HiddenStep> {
        let (channels, width) = (self.projection.channels(), self.projection.width());
        let rows = cells.first().map_or(0, |cell| cell.len() / channels);
        let fits = [cells.len(), teacher.len()] == self.layers
            && gradients.len() == cells.len()
            && cells.iter().all(|cell| cell.len() == rows * channels)
            && teacher.iter().all(|layer| layer.len() == rows * width)
            && pieces > 0
            && rows > 0;
        if !fits {
            return Err(Error::new(Kind::Internal, "hidden layers of other sizes than the loss was made for"));
        }
        let divisor = self.options.mean.divisor(pieces, rows / pieces);
        let packed = self.projection.packed();
        self.blocks.resize_with(rows.div_ceil(ROWS), HiddenBlock::default);
        let of_block = |number: usize, width: usize| number * ROWS * width..((number + 1) * ROWS).min(rows) * width;
        self.blocks.par_iter_mut().enumerate().for_each(|(number, block)| {
            let cells = cells.iter().map(|cell| &cell[of_block(number, channels)]);
            let teacher = teacher.iter().map(|layer| &layer[of_block(number, width)]);
            block.distances(&packed, width, cells, teacher);
        });
        let pairs = cells.len() * teacher.len();
        let total = |side: usize| -> Vec<f64> {
            (0..pairs).map(|k| self.blocks.iter().map(|block| block.sums[k][side]).sum::<f64>() / divisor).collect()
        };
        let [of_student, of_teacher] = [total(0), total(1)];
        let (distances, opposite) = match self.options.direction {
            KlDirection::StudentTeacher => (of_student, of_teacher),
            KlDirection::TeacherStudent => (of_teacher, of_student),
        };
        let flow = self.flow.flow(&distances)?;
        let loss = flow.iter().zip(&distances).map(|(f, d)| f * d).sum();
        let (scale, direction) = ((weight / divisor) as f32, self.options.direction);
        self.blocks.par_iter_mut().enumerate().for_each(|(number, block)| {
            let cells = cells.iter().map(|cell| &cell[of_block(number, channels)]);
            let teacher: Vec<&[f32]> = teacher.iter().map(|layer| &layer[of_block(number, width)]).collect();
            block.gradients(&packed, width, cells, &teacher, &flow, (direction, scale));
        });
        self.projection.gather(self.blocks.iter().map(|block| &block.gained));
        for (layer, gradient) in gradients.iter_mut().enumerate() {
            gradient.clear();
            self.blocks.iter().for_each(|block| gradient.extend_from_slice(&block.x_gradients[layer]));
        }
        self.flow.update(&flow, &distances, &opposite);
        Ok(HiddenStep { loss, distances, opposite, flow })
    }
}

impl HiddenBlock {
    fn distances<'a>(
        &mut self,
        projection: &PackedProjection,
        width: usize,
        cells: impl Iterator<Item = &'a [f32]>,
        teacher: impl Iterator<Item = &'a [f32]>,
    ) {
        let Self { log_student, sums, out, student, teacher: q, .. } = self;
        let mut layers = 0;
        for cell in cells {
            projection.forward(cell, out);
            if log_student.len() == layers {
                log_student.push(Vec::new());
            }
            let log = &mut log_student[layers];
            log.resize(out.len() / projection.stride() * width, 0.0);
            simd::dispatch(LogSoftmax { x: out, stride: projection.stride(), width, log });
            layers += 1;
        }
        // All p and one q, each made once.
        let n = log_student[0].len();
        student.resize(layers * n, 0.0);
        for (p, log) in student.chunks_exact_mut(n).zip(&*log_student) {
            simd::dispatch(ExpOf { x: log, out: p });
        }
        let teacher: Vec<&[f32]> = teacher.collect();
        sums.clear();
        sums.resize(layers * teacher.len(), [0.0; 2]);
        q.resize(n, 0.0);
        for (j, log_q) in teacher.iter().enumerate() {
            simd::dispatch(ExpOf { x: log_q, out: q });
            for (i, (p, log_p)) in student.chunks_exact(n).zip(&*log_student).enumerate() {
                sums[i * teacher.len() + j] = simd::dispatch(Divergences { p, log_p, q, log_q });
            }
        }
    }

    fn gradients<'a>(
        &mut self,
        projection: &PackedProjection,
        width: usize,
        cells: impl Iterator<Item = &'a [f32]>,
        teacher: &[&[f32]],
        flow: &[f64],
        (direction, scale): (KlDirection, f32),
    ) {
        let Self { log_student, gained, x_gradients, out, student, teacher: q, slopes, room, .. } = self;
        gained.clear(projection);
        let n = log_student[0].len();
        x_gradients.resize_with(log_student.len(), Vec::new);
        for (i, (cell, x_gradient)) in cells.zip(x_gradients).enumerate() {
            let (p, log_p) = (&student[i * n..(i + 1) * n], &log_student[i]);
            // u, or with the teacher as the reference Σ_j f_ij (p − q_j).
            slopes.clear();
            slopes.resize(n, 0.0);
            for (&f, log_q) in flow[i * teacher.len()..(i + 1) * teacher.len()].iter().zip(teacher) {
                if f == 0.0 {
                    continue;
                }
                let f = f as f32;
                match direction {
                    KlDirection::StudentTeacher => {
                        simd::dispatch(kernels::AddDifference { sum: slopes, f, a: log_p, b: log_q })
                    }
                    KlDirection::TeacherStudent => {
                        simd::dispatch(ExpOf { x: log_q, out: q });
                        simd::dispatch(kernels::AddDifference { sum: slopes, f, a: p, b: q });
                    }
                }
            }
            // What pads the rows is zeros.
            out.clear();
            out.resize(n / width * padded(width), 0.0);
            let of_softmax = direction == KlDirection::StudentTeacher;
            simd::dispatch(GradientRows { p, slopes, width, scale, of_softmax, stride: padded(width), out });
            x_gradient.resize(cell.len(), 0.0);
            projection.backward(cell, out, gained, room, x_gradient);
        }
    }
}

#[cfg(test)]
mod tests;
