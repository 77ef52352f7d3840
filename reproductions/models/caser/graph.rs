//! Caser's step through candle's autograd, on any device: layer by layer, as the model is defined.

use candle_core::{D, DType, Device, Tensor};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{Activation, Dropout, Graph, Trainable};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::train::Model;
use harness::weights::{Settings, Weights};

use super::encoder::CaserEncoder;
use super::sizes::CaserSizes;
use crate::models::sequence::{Scored, SequentialModel, WindowBatch, WindowLoss, WindowScorer, backward, graded_items};

/// A Caser in training on any device, by candle's autograd. Tables are numbered as in its [layout](CaserSizes::layout).
pub struct GraphCaser {
    sizes: CaserSizes,
    dropout: Dropout,
    graph: Graph,
}

const USER: usize = 0;
const ITEM: usize = 1;
/// The first of six tensors of layers.
const LAYERS: usize = 2;
const OUTPUT: usize = 8;
const BIAS: usize = 9;

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    Ok(match activation {
        Activation::Identity => x.clone(),
        // Not `relu`, whose slope at 0 is 1 in candle.
        Activation::Relu => (x * x.gt(0f32)?.to_dtype(DType::F32)?.detach())?,
        Activation::Sigmoid => (x.neg()?.exp()? + 1.0)?.recip()?,
    })
}

impl GraphCaser {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [Caser's](CaserSizes::layout), or the device fails.
    pub fn new(weights: Weights, dropout: Dropout, device: &Device) -> Result<Self> {
        Ok(Self { sizes: CaserSizes::of(&weights)?, dropout, graph: Graph::new(weights.parameters, device)? })
    }

    /// Representations `[windows, 2d]` from the rows of users `[windows, d]`, those of the inputs
    /// `[windows · L, d]` and the layers.
    fn represent(&self, user: &Tensor, item: &Tensor, layers: [&Tensor; 6], masks: Vec<f32>) -> Result<Tensor> {
        let CaserSizes { dim, length, horizontal: nh, .. } = self.sizes;
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
        let masks = Tensor::from_vec(masks, (n, self.sizes.features()), self.graph.device())?;
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
        self.graph.begin();
        let mut masks = vec![0.0; batch.windows.len() * self.sizes.features()];
        self.dropout.draw(dropout, self.sizes.features(), &mut masks);
        let graph = &self.graph;
        let (items, others) = graded_items(batch);
        let items = graph.ids(items)?;
        let mut of = vec![
            (USER, graph.ids(batch.windows.iter().map(|window| window.user))?),
            (ITEM, graph.ids(batch.inputs.iter().copied())?),
        ];
        for layer in LAYERS..OUTPUT {
            of.push((layer, graph.all(layer)?));
        }
        of.extend([(OUTPUT, items.clone()), (BIAS, items)]);
        let leaves = graph.leaves(of)?;
        let [user, item, layers @ .., output, bias] = leaves.tensors::<10>();
        let x = self.represent(user, item, layers, masks)?;
        let others = others
            .map(|ids| -> Result<Scored> {
                let ids = graph.ids(ids)?;
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

impl Model for GraphCaser {
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
        let encoder = CaserEncoder::new(&self.weights()?, queries.inputs().clone())?;
        Ok(Box::new(WindowScorer::after_all(Box::new(encoder), queries.inputs())))
    }
}
