//! New ids for what is left of a dataset.

/// Dense ids for those that occur, in ascending order.
pub(super) struct Renumbering {
    new: Vec<u32>,
    pub size: usize,
}

impl Renumbering {
    /// Every id stays what it is.
    pub fn none(n: usize) -> Self {
        Self { new: (0..n as u32).collect(), size: n }
    }

    pub fn of(n: usize, ids: impl Iterator<Item = u32>) -> Self {
        let mut occurs = vec![false; n];
        ids.for_each(|id| occurs[id as usize] = true);
        let mut size = 0;
        let mut new = Vec::with_capacity(n);
        for occurs in occurs {
            new.push(size);
            size += u32::from(occurs);
        }
        Self { new, size: size as usize }
    }

    /// Only for an id that occurs.
    pub fn of_old(&self, id: u32) -> u32 {
        self.new[id as usize]
    }
}
