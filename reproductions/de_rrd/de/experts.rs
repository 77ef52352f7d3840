//! The experts of a side: Eₘ(s) = A2ₘ relu(A1ₘ s + c1ₘ) + c2ₘ for the entities that expert m serves.
//!
//! Per expert, entities are gathered, and all that follows is products of small matrices that stay in
//! the cache; nothing of the size entities × D × M ever exists. With v a column of weights and
//! H = relu(S A1ᵀ), biases being weights of an input that is 1:
//!
//! ```text
//! forward   T̂ += (v ⊙ H) A2ᵀ
//! backward  dH = G A2;  v·∂L/∂v = rows of ⟨dH, v ⊙ H⟩;  dZ = v ⊙ dH ⊙ [H > 0]
//!           dA2ᵀ = (v ⊙ H)ᵀ G;  dA1ᵀ = Sᵀ dZ;  dS = dZ A1        with G = ∂L/∂T̂
//! ```
//!
//! The backward pass computes H anew: a tenth of its work, and less than writing and reading H would cost.

use harness::nn::{PAD, add_product, add_transposed_product, transpose};
use harness::simd;
use pulp::NullaryFnOnce;

use super::layout::ExpertLayout;

/// Entities that one pass of the backward computation takes: their rows stay in the L2 cache beside an
/// expert and its gradient.
const CHUNK: usize = 64;

/// An expert's weights.
#[derive(Clone, Copy)]
pub struct Expert<'a> {
    layout: ExpertLayout,
    /// A1ᵀ and c1, `[d + 1, hidden_columns]`
    first: &'a [f32],
    /// A2ᵀ and c2, `[h + 1, teacher_columns]`
    second: &'a [f32],
}

/// Results of an expert's backward pass besides its own gradient.
pub struct ExpertBackward {
    /// The entities that it serves, ascending.
    pub rows: Vec<u32>,
    /// v ∂L/∂v of each.
    pub shares: Vec<f32>,
    /// ∂L/∂s of each, `[rows, gradient_columns]`.
    pub students: Vec<f32>,
}

/// Room for the rows of a pass. Whatever is in it is overwritten.
#[derive(Default)]
pub struct ExpertBuffers {
    students: Vec<f32>,
    hidden: Vec<f32>,
    back: Vec<f32>,
    outputs: Vec<f32>,
    /// A1 and A2, the other way round than an expert keeps them.
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Entities with the weights that an expert has for them.
pub struct Served<'a> {
    pub rows: &'a [u32],
    pub weights: &'a [f32],
}

impl<'a> Expert<'a> {
    /// Expert `m` among the weights of all.
    pub fn of(layout: ExpertLayout, all: &'a [f32], m: usize) -> Self {
        let (first, second) = all[m * layout.expert()..][..layout.expert()].split_at(layout.first());
        Self { layout, first, second }
    }

    /// `hidden` ← v ⊙ relu(S A1ᵀ) with v as the last unit, for the gathered students.
    fn hidden(&self, weights: &[f32], students: &[f32], hidden: &mut Vec<f32>) {
        let ExpertLayout { hidden: units, .. } = self.layout;
        let columns = self.layout.hidden_columns();
        zeros(hidden, weights.len() * columns);
        add_product(hidden, columns, students, self.layout.student_columns(), self.first);
        simd::dispatch(Activate { hidden, columns, weights });
        for (row, &v) in hidden.chunks_exact_mut(columns).zip(weights) {
            row[units] = v;
        }
    }

    /// Adds the weighted outputs to the rows of `outputs: [entities, teacher_columns]`.
    /// `students`: `[entities, student_columns]`.
    pub fn forward(&self, served: &Served<'_>, students: &[f32], outputs: &mut [f32], scratch: &mut ExpertBuffers) {
        let columns = self.layout.teacher_columns();
        gather(&mut scratch.students, students, served.rows, self.layout.student_columns());
        self.hidden(served.weights, &scratch.students, &mut scratch.hidden);
        if served.rows.len() * columns == outputs.len() {
            return add_product(outputs, columns, &scratch.hidden, self.layout.hidden_columns(), self.second);
        }
        gather(&mut scratch.outputs, outputs, served.rows, columns);
        add_product(&mut scratch.outputs, columns, &scratch.hidden, self.layout.hidden_columns(), self.second);
        for (&row, sum) in served.rows.iter().zip(scratch.outputs.chunks_exact(columns)) {
            outputs[row as usize * columns..][..columns].copy_from_slice(sum);
        }
    }

