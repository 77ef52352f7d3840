//! Inputs and outputs of a softmax over items: the table of items, the targets, and the buffers for gradients.

/// Items as rows of a table.
#[derive(Clone, Copy)]
pub struct ItemTable<'a> {
    /// `[items, dim]`, row-major; only the items that enter the softmax.
    pub rows: &'a [f32],
    pub dim: usize,
}

impl ItemTable<'_> {
    /// Items that enter the softmax.
    pub fn items(&self) -> usize {
        self.rows.len() / self.dim
    }
}

/// Targets of the rows of a batch.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// One item for each row: cross entropy.
    Items(&'a [u32]),
    /// The softmax p̂ of a teacher's logits: the loss is the cross entropy −Σ p̂ log p.
    Teacher(TeacherAnswers<'a>),
}

/// A teacher of the student's size as it was when it answered, over the items that it knew: the first of the
/// student's.
#[derive(Clone, Copy)]
pub struct TeacherAnswers<'a> {
    pub table: ItemTable<'a>,
    /// `[rows, padded(dim)]`
    pub representations: &'a [f32],
    /// ln Σ e^logit of each row: see [`OutputSoftmax::normalisers`](super::OutputSoftmax::normalisers).
    pub normalisers: &'a [f32],
}

/// Where gradients are added.
pub struct Onto<'a> {
    /// ∂L/∂x, `[rows, padded(dim)]`: overwritten.
    pub x: &'a mut [f32],
    /// ∂L/∂E, `[items, dim]` or longer: added to.
    pub table: &'a mut [f32],
}

/// Sums over the rows of a batch that make the table's gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    Gradients,
    /// Squares of single rows' gradients, for Fisher information.
    Squares,
}
