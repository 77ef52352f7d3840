//! A dot product that is scored on an accelerator. The best of the scores are chosen on the CPU.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::index::not_finite;
use super::top_k::{BestItems, fill, mask};
use super::{Ranked, Server};
use crate::error::Result;
use crate::metrics::{Dot, Scorer};

/// Queries scored at once: the scores of 25,000 items are 50 MB.
const BLOCK: usize = 512;

/// The item table of a scorer on a device. Sums there have an order of their own, so scores differ from
/// those of an [`Index`](super::Index) by rounding.
pub struct OnDevice<'a> {
    dot: Dot<'a>,
    /// `[dim, n_items]`
    items: Tensor,
    /// `[n_items]`
    bias: Option<Tensor>,
    n_items: usize,
    device: Device,
}

impl<'a> OnDevice<'a> {
    /// Copies the table to the device; `None` if the scorer is no dot product.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn new(scorer: &'a dyn Scorer, device: &Device) -> Result<Option<Self>> {
        let Some(dot) = scorer.dot().filter(|dot| dot.dim > 0) else { return Ok(None) };
        let n_items = scorer.n_items();
        // Columns are items, so that a product reads them side by side.
        let items = Tensor::from_slice(dot.items, (n_items, dot.dim), device)?.t()?.contiguous()?;
        let bias = dot.bias.map(|bias| Tensor::from_slice(bias, n_items, device)).transpose()?;
        Ok(Some(Self { dot, items, bias, n_items, device: device.clone() }))
    }

    /// `[queries, n_items]`, in this machine's memory: the copy back waits for the device.
    fn scores(&self, queries: &[u32]) -> Result<Vec<f32>> {
        let mut x = vec![0.0; queries.len() * self.dot.dim];
        (self.dot.encode)(queries, &mut x);
        let x = Tensor::from_vec(x, (queries.len(), self.dot.dim), &self.device)?;
        let mut scores = x.matmul(&self.items)?;
        if let Some(bias) = &self.bias {
            scores = scores.broadcast_add(bias)?;
        }
        Ok(scores.flatten_all()?.to_vec1()?)
    }
}

/// The best of the scores of a query for all items.
fn best(query: u32, scores: &mut [f32], mut excluded: &[u32], k: usize) -> Result<Vec<Ranked>> {
    if let Some(item) = scores.iter().position(|score| !score.is_finite()) {
        return Err(not_finite(query, item as u32, scores[item]));
    }
    mask(scores, 0, &mut excluded);
    let mut best = BestItems::new(k);
    best.offer(0, scores);
    Ok(best.into_ranked())
}

impl Server for OnDevice<'_> {
    fn top_k(&self, query: u32, excluded: &[u32], k: usize) -> Result<Vec<Ranked>> {
        best(query, &mut self.scores(&[query])?, excluded, k)
    }

    fn top_lists<'e>(
        &self,
        queries: &[u32],
        k: usize,
        excluded: &(dyn Fn(u32) -> &'e [u32] + Sync),
    ) -> Result<Vec<u32>> {
        let mut lists = vec![0; queries.len() * k];
        if k == 0 {
            return Ok(lists);
        }
        for (queries, lists) in queries.chunks(BLOCK).zip(lists.chunks_mut(BLOCK * k)) {
            let mut scores = self.scores(queries)?;
            let rows = scores.par_chunks_mut(self.n_items).zip(lists.par_chunks_mut(k)).zip(queries);
            let one = |((scores, list), &query): ((&mut [f32], &mut [u32]), &u32)| {
                fill(query, list, best(query, scores, excluded(query), k)?)
            };
            // The first failing query, whichever thread was first.
            rows.map(one).collect::<Vec<_>>().into_iter().collect::<Result<()>>()?;
        }
        Ok(lists)
    }
}
