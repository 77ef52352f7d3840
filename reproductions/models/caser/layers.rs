//! From a block of windows to their hidden representations, on one thread.
//!
//! Every element is one chain of fused multiply-adds in a stated order, so a window has the same bits on every
//! machine and whichever windows are in the same batch.

use harness::nn::{PAD, add_product, padded, transpose};
use harness::simd;

use super::CaserSizes;

/// The layers between the tables, laid out for products.
pub struct CaserLayers {
    pub sizes: CaserSizes,
    /// `[nv, L]`
    pub vertical: Vec<f32>,
    vertical_bias: Vec<f32>,
    /// `[nh, filters]`, as the parameter is.
    pub horizontal: Vec<f32>,
    /// Filters of each height, `[height · d, padded nh]`.
    filters: Vec<Vec<f32>>,
    /// `[L, padded nh]`
    horizontal_bias: Vec<f32>,
    /// `[features, padded d]`
    hidden: Vec<f32>,
    /// The same as the parameter has it, `[d, padded features]`, for the pass back.
    pub hidden_rows: Vec<f32>,
    /// `[padded d]`
    hidden_bias: Vec<f32>,
}

/// Results of a forward pass over a block that its backward pass reads. Buffers keep their size from block to block.
#[derive(Default)]
pub struct CaserPass {
    /// `[windows, L · d]`: the rows that were read.
    pub rows: Vec<f32>,
    /// `[windows, padded features]`, after activation and dropout; zeros in the padding.
    pub features: Vec<f32>,
    /// `[windows, L · nh]`: where in time each filter is largest.
    pub places: Vec<u32>,
    /// `[windows, padded d]`
    pub hidden: Vec<f32>,
    /// `[windows, padded nh]`
    filtered: Vec<f32>,
}

impl CaserLayers {
    /// From the values of the layers' parameters: vertical weight and bias, horizontal weight and bias, hidden
    /// weight and bias.
    pub fn new(
        sizes: CaserSizes,
        [vertical, vertical_bias, horizontal, horizontal_bias, hidden, hidden_bias]: [&[f32]; 6],
    ) -> Self {
        let (nh, dim, features) = (sizes.horizontal, sizes.dim, sizes.features());
        let filters = (1..=sizes.length).map(|height| {
            let reads = height * dim;
            let rows = horizontal.chunks_exact(sizes.filters());
            let filters: Vec<f32> = rows.flat_map(|row| &row[sizes.filter(height)..][..reads]).copied().collect();
            let mut packed = vec![0.0; reads * padded(nh)];
            transpose(&mut packed, padded(nh), &filters, reads, reads);
            packed
        });
        let mut packed_hidden = vec![0.0; features * padded(dim)];
        transpose(&mut packed_hidden, padded(dim), hidden, features, features);
        Self {
            sizes,
            vertical: vertical.to_vec(),
            vertical_bias: vertical_bias.to_vec(),
            horizontal: horizontal.to_vec(),
            filters: filters.collect(),
            horizontal_bias: pad_rows(horizontal_bias, nh),
            hidden: packed_hidden,
            hidden_rows: pad_rows(hidden, features),
            hidden_bias: pad_rows(hidden_bias, dim),
        }
    }

    /// Reads `pass.rows` of some windows and fills the rest. `masks`: `[windows, features]`, factors of the
    /// features, if there are any.
    pub fn forward(&self, pass: &mut CaserPass, masks: Option<&[f32]>) {
        let CaserSizes { dim, length, vertical, horizontal: nh, .. } = self.sizes;
        let (features, stride) = (self.sizes.features(), padded(self.sizes.features()));
        let n = pass.rows.len() / (length * dim);
        pass.features.clear();
        pass.features.resize(n * stride, 0.0);
        for (row, features) in pass.rows.chunks_exact(length * dim).zip(pass.features.chunks_exact_mut(stride)) {
            let filters = self.vertical.chunks_exact(length).zip(&self.vertical_bias);
            for ((weights, &bias), out) in filters.zip(features.chunks_exact_mut(dim)) {
                out.fill(bias);
                for (&weight, values) in weights.iter().zip(row.chunks_exact(dim)) {
                    simd::add_scaled(out, weight, values);
                }
            }
        }
        pass.places.resize(n * length * nh, 0);
        pass.filtered.resize(n * padded(nh), 0.0);
        for height in 1..=length {
            for place in 0..=length - height {
                self.filter(pass, height, place);
            }
        }
        for (k, features_of) in pass.features.chunks_exact_mut(stride).enumerate() {
            self.sizes.convolution.apply(&mut features_of[vertical * dim..features]);
            if let Some(masks) = masks {
                features_of.iter_mut().zip(&masks[k * features..][..features]).for_each(|(value, mask)| *value *= mask);
            }
        }
        pass.hidden.clear();
        pass.hidden.extend((0..n).flat_map(|_| &self.hidden_bias));
        add_product(&mut pass.hidden, padded(dim), &pass.features, stride, &self.hidden);
        self.sizes.hidden.apply(&mut pass.hidden);
    }

    /// The filters of one height at one place in time: keeps what is larger than at the places before. Activations
    /// do not fall, so the largest before one is the largest after it.
    fn filter(&self, pass: &mut CaserPass, height: usize, place: usize) {
        let CaserSizes { dim, length, vertical, horizontal: nh, .. } = self.sizes;
        let stride = padded(self.sizes.features());
        let bias = &self.horizontal_bias[(height - 1) * padded(nh)..][..padded(nh)];
        pass.filtered.chunks_exact_mut(padded(nh)).for_each(|row| row.copy_from_slice(bias));
        add_product(&mut pass.filtered, padded(nh), &pass.rows[place * dim..], length * dim, &self.filters[height - 1]);
        let largest = pass.features.chunks_exact_mut(stride);
        let largest = largest.zip(pass.places.chunks_exact_mut(length * nh));
        for ((features, places), values) in largest.zip(pass.filtered.chunks_exact(padded(nh))) {
            let features = &mut features[vertical * dim + (height - 1) * nh..][..nh];
            let places = &mut places[(height - 1) * nh..][..nh];
            for ((largest, at), &value) in features.iter_mut().zip(places).zip(values) {
                // What is not a number is kept for the loss to tell.
                if place == 0 || value > *largest || value.is_nan() {
                    *largest = value;
                    *at = place as u32;
                }
            }
        }
    }
}

/// Rows of `width`, each with zeros up to a multiple of [`PAD`].
fn pad_rows(values: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len() / width * padded(width)];
    for (out, row) in out.chunks_exact_mut(padded(width)).zip(values.chunks_exact(width)) {
        out[..width].copy_from_slice(row);
    }
    debug_assert!(out.len().is_multiple_of(PAD));
    out
}
