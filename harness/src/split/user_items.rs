//! Lists of items per user, as compressed rows.

/// One list of items for each user `0..n_users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserItems {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl UserItems {
    /// From (user, item) pairs; a user's items keep the order of the pairs.
    ///
    /// # Panics
    /// If a user id is not below `n_users`.
    pub fn from_pairs(n_users: usize, pairs: &[(u32, u32)]) -> Self {
        let mut offsets = vec![0u32; n_users + 1];
        for &(user, _) in pairs {
            offsets[user as usize + 1] += 1;
        }
        for user in 0..n_users {
            offsets[user + 1] += offsets[user];
        }
        let mut next = offsets.clone();
        let mut items = vec![0; pairs.len()];
        for &(user, item) in pairs {
            let slot = &mut next[user as usize];
            items[*slot as usize] = item;
            *slot += 1;
        }
        Self { offsets, items }
    }

    /// One list after the other.
    pub fn from_rows(rows: impl IntoIterator<Item = impl AsRef<[u32]>>) -> Self {
        let (mut offsets, mut items) = (vec![0], Vec::new());
        for row in rows {
            items.extend_from_slice(row.as_ref());
            offsets.push(items.len() as u32);
        }
        Self { offsets, items }
    }

    /// Adds a list.
    pub fn push(&mut self, row: &[u32]) {
        self.items.extend_from_slice(row);
        self.offsets.push(self.items.len() as u32);
    }

    /// Number of lists.
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The list of a user, in its own order.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn of(&self, user: u32) -> &[u32] {
        &self.items[self.offsets[user as usize] as usize..self.offsets[user as usize + 1] as usize]
    }

    /// The lists, by user.
    pub fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.offsets.windows(2).map(|ends| &self.items[ends[0] as usize..ends[1] as usize])
    }

    /// All pairs, by user, then in the user's order.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.n_users() as u32).flat_map(|user| self.of(user).iter().map(move |&item| (user, item)))
    }

    /// The same lists with ascending items and no item twice: what set membership needs.
    pub fn sorted(&self) -> Self {
        Self::from_rows(self.rows().map(|row| {
            let mut row = row.to_vec();
            row.sort_unstable();
            row.dedup();
            row
        }))
    }

    /// `[n_users + 1]`: where the list of each user begins in [`items`](Self::items).
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The items of all lists, one list after the other.
    pub fn items(&self) -> &[u32] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_order_of_the_pairs() {
        let lists = UserItems::from_pairs(3, &[(2, 9), (0, 5), (2, 1), (0, 5)]);
        assert_eq!(lists.of(0), [5, 5]);
        assert!(lists.of(1).is_empty());
        assert_eq!(lists.of(2), [9, 1]);
        assert_eq!(lists.pairs().collect::<Vec<_>>(), [(0, 5), (0, 5), (2, 9), (2, 1)]);
        assert_eq!(UserItems::from_rows([&[5u32, 5][..], &[], &[9, 1]]), lists);
        let sorted = lists.sorted();
        assert_eq!(sorted.of(0), [5]);
        assert_eq!(sorted.of(2), [1, 9]);
    }
}
