//! One side's entities in a step: what its pairs read of them, and the gradients that come back.
//!
//! Each entity that a step names gets a *slot*, once, in the order of appearance; what costs O(d²) is
//! done per slot, whatever the number of its pairs.

use harness::nn::{EmbeddingTable, Matrix, Occurrences, multiply};
use harness::optim::Adam;
use rayon::prelude::*;

use super::kernel::{add_pairs, finish};
use super::scorer::{half, write_halves};
use crate::models::Side;

/// Slots per task; fixed, so that sums over them do not depend on threads.
const BLOCK: usize = 32;
/// The slot of what has none.
const NONE: u32 = u32::MAX;

/// The tables of one side of a NeuMF in training: users or items.
pub struct SideTables {
    side: Side,
    pub product: EmbeddingTable,
    pub mlp: EmbeddingTable,
    /// Positions of a list of ids by the row that they name.
    named: Occurrences,
    slot_of: Vec<u32>,
    /// The entity of each slot.
    ids: Vec<u32>,
    /// `[slots, 2d]`, as they were before the step. Buffers keep their size from step to step.
    faces: Vec<f32>,
    /// Rows of the perceptron's table, `[slots, d]`, likewise.
    mlp_rows: Vec<f32>,
    /// Pairs by the slot that they name.
    pairs: Occurrences,
    /// `[slots, 2d]`: ∂loss/∂face.
    gradients: Vec<f32>,
    /// `[slots, d]`: ∂loss/∂row of the perceptron's table.
    mlp_gradients: Vec<f32>,
    /// Gradients of representations, `[added_ids, 2d]`.
    added_ids: Vec<u32>,
    added: Vec<f32>,
}

/// Gradient of the layers from the pairs of a step, of one side.
#[derive(Clone)]
pub struct OfLayers {
    /// `[2d]`: Σ face ⊙ sums: of the output weights, the product part whole and the hidden part's share.
    pub output: Vec<f32>,
    /// `[d]`: Σ ∂loss/∂logit where the hidden unit is open.
    pub open: Vec<f32>,
}

impl OfLayers {
    fn new(dim: usize) -> Self {
        Self { output: vec![0.0; 2 * dim], open: vec![0.0; dim] }
    }

    fn add(&mut self, other: &Self) {
        let (output, open) = (self.output.iter_mut().zip(&other.output), self.open.iter_mut().zip(&other.open));
        output.chain(open).for_each(|(sum, value)| *sum += value);
    }
}

fn grow(buffer: &mut Vec<f32>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
}

impl SideTables {
    pub fn new(side: Side, product: EmbeddingTable, mlp: EmbeddingTable) -> Self {
        let n = product.rows();
        Self {
            side,
            product,
            mlp,
            named: Occurrences::new(n),
            slot_of: vec![NONE; n],
            ids: Vec::new(),
            faces: Vec::new(),
            mlp_rows: Vec::new(),
            pairs: Occurrences::new(n),
            gradients: Vec::new(),
            mlp_gradients: Vec::new(),
            added_ids: Vec::new(),
            added: Vec::new(),
        }
    }

    fn dim(&self) -> usize {
        self.product.dim()
    }

    /// Forgets the step.
    pub fn clear(&mut self) {
        for id in self.ids.drain(..) {
            self.slot_of[id as usize] = NONE;
        }
        self.added_ids.clear();
        self.added.clear();
    }

    /// Brings rows up to date, where rows fall behind at all.
    fn catch_up(&mut self, ids: &[u32]) {
        if self.product.is_behind() || self.mlp.is_behind() {
            self.named.set(ids.iter().copied());
            self.product.catch_up(&self.named);
            self.mlp.catch_up(&self.named);
        }
    }

    /// Gives slots to those of `ids` that have none yet. `hidden`: the layer's weight and bias.
    pub fn name(&mut self, ids: &[u32], hidden: [&[f32]; 2]) {
        let known = self.ids.len();
        for &id in ids {
            if self.slot_of[id as usize] == NONE {
                self.slot_of[id as usize] = self.ids.len() as u32;
                self.ids.push(id);
            }
        }
        let new = self.ids[known..].to_vec();
        self.catch_up(&new);
        let (n, dim) = (self.ids.len(), self.dim());
        grow(&mut self.faces, n * 2 * dim);
        grow(&mut self.mlp_rows, n * dim);
        let faces = &mut self.faces[known * 2 * dim..n * 2 * dim];
        let mlp_rows = &mut self.mlp_rows[known * dim..n * dim];
        let (product, mlp) = (&self.product, &self.mlp);
        let rows = faces.par_chunks_mut(2 * dim).zip(mlp_rows.par_chunks_mut(dim)).with_min_len(BLOCK);
        rows.zip(&new).for_each(|((face, mlp_row), &id)| {
            face[..dim].copy_from_slice(product.row(id));
            mlp_row.copy_from_slice(mlp.row(id));
        });
        write_halves(self.side, hidden, mlp_rows, dim, faces);
    }

