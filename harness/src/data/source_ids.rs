//! The ids that a source gives its users and items.

/// The source's id of each number from 0. Ids are bytes: a source need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceIds {
    /// One id after the other.
    bytes: Vec<u8>,
    /// By number: where the id ends in `bytes`.
    ends: Vec<usize>,
}

impl SourceIds {
    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id of a number.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn of(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    /// The id of a number for messages.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn name(&self, number: u32) -> String {
        String::from_utf8_lossy(self.of(number)).into_owned()
    }

    /// All ids, by number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|number| self.of(number))
    }

    /// The ids of these numbers, in their order: what a split renumbers.
    ///
    /// # Panics
    /// If there is no such number.
    pub fn picked(&self, numbers: &[u32]) -> Self {
        numbers.iter().map(|&number| self.of(number)).collect()
    }
}

impl<I: AsRef<[u8]>> FromIterator<I> for SourceIds {
    fn from_iter<T: IntoIterator<Item = I>>(ids: T) -> Self {
        let mut all = Self::default();
        for id in ids {
            all.bytes.extend_from_slice(id.as_ref());
            all.ends.push(all.bytes.len());
        }
        all
    }
}

/// The source's ids of a dataset, by the dataset's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasetIds {
    /// Users that the source does not name have the number of their line, from 0.
    pub users: SourceIds,
    pub items: SourceIds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_by_number() {
        let ids: SourceIds = ["7", "", "a b"].into_iter().collect();
        assert_eq!((ids.len(), ids.of(0), ids.of(1), ids.name(2)), (3, &b"7"[..], &b""[..], "a b".to_string()));
        assert_eq!(ids.picked(&[2, 0]), ["a b", "7"].into_iter().collect());
        assert!(ids.iter().eq([&b"7"[..], b"", b"a b"]));
    }
}
