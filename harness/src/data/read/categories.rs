//! The categories of items, as their rows name them.

use super::numbering::{Numbers, numbered, places};
use crate::data::categories::ItemCategories;
use crate::data::text::{BadLine, Field, quoted};

/// Categories read so far.
#[derive(Default)]
pub(super) struct Categories {
    numbers: Numbers,
    /// By item, as far as one has been read: its categories; none where nothing was said of it.
    of_items: Vec<Vec<u32>>,
}

impl Categories {
    /// Whether something was said of an item.
    pub fn has(&self, item: u32) -> bool {
        self.of_items.get(item as usize).is_some_and(|categories| !categories.is_empty())
    }

    /// Takes the categories of an item from a field, which names one or, with `separator` between them, several.
    pub fn add(&mut self, item: u32, field: &[u8], separator: Option<u8>) -> Field<()> {
        let mut categories = Vec::new();
        for id in field.split(|byte| Some(*byte) == separator) {
            let category = numbered(&mut self.numbers, "category", id)?;
            if categories.contains(&category) {
                return Err(BadLine::new("each category of an item once", quoted(field)));
            }
            categories.push(category);
        }
        if self.of_items.len() <= item as usize {
            self.of_items.resize(item as usize + 1, Vec::new());
        }
        self.of_items[item as usize] = categories;
        Ok(())
    }

    /// The categories of `n_items` items, numbered in the order of the source's ids; those of an item in the order of the
    /// source.
    pub fn of_items(&self, n_items: usize) -> ItemCategories {
        let places = places(&self.numbers);
        let of_item = |item: usize| {
            let categories = self.of_items.get(item).map_or(&[][..], Vec::as_slice);
            categories.iter().map(|&category| places[category as usize]).collect::<Vec<_>>()
        };
        ItemCategories::new(places.len(), (0..n_items).map(of_item))
    }
}
