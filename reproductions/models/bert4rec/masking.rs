//! How items are masked in training.

use harness::rng::Stream;

use crate::models::pieces::{PADDING, id_of, left_padded};

/// Of the masked items, the share that is read as the mask; half of the others are read as an item drawn at random, and the
/// rest as themselves (code).
const AS_MASK: f64 = 0.8;
const AS_MASK_OR_RANDOM: f64 = 0.9;

/// How items are masked.
pub struct Masking {
    /// The probability of each item, above 0.
    pub share: f64,
    /// The id of the mask.
    pub mask: u32,
    /// I.
    pub items: u32,
}

impl Masking {
    /// Writes the most recent items of a piece to the end of `inputs: [L]` with some of them masked, and the masked ones to
    /// `labels: [L]`. One number is drawn for each item, and one more for a random item.
    pub fn apply(&self, piece: &[u32], inputs: &mut [u32], labels: &mut [u32], draws: &mut Stream) {
        left_padded(piece, inputs);
        labels.fill(PADDING);
        let read = piece.len().min(inputs.len());
        let first = inputs.len() - read;
        for (input, label) in inputs[first..].iter_mut().zip(&mut labels[first..]) {
            let drawn = draws.unit() / self.share;
            if drawn < 1.0 {
                *label = *input;
                if drawn < AS_MASK {
                    *input = self.mask;
                } else if drawn < AS_MASK_OR_RANDOM {
                    *input = id_of(draws.below(self.items));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_masked_in_the_stated_shares() {
        let masking = Masking { share: 0.4, mask: 51, items: 50 };
        let mut draws = Stream::new(0, "bert4rec", "mask", 0);
        let piece: Vec<u32> = (0..12).collect();
        let [mut labelled, mut as_mask, mut as_itself, mut as_other] = [0.0; 4];
        let pieces = 4_000;
        for _ in 0..pieces {
            let (mut inputs, mut labels) = ([9; 15], [9; 15]);
            masking.apply(&piece, &mut inputs, &mut labels, &mut draws);
            assert!(inputs[..3] == [PADDING; 3] && labels[..3] == [PADDING; 3]);
            for (position, (&input, &label)) in inputs.iter().zip(&labels).enumerate().skip(3) {
                let id = position as u32 - 2;
                assert!(label == PADDING && input == id || label == id && (1..=51).contains(&input));
                if label == PADDING {
                    continue;
                }
                labelled += 1.0;
                let counter = match input {
                    51 => &mut as_mask,
                    input if input == id => &mut as_itself,
                    _ => &mut as_other,
                };
                *counter += 1.0;
            }
        }
        // Four standard errors of a share of so many items.
        let near =
            |count: f64, of: f64, share: f64| (count / of - share).abs() < 4.0 * (share * (1.0 - share) / of).sqrt();
        assert!(near(labelled, 12.0 * f64::from(pieces), 0.4), "{labelled}");
        // One of 50 random items is the item itself.
        for (count, share) in [(as_mask, 0.8), (as_itself, 0.102), (as_other, 0.098)] {
            assert!(near(count, labelled, share), "{count} of {labelled}: {share}");
        }
    }

    #[test]
    fn of_a_long_piece_the_most_recent_items_are_read() {
        let masking = Masking { share: 0.999, mask: 9, items: 8 };
        let (mut inputs, mut labels) = ([0; 3], [0; 3]);
        masking.apply(&[0, 1, 2, 3, 4], &mut inputs, &mut labels, &mut Stream::new(0, "bert4rec", "mask", 1));
        assert_eq!(labels, [3, 4, 5]);
    }
}
