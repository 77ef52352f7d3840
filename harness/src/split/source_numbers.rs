//! From the numbers of a split back to those of its dataset.

/// The dataset's numbers of what a split numbers anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceNumbers {
    /// By user of the split, of pieces by owner. Empty where askers are sessions, of whose users nothing is kept.
    pub users: Vec<u32>,
    /// By item of the split.
    pub items: Vec<u32>,
}

impl SourceNumbers {
    /// A split that keeps the numbers of its dataset.
    pub(super) fn same(n_users: usize, n_items: usize) -> Self {
        Self { users: (0..n_users as u32).collect(), items: (0..n_items as u32).collect() }
    }
}

/// The number that has each of `chosen`, which are places in the order of the source's ids; `places` is by number, and empty
/// where numbers have that order.
pub(super) fn at_places(places: &[u32], chosen: Vec<u32>) -> Vec<u32> {
    if places.is_empty() {
        return chosen;
    }
    let mut numbers = vec![0; places.len()];
    (0..).zip(places).for_each(|(number, place)| numbers[*place as usize] = number);
    chosen.into_iter().map(|place| numbers[place as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_turned_back() {
        assert_eq!(at_places(&[], vec![3, 1]), [3, 1]);
        assert_eq!(at_places(&[2, 0, 1], vec![0, 2]), [1, 0]);
    }
}
