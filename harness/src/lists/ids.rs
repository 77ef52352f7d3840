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

    /// An id of the table that another program may have read as a number: the same but for zeros before it, or `.0` behind it.
    pub fn as_number(&self, id: &[u8]) -> Option<&[u8]> {
        let plain = |id: &[u8]| {
            let id = id.strip_suffix(b".0").unwrap_or(id);
            let zeros = id.iter().take_while(|byte| **byte == b'0').count();
            let digits = &id[zeros.min(id.len().saturating_sub(1))..];
            (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| digits.to_vec())
        };
        let of_other = plain(id)?;
        self.ids.iter().find(|known| plain(known).is_some_and(|digits| digits == of_other))
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

    #[test]
    fn an_id_that_was_read_as_a_number_is_recognised() {
        let table = IdTable::new(["0042", "7", "x1", "0"].iter().map(ToString::to_string).collect());
        let found = |id: &str| table.as_number(id.as_bytes()).map(|id| std::str::from_utf8(id).unwrap());
        assert_eq!(["42", "7.0", "00", "0.0"].map(found), [Some("0042"), Some("7"), Some("0"), Some("0")]);
        assert_eq!(["1", "", "x1", ".0", "4.2"].map(found), [None; 5]);
    }
}
