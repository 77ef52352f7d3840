//! The categories of items, such as genres of films.

use crate::digest::FieldHasher;

/// By item: its categories, dense ids from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCategories {
    /// Size of a category table: every category is below it.
    count: usize,
    /// `[items + 1]`: where the categories of an item begin in `categories`.
    offsets: Vec<u32>,
    categories: Vec<u32>,
}

impl ItemCategories {
    /// From the categories of each item, in the order of the items.
    ///
    /// # Panics
    /// If a category is not below `count`.
    pub fn new(count: usize, by_item: impl IntoIterator<Item = impl AsRef<[u32]>>) -> Self {
        let (mut offsets, mut categories) = (vec![0], Vec::new());
        for of_item in by_item {
            categories.extend_from_slice(of_item.as_ref());
            offsets.push(categories.len() as u32);
        }
        assert!(categories.iter().all(|&category| (category as usize) < count), "categories below {count}");
        Self { count, offsets, categories }
    }

    /// Size of a category table.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The categories of an item, in the order of the source; at least one where data was read.
    #[inline]
    pub fn of(&self, item: u32) -> &[u32] {
        &self.categories[self.offsets[item as usize] as usize..self.offsets[item as usize + 1] as usize]
    }

    /// Adds them to a digest.
    pub(crate) fn digest_into(&self, hasher: &mut FieldHasher) {
        hasher.field("categories", &(self.count as u64).to_le_bytes());
        hasher.u32s("of items", &self.offsets).u32s("item categories", &self.categories);
    }

    /// `[items + 1]`: where the categories of an item begin in [`all`](Self::all).
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The categories of all items, one item after the other.
    pub fn all(&self) -> &[u32] {
        &self.categories
    }
}
