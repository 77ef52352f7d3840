//! The layers between the tables, laid out for products.

use harness::nn::{LayerNorm, add_product, add_transposed_product, padded, transpose};

use super::NextItNetSizes;
use super::sizes::{OF_BLOCK, TAPS};

/// Under the root of every norm (code).
const EPSILON: f32 = 1e-8;

/// All blocks.
pub struct NextItNetLayers {
    pub sizes: NextItNetSizes,
    pub blocks: Vec<ResidualBlock>,
}

/// x + ε·branch(x).
pub struct ResidualBlock {
    /// Both halves of the branch.
    pub halves: [Half; 2],
    /// ε.
    pub scale: f32,
}

/// A convolution and the norm after it.
pub struct Half {
    pub convolution: Convolution,
    norm_scale: Vec<f32>,
    norm_shift: Vec<f32>,
}

/// A causal convolution. Rows of activations go by time, then by piece: a tap is a product whose rows are so many pieces
/// further on, and zeros before the first position are rows that no product has.
pub struct Convolution {
    dilation: usize,
    /// Of each tap W, `[C, padded C]` (input, output).
    taps: [Vec<f32>; TAPS],
    /// Of each tap Wᵀ, for the way back.
    transposed: [Vec<f32>; TAPS],
    /// `[padded C]`
    bias: Vec<f32>,
}

impl NextItNetLayers {
    /// From the values of the blocks' parameters, in their order.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    pub fn new(sizes: NextItNetSizes, values: &[&[f32]]) -> Self {
        assert_eq!(values.len(), sizes.blocks() * OF_BLOCK.len(), "the parameters of {} blocks", sizes.blocks());
        let half = |at: &[&[f32]], dilation: usize| Half {
            convolution: Convolution::new(at[0], at[1], dilation),
            norm_scale: at[2].to_vec(),
            norm_shift: at[3].to_vec(),
        };
        let blocks = values.chunks_exact(OF_BLOCK.len()).enumerate().map(|(block, at)| {
            let dilation = sizes.dilation(block);
            ResidualBlock { halves: [half(at, dilation), half(&at[4..], 2 * dilation)], scale: at[8][0] }
        });
        let blocks = blocks.collect();
        Self { sizes, blocks }
    }

    /// From one row of activations to the next: zeros stand beyond C.
    pub fn stride(&self) -> usize {
        padded(self.sizes.width)
    }
}

impl Half {
    /// The norm as a layer over rows of C values.
    pub fn norm(&self) -> LayerNorm<'_> {
        LayerNorm { scale: &self.norm_scale, shift: &self.norm_shift, epsilon: EPSILON }
    }
}

impl Convolution {
    fn new(weights: &[f32], bias: &[f32], dilation: usize) -> Self {
        let width = bias.len();
        let stride = padded(width);
        let of_tap = |tap: usize| &weights[tap * width * width..][..width * width];
        let taps = std::array::from_fn(|tap| {
            let mut packed = vec![0.0; width * stride];
            for (out, row) in packed.chunks_exact_mut(stride).zip(of_tap(tap).chunks_exact(width)) {
                out[..width].copy_from_slice(row);
            }
            packed
        });
        let transposed = std::array::from_fn(|tap| {
            let mut out = vec![0.0; width * stride];
            transpose(&mut out, stride, of_tap(tap), width, width);
            out
        });
        let mut packed_bias = vec![0.0; stride];
        packed_bias[..width].copy_from_slice(bias);
        Self { dilation, taps, transposed, bias: packed_bias }
    }

    /// Values by which a tap reads back, of rows by time and so many pieces.
    fn shift(&self, tap: usize, pieces: usize) -> usize {
        (TAPS - 1 - tap) * self.dilation * pieces * self.bias.len()
    }

    /// `out` = the convolution of rows `x: [L·pieces, padded C]`.
    pub fn forward(&self, x: &[f32], pieces: usize, out: &mut [f32]) {
        let stride = self.bias.len();
        out.chunks_exact_mut(stride).for_each(|row| row.copy_from_slice(&self.bias));
        for tap in (0..TAPS).rev() {
            let shift = self.shift(tap, pieces);
            if shift < x.len() {
                add_product(&mut out[shift..], stride, &x[..x.len() - shift], stride, &self.taps[tap]);
            }
        }
    }

    /// `x_gradient` += what ∂L/∂out, `gradient`, gives the input.
    pub fn backward(&self, gradient: &[f32], pieces: usize, x_gradient: &mut [f32]) {
        let stride = self.bias.len();
        for tap in (0..TAPS).rev() {
            let shift = self.shift(tap, pieces);
            if shift < gradient.len() {
                let rest = gradient.len() - shift;
                add_product(&mut x_gradient[..rest], stride, &gradient[shift..], stride, &self.transposed[tap]);
            }
        }
    }

    /// Adds what ∂L/∂out gives the taps to `taps: [3, C, padded C]`.
    pub fn add_gradients(&self, x: &[f32], gradient: &[f32], pieces: usize, taps: &mut [f32]) {
        let stride = self.bias.len();
        let of_tap = taps.len() / TAPS;
        for (tap, sums) in taps.chunks_exact_mut(of_tap).enumerate() {
            let shift = self.shift(tap, pieces);
            if shift < x.len() {
                add_transposed_product(sums, stride, &x[..x.len() - shift], stride, &gradient[shift..]);
            }
        }
    }
}
