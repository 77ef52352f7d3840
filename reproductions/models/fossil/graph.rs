//! Fossil's step through candle's autograd, on any device: part by part, as the model is defined.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use harness::error::Result;
use harness::nn::Graph;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::weights::{Settings, Weights};

use super::encoder::FossilEncoder;
use super::sizes::{FossilSizes, History, row_of};
use crate::models::sequence::{Encoder, GraphSequential, PADDING, WindowBatch, WindowForward};

/// A Fossil in training on any device, by candle's autograd.
pub type GraphFossil = GraphSequential<FossilForward>;

/// Fossil's forward pass. Tables are numbered as in its [layout](FossilSizes::layout).
pub struct FossilForward {
    sizes: FossilSizes,
    train: Arc<UserItems>,
}

const INPUT: usize = 0;
const OUTPUT: usize = 1;
const BIAS: usize = 2;
const RECENCY: usize = 3;
const USER_RECENCY: usize = 4;

/// Histories of a batch.
struct Histories {
    items: Vec<u32>,
    /// The window of each.
    windows: Vec<u32>,
    /// |H|^−α of each window; 0 of an empty history.
    scales: Vec<f32>,
}

impl GraphFossil {
    /// A model that starts at these weights, for users with these training sequences.
    ///
    /// # Errors
    /// If they are not a [Fossil's](FossilSizes::layout), or the device fails.
    pub fn new(weights: Weights, train: Arc<UserItems>, device: &Device) -> Result<Self> {
        let forward = FossilForward { sizes: FossilSizes::of(&weights)?, train };
        Self::of(forward, weights, device)
    }
}

impl FossilForward {
    fn histories(&self, batch: &WindowBatch<'_>) -> Histories {
        let mut all = Histories { items: Vec::new(), windows: Vec::new(), scales: Vec::new() };
        for (k, window) in batch.windows.iter().enumerate() {
            let place = window.place as usize;
            let target = place..place + self.sizes.targets;
            let belongs = |at: usize| match self.sizes.history {
                History::Causal => at < place,
                History::LeaveOneOut => !target.contains(&at),
            };
            let sequence = self.train.of(window.user).iter().enumerate();
            let before = all.items.len();
            all.items.extend(sequence.filter(|(at, _)| belongs(*at)).map(|(_, item)| item));
            let n = all.items.len() - before;
            all.windows.resize(all.items.len(), k as u32);
            all.scales.push(if n == 0 { 0.0 } else { libm::pow(n as f64, -self.sizes.alpha) as f32 });
        }
        all
    }
}

impl WindowForward for FossilForward {
    const OUTPUT: [usize; 2] = [OUTPUT, BIAS];

    fn output_row(&self, id: u32) -> Result<u32> {
        row_of(id)
    }

    fn reads(&self, graph: &Graph, batch: &WindowBatch<'_>) -> Result<Vec<(usize, Tensor)>> {
        // The padding reads any row, and a mask takes it out.
        let recent = latest(batch).map(|id| id.saturating_sub(1));
        Ok(vec![
            (INPUT, graph.ids(self.histories(batch).items)?),
            (INPUT, graph.ids(recent)?),
            (RECENCY, graph.all(RECENCY)?),
            (USER_RECENCY, graph.ids(batch.windows.iter().map(|window| window.user))?),
        ])
    }

    /// `[windows, d]`. Fossil has no dropout.
    fn represent(&self, rows: &[&Tensor], batch: &WindowBatch<'_>, _: &mut Stream) -> Result<Tensor> {
        let [history, recent, recency, user_recency] = *rows else { unreachable!("as many leaves as were asked for") };
        let FossilSizes { dim, length, .. } = self.sizes;
        let (n, device) = (batch.windows.len(), history.device());
        let histories = self.histories(batch);
        let mask = Tensor::from_iter(latest(batch).map(|id| f32::from(id != PADDING)), device)?;
        let zeros = Tensor::zeros((n, dim), DType::F32, device)?;
        let scales = Tensor::from_vec(histories.scales, (n, 1), device)?;
        let long = zeros.index_add(&Tensor::new(histories.windows, device)?, history, 0)?.broadcast_mul(&scales)?;
        let factors = (user_recency.broadcast_add(recency)? * mask.reshape((n, length))?)?;
        let short = recent.reshape((n, length, dim))?.broadcast_mul(&factors.unsqueeze(2)?)?.sum(1)?;
        Ok((long + short)?)
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn encoder(&self, weights: &Weights, sequences: Arc<UserItems>) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(FossilEncoder::new(weights, sequences)?))
    }
}

/// The inputs of all windows, latest first.
fn latest(batch: &WindowBatch<'_>) -> impl Iterator<Item = u32> {
    batch.inputs.chunks_exact(batch.length()).flat_map(|inputs| inputs.iter().rev().copied())
}
