//! The positions of a batch at which each row of a table occurs.

/// End of a row's list.
const NONE: u32 = u32::MAX;

/// For each row of a table, the positions of the batch that name it, in ascending order.
///
/// Linked lists in two arrays: building one costs a pass over the batch, no sort, and the order in
/// which a row's gradients are summed is the batch's order, whatever the threads do.
pub struct Occurrences {
    first: Vec<u32>,
    next: Vec<u32>,
    ids: Vec<u32>,
}

impl Occurrences {
    pub fn new(rows: usize) -> Self {
        Self { first: vec![NONE; rows], next: Vec::new(), ids: Vec::new() }
    }

    /// Replaces the batch. `ids[k]` is the row at position `k`.
    ///
    /// # Panics
    /// If an id is not below the number of rows.
    pub fn set(&mut self, ids: impl Iterator<Item = u32>) {
        for &id in &self.ids {
            self.first[id as usize] = NONE;
        }
        self.ids.clear();
        self.ids.extend(ids);
        self.next.resize(self.ids.len(), NONE);
        // Backwards, so that each list runs forwards.
        for (position, &id) in self.ids.iter().enumerate().rev() {
            self.next[position] = std::mem::replace(&mut self.first[id as usize], position as u32);
        }
    }

    /// Positions that name `row`, ascending.
    #[inline(always)]
    pub fn of(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        let mut position = self.first[row];
        std::iter::from_fn(move || {
            let here = position as usize;
            (position != NONE).then(|| {
                position = self.next[here];
                here
            })
        })
    }

    /// Whether any of `rows` is named.
    #[inline(always)]
    pub fn any(&self, rows: std::ops::Range<usize>) -> bool {
        self.first[rows].iter().any(|&position| position != NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_run_forwards_and_are_replaced() {
        let mut occurrences = Occurrences::new(5);
        occurrences.set([3, 1, 3, 3].into_iter());
        assert_eq!(occurrences.of(3).collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(occurrences.of(1).collect::<Vec<_>>(), [1]);
        assert!(!occurrences.any(4..5));
        occurrences.set([4, 0].into_iter());
        assert!(occurrences.of(3).next().is_none());
        assert_eq!(occurrences.of(4).collect::<Vec<_>>(), [0]);
        assert!(occurrences.any(0..1) && !occurrences.any(1..4));
    }
}
