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

    /// The old ids, by new one.
    pub fn old_ids(&self) -> Vec<u32> {
        let next = |old: usize| self.new.get(old + 1).map_or(self.size, |new| *new as usize);
        let occurs = |old: &u32| next(*old as usize) > self.new[*old as usize] as usize;
        (0..self.new.len() as u32).filter(occurs).collect()
    }

    /// The new id of an old one that occurs; for any other the result has no meaning.
    pub fn of_old(&self, id: u32) -> u32 {
        self.new[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_lead_back_to_the_old_ones() {
        assert_eq!(Renumbering::of(6, [4, 1, 4, 2].into_iter()).old_ids(), [1, 2, 4]);
        assert_eq!(Renumbering::of(3, [0, 2].into_iter()).old_ids(), [0, 2]);
        assert_eq!(Renumbering::none(3).old_ids(), [0, 1, 2]);
        assert!(Renumbering::of(3, [].into_iter()).old_ids().is_empty());
    }
}
