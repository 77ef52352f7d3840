//! Fossil's step through candle's autograd, on any device: part by part, as the model is defined.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{Graph, Trainable};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Settings, Weights};

use super::encoder::FossilEncoder;
use super::sizes::{FossilSizes, History, row_of};
use crate::models::sequence::{
    PADDING, Scored, SequentialModel, WindowBatch, WindowLoss, WindowScorer, backward, graded_items,
};

/// A Fossil in training on any device, by candle's autograd. Tables are numbered as in its [layout](FossilSizes::layout).
pub struct GraphFossil {
    sizes: FossilSizes,
    train: Arc<UserItems>,
    graph: Graph,
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
        Ok(Self { sizes: FossilSizes::of(&weights)?, train, graph: Graph::new(weights.parameters, device)? })
    }

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

impl SequentialModel for GraphFossil {
    /// Fossil has no dropout.
    fn forward_backward(&mut self, batch: &WindowBatch<'_>, _: &mut Stream, loss: &WindowLoss<'_>) -> Result<f64> {
        self.graph.begin();
        let FossilSizes { dim, length, .. } = self.sizes;
        let (graph, n) = (&self.graph, batch.windows.len());
        let histories = self.histories(batch);
        // Latest first; the padding reads any row, and a mask takes it out.
        let latest = || batch.inputs.chunks_exact(length).flat_map(|inputs| inputs.iter().rev().copied());
        let recent = graph.ids(latest().map(|id| id.saturating_sub(1)))?;
        let mask = Tensor::from_iter(latest().map(|id| f32::from(id != PADDING)), graph.device())?;
        let rows = |ids: Vec<u32>| graph.ids(ids.into_iter().map(row_of).collect::<Result<Vec<_>>>()?);
        let (items, others) = graded_items(batch);
        let items = rows(items)?;
        let leaves = graph.leaves([
            (INPUT, graph.ids(histories.items)?),
            (INPUT, recent),
            (OUTPUT, items.clone()),
            (BIAS, items),
            (RECENCY, graph.all(RECENCY)?),
            (USER_RECENCY, graph.ids(batch.windows.iter().map(|w| w.user))?),
        ])?;
        let [history, recent, output, bias, recency, user_recency] = leaves.tensors();

        let zeros = Tensor::zeros((n, dim), DType::F32, graph.device())?;
        let scales = Tensor::from_vec(histories.scales, (n, 1), graph.device())?;
        let long = zeros.index_add(&graph.ids(histories.windows)?, history, 0)?.broadcast_mul(&scales)?;
        let factors = (user_recency.broadcast_add(recency)? * mask.reshape((n, length))?)?;
        let short = recent.reshape((n, length, dim))?.broadcast_mul(&factors.unsqueeze(2)?)?.sum(1)?;
        let x = (long + short)?;
        let others = others
            .map(|ids| -> Result<Scored> {
                let ids = rows(ids)?;
                Ok(Scored { rows: graph.rows(OUTPUT, &ids)?, bias: graph.rows(BIAS, &ids)? })
            })
            .transpose()?;
        let scored = Scored { rows: output.clone(), bias: bias.clone() };
        let (sum, gradients) = backward(&x, &scored, others.as_ref(), loss)?;
        self.graph.add(leaves, &gradients);
        Ok(sum)
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        self.graph.step(adam)
    }
}

impl Model for GraphFossil {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.graph.tables()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.graph.tables_mut()
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    /// As it is served: on the CPU, whatever the device.
    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let encoder = FossilEncoder::new(&self.weights()?, queries.inputs().clone())?;
        Ok(Box::new(WindowScorer::after_all(Box::new(encoder), queries.inputs())))
    }
}
