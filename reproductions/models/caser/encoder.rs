//! Caser as it is served.

use std::borrow::Cow;
use std::sync::Arc;

use harness::error::Result;
use harness::nn::padded;
use harness::split::UserItems;
use harness::weights::Weights;

use super::layers::{CaserLayers, CaserPass};
use super::sizes::CaserSizes;
use crate::models::sequence::{Encoder, Output, PADDING, Window, check_sequences};

/// Tables, borrowed from a model in training or owned afterwards, and layers.
pub struct CaserEncoder<'a> {
    pub(super) layers: CaserLayers,
    pub(super) user: Cow<'a, [f32]>,
    pub(super) item: Cow<'a, [f32]>,
    pub(super) output: Cow<'a, [f32]>,
    pub(super) bias: Cow<'a, [f32]>,
    pub(super) train: Arc<UserItems>,
}

impl CaserEncoder<'static> {
    /// The trained model with these weights, for users with these training sequences.
    ///
    /// # Errors
    /// If the weights are not a Caser's, or of other users or items.
    pub fn new(weights: &Weights, train: Arc<UserItems>) -> Result<Self> {
        let sizes = CaserSizes::of(weights)?;
        check_sequences(&train, sizes.users, sizes.ids - 1)?;
        let values = weights.values::<10>("Caser")?;
        let owned = |k: usize| Cow::Owned(values[k].to_vec());
        let layers = CaserLayers::new(sizes, std::array::from_fn(|k| values[k + 2]));
        Ok(Self { layers, user: owned(0), item: owned(1), output: owned(8), bias: owned(9), train })
    }
}

impl Encoder for CaserEncoder<'_> {
    fn width(&self) -> usize {
        2 * self.layers.sizes.dim
    }

    fn encode(&self, windows: &[Window], out: &mut [f32]) {
        let CaserSizes { dim, length, .. } = self.layers.sizes;
        let mut ids = vec![PADDING; length];
        let mut pass = CaserPass::default();
        pass.rows.reserve(windows.len() * length * dim);
        for window in windows {
            window.inputs(&self.train, &mut ids);
            for &id in &ids {
                pass.rows.extend_from_slice(&self.item[id as usize * dim..][..dim]);
            }
        }
        self.layers.forward(&mut pass, None);
        let hidden = pass.hidden.chunks_exact(padded(dim));
        for ((out, hidden), window) in out.chunks_exact_mut(2 * dim).zip(hidden).zip(windows) {
            out[..dim].copy_from_slice(&hidden[..dim]);
            out[dim..].copy_from_slice(&self.user[window.user as usize * dim..][..dim]);
        }
    }

    fn output(&self) -> Output<'_> {
        Output { first: PADDING, rows: &self.output, bias: &self.bias }
    }
}
