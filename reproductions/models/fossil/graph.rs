//! Fossil's step through candle's autograd, on any device: part by part, as the model is defined.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use harness::error::{Error, Result};
use harness::metrics::Scorer;
use harness::nn::DeviceTable;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::{Model, State};
use harness::weights::Parameter;

use super::encoder::FossilEncoder;
use super::{History, NAMES, Sizes, row_of};
use crate::models::sequence::{PADDING, Queries, Scored, SequentialModel, WindowBatch, WindowLoss, backward};

/// See the module's head.
pub struct GraphFossil {
    sizes: Sizes,
    train: Arc<UserItems>,
    device: Device,
    /// In the order of [`NAMES`].
    tables: [DeviceTable; 5],
    /// Per table, the rows of this step and their gradients, part by part.
    gradients: [Vec<(Tensor, Tensor)>; 5],
}

/// Histories of a batch.
struct Histories {
    items: Vec<u32>,
    /// The window of each.
    windows: Vec<u32>,
    /// |H|^−α of each window; 0 of an empty history.
    scales: Vec<f32>,
}

impl GraphFossil {
    /// A model that starts at these [parameters](NAMES), for users with these training sequences.
    ///
    /// # Errors
    /// If they are not this model's, or the device fails.
    pub fn new(parameters: Vec<Parameter>, train: Arc<UserItems>, device: &Device) -> Result<Self> {
        let sizes = Sizes::of(&parameters)?.0;
        let table = |(name, p): (_, Parameter)| DeviceTable::new(name, p.shape[0], p.shape[1], p.values, device);
        let tables = NAMES.into_iter().zip(parameters).map(table).collect::<Result<Vec<_>>>()?;
        let tables = tables.try_into().unwrap_or_else(|_| unreachable!("as many as names"));
        Ok(Self { sizes, train, device: device.clone(), tables, gradients: Default::default() })
    }

    fn ids(&self, ids: impl IntoIterator<Item = u32>) -> Result<Tensor> {
        Ok(Tensor::new(ids.into_iter().collect::<Vec<_>>(), &self.device)?)
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
        let Sizes { dim, length, .. } = self.sizes;
        let (n, columns, graded) = (batch.windows.len(), batch.columns(), batch.graded);
        let histories = self.histories(batch);
        // Latest first; the padding reads any row, and a mask takes it out.
        let latest = || batch.inputs.chunks_exact(length).flat_map(|inputs| inputs.iter().rev().copied());
        let recent = self.ids(latest().map(|id| id.saturating_sub(1)))?;
        let mask = Tensor::from_iter(latest().map(|id| f32::from(id != PADDING)), &self.device)?;
        let rows = batch.items.iter().map(|&id| row_of(id)).collect::<Result<Vec<_>>>()?;
        let (graded_rows, others): (Vec<_>, Vec<_>) =
            rows.chunks_exact(columns).map(|rows| rows.split_at(graded)).unzip();
        let (graded_rows, users) = (self.ids(graded_rows.concat())?, self.ids(batch.windows.iter().map(|w| w.user))?);
        let history = self.ids(histories.items)?;
        let ids =
            [(0, history), (0, recent), (1, graded_rows.clone()), (2, graded_rows), (3, self.ids([0])?), (4, users)];
        let leaves = ids.iter().map(|(table, ids)| self.tables[*table].leaf(ids)).collect::<Result<Vec<_>>>()?;
        let [history, recent, output, bias, recency, user_recency] = std::array::from_fn(|k| leaves[k].as_tensor());

        let zeros = Tensor::zeros((n, dim), DType::F32, &self.device)?;
        let scales = Tensor::from_vec(histories.scales, (n, 1), &self.device)?;
        let long = zeros.index_add(&self.ids(histories.windows)?, history, 0)?.broadcast_mul(&scales)?;
        let factors = (user_recency.broadcast_add(recency)? * mask.reshape((n, length))?)?;
        let short = recent.reshape((n, length, dim))?.broadcast_mul(&factors.unsqueeze(2)?)?.sum(1)?;
        let x = (long + short)?;
        let others = (columns > graded).then(|| {
            let ids = self.ids(others.concat())?;
            Ok::<_, Error>(Scored { rows: self.tables[1].rows(&ids)?, bias: self.tables[2].rows(&ids)? })
        });
        let scored = Scored { rows: output.clone(), bias: bias.clone() };
        let (sum, of) = backward(&x, &scored, others.transpose()?.as_ref(), loss)?;
        self.gradients = Default::default();
        for ((table, ids), leaf) in ids.into_iter().zip(&leaves) {
            let gradient = of.get(leaf.as_tensor()).expect("a score depends on every leaf");
            self.gradients[table].push((ids, gradient.clone()));
        }
        Ok(sum)
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        for (table, parts) in self.tables.iter_mut().zip(std::mem::take(&mut self.gradients)) {
            table.step_parts(adam, parts)?;
        }
        Ok(())
    }

    /// No row of these tables is ever behind.
    fn settle(&mut self) {}
}

impl Model for GraphFossil {
    /// As it is served: on the CPU, whatever the device.
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let encoder = FossilEncoder::new(&self.parameters()?, self.train.clone())?;
        Ok(Box::new(Queries::of_users(encoder, &self.train)))
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        self.tables.iter().map(DeviceTable::parameter).chain(self.sizes.settings().map(Ok)).collect()
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        Sizes::of(&parameters)?;
        for (table, parameter) in self.tables.iter_mut().zip(parameters) {
            table.set_weights(parameter.values)?;
        }
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.tables.iter().try_for_each(|table| table.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.tables.iter_mut().try_for_each(|table| table.restore(state))
    }
}
