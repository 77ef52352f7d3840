//! Dense ids for the users or items that filters leave in a dataset.

/// A map from old ids to dense new ids, in the order of the old ones.
pub(super) struct Renumbering {
    new: Vec<u32>,
    pub size: usize,
}

impl Renumbering {
    /// The identity over `0..n`.
    pub fn none(n: usize) -> Self {
        Self { new: (0..n as u32).collect(), size: n }
    }

    /// Dense ids for those of `0..n` that are among `ids`.
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

    /// The new id of an old one that occurs; for any other the result has no meaning.
    pub fn of_old(&self, id: u32) -> u32 {
        self.new[id as usize]
    }
}
