//! Caser's step through candle's autograd, on any device: layer by layer, as the model is defined.

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use harness::error::Result;
use harness::nn::{Activation, Dropout, Graph};
use harness::rng::Stream;
use harness::split::UserItems;
use harness::weights::{Settings, Weights};

use super::encoder::CaserEncoder;
use super::sizes::CaserSizes;
use crate::models::sequence::{Encoder, GraphSequential, WindowBatch, WindowForward};

/// A Caser in training on any device, by candle's autograd.
pub type GraphCaser = GraphSequential<CaserForward>;

/// Caser's forward pass. Tables are numbered as in its [layout](CaserSizes::layout).
pub struct CaserForward {
    sizes: CaserSizes,
    dropout: Dropout,
}

const USER: usize = 0;
const ITEM: usize = 1;
/// The first of six tensors of layers.
const LAYERS: usize = 2;
const OUTPUT: usize = 8;

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
        let forward = CaserForward { sizes: CaserSizes::of(&weights)?, dropout };
        Self::of(forward, weights, device)
    }
}

impl WindowForward for CaserForward {
    const OUTPUT: [usize; 2] = [OUTPUT, OUTPUT + 1];

    fn reads(&self, graph: &Graph, batch: &WindowBatch<'_>) -> Result<Vec<(usize, Tensor)>> {
        let users = graph.ids(batch.windows.iter().map(|window| window.user))?;
        let mut reads = vec![(USER, users), (ITEM, graph.ids(batch.inputs.iter().copied())?)];
        for layer in LAYERS..OUTPUT {
            reads.push((layer, graph.all(layer)?));
        }
        Ok(reads)
    }

    /// `[windows, 2d]`: of users `[windows, d]`, inputs `[windows · L, d]` and the layers.
    fn represent(&self, rows: &[&Tensor], batch: &WindowBatch<'_>, dropout: &mut Stream) -> Result<Tensor> {
        let CaserSizes { dim, length, horizontal: nh, .. } = self.sizes;
        let [user, item, vertical, vertical_bias, horizontal, horizontal_bias, hidden, hidden_bias] = *rows else {
            unreachable!("as many leaves as were asked for")
        };
        let n = batch.windows.len();
        let mut masks = vec![0.0; n * self.sizes.features()];
        self.dropout.draw(dropout, self.sizes.features(), &mut masks);
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
        let masks = Tensor::from_vec(masks, (n, self.sizes.features()), user.device())?;
        let features = (Tensor::cat(&features, 1)? * masks)?;
        let z = activate(self.sizes.hidden, &features.matmul(&hidden.t()?)?.broadcast_add(hidden_bias)?)?;
        Ok(Tensor::cat(&[&z, user], 1)?)
    }
    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn encoder(&self, weights: &Weights, sequences: Arc<UserItems>) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(CaserEncoder::new(weights, sequences)?))
    }
}
