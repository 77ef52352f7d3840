//! The draw of sampled candidates.

use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Draw, Protocol};
use crate::queries::Queries;
use crate::rng::{Rejection, Stream};

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
    let mut text = format!("{seed}/{}/", u64::from(owner) + 1).into_bytes();
    let (start, mut taken) = (text.len(), taken.iter().peekable());
    let mut least: BinaryHeap<(Digest, u32)> = BinaryHeap::with_capacity(count + 1);
    for item in 0..n_items as u32 {
        if taken.next_if_eq(&&item).is_some() {
            continue;
        }
        text.truncate(start);
        push_decimal(&mut text, item + 1);
        let digest = Digest::of(&text);
        if least.len() < count {
            least.push((digest, item));
        } else if let Some(mut largest) = least.peek_mut()
            && digest < largest.0
        {
            *largest = (digest, item);
        }
    }
    least.into_sorted_vec().into_iter().map(|(_, item)| item).collect()
}

/// Appends the decimal digits of a number: formatting would take as long as the digest.
fn push_decimal(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}
