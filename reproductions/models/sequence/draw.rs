//! The making of a batch of windows: inputs, targets, negatives, and items of a distillation term.

use harness::rng::{Rejection, Stream};
use harness::split::UserItems;
use rayon::prelude::*;

use super::{Window, WindowBatch, WindowTerm, id_of};

/// Windows that one task draws for; fixed, so that draws do not depend on threads.
const BLOCK: usize = 32;

/// Where the items of a batch come from.
pub struct Source<'a> {
    /// In time order.
    pub train: &'a UserItems,
    /// The same, ascending: negatives are none of them.
    pub seen: &'a UserItems,
    pub n_items: usize,
    /// L.
    pub length: usize,
    /// T.
    pub targets: usize,
    /// Per window, uniform with replacement over what is no training item of the user (code).
    pub negatives: usize,
}

/// The random streams of an epoch.
pub struct Streams {
    pub negatives: Stream,
    pub term: Stream,
}

/// A batch and its buffers, which keep their size.
#[derive(Default)]
pub struct DrawnBatch {
    windows: Vec<Window>,
    inputs: Vec<u32>,
    items: Vec<u32>,
}

impl DrawnBatch {
    /// Draws for the windows of these `numbers` among `all`. The columns of a window are: targets, negatives,
    /// the term's graded and ungraded items.
    pub fn draw(
        &mut self,
        source: &Source<'_>,
        all: &[Window],
        numbers: &[u32],
        streams: &mut Streams,
        term: Option<&dyn WindowTerm>,
    ) {
        let Source { train, seen, n_items, length, targets, negatives } = *source;
        let own = targets + negatives;
        let columns = own + term.map_or(0, |term| term.columns().iter().sum());
        self.windows.clear();
        self.windows.extend(numbers.iter().map(|&number| all[number as usize]));
        self.inputs.resize(numbers.len() * length, 0);
        self.items.resize(numbers.len() * columns, 0);
        let outside = Rejection::new(n_items);
        let rows = self.inputs.chunks_mut(BLOCK * length).zip(self.items.chunks_mut(BLOCK * columns));
        let blocks: Vec<_> = self
            .windows
            .chunks(BLOCK)
            .zip(numbers.chunks(BLOCK))
            .zip(rows)
            .map(|block| (block, streams.negatives.fork(), streams.term.fork()))
            .collect();
        blocks.into_par_iter().for_each(|(((windows, numbers), (inputs, items)), mut stream, mut of_term)| {
            let rows = inputs.chunks_exact_mut(length).zip(items.chunks_exact_mut(columns));
            for ((&window, &number), (inputs, items)) in windows.iter().zip(numbers).zip(rows) {
                window.inputs(train, inputs);
                let (items, added) = items.split_at_mut(own);
                let (positives, negatives) = items.split_at_mut(targets);
                let next = window.targets(train, targets);
                positives.iter_mut().zip(next).for_each(|(slot, &item)| *slot = id_of(item));
                negatives.fill_with(|| id_of(outside.one(&mut stream, seen.of(window.user))));
                if let Some(term) = term {
                    term.items(number, window, &mut of_term, added);
                }
            }
        });
    }

    /// The batch, of which this many columns have a gradient.
    pub fn batch(&self, graded: usize) -> WindowBatch<'_> {
        WindowBatch { windows: &self.windows, inputs: &self.inputs, items: &self.items, graded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::same_on_threads;

    #[test]
    fn negatives_are_outside_the_training_items_and_no_thread_shows() {
        let pairs: Vec<(u32, u32)> =
            (0..90).flat_map(|user| (0..8).map(move |k| (user, (user + 3 * k) % 31))).collect();
        let train = UserItems::from_pairs(90, &pairs);
        let seen = train.sorted();
        let source = Source { train: &train, seen: &seen, n_items: 31, length: 3, targets: 2, negatives: 4 };
        let all: Vec<Window> = (0..90).map(|user| Window { user, place: 5 }).collect();
        let numbers: Vec<u32> = (0..90).rev().collect();
        let (windows, inputs, items) = same_on_threads(|| {
            let stream = |purpose: &str| Stream::new(0, "draw", purpose, 0);
            let mut streams = Streams { negatives: stream("negatives"), term: stream("term") };
            let mut drawn = DrawnBatch::default();
            drawn.draw(&source, &all, &numbers, &mut streams, None);
            (drawn.windows, drawn.inputs, drawn.items)
        });
        for (k, window) in windows.iter().enumerate() {
            assert_eq!(window.user, 89 - k as u32);
            let sequence: Vec<u32> = train.of(window.user).iter().map(|&item| id_of(item)).collect();
            assert_eq!(inputs[k * 3..][..3], sequence[2..5]);
            assert_eq!(items[k * 6..][..2], sequence[5..7]);
            assert!(items[k * 6 + 2..][..4].iter().all(|id| !sequence.contains(id) && (1..=31).contains(id)));
        }
    }
}
