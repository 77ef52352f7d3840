//! Logits, losses and gradients of up to 64 rows over all classes, on one thread.

use harness::nn::{add_product, add_transposed_product, padded, transpose};

use super::super::{OutputLayer, PADDING};
use super::kernels::{self, STATES, STRIP, TILE, TileState};
use super::parts::{Distillation, KlDirection, OutputTask};

/// The losses of a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    pub cross_entropy: f64,
    pub divergence: f64,
}

/// The buffers of a strip.
#[derive(Default)]
pub struct Strip {
    /// The rows, `[64, padded width]`; zeros beyond the last.
    pub x: Vec<f32>,
    /// ∂L/∂x, as `x`.
    pub x_gradient: Vec<f32>,
    /// Of each row.
    pub ends: Vec<Ends>,
    /// The rows transposed, `[width, 64]`; then the gradient.
    columns: Vec<f32>,
    /// The teacher's rows, transposed.
    teacher_columns: Vec<f32>,
    teacher_x: Vec<f32>,
    /// By tile.
    states: Vec<TileState>,
}

/// Gathers rows `[rows, width]` of `from` and pads them: to rows `[64, padded width]` and their transpose `[width, 64]`.
fn gather(from: &[f32], width: usize, rows: &[u32], x: &mut Vec<f32>, columns: &mut Vec<f32>) {
    let stride = padded(width);
    x.clear();
    x.resize(STRIP * stride, 0.0);
    columns.resize(width * STRIP, 0.0);
    for (out, &row) in x.chunks_exact_mut(stride).zip(rows) {
        out[..width].copy_from_slice(&from[row as usize * width..][..width]);
    }
    transpose(columns, STRIP, x, stride, width);
}

/// `tile` = the logits of the classes from `first` on.
fn logits(tile: &mut [f32], layer: OutputLayer<'_>, first: usize, columns: &[f32]) {
    let count = tile.len() / STRIP;
    kernels::fill(tile, &layer.bias[first..first + count]);
    let weights = &layer.weights[first * layer.width..(first + count) * layer.width];
    add_product(tile, STRIP, weights, layer.width, columns);
}

impl Strip {
    /// Takes `rows` of the batch through the layer: their losses to `ends`, ∂L/∂x to `x_gradient`, and the gradients of
    /// their logits to `gradients: [classes, 64]`. `teacher`: a buffer.
    pub fn run(&mut self, task: &OutputTask<'_>, rows: &[u32], gradients: &mut [f32], teacher: &mut Vec<f32>) {
        let OutputTask { layer, x, labels, .. } = *task;
        gather(x, layer.width, rows, &mut self.x, &mut self.columns);
        if let Some(Distillation { representations, layer, .. }) = task.distillation {
            gather(representations, layer.width, rows, &mut self.teacher_x, &mut self.teacher_columns);
            teacher.resize(gradients.len(), 0.0);
        }
        let label = |column: usize| rows.get(column).map_or(PADDING, |&row| labels[row as usize]);
        let mut label_logits = [0.0f32; STRIP];
        self.states.clear();
        self.states.resize(layer.classes().div_ceil(TILE), TileState::default());
        for (number, (tile, state)) in gradients.chunks_mut(TILE * STRIP).zip(&mut self.states).enumerate() {
            let first = number * TILE;
            logits(tile, layer, first, &self.columns);
            for (column, logit) in label_logits.iter_mut().enumerate() {
                let class = label(column) as usize;
                if (first..first + tile.len() / STRIP).contains(&class) {
                    *logit = tile[(class - first) * STRIP + column];
                }
            }
            match task.distillation {
                None => kernels::exponentials(tile, state),
                Some(distillation) => {
                    let teacher = &mut teacher[first * STRIP..][..tile.len()];
                    logits(teacher, distillation.layer, first, &self.teacher_columns);
                    kernels::exponentials_of_both(tile, teacher, state, distillation.direction);
                }
            }
        }
        let of_student = task.distillation.is_none_or(|teacher| teacher.direction == KlDirection::StudentTeacher);
        let total = kernels::combine(&mut self.states, of_student);
        let mut slopes = [[0.0f32; STRIP]; STATES];
        self.ends.clear();
        for column in 0..rows.len() {
            let [student, of_teacher] =
                [0, 1].map(|of| f64::from(total.largest[of][column]) + libm::log(f64::from(total.sum[of][column])));
            let labelled = label(column) != PADDING;
            let mut ends = Ends::default();
            if labelled {
                ends.cross_entropy = student - f64::from(label_logits[column]);
            }
            let scale = if labelled { task.scale } else { 0.0 };
            // The gradient of a logit is e·(slope 0 + slope 1 · what the teacher's buffer holds), or one times the other.
            slopes[0][column] = scale;
            if let Some(Distillation { direction, weight, .. }) = task.distillation {
                let weight = *weight as f32;
                match direction {
                    KlDirection::StudentTeacher => {
                        let mean = f64::from(total.along[column]) / f64::from(total.sum[0][column]);
                        ends.divergence = mean - student + of_teacher;
                        slopes[0][column] = (-weight).mul_add(mean as f32, scale);
                        slopes[1][column] = weight;
                    }
                    KlDirection::TeacherStudent => {
                        let mean = f64::from(total.along[column]) / f64::from(total.sum[1][column]);
                        ends.divergence = mean - of_teacher + student;
                        slopes[0][column] = scale + weight;
                        slopes[1][column] = -weight;
                    }
                }
            }
            self.ends.push(ends);
        }
        self.columns.fill(0.0);
        for (number, (tile, state)) in gradients.chunks_mut(TILE * STRIP).zip(&self.states).enumerate() {
            let first = number * TILE;
            let count = tile.len() / STRIP;
            match task.distillation {
                None => kernels::gradients(tile, state, &total, &slopes),
                Some(distillation) => {
                    let teacher = &teacher[first * STRIP..][..tile.len()];
                    kernels::gradients_of_both(tile, teacher, state, &total, &slopes, distillation.direction);
                }
            }
            for column in 0..rows.len() {
                let class = label(column) as usize;
                if class != PADDING as usize && (first..first + count).contains(&class) {
                    tile[(class - first) * STRIP + column] -= task.scale;
                }
            }
            let weights = &layer.weights[first * layer.width..(first + count) * layer.width];
            add_transposed_product(&mut self.columns, STRIP, weights, layer.width, tile);
        }
        let stride = padded(layer.width);
        self.x_gradient.resize(STRIP * stride, 0.0);
        transpose(&mut self.x_gradient, stride, &self.columns, STRIP, STRIP);
    }
}
