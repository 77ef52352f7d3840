//! From ids back to numbers.

use crate::data::SourceIds;

/// The numbers of ids. Nothing depends on the order of its slots.
pub struct IdTable {
    ids: SourceIds,
    /// As many as a power of two, at least twice the number of ids.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    word: u64,
    /// One more than a number, or 0 where the slot is empty.
    number: u32,
}

/// Most bytes of an id that its word holds.
const IN_A_WORD: usize = 7;
/// The mark of a word that does not hold its id.
const LONG: u64 = 0xff << 56;

/// A short id itself, its length in the highest byte; of a longer one a mark and a hash of its bytes.
fn word(id: &[u8]) -> u64 {
    let bytes = |part: &[u8]| part.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    if id.len() <= IN_A_WORD {
        return (id.len() as u64) << 56 | bytes(id);
    }
    let hash = |hash: u64, part: &[u8]| {
        let product = product(hash ^ bytes(part));
        product ^ product >> 32
    };
    id.chunks(8).fold(id.len() as u64, hash) | LONG
}

/// Ids come from a dataset that was verified: nobody chooses them to collide.
fn product(word: u64) -> u64 {
    (word ^ word >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl IdTable {
    /// A table of distinct ids.
    pub fn new(ids: SourceIds) -> Self {
        let size = (2 * ids.len().max(1)).next_power_of_two();
        let mut slots = vec![Slot::default(); size];
        for (number, id) in (1..).zip(ids.iter()) {
            let word = word(id);
            let mut at = first_slot(word, size);
            while slots[at].number != 0 {
                at = (at + 1) & (size - 1);
            }
            slots[at] = Slot { word, number };
        }
        Self { ids, slots }
    }

    /// The number of an id, if it is one of the table's.
    pub fn number(&self, id: &[u8]) -> Option<u32> {
        let word = word(id);
        let mut at = first_slot(word, self.slots.len());
        loop {
            let slot = self.slots[at];
            let number = slot.number.checked_sub(1)?;
            if slot.word == word && (word < LONG || self.ids.of(number) == id) {
                return Some(number);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
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
}

/// The highest bits of the product, in which all bits of the word have a say; `slots`: a power of two, at least two.
fn first_slot(word: u64, slots: usize) -> usize {
    (product(word) >> (u64::BITS - slots.trailing_zeros())) as usize
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
        let lengths: SourceIds = (0..40).map(|length| "x".repeat(length)).collect();
        let table = IdTable::new(lengths.clone());
        assert!((0..40).all(|number| table.number(lengths.of(number)) == Some(number)));
        let near = ["x\0", "\0", "xxxxxxx\0", "xxxxxxy", "xxxxxxxxxxxxy", "\u{ff}"];
        assert!(near.iter().all(|id| table.number(id.as_bytes()).is_none()));
        assert_eq!(IdTable::new(SourceIds::default()).number(b"x"), None);
    }

    /// Slots that are looked at for an id of the table, on average.
    fn probes(ids: SourceIds) -> f64 {
        let table = IdTable::new(ids);
        let slots = table.slots.len();
        let of = |id: &[u8]| {
            let word = word(id);
            let first = first_slot(word, slots);
            1 + (0..slots).find(|by| table.slots[(first + by) & (slots - 1)].word == word).unwrap()
        };
        table.ids.iter().map(of).sum::<usize>() as f64 / table.ids.len() as f64
    }

    #[test]
    fn ids_that_are_counted_up_are_spread() {
        let forms: [fn(u32) -> String; 6] = [
            |n| n.to_string(),
            |n| (1_000_000 + n).to_string(),
            |n| (10_000_000 + n).to_string(),
            |n| format!("user{n:04}"),
            |n| format!("item_{n:03}"),
            |n| format!("{n:016}"),
        ];
        for form in forms {
            let probes = probes((0..20_000).map(form).collect());
            assert!(probes < 1.6, "{}: {probes}", form(7));
        }
    }

    #[test]
    fn an_id_that_was_read_as_a_number_is_recognised() {
        let table = IdTable::new(["0042", "7", "x1", "0"].iter().map(ToString::to_string).collect());
        let found = |id: &str| table.as_number(id.as_bytes()).map(|id| std::str::from_utf8(id).unwrap());
        assert_eq!(["42", "7.0", "00", "0.0"].map(found), [Some("0042"), Some("7"), Some("0"), Some("0")]);
        assert_eq!(["1", "", "x1", ".0", "4.2"].map(found), [None; 5]);
    }
}
