//! The layers between the tables, laid out for products.

use std::ops::Range;

use harness::nn::{LayerNorm, add_product, add_transposed_product, padded, transpose};

use super::NextItNetSizes;
use super::sizes::{OF_BLOCK, TAPS};
use crate::models::pieces::rows::{TimeRows, add_rows, fill_rows};

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

/// A causal convolution. Rows of activations go [by time, then by piece](TimeRows): a tap is a product whose rows are so many
/// positions further on, and zeros before the first position are rows that no product has.
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

    /// Positions by which a tap reads back.
    fn shift(&self, tap: usize) -> usize {
        (TAPS - 1 - tap) * self.dilation
    }

    /// `out` = the convolution of rows `x: [rows, padded C]`. `gathered`: a buffer.
    pub fn forward(&self, x: &[f32], order: TimeRows, out: &mut [f32], gathered: &mut Vec<f32>) {
        let stride = self.bias.len();
        fill_rows(out, &self.bias);
        for tap in (0..TAPS).rev() {
            let parts = TapRows::new(order, self.shift(tap));
            for (read, written) in parts.row_by_row() {
                let x = &x[read.start * stride..read.end * stride];
                add_product(&mut out[written.start * stride..written.end * stride], stride, x, stride, &self.taps[tap]);
            }
            if !parts.shared.is_empty() {
                // A row for each of the pieces that read it, so that each sums as if it had it alone.
                gathered.resize(parts.shared.len() * order.pieces * stride, 0.0);
                for (rows, time) in gathered.chunks_exact_mut(order.pieces * stride).zip(parts.shared.clone()) {
                    fill_rows(rows, &x[time * stride..][..stride]);
                }
                let written = &mut out[parts.readers().start * stride..][..gathered.len()];
                add_product(written, stride, gathered, stride, &self.taps[tap]);
            }
        }
    }

    /// `x_gradient` += what ∂L/∂out, `gradient`, gives the input. `sums`: a buffer.
    pub fn backward(&self, gradient: &[f32], order: TimeRows, x_gradient: &mut [f32], sums: &mut Vec<f32>) {
        let stride = self.bias.len();
        for tap in (0..TAPS).rev() {
            let parts = TapRows::new(order, self.shift(tap));
            let mut add = |read: Range<usize>, gradient: &[f32]| {
                let x_gradient = &mut x_gradient[read.start * stride..read.end * stride];
                add_product(x_gradient, stride, gradient, stride, &self.transposed[tap]);
            };
            for (read, written) in parts.row_by_row() {
                add(read, &gradient[written.start * stride..written.end * stride]);
            }
            parts.sum_of_readers(gradient, stride, sums);
            add(parts.shared, sums);
        }
    }

    /// Adds what ∂L/∂out gives the taps to `taps: [3, C, padded C]`. `sums`: a buffer.
    pub fn add_gradients(&self, x: &[f32], gradient: &[f32], order: TimeRows, taps: &mut [f32], buffer: &mut Vec<f32>) {
        let stride = self.bias.len();
        let of_tap = taps.len() / TAPS;
        for (tap, sums) in taps.chunks_exact_mut(of_tap).enumerate() {
            let parts = TapRows::new(order, self.shift(tap));
            let mut add = |read: Range<usize>, gradient: &[f32]| {
                if !read.is_empty() {
                    let x = &x[read.start * stride..read.end * stride];
                    add_transposed_product(sums, stride, x, stride, gradient);
                }
            };
            for (read, written) in parts.row_by_row() {
                add(read, &gradient[written.start * stride..written.end * stride]);
            }
            parts.sum_of_readers(gradient, stride, buffer);
            add(parts.shared, buffer);
        }
    }
}

/// Which rows a tap reads for which rows of the output.
struct TapRows {
    order: TimeRows,
    shift: usize,
    /// Shared positions that positions of single pieces read.
    shared: Range<usize>,
}

impl TapRows {
    fn new(order: TimeRows, shift: usize) -> Self {
        let TimeRows { length, shared, .. } = order;
        // Of the positions from `shared` on, those that read what is before it.
        let readers = shared.max(shift)..(shared + shift).min(length);
        let read = if readers.is_empty() { 0..0 } else { readers.start - shift..readers.end - shift };
        Self { order, shift, shared: read }
    }

    /// Rows that are read, and as many rows for which they are: of shared positions, then of single pieces.
    fn row_by_row(&self) -> [(Range<usize>, Range<usize>); 2] {
        let TimeRows { pieces, length, shared } = self.order;
        let of_shared = shared.saturating_sub(self.shift);
        let of_pieces = (length - shared).saturating_sub(self.shift) * pieces;
        let end = self.order.count();
        [(0..of_shared, shared - of_shared..shared), (shared..shared + of_pieces, end - of_pieces..end)]
    }

    /// Rows of single pieces that read shared positions.
    fn readers(&self) -> Range<usize> {
        let first = self.order.row(self.shared.start + self.shift, 0);
        first..first + self.shared.len() * self.order.pieces
    }

    /// `sums` = of each shared position that is read the sum of the gradients of its readers, `[positions, stride]`.
    fn sum_of_readers(&self, gradient: &[f32], stride: usize, sums: &mut Vec<f32>) {
        sums.clear();
        if self.shared.is_empty() {
            return;
        }
        sums.resize(self.shared.len() * stride, 0.0);
        let readers = self.readers();
        let rows = gradient[readers.start * stride..readers.end * stride].chunks_exact(self.order.pieces * stride);
        sums.chunks_exact_mut(stride).zip(rows).for_each(|(sum, rows)| add_rows(sum, rows));
    }
}
