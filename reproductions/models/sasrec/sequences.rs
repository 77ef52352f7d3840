//! Inputs of different lengths, one after the other.

use std::ops::Range;

use harness::error::{Error, Kind, Result};

/// A batch of inputs, each of at least one item and at most L.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    items: Vec<u32>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Sequences {
    /// Inputs oldest item first, of which the `length` most recent are kept, over the items `0..n_items`.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if an input is empty or an item is beyond the table.
    pub fn new<'a>(inputs: impl IntoIterator<Item = &'a [u32]>, length: usize, n_items: usize) -> Result<Self> {
        let mut sequences = Self::default();
        for input in inputs {
            if input.is_empty() {
                return Err(Error::new(Kind::Internal, "a session without an item to read cannot be encoded"));
            }
            sequences.items.extend_from_slice(&input[input.len().saturating_sub(length)..]);
            sequences.ends.push(sequences.items.len());
        }
        match sequences.items.iter().find(|&&item| item as usize >= n_items) {
            Some(item) => Err(Error::new(Kind::Internal, "a session reads an item that the model has no row for")
                .expected(format!("items below {n_items}"))
                .got(item.to_string())),
            None => Ok(sequences),
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Items of all inputs, one after the other.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// Where input `k` lies among all items.
    pub fn range(&self, k: usize) -> Range<usize> {
        let start = if k == 0 { 0 } else { self.ends[k - 1] };
        start..self.ends[k]
    }
}
