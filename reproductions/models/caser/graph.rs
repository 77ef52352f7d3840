//! Caser's step through candle's autograd, on any device: layer by layer, as the model is defined.

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor, Var};
use harness::error::{Error, Result};
use harness::metrics::Scorer;
use harness::nn::DeviceTable;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::{Model, State};
use harness::weights::Parameter;

use super::encoder::CaserEncoder;
use super::{Activation, NAMES, Sizes};
use crate::models::sequence::{Dropout, Queries, Scored, SequentialModel, WindowBatch, WindowLoss, backward};

/// See the module's head.
pub struct GraphCaser {
    sizes: Sizes,
    dropout: Dropout,
    train: Arc<UserItems>,
    device: Device,
    /// In the order of [`NAMES`]; a layer's parameter is a table of which every pass reads all rows.
    tables: [DeviceTable; 10],
    /// Per table, the rows of this step and their gradients.
    gradients: Vec<(Tensor, Tensor)>,
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    Ok(match activation {
        Activation::Identity => x.clone(),
        // Not `relu`, whose slope at 0 is 1 in candle.
        Activation::Relu => (x * x.gt(0f32)?.to_dtype(DType::F32)?.detach())?,
        Activation::Sigmoid => (x.neg()?.exp()? + 1.0)?.recip()?,
    })
}

impl GraphCaser {
    /// A model that starts at these [parameters](NAMES), for users with these training sequences.
    ///
    /// # Errors
    /// If they are not this model's, or the device fails.
    pub fn new(parameters: Vec<Parameter>, dropout: Dropout, train: Arc<UserItems>, device: &Device) -> Result<Self> {
        let sizes = Sizes::of(&parameters)?.0;
        let table = |(name, p): (_, Parameter)| DeviceTable::new(name, p.shape[0], p.shape[1], p.values, device);
        let tables = NAMES.into_iter().zip(parameters).map(table).collect::<Result<Vec<_>>>()?;
        let tables = tables.try_into().unwrap_or_else(|_| unreachable!("as many as names"));
        Ok(Self { sizes, dropout, train, device: device.clone(), tables, gradients: Vec::new() })
    }

    fn ids(&self, ids: impl IntoIterator<Item = u32>) -> Result<Tensor> {
        Ok(Tensor::new(ids.into_iter().collect::<Vec<_>>(), &self.device)?)
    }

    /// Representations `[windows, 2d]` from the rows of users `[windows, d]`, those of the inputs
    /// `[windows · L, d]` and the layers.
    fn represent(&self, user: &Tensor, item: &Tensor, layers: [&Tensor; 6], masks: Vec<f32>) -> Result<Tensor> {
        let Sizes { dim, length, horizontal: nh, .. } = self.sizes;
        let [vertical, vertical_bias, horizontal, horizontal_bias, hidden, hidden_bias] = layers;
        let n = user.dim(0)?;
        let rows = item.reshape((n, length, dim))?;
        let mut features = vec![
            vertical.broadcast_matmul(&rows)?.broadcast_add(&vertical_bias.reshape((1, (), 1))?)?.flatten_from(1)?,
        ];
        for height in 1..=length {
            let filter = horizontal.narrow(1, self.sizes.filter(height), height * dim)?.t()?;
            let places = (0..=length - height)
                .map(|place| Ok(rows.narrow(1, place, height)?.reshape((n, height * dim))?.matmul(&filter)?));
            let filtered = Tensor::stack(&places.collect::<Result<Vec<_>>>()?, 2)?;
            // By its place and not `max`, which in candle hands a gradient to every one of equals.
            let largest = filtered.gather(&filtered.detach().argmax_keepdim(D::Minus1)?, D::Minus1)?.squeeze(2)?;
            let largest = largest.broadcast_add(&horizontal_bias.narrow(0, height - 1, 1)?)?;
            debug_assert_eq!(largest.dims(), [n, nh]);
            features.push(activate(self.sizes.convolution, &largest)?);
        }
        let masks = Tensor::from_vec(masks, (n, self.sizes.features()), &self.device)?;
        let features = (Tensor::cat(&features, 1)? * masks)?;
        let z = activate(self.sizes.hidden, &features.matmul(&hidden.t()?)?.broadcast_add(hidden_bias)?)?;
        Ok(Tensor::cat(&[&z, user], 1)?)
    }
}

impl SequentialModel for GraphCaser {
    fn forward_backward(
        &mut self,
        batch: &WindowBatch<'_>,
        dropout: &mut Stream,
        loss: &WindowLoss<'_>,
    ) -> Result<f64> {
        let (n, columns, graded) = (batch.windows.len(), batch.columns(), batch.graded);
        let mut masks = vec![0.0; n * self.sizes.features()];
        self.dropout.draw(dropout, self.sizes.features(), &mut masks);
        let (graded_items, others): (Vec<_>, Vec<_>) =
            batch.items.chunks_exact(columns).map(|items| items.split_at(graded)).unzip();
        let items = self.ids(graded_items.concat())?;
        let ids: Vec<Tensor> = self
            .tables
            .iter()
            .map(|table| match table.name {
                "user" => self.ids(batch.windows.iter().map(|window| window.user)),
                "item" => self.ids(batch.inputs.iter().copied()),
                "output" | "output-bias" => Ok(items.clone()),
                _ => self.ids(0..table.len() as u32),
            })
            .collect::<Result<_>>()?;
        let leaves = self.tables.iter().zip(&ids).map(|(table, ids)| table.leaf(ids)).collect::<Result<Vec<Var>>>()?;
        let leaf = |k: usize| leaves[k].as_tensor();
        let x = self.represent(leaf(0), leaf(1), std::array::from_fn(|k| leaf(k + 2)), masks)?;
        let others = (columns > graded).then(|| {
            let ids = self.ids(others.concat())?;
            Ok::<_, Error>(Scored { rows: self.tables[8].rows(&ids)?, bias: self.tables[9].rows(&ids)? })
        });
        let scored = Scored { rows: leaf(8).clone(), bias: leaf(9).clone() };
        let (sum, of) = backward(&x, &scored, others.transpose()?.as_ref(), loss)?;
        let gradient = |leaf: &Var| of.get(leaf.as_tensor()).cloned().expect("a score depends on every leaf");
        self.gradients = ids.into_iter().zip(&leaves).map(|(ids, leaf)| (ids, gradient(leaf))).collect();
        Ok(sum)
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        for (table, (ids, rows)) in self.tables.iter_mut().zip(std::mem::take(&mut self.gradients)) {
            table.step(adam, &ids, &rows)?;
        }
        Ok(())
    }

    /// No row of these tables is ever behind.
    fn settle(&mut self) {}
}

impl Model for GraphCaser {
    /// As it is served: on the CPU, whatever the device.
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let encoder = CaserEncoder::new(&self.parameters()?, self.train.clone())?;
        Ok(Box::new(Queries::of_users(encoder, &self.train)))
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        let values = self.tables.iter().map(DeviceTable::parameter);
        values.chain(self.sizes.settings().map(Ok)).collect()
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
