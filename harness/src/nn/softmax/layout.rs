//! Blocking of a batch into chunks and strips of rows, and of the catalogue into groups and tiles of items.

use std::ops::Range;

use crate::nn::{padded, transpose};

/// Rows of the batch whose logits are in the buffer at once: 44 MB for 43,136 items.
const CHUNK: usize = 256;
/// Rows of the batch in a strip: the width of the widest tile of a product.
pub const STRIP: usize = 64;
/// Items in a tile: a strip of logits over it is 12 KiB, and stays in the L1 cache from logits to gradients.
pub const TILE: usize = 48;
/// Items that one task goes over; it has sums of its own.
pub const GROUP: usize = 40 * TILE;

/// Rows in chunks of nearly equal size; all but the last are whole strips.
pub fn chunks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let size = rows.div_ceil(rows.div_ceil(CHUNK).max(1)).next_multiple_of(STRIP).max(STRIP);
    (0..rows).step_by(size).map(move |start| start..(start + size).min(rows))
}

/// Rows of a batch, as both kinds of factors.
pub struct BatchRows<'a> {
    /// `[rows, padded(dim)]`
    pub x: &'a [f32],
    pub strips: Strips,
}

impl<'a> BatchRows<'a> {
    pub fn new(x: &'a [f32], dim: usize) -> Self {
        Self { x, strips: Strips::new(x, dim) }
    }
}

/// Rows of a batch as right factors of products: transposed, in strips.
pub struct Strips {
    dim: usize,
    rows: usize,
    /// The strips, each `[dim, width]`, one after the other; zeros beyond the last row.
    values: Vec<f32>,
}

impl Strips {
    /// Cuts `x: [rows, padded(dim)]` into strips.
    pub fn new(x: &[f32], dim: usize) -> Self {
        let (stride, rows) = (padded(dim), x.len() / padded(dim));
        let mut values = vec![0.0; dim * padded(rows)];
        let strips = values.chunks_mut(dim * STRIP).zip(x.chunks(STRIP * stride));
        for (out, x) in strips {
            transpose(out, out.len() / dim, x, stride, dim);
        }
        Self { dim, rows, values }
    }

    /// Rows without the padding.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of all strips.
    pub fn columns(&self) -> usize {
        padded(self.rows)
    }

    /// Each strip, `[dim, width]`, with its columns among all.
    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, &[f32])> {
        let strips = self.values.chunks(self.dim * STRIP).enumerate();
        strips.map(|(k, strip)| (k * STRIP..k * STRIP + strip.len() / self.dim, strip))
    }
}

/// Place of the logit of an item and a column, in a buffer of so many items and columns.
pub fn place(items: usize, columns: usize, item: usize, column: usize) -> usize {
    // Tile after tile; in a tile, strip after strip; in a strip, item after item.
    let tile = item - item % TILE;
    let height = TILE.min(items - tile);
    let strip = column - column % STRIP;
    let width = STRIP.min(columns - strip);
    tile * columns + strip * height + (item - tile) * width + (column - strip)
}
