//! Batches of pieces, left-padded to one length.

use harness::error::{Error, Kind, Result};

/// The id that stands before the first item of a piece shorter than L; as a label: none.
pub const PADDING: u32 = 0;

/// The id of an item of the split.
pub fn id_of(item: u32) -> u32 {
    item + 1
}

/// Writes the ids of the most recent items of `items`, oldest first, to the end of `row: [L]`, and padding before them.
pub fn left_padded(items: &[u32], row: &mut [u32]) {
    let recent = &items[items.len().saturating_sub(row.len())..];
    let (padding, ids) = row.split_at_mut(row.len() - recent.len());
    padding.fill(PADDING);
    ids.iter_mut().zip(recent).for_each(|(id, &item)| *id = id_of(item));
}

/// Some pieces as a network reads them in training.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PieceBatch {
    length: usize,
    inputs: Vec<u32>,
    labels: Vec<u32>,
}

impl PieceBatch {
    /// A batch of no piece yet, for pieces of up to `length` items after the first.
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn new(length: usize) -> Self {
        assert!(length > 0, "pieces without a position");
        Self { length, ..Self::default() }
    }

    /// Removes all pieces.
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.labels.clear();
    }

    /// Adds a piece of padding alone: its inputs and labels, `[L]` each, for the caller to write.
    pub fn add(&mut self) -> [&mut [u32]; 2] {
        let start = self.inputs.len();
        [&mut self.inputs, &mut self.labels].map(|rows| {
            rows.resize(start + self.length, PADDING);
            &mut rows[start..]
        })
    }

    /// Replaces the pieces by these training sequences, oldest item first: each reads its items but the last, and is to
    /// predict at every position the item after it (specification of AdaRec, section 1).
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if a sequence has fewer than two items: nothing would be read or predicted.
    pub fn set<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u32]>) -> Result<()> {
        self.clear();
        for piece in pieces {
            let ([_, labels @ ..], [inputs @ .., _]) = (piece, piece) else { return Err(too_short(piece.len())) };
            if labels.is_empty() {
                return Err(too_short(piece.len()));
            }
            let [of_inputs, of_labels] = self.add();
            left_padded(inputs, of_inputs);
            left_padded(labels, of_labels);
        }
        Ok(())
    }

    /// L.
    pub fn length(&self) -> usize {
        self.length
    }

    /// B.
    pub fn pieces(&self) -> usize {
        self.inputs.len() / self.length
    }

    /// Ids that are read, `[B, L]`.
    pub fn inputs(&self) -> &[u32] {
        &self.inputs
    }

    /// Ids that are to be predicted, `[B, L]`; [`PADDING`] where there is none.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

fn too_short(items: usize) -> Error {
    Error::new(Kind::Data, "a piece is too short to train on")
        .expected("at least 2 training items: one to read and one to predict")
        .got(items.to_string())
        .hint("the split rule's key `shortest` leaves out short pieces")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, ids};

    #[test]
    fn pieces_are_padded_on_the_left_and_keep_their_most_recent_items() {
        let mut batch = PieceBatch::new(3);
        batch.set([&[4u32, 7][..], &[0, 1, 2, 3], &[9, 8, 7, 6, 5, 4]]).unwrap();
        assert_eq!((batch.pieces(), batch.length()), (3, 3));
        assert_eq!(batch.inputs(), [0, 0, 5, 1, 2, 3, 8, 7, 6]);
        assert_eq!(batch.labels(), [0, 0, 8, 2, 3, 4, 7, 6, 5]);
        for short in [&[][..], &[3]] {
            assert_eq!(batch.set([short]).unwrap_err().kind(), Kind::Data);
        }
        let mut row = [9; 2];
        left_padded(&[], &mut row);
        assert_eq!(row, [PADDING; 2]);
    }

    #[test]
    fn training_inputs_and_labels_are_those_of_the_reference() {
        let case = case("adarec.json", "slicing_and_splits");
        let rows = case["expected"]["rows"].as_array().unwrap();
        for row in rows {
            let slice: Vec<u32> = ids(&row["slice"]).iter().map(|id| id - 1).collect();
            let length = row["max_len"].as_u64().unwrap() as usize;
            let mut batch = PieceBatch::new(length);
            batch.set([&slice[..slice.len() - 2]]).unwrap();
            assert_eq!(batch.inputs(), ids(&row["train_input"]));
            assert_eq!(batch.labels(), ids(&row["train_label"]));
            let mut input = vec![0; length];
            left_padded(&slice[..slice.len() - 2], &mut input);
            assert_eq!(input, ids(&row["valid_input"]));
        }
        assert!(rows.len() > 5);
    }
}
