//! Successive draws without replacement in proportion to tanh(ε·|ρ − k|).
//!
//! By rejection: a position is drawn uniformly from the whole list and accepted with a probability in
//! proportion to its weight; its sign says which set it belongs to, and what is already drawn is refused.
//! So each accepted draw is in proportion to the weights of what is left, which is what successive draws
//! are, and nearly all draws of a step hit. Where they do not (few positions, small weights), the rest is
//! drawn by a scan over the weights that are left.

use harness::rng::Stream;

use super::discrepancy::Row;

/// Uniform draws for each position of a list, before the rest is drawn by scans.
const PATIENCE: usize = 4;

/// The sets of one row.
const SETS: [usize; 2] = [0, 1];

/// Draws `count` underestimated and as many overestimated positions from a row.
#[derive(Clone, Debug)]
pub struct Sampler {
    count: usize,
    /// By |ρ − k|: weights as fractions of the largest one, in units of 2^−32. tanh is concave, so the
    /// smallest is at least 1/(list − 1) and keeps 17 bits and more.
    weights: Vec<u32>,
}

/// Positions drawn from one row: a bit for each position that is in the set.
#[derive(Clone, Debug, Default)]
pub struct DrawnPositions {
    words: usize,
    /// `[2, words]`: under, over.
    bits: Vec<u64>,
}

impl DrawnPositions {
    fn clear(&mut self, list: usize) {
        self.words = list.div_ceil(64);
        self.bits.clear();
        self.bits.resize(2 * self.words, 0);
    }

    fn has(&self, set: usize, position: usize) -> bool {
        self.bits[set * self.words + position / 64] >> (position % 64) & 1 == 1
    }

    fn insert(&mut self, set: usize, position: usize) {
        self.bits[set * self.words + position / 64] |= 1 << (position % 64);
    }

    /// Visits the underestimated positions, then the overestimated ones, both ascending: the teacher's
    /// order.
    pub fn for_each(&self, mut visit: impl FnMut(usize)) {
        for set in self.bits.chunks_exact(self.words.max(1)) {
            for (first, &word) in (0..).step_by(64).zip(set) {
                let mut left = word;
                while left != 0 {
                    visit(first + left.trailing_zeros() as usize);
                    left &= left - 1;
                }
            }
        }
    }
}

impl Sampler {
    /// For lists of `list` ≥ 2 positions.
    pub fn new(epsilon: f64, list: usize, count: usize) -> Self {
        let weight = |difference: usize| libm::tanh(epsilon * difference as f64);
        let largest = weight(list - 1);
        let scaled = |difference| (weight(difference) / largest * f64::from(u32::MAX)).round() as u32;
        Self { count, weights: (0..list).map(scaled).collect() }
    }

    /// Positions of each set at most: p.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Draws as many of both sets as there are pairs, p at most, and returns how many.
    pub fn draw(&self, row: Row<'_>, stream: &mut Stream, drawn: &mut DrawnPositions) -> usize {
        let pairs = row.pairs(self.count);
        drawn.clear(row.differences.len());
        if pairs == 0 {
            return 0;
        }
        let mut left = [pairs; 2];
        for set in SETS {
            if row.counts[set] == pairs {
                self.all(row, set, drawn);
                left[set] = 0;
            }
        }
        self.by_rejection(row, stream, drawn, &mut left);
        for set in SETS {
            if left[set] > 0 {
                self.by_scans(row, set, left[set], stream, drawn);
            }
        }
        pairs
    }

    /// The weight of a difference, whatever its sign.
    pub fn weight(&self, difference: i16) -> u32 {
        self.weights[usize::from(difference.unsigned_abs())]
    }

    fn all(&self, row: Row<'_>, set: usize, drawn: &mut DrawnPositions) {
        let words = &mut drawn.bits[set * drawn.words..][..drawn.words];
        for (word, differences) in words.iter_mut().zip(row.differences.chunks(64)) {
            *word = differences.iter().rev().fold(0, |word, &d| word << 1 | u64::from(is_in(set, d)));
        }
    }

    /// One number of 32 bits gives the position (where U·n falls, U uniform) and, by the part of U·n
    /// after the point, a second uniform number that accepts it. Where 32 bits of U leave either
    /// open, 32 more are drawn.
    fn by_rejection(&self, row: Row<'_>, stream: &mut Stream, drawn: &mut DrawnPositions, left: &mut [usize; 2]) {
        let n = row.differences.len() as u64;
        let mut patience = PATIENCE * row.differences.len();
        while left[0] + left[1] > 0 && patience > 0 {
            patience -= 1;
            let draw = u64::from(stream.u32());
            let product = draw * n;
            let mut position = (product >> 32) as usize;
            let mut difference = row.differences[position];
            let (low, high) = (product & 0xffff_ffff, (product & 0xffff_ffff) + n);
            let weight = u64::from(self.weight(difference));
            if high > weight {
                if low >= weight && high <= 1 << 32 {
                    continue;
                }
                let product = u128::from(draw << 32 | u64::from(stream.u32())) * u128::from(n);
                position = (product >> 64) as usize;
                difference = row.differences[position];
                if product as u64 >= u64::from(self.weight(difference)) << 32 {
                    continue;
                }
            }
            // Without branches: which set, and whether it is new, nobody can foresee.
            let set = usize::from(difference < 0);
            let word = &mut drawn.bits[set * drawn.words + position / 64];
            let new = u64::from(*word >> (position % 64) & 1 == 0 && left[set] > 0);
            *word |= new << (position % 64);
            left[set] -= new as usize;
        }
    }

    fn by_scans(&self, row: Row<'_>, set: usize, count: usize, stream: &mut Stream, drawn: &mut DrawnPositions) {
        let weight_left = |(position, &difference): (usize, &i16)| {
            let is_left = is_in(set, difference) && !drawn.has(set, position);
            is_left.then(|| (position, u64::from(self.weight(difference))))
        };
        let mut left: Vec<(usize, u64)> = row.differences.iter().enumerate().filter_map(weight_left).collect();
        let mut total = left.iter().map(|(_, weight)| weight).sum();
        for _ in 0..count {
            let mut draw = below(stream, total);
            let hit = left.iter().position(|&(_, weight)| {
                let is_hit = draw < weight;
                draw = draw.wrapping_sub(weight);
                is_hit
            });
            let (position, weight) = left.swap_remove(hit.expect("a draw below the sum of the weights"));
            drawn.insert(set, position);
            total -= weight;
        }
    }
}

fn is_in(set: usize, difference: i16) -> bool {
    if set == 0 { difference > 0 } else { difference < 0 }
}

/// Uniform in `0..n`, n > 0.
fn below(stream: &mut Stream, n: u64) -> u64 {
    loop {
        let draw = stream.u64() >> n.leading_zeros();
        if draw < n {
            return draw;
        }
    }
}
