//! The interface of a trained model to evaluation and serving.

use crate::simd;

/// Scores items for a query (a user, for models without sequences). Higher is better; where the scores are evaluated
/// pointwise they are logits.
///
/// The same (query, item) must get the same bits from [`score`](Scorer::score) and [`score_all`](Scorer::score_all) at
/// every call: ties and reproducibility depend on it. The scores of [`dot`](Scorer::dot) may differ in rounding; the
/// ranking computes them itself, all of one protocol by one kernel.
pub trait Scorer: Sync {
    fn n_items(&self) -> usize;

    /// `out[k]` = score of `items[k]`.
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]);

    /// `out[i]` = score of item `i`, for all items.
    fn score_all(&self, query: u32, out: &mut [f32]);

    /// The model as a dot product, if it is one. Full ranking is then a blocked GEMM.
    fn dot(&self) -> Option<Dot<'_>> {
        None
    }
}

/// Writes the vectors of queries, `[queries, dim]`, row-major.
pub type Encode<'a> = Box<dyn Fn(&[u32], &mut [f32]) + Sync + 'a>;

/// score(q, i) = ⟨encode(q), items_i⟩ + bias_i
pub struct Dot<'a> {
    pub dim: usize,
    /// `[n_items, dim]`, row-major.
    pub items: &'a [f32],
    /// `[n_items]`
    pub bias: Option<&'a [f32]>,
    pub encode: Encode<'a>,
}

impl Dot<'_> {
    /// [`Scorer::score`] for an encoded query `x: [dim]`.
    pub fn score(&self, x: &[f32], items: &[u32], out: &mut [f32]) {
        simd::gathered_dots(self.items, items, x, out);
        if let Some(bias) = self.bias {
            for (score, &item) in out.iter_mut().zip(items) {
                *score += bias[item as usize];
            }
        }
    }

    /// [`Scorer::score_all`] for an encoded query `x: [dim]`: the same bits as [`Dot::score`].
    pub fn score_all(&self, x: &[f32], out: &mut [f32]) {
        simd::dots(self.items, x, out);
        if let Some(bias) = self.bias {
            for (score, bias) in out.iter_mut().zip(bias) {
                *score += bias;
            }
        }
    }
}
