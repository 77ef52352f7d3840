//! Fossil as it is served.

use std::borrow::Cow;
use std::sync::Arc;

use harness::error::Result;
use harness::simd;
use harness::split::UserItems;
use harness::weights::Weights;

use super::sizes::FossilSizes;
use crate::models::sequence::{Encoder, Output, Window, check_sequences, id_of};

/// Tables, borrowed from a model in training or owned afterwards.
pub struct FossilEncoder<'a> {
    pub(super) sizes: FossilSizes,
    pub(super) input: Cow<'a, [f32]>,
    pub(super) output: Cow<'a, [f32]>,
    pub(super) bias: Cow<'a, [f32]>,
    pub(super) recency: Cow<'a, [f32]>,
    pub(super) user_recency: Cow<'a, [f32]>,
    pub(super) train: Arc<UserItems>,
}

impl FossilEncoder<'static> {
    /// The trained model with these weights, for users with these training sequences.
    ///
    /// # Errors
    /// If the weights are not a Fossil's, or of other users or items.
    pub fn new(weights: &Weights, train: Arc<UserItems>) -> Result<Self> {
        let sizes = FossilSizes::of(weights)?;
        check_sequences(&train, sizes.users, sizes.items)?;
        let [input, output, bias, recency, user_recency] =
            weights.values("Fossil")?.map(|values: &[f32]| Cow::Owned(values.to_vec()));
        Ok(Self { sizes, input, output, bias, recency, user_recency, train })
    }
}

impl Encoder for FossilEncoder<'_> {
    fn width(&self) -> usize {
        self.sizes.dim
    }

    fn encode(&self, windows: &[Window], out: &mut [f32]) {
        let FossilSizes { dim, length, .. } = self.sizes;
        let (mut items, mut factors) = (Vec::new(), Vec::new());
        for (window, x) in windows.iter().zip(out.chunks_exact_mut(dim)) {
            items.clear();
            factors.clear();
            let of_user = &self.user_recency[window.user as usize * length..][..length];
            self.sizes.read(&self.train, *window, &self.recency, of_user, &mut items, &mut factors);
            x.fill(0.0);
            simd::add_gathered(x, &factors, &self.input, &items);
        }
    }

    fn output(&self) -> Output<'_> {
        Output { first: id_of(0), rows: &self.output, bias: &self.bias }
    }
}
