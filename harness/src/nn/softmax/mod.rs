//! Softmax over a large and growing catalogue, with its loss and gradients: logits = x·Eᵀ → log-softmax → gradient.
//!
//! ```text
//! up to 256 rows at a time:
//!   logits, blocked over items, into one buffer; of each row the log-normaliser ln Σ e^logit
//!   blocked over items again:  logits → gradient, in place  → added to ∂L/∂x and ∂L/∂E
//! ```
//!
//! Items are rows of the table; only the first so many of them, those seen so far, enter. A teacher's logits are
//! made from its representations and its own table, block by block, and never stored.
//!
//! Everything lies transposed, items by rows of the batch, in strips of 64 rows of the batch: then the softmax
//! has no sum across a register, and a strip of any factor stays in the L1 cache. Blocks are fixed and sums over
//! them are made in order, so that nothing depends on threads.

mod gradients;
mod kernels;
mod layout;
mod logits;
mod parts;

pub use self::parts::{ItemTable, Onto, Sum, Target, TeacherAnswers};
use crate::nn::padded;

use self::gradients::{Gradients, Objective};
use self::layout::{BatchRows, Strips, chunks};
use self::logits::Logits;

/// The buffers of a softmax; they keep their size from step to step.
#[derive(Default)]
pub struct OutputSoftmax {
    logits: Logits,
    gradients: Gradients,
}

impl OutputSoftmax {
    /// The mean loss of rows `x: [rows, padded(dim)]` under the softmax over `table`; gradients are of `weight` ·
    /// that mean, and are those of single rows, unsummed, in `onto.x`.
    ///
    /// # Panics
    /// If sizes do not fit, there is no row or no item, or a target is not among the items.
    pub fn loss(&mut self, table: ItemTable<'_>, x: &[f32], target: Target<'_>, weight: f64, onto: Onto<'_>) -> f64 {
        self.rows(table, x, target, weight, Sum::Gradients, onto)
    }

    /// Σ over rows of the squares of ∂(loss of the row)/∂E, added to `onto.table`; `onto.x` gets
    /// ∂(loss of the row)/∂x.
    ///
    /// # Panics
    /// As [`loss`](Self::loss).
    pub fn squares(&mut self, table: ItemTable<'_>, x: &[f32], items: &[u32], onto: Onto<'_>) {
        // Times the number of rows, so that the mean's gradient is each row's own.
        self.rows(table, x, Target::Items(items), items.len() as f64, Sum::Squares, onto);
    }

    fn rows(
        &mut self,
        table: ItemTable<'_>,
        x: &[f32],
        target: Target<'_>,
        weight: f64,
        sum: Sum,
        onto: Onto<'_>,
    ) -> f64 {
        let stride = padded(table.dim);
        let rows = check(table, x);
        assert_eq!(onto.x.len(), x.len(), "a gradient for each representation");
        let scale = (weight / rows as f64) as f32;
        let mut losses = 0.0;
        for chunk in chunks(rows) {
            let at = chunk.start * stride..chunk.end * stride;
            let part = BatchRows::new(&x[at.clone()], table.dim);
            self.logits.fill(table, &part.strips);
            let objective = match target {
                Target::Items(items) => {
                    assert_eq!(items.len(), rows, "an item for each row");
                    let items = &items[chunk];
                    losses += self.logits.cross_entropies(items).sum::<f64>();
                    Objective::Items(items)
                }
                Target::Teacher(teacher) => {
                    assert_eq!(check(teacher.table, teacher.representations), rows, "an answer for each row");
                    assert_eq!(teacher.normalisers.len(), rows, "a normaliser for each answer");
                    assert!(teacher.table.items() <= table.items(), "the teacher knew fewer items");
                    assert_eq!(teacher.table.dim, table.dim, "the teacher is of the student's size");
                    let answers = Strips::new(&teacher.representations[at.clone()], teacher.table.dim);
                    Objective::Teacher { table: teacher.table, answers, normalisers: &teacher.normalisers[chunk] }
                }
            };
            let onto = Onto { x: &mut onto.x[at.clone()], table: &mut *onto.table };
            losses += self.gradients.add(&mut self.logits, table, &part, &objective, (scale, sum), onto);
        }
        losses / rows as f64
    }

    /// ln Σ e^logit over `table` of rows `x: [rows, padded(dim)]`.
    ///
    /// # Panics
    /// If sizes do not fit, or there is no item.
    pub fn normalisers(&mut self, table: ItemTable<'_>, x: &[f32]) -> Vec<f32> {
        self.chunks_of(table, x, |logits, _, out| out.extend_from_slice(logits.normalisers()))
    }

    /// The cross entropy of each row of `x: [rows, padded(dim)]` with its item.
    ///
    /// # Panics
    /// If sizes do not fit, or an item is not in the table.
    pub fn cross_entropies(&mut self, table: ItemTable<'_>, x: &[f32], items: &[u32]) -> Vec<f64> {
        self.chunks_of(table, x, |logits, rows, out| out.extend(logits.cross_entropies(&items[rows])))
    }

    fn chunks_of<T>(
        &mut self,
        table: ItemTable<'_>,
        x: &[f32],
        mut visit: impl FnMut(&Logits, std::ops::Range<usize>, &mut Vec<T>),
    ) -> Vec<T> {
        let (rows, stride) = (check(table, x), padded(table.dim));
        let mut out = Vec::with_capacity(rows);
        for chunk in chunks(rows) {
            self.logits.fill(table, &Strips::new(&x[chunk.start * stride..chunk.end * stride], table.dim));
            visit(&self.logits, chunk, &mut out);
        }
        out
    }
}

/// Rows of `x`.
fn check(table: ItemTable<'_>, x: &[f32]) -> usize {
    let stride = padded(table.dim);
    assert!(table.items() > 0 && table.rows.len() == table.items() * table.dim, "a table of items");
    assert!(x.len().is_multiple_of(stride), "rows of {stride}");
    x.len() / stride
}

#[cfg(test)]
mod tests;
