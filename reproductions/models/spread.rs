//! Gradients of pairs, sorted by one of their members.

use std::ops::Range;

use harness::simd;

/// For each row of a table the pairs that name it, in their order: a coefficient, and which vector it is of.
///
/// Sorted by counting, so that a row's pairs lie side by side and are summed by one kernel.
pub struct Spread {
    /// `[rows + 1]`
    offsets: Vec<u32>,
    vectors: Vec<u32>,
    coefficients: Vec<f32>,
}

impl Spread {
    /// Pair `k` names row `ids[k]`; `vector_of` gives the vectors of all pairs, in their order.
    ///
    /// # Panics
    /// If an id is not below `rows`, or the lengths disagree.
    pub fn new(rows: usize, ids: &[u32], coefficients: &[f32], vector_of: impl Iterator<Item = u32>) -> Self {
        assert_eq!(ids.len(), coefficients.len(), "one coefficient for each pair");
        let mut offsets = vec![0u32; rows + 2];
        // One place further on, so that after the pass below every row's offset is its beginning.
        for &id in ids {
            offsets[id as usize + 2] += 1;
        }
        for row in 2..rows + 2 {
            offsets[row] += offsets[row - 1];
        }
        let mut new = Self { offsets, vectors: vec![0; ids.len()], coefficients: vec![0.0; ids.len()] };
        for ((&id, &coefficient), vector) in ids.iter().zip(coefficients).zip(vector_of) {
            let slot = &mut new.offsets[id as usize + 1];
            new.vectors[*slot as usize] = vector;
            new.coefficients[*slot as usize] = coefficient;
            *slot += 1;
        }
        new
    }

    /// Whether any of `rows` is named.
    #[inline]
    pub fn any(&self, rows: Range<usize>) -> bool {
        self.offsets[rows.start] < self.offsets[rows.end]
    }

    /// Adds Σ coefficient · vector over the pairs of `row` to `sum`; `vectors`: `[vectors, sum.len()]`.
    #[inline]
    pub fn add(&self, row: usize, vectors: &[f32], sum: &mut [f32]) {
        let pairs = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        if !pairs.is_empty() {
            simd::add_gathered(sum, &self.coefficients[pairs.clone()], vectors, &self.vectors[pairs]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_summed_by_row_in_their_order() {
        let spread = Spread::new(4, &[2, 0, 2, 2], &[1.0, 10.0, 0.5, -2.0], [1, 0, 0, 1].into_iter());
        let vectors = [1.0, 2.0, 3.0, 4.0];
        let sum = |row| {
            let mut sum = [0.0; 2];
            spread.add(row, &vectors, &mut sum);
            sum
        };
        assert_eq!([sum(0), sum(1), sum(2), sum(3)], [[10.0, 20.0], [0.0; 2], [-2.5, -3.0], [0.0; 2]]);
        assert!(spread.any(0..2) && !spread.any(1..2) && spread.any(1..3) && !spread.any(3..4));
    }
}
