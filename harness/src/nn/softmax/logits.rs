//! Logits of a chunk of rows over all items, in one buffer, and their normalisers.

use crate::nn::add_product;
use rayon::prelude::*;

use super::kernels::add_exponentials;
use super::layout::{GROUP, Strips, TILE, place};
use super::parts::ItemTable;

/// Logits of a group of rows over all items, in a buffer that keeps its size.
#[derive(Default)]
pub struct Logits {
    items: usize,
    rows: usize,
    columns: usize,
    /// In tiles of items and strips of columns: see [`place`].
    values: Vec<f32>,
    /// ln Σ e^logit, `[columns]`.
    normalisers: Vec<f32>,
}

/// By column, over some items: the largest logit, and Σ e^(logit − largest).
struct Exponentials {
    largest: Vec<f32>,
    sum: Vec<f32>,
}

impl Logits {
    /// Makes the logits of some rows over a table, and their normalisers.
    pub fn fill(&mut self, table: ItemTable<'_>, rows: &Strips) {
        let (items, columns) = (table.items(), rows.columns());
        (self.items, self.rows, self.columns) = (items, rows.rows(), columns);
        let size = items * columns;
        if self.values.len() < size {
            self.values.resize(size, 0.0);
        }
        let groups = self.values[..size].par_chunks_mut(GROUP * columns).zip(table.rows.par_chunks(GROUP * table.dim));
        let groups: Vec<Exponentials> = groups
            .map(|(logits, items)| {
                // Far below any logit, and finite: its difference to one is a number.
                let (largest, sum) = (vec![f32::MIN; columns], vec![0.0; columns]);
                let mut seen = Exponentials { largest, sum };
                for (logits, items) in logits.chunks_mut(TILE * columns).zip(items.chunks(TILE * table.dim)) {
                    let mut rest = logits;
                    for (at, strip) in rows.iter() {
                        let size = items.len() / table.dim * at.len();
                        let tile = rest.split_off_mut(..size).expect("a tile holds all strips");
                        product(tile, items, table.dim, strip);
                        add_exponentials(tile, &mut seen.largest[at.clone()], &mut seen.sum[at]);
                    }
                }
                seen
            })
            .collect();
        self.normalisers = (0..columns).map(|column| normaliser(&groups, column)).collect();
    }

    /// ln Σ e^logit of each row.
    pub fn normalisers(&self) -> &[f32] {
        &self.normalisers[..self.rows]
    }

    /// ln Σ e^logit of each column.
    pub fn column_normalisers(&self) -> &[f32] {
        &self.normalisers
    }

    /// −log softmax of an item for each row.
    ///
    /// # Panics
    /// If an item is not in the table.
    pub fn cross_entropies<'a>(&'a self, items: &'a [u32]) -> impl Iterator<Item = f64> + 'a {
        assert_eq!(items.len(), self.rows, "an item for each row");
        items.iter().zip(&self.normalisers).enumerate().map(|(row, (&item, &normaliser))| {
            assert!((item as usize) < self.items, "item {item} is not among the {} of the softmax", self.items);
            f64::from(normaliser) - f64::from(self.values[place(self.items, self.columns, item as usize, row)])
        })
    }

    /// The buffer, to be turned into gradients.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.items * self.columns]
    }
}

/// `tile: [items, width]` = rows of items · strip.
pub fn product(tile: &mut [f32], items: &[f32], dim: usize, strip: &[f32]) {
    tile.fill(0.0);
    add_product(tile, strip.len() / dim, items, dim, strip);
}

/// ln Σ over groups, in their order.
fn normaliser(groups: &[Exponentials], column: usize) -> f32 {
    let largest = groups.iter().fold(f32::MIN, |largest, group| largest.max(group.largest[column]));
    let terms = groups.iter().map(|group| {
        let below = f64::from(group.largest[column]) - f64::from(largest);
        f64::from(group.sum[column]) * libm::exp(below)
    });
    (f64::from(largest) + libm::log(terms.sum())) as f32
}
