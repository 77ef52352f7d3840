//! Sizes of the modules of a side, and where their weights stand.
//!
//! A layer is one matrix `[inputs + 1, padded outputs]`: weights input by input, and the biases as the
//! weights of a last input that is always 1. So a layer is one product, and its gradient is one, too.
//! The padding of a row is 0 and stays 0: its gradient is 0, and so is its decay.

use harness::nn::padded;
use harness::rng::Stream;

/// Sizes of the modules of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpertLayout {
    /// d: numbers that represent an entity in the student.
    pub student: usize,
    /// D: the same in the teacher.
    pub teacher: usize,
    /// h: hidden units of an expert.
    pub hidden: usize,
    /// M
    pub experts: usize,
}

impl ExpertLayout {
    /// Hidden layers of ⌊(d + D)/2⌋ units, or ⌊d/2⌋ if d = D (the authors' code); at least 1.
    pub fn new(student: usize, teacher: usize, experts: usize) -> Self {
        let hidden = if student == teacher { student / 2 } else { (student + teacher) / 2 };
        Self { student, teacher, hidden: hidden.max(1), experts }
    }

    /// Columns of a student's rows: the last is 1.
    pub fn student_columns(&self) -> usize {
        self.student + 1
    }

    /// Columns of a row of hidden units: those, a 1, padding.
    pub fn hidden_columns(&self) -> usize {
        padded(self.hidden + 1)
    }

    /// Columns of a teacher's rows: those, a 1, padding.
    pub fn teacher_columns(&self) -> usize {
        padded(self.teacher + 1)
    }

    /// Columns of a row of gate logits.
    pub fn gate_columns(&self) -> usize {
        padded(self.experts)
    }

    /// Columns of a gradient with respect to a student's representation.
    pub fn gradient_columns(&self) -> usize {
        padded(self.student)
    }

    /// Weights of an expert's first layer, `[d + 1, hidden_columns]`; then come its second's.
    pub fn first(&self) -> usize {
        self.student_columns() * self.hidden_columns()
    }

    /// Weights of both layers of an expert; the second is `[h + 1, teacher_columns]`.
    pub fn expert(&self) -> usize {
        self.first() + (self.hidden + 1) * self.teacher_columns()
    }

    /// Weights of the gate, `[D + 1, gate_columns]`; none where there is nothing to select.
    pub fn gate(&self) -> usize {
        if self.experts == 1 { 0 } else { (self.teacher + 1) * self.gate_columns() }
    }

    /// Weights of an expert, without biases and padding.
    pub fn weights_of_expert(&self) -> usize {
        (self.student + self.teacher) * self.hidden
    }

    /// Fresh experts, one after the other.
    pub fn draw_experts(&self, stream: &mut Stream) -> Vec<f32> {
        let mut weights = Vec::with_capacity(self.experts * self.expert());
        for _ in 0..self.experts {
            draw(&mut weights, stream, [self.student, self.hidden], self.hidden_columns());
            draw(&mut weights, stream, [self.hidden, self.teacher], self.teacher_columns());
        }
        weights
    }

    /// A fresh gate.
    pub fn draw_gate(&self, stream: &mut Stream) -> Vec<f32> {
        let mut weights = Vec::new();
        if self.experts > 1 {
            draw(&mut weights, stream, [self.teacher, self.experts], self.gate_columns());
        }
        weights
    }
}

/// A layer: weights and biases uniform within ±1/√inputs (torch's default, which the authors use).
fn draw(weights: &mut Vec<f32>, stream: &mut Stream, [inputs, outputs]: [usize; 2], columns: usize) {
    let bound = 1.0 / (inputs as f64).sqrt();
    for _ in 0..=inputs {
        weights.extend((0..outputs).map(|_| ((2.0 * stream.unit() - 1.0) * bound) as f32));
        weights.extend(std::iter::repeat_n(0.0, columns - outputs));
    }
}
