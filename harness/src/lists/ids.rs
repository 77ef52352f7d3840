//! From ids back to numbers.

use crate::data::SourceIds;

/// The numbers of ids. Nothing depends on the order of its slots.
pub struct IdTable {
    ids: SourceIds,
    /// One more than a number, or 0; as many as a power of two, at least twice the number of ids.
    slots: Vec<u32>,
}

impl IdTable {
    /// A table of distinct ids.
    pub fn new(ids: SourceIds) -> Self {
        let size = (2 * ids.len().max(1)).next_power_of_two();
        let mut table = Self { ids: SourceIds::default(), slots: vec![0; size] };
        for (number, id) in (1..).zip(ids.iter()) {
            let mut slot = table.first_slot(id);
            while table.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            table.slots[slot] = number;
        }
        table.ids = ids;
        table
    }

    /// The number of an id, if it is one of the table's.
    pub fn number(&self, id: &[u8]) -> Option<u32> {
        let mut slot = self.first_slot(id);
        while let Some(number) = self.slots[slot].checked_sub(1) {
            if self.ids.of(number) == id {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// The ids, by number.
    pub fn ids(&self) -> &SourceIds {
        &self.ids
    }

    /// A product of the bytes, eight at a time: ids are short, and come from a dataset that was verified.
    fn first_slot(&self, id: &[u8]) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = id.len() as u64;
        for part in id.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
        }
        (hash >> 32) as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_it_has_and_nothing_else() {
        let ids: SourceIds = (0..5000).map(|n| format!("item-{}", n * 7)).collect();
        let table = IdTable::new(ids.clone());
        assert!((0..5000).all(|number| table.number(ids.of(number)) == Some(number)));
        for other in ["item-1", "item-", "", "item-70 "] {
            assert_eq!(table.number(other.as_bytes()), None, "{other}");
        }
        assert_eq!(IdTable::new(SourceIds::default()).number(b"x"), None);
    }
}
