//! The draw of sampled candidates.

use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::error::{Error, Kind, Result};
use crate::metrics::{Draw, Protocol};
use crate::queries::Queries;
use crate::rng::{Rejection, Stream};
use crate::simd::{MESSAGES, sha256_of_blocks};

/// By owner of askers: `count` distinct items for each with an asker that asks, of those that the owner has in no part,
/// ascending; none for the others. An owner's draw depends on the seed, its number and its own items alone.
///
/// # Errors
/// [`Input`](Kind::Input): an owner with fewer than `count` such items.
pub(super) fn draw_negatives(queries: &Queries, count: usize, seed: u64, draw: Draw) -> Result<Vec<Vec<u32>>> {
    let (taken, n_items) = (queries.taken(), queries.n_items());
    let mut owners: Vec<u32> = queries.ids().iter().map(|&id| queries.owner(id)).collect();
    owners.sort_unstable();
    owners.dedup();
    let sampler = Rejection::new(n_items);
    let drawn: Vec<Result<Vec<u32>>> = owners
        .par_iter()
        .map(|&owner| {
            let taken = taken.of(owner);
            let left = n_items - taken.len();
            let drawn = match draw {
                _ if left < count => None,
                Draw::Stream => {
                    let mut stream = Stream::new(seed, Protocol::STREAM, "negatives", u64::from(owner));
                    sampler.distinct(&mut stream, taken, count)
                }
                Draw::Sha256 => Some(least_digests(owner, taken, n_items, count, seed)),
            };
            let mut drawn = drawn.ok_or_else(|| {
                let name = queries.name_of_owner(owner);
                Error::new(Kind::Input, format!("{name} has too few items left to draw negatives from"))
                    .expected(format!("at least {count} of {n_items} items outside the user's own"))
                    .got(format!("{left} (the user has {})", taken.len()))
                    .hint("lower `negatives`, or use `candidates = \"full\"`")
            })?;
            drawn.sort_unstable();
            Ok(drawn)
        })
        .collect();
    let mut negatives = vec![Vec::new(); taken.n_users()];
    for (&owner, drawn) in owners.iter().zip(drawn) {
        negatives[owner as usize] = drawn?;
    }
    Ok(negatives)
}

/// Of the items below `n_items` that are not `taken` (ascending), the `count` with the least digests, as [`Draw::Sha256`]
/// says, in the order of the digests.
fn least_digests(owner: u32, taken: &[u32], n_items: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut texts = Texts::new(&format!("{seed}/{}/", u64::from(owner) + 1));
    let mut least: BinaryHeap<([u32; 8], u32)> = BinaryHeap::with_capacity(count);
    let (mut taken, mut items, mut waiting) = (taken.iter().peekable(), [0; MESSAGES], 0);
    for item in 0..n_items as u32 {
        texts.count_on();
        if taken.next_if_eq(&&item).is_none() {
            texts.write(waiting);
            items[waiting] = item;
            waiting += 1;
        }
        if waiting < MESSAGES && item as usize + 1 < n_items {
            continue;
        }
        let mut digests = [[0; MESSAGES]; 8];
        sha256_of_blocks(&texts.blocks, &mut digests);
        for (at, &item) in items[..std::mem::take(&mut waiting)].iter().enumerate() {
            // Nearly all are told by their first word.
            if least.len() == count && least.peek().is_some_and(|largest| digests[0][at] > largest.0[0]) {
                continue;
            }
            least.push((digests.map(|words| words[at]), item));
            if least.len() > count {
                least.pop();
            }
        }
    }
    least.into_sorted_vec().into_iter().map(|(_, item)| item).collect()
}

/// ASCII texts `prefix` and a number, as padded blocks of SHA-256.
struct Texts {
    /// Of the text in hand.
    bytes: [u8; 64],
    /// Where the number begins and ends.
    number: std::ops::Range<usize>,
    /// By word, then text.
    blocks: [[u32; MESSAGES]; 16],
}

impl Texts {
    /// Before the number 1. A prefix of two numbers and a number fit into a block.
    fn new(prefix: &str) -> Self {
        let mut bytes = [0; 64];
        bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
        bytes[prefix.len()] = b'0';
        let mut texts = Self { bytes, number: prefix.len()..prefix.len() + 1, blocks: [[0; MESSAGES]; 16] };
        (0..MESSAGES).for_each(|text| texts.copy_words(0..16, text));
        texts
    }

    /// The next number: counting is quicker than dividing.
    fn count_on(&mut self) {
        let digits = &mut self.bytes[self.number.clone()];
        let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
        let (rest, last) = digits.split_at_mut(digits.len() - nines);
        last.fill(b'0');
        match rest.last_mut() {
            Some(digit) => *digit += 1,
            None => {
                self.bytes[self.number.start] = b'1';
                self.bytes[self.number.end] = b'0';
                self.number.end += 1;
            }
        }
        self.bytes[self.number.end] = 0x80;
    }

    /// Makes the text in hand the one at `text`.
    fn write(&mut self, text: usize) {
        self.copy_words(self.number.start / 4..self.number.end / 4 + 1, text);
        self.blocks[15][text] = 8 * self.number.end as u32;
    }

    fn copy_words(&mut self, words: std::ops::Range<usize>, text: usize) {
        for (word, bytes) in words.clone().zip(self.bytes.as_chunks::<4>().0[words].iter()) {
            self.blocks[word][text] = u32::from_be_bytes(*bytes);
        }
    }
}