    /// `gradient` becomes the expert's gradient, given that of the outputs of entity `row`,
    /// `[teacher_columns]`.
    pub fn backward<'g>(
        &self,
        rows: Vec<u32>,
        weights: &[f32],
        students: &[f32],
        outputs: impl Fn(u32) -> &'g [f32],
        gradient: &mut [f32],
        scratch: &mut ExpertBuffers,
    ) -> ExpertBackward {
        let ExpertLayout { student, teacher, hidden: units, .. } = self.layout;
        let [of_student, of_hidden, of_teacher, of_gradient] = [
            self.layout.student_columns(),
            self.layout.hidden_columns(),
            self.layout.teacher_columns(),
            self.layout.gradient_columns(),
        ];
        gradient.fill(0.0);
        let mut result =
            ExpertBackward { shares: vec![0.0; rows.len()], students: vec![0.0; rows.len() * of_gradient], rows };
        if result.rows.is_empty() {
            return result;
        }
        let (to_first, to_second) = gradient.split_at_mut(self.layout.first());
        let ExpertBuffers { students: own, hidden, back, outputs: of_outputs, first, second } = scratch;
        zeros(first, units * of_gradient);
        transpose(first, of_gradient, &self.first[..student * of_hidden], of_hidden, units);
        zeros(second, teacher * of_hidden);
        transpose(second, of_hidden, self.second, of_teacher, teacher);
        let chunks = result.rows.chunks(CHUNK).zip(weights.chunks(CHUNK)).zip(result.shares.chunks_mut(CHUNK));
        for (((rows, weights), shares), to_students) in chunks.zip(result.students.chunks_mut(CHUNK * of_gradient)) {
            gather(own, students, rows, of_student);
            of_outputs.clear();
            rows.iter().for_each(|&row| of_outputs.extend_from_slice(outputs(row)));
            self.hidden(weights, own, hidden);
            zeros(back, rows.len() * of_hidden);
            add_product(back, of_hidden, of_outputs, of_teacher, second);
            simd::dispatch(Deactivate { back, hidden, columns: of_hidden, weights, shares });
            back.chunks_exact_mut(of_hidden).for_each(|row| row[units] = 0.0);
            add_transposed_product(to_second, of_teacher, hidden, of_hidden, of_outputs);
            add_transposed_product(to_first, of_hidden, own, of_student, back);
            add_product(to_students, of_gradient, back, of_hidden, first);
        }
        result
    }
}

fn zeros(values: &mut Vec<f32>, n: usize) {
    values.clear();
    values.resize(n, 0.0);
}

fn gather(out: &mut Vec<f32>, table: &[f32], rows: &[u32], columns: usize) {
    out.clear();
    rows.iter().for_each(|&row| out.extend_from_slice(&table[row as usize * columns..][..columns]));
}

/// h ← v · relu(h), row by row.
struct Activate<'a> {
    hidden: &'a mut [f32],
    columns: usize,
    weights: &'a [f32],
}

impl NullaryFnOnce for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, &v) in self.hidden.chunks_exact_mut(self.columns).zip(self.weights) {
            for h in row {
                // What is not a number stays so, and shows in the loss.
                *h = if *h <= 0.0 { 0.0 } else { v * *h };
            }
        }
    }
}

/// From dH in `back` to dZ, and the shares ⟨dH, v ⊙ H⟩ on the way.
struct Deactivate<'a> {
    back: &'a mut [f32],
    hidden: &'a [f32],
    columns: usize,
    weights: &'a [f32],
    shares: &'a mut [f32],
}

impl NullaryFnOnce for Deactivate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.back.chunks_exact_mut(self.columns).zip(self.hidden.chunks_exact(self.columns));
        for (((back, hidden), &v), share) in rows.zip(self.weights).zip(self.shares) {
            // Lanes of their own, as many on every machine: the compiler may not reorder a sum.
            let mut lanes = [0.0f32; PAD];
            for (back, hidden) in back.as_chunks_mut::<PAD>().0.iter_mut().zip(hidden.as_chunks::<PAD>().0) {
                for lane in 0..PAD {
                    lanes[lane] = back[lane].mul_add(hidden[lane], lanes[lane]);
                    back[lane] = if hidden[lane] > 0.0 { v * back[lane] } else { 0.0 };
                }
            }
            *share = lanes.iter().sum();
        }
    }
}