    /// The slot of an entity that has [one](Self::name).
    #[inline(always)]
    pub fn slot(&self, id: u32) -> u32 {
        self.slot_of[id as usize]
    }

    /// `[slots, 2d]`, and perhaps more.
    pub fn faces(&self) -> &[f32] {
        &self.faces
    }

    /// The face of a slot, `[2d]`.
    #[inline(always)]
    pub fn face(&self, slot: u32) -> &[f32] {
        let width = 2 * self.dim();
        &self.faces[slot as usize * width..][..width]
    }

    /// Both rows of each entity side by side, `[ids, 2d]`.
    pub fn representations(&mut self, ids: &[u32]) -> Vec<f32> {
        self.catch_up(ids);
        ids.iter().flat_map(|&id| self.product.row(id).iter().chain(self.mlp.row(id))).copied().collect()
    }

    /// Adds gradients of [`representations`](Self::representations), `[ids, 2d]`, to the step.
    pub fn add_representations(&mut self, ids: &[u32], gradients: &[f32]) {
        self.catch_up(ids);
        self.added_ids.extend_from_slice(ids);
        self.added.extend_from_slice(gradients);
    }

    /// Gradients of all slots from all pairs: pair `k` is of this side's slot `own[k]` and of the face number
    /// `partners[k]` of `partner_faces`, with ∂loss/∂logit = `coefficients[k]`. `weights`: of the output layer.
    pub fn back(
        &mut self,
        own: &[u32],
        partner_faces: &[f32],
        partners: &[u32],
        coefficients: &[f32],
        weights: &[f32],
    ) -> OfLayers {
        let (n, dim) = (self.ids.len(), self.dim());
        let width = 2 * dim;
        self.pairs.set(own.iter().copied());
        grow(&mut self.gradients, n * width);
        let (pairs, faces) = (&self.pairs, &self.faces[..n * width]);
        let blocks = self.gradients[..n * width].par_chunks_mut(BLOCK * width).zip(faces.par_chunks(BLOCK * width));
        let parts: Vec<OfLayers> = blocks
            .enumerate()
            .map_init(<(Vec<_>, Vec<_>)>::default, |(ids, values), (block, (gradients, faces))| {
                let mut part = OfLayers::new(dim);
                let rows = gradients.chunks_exact_mut(width).zip(faces.chunks_exact(width));
                for (k, (gradient, face)) in rows.enumerate() {
                    ids.clear();
                    values.clear();
                    for pair in pairs.of(block * BLOCK + k) {
                        ids.push(partners[pair]);
                        values.push(coefficients[pair]);
                    }
                    gradient.fill(0.0);
                    add_pairs(face, partner_faces, ids, values, gradient);
                    finish(weights, face, gradient, &mut part.output, &mut part.open);
                }
                part
            })
            .collect();
        let mut sum = OfLayers::new(dim);
        parts.iter().for_each(|part| sum.add(part));
        sum
    }

    /// ∂loss/∂input of the hidden layer, `[slots, d]`.
    fn hidden_gradients(&self) -> Matrix<'_> {
        let (n, dim) = (self.ids.len(), self.dim());
        Matrix::new(&self.gradients[dim..], n, dim, 2 * dim)
    }

    /// Writes this side's half of the gradient of the hidden weight, `[d, 2d]`; after [`back`](Self::back).
    pub fn write_hidden_weight(&self, gradient: &mut [f32]) {
        let (n, dim) = (self.ids.len(), self.dim());
        if n > 0 {
            let rows = Matrix::new(&self.mlp_rows, n, dim, dim);
            let gradient = &mut gradient[self.side as usize * dim..];
            multiply(self.hidden_gradients().transposed(), rows, None, gradient, 2 * dim);
        }
    }

    /// Moves both tables by the gradients of [`back`](Self::back) and of representations, and forgets the step.
    /// `hidden_weight`: as it was before the step.
    pub fn step(&mut self, adam: &Adam, hidden_weight: &[f32]) {
        let (n, dim) = (self.ids.len(), self.dim());
        let mut mlp_gradients = std::mem::take(&mut self.mlp_gradients);
        grow(&mut mlp_gradients, n * dim);
        if n > 0 {
            let weight = half(hidden_weight, dim, self.side);
            multiply(self.hidden_gradients(), weight, None, &mut mlp_gradients, dim);
        }
        self.named.set(self.ids.iter().chain(&self.added_ids).copied());
        let (gradients, added) = (&self.gradients, &self.added);
        self.product.step(adam, &self.named, |k| match k {
            k if k < n => (1.0, &gradients[k * 2 * dim..][..dim]),
            k => (1.0, &added[(k - n) * 2 * dim..][..dim]),
        });
        self.mlp.step(adam, &self.named, |k| match k {
            k if k < n => (1.0, &mlp_gradients[k * dim..][..dim]),
            k => (1.0, &added[(k - n) * 2 * dim + dim..][..dim]),
        });
        self.mlp_gradients = mlp_gradients;
        self.clear();
    }

    /// Brings every row up to date.
    pub fn settle(&mut self) {
        self.product.settle();
        self.mlp.settle();
    }
}
