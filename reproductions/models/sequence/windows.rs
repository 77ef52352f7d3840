//! Training windows: L items to read, then T to predict.

use harness::error::{Error, Kind, Result};
use harness::split::UserItems;

/// The id of no item: it stands before a sequence that is too short.
pub const PADDING: u32 = 0;

/// The id of an item.
#[inline]
pub fn id_of(item: u32) -> u32 {
    item + 1
}

/// A place in a user's training sequence: what comes before it is known, what comes next is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub user: u32,
    /// Number of the user's training items before the first target.
    pub place: u32,
}

impl Window {
    /// The last `inputs.len()` ids before the place, oldest first, [padded](PADDING) in front.
    ///
    /// # Panics
    /// If the user's sequence ends before the place.
    pub fn inputs(self, train: &UserItems, inputs: &mut [u32]) {
        let before = &train.of(self.user)[..self.place as usize];
        let known = before.len().min(inputs.len());
        let (padding, read) = inputs.split_at_mut(inputs.len() - known);
        padding.fill(PADDING);
        for (slot, &item) in read.iter_mut().zip(&before[before.len() - known..]) {
            *slot = id_of(item);
        }
    }

    /// The items (not ids) that come next, `count` of them, oldest first.
    ///
    /// # Panics
    /// If the sequence ends before the last of them.
    pub fn targets(self, train: &UserItems, count: usize) -> &[u32] {
        &train.of(self.user)[self.place as usize..][..count]
    }

    /// All that a user's training sequence says: what is asked for comes after its end.
    pub fn after_all(train: &UserItems, user: u32) -> Self {
        Self { user, place: train.of(user).len() as u32 }
    }
}

/// Checks that a model with tables for this number of users and items has rows for all training sequences.
///
/// # Errors
/// [`Internal`](Kind::Internal): a model is kept with the split that it was trained on.
pub fn check_sequences(train: &UserItems, users: usize, items: usize) -> Result<()> {
    let most = train.items().iter().max().map_or(0, |&item| item as usize + 1);
    if train.n_users() != users || most > items {
        return Err(Error::new(Kind::Internal, "training sequences reach outside of a model's tables")
            .expected(format!("{users} users, and items below {items}"))
            .got(format!("{} users, and items below {most}", train.n_users())));
    }
    Ok(())
}

/// All training windows of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    windows: Vec<Window>,
}

impl Windows {
    /// Every stretch of `length` + `targets` items, by user, the latest first (code). A user with fewer, but
    /// more than `targets`, has one window, whose input is padded in front (in the code that is broken; it
    /// never happens on its data); a user with no more than `targets` items has none.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if no user has a window.
    pub fn new(train: &UserItems, length: usize, targets: usize) -> Result<Self> {
        let mut windows = Vec::new();
        for user in 0..train.n_users() as u32 {
            let items = train.of(user).len();
            if items > targets {
                let last = items - targets;
                let first = length.min(last);
                windows.extend((first..=last).rev().map(|place| Window { user, place: place as u32 }));
            }
        }
        if windows.is_empty() {
            let longest = (0..train.n_users() as u32).map(|user| train.of(user).len()).max().unwrap_or(0);
            return Err(Error::new(Kind::Input, "no user has a training sequence that is long enough for a window")
                .expected(format!("more than {targets} training items of some user, the number of `targets`"))
                .got(format!("{longest} at most"))
                .hint("fewer `targets`, or a split that leaves users more training items"));
        }
        Ok(Self { windows })
    }

    pub fn len(&self) -> usize {
        self.windows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// All windows.
    pub fn as_slice(&self) -> &[Window] {
        &self.windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, ids, rows};

    fn of(train: &UserItems, length: usize, targets: usize) -> Vec<(Vec<u32>, Vec<u32>)> {
        let windows = Windows::new(train, length, targets).unwrap();
        windows
            .as_slice()
            .iter()
            .map(|window| {
                let mut inputs = vec![u32::MAX; length];
                window.inputs(train, &mut inputs);
                (inputs, window.targets(train, targets).iter().map(|&item| id_of(item)).collect())
            })
            .collect()
    }

    fn sequence(items: impl IntoIterator<Item = u32>) -> UserItems {
        UserItems::from_pairs(1, &items.into_iter().map(|item| (0, item)).collect::<Vec<_>>())
    }

    #[test]
    fn windows_agree_with_the_reference_vectors() {
        for name in ["windows_L5_T1", "windows_L5_T3"] {
            let case = case("rd.json", name);
            let (inputs, expected) = (&case["inputs"], &case["expected"]);
            let number = |key: &str| inputs[key].as_u64().unwrap() as usize;
            let train = sequence(ids(&inputs["user_sequence_oldest_first"]).into_iter().map(|id| id - 1));
            let got = of(&train, number("L"), number("T"));
            let want = |key: &str| -> Vec<Vec<u32>> {
                rows(&expected[key]).iter().map(|row| row.iter().map(|&id| id as u32).collect()).collect()
            };
            let (got_inputs, got_targets): (Vec<_>, Vec<_>) = got.into_iter().unzip();
            assert_eq!(got_inputs, want("inputs_latest_window_first"), "{name}");
            assert_eq!(got_targets, want("targets"), "{name}");
            assert_eq!(got_inputs.len() as u64, expected["count"].as_u64().unwrap());
            let mut test = vec![u32::MAX; number("L")];
            Window::after_all(&train, 0).inputs(&train, &mut test);
            assert_eq!(test, ids(&expected["test_time_input"]));
        }
    }

    #[test]
    fn a_short_user_has_one_window_with_padding_in_front() {
        let short = sequence([7, 3, 9]);
        assert_eq!(of(&short, 5, 1), [(vec![0, 0, 0, 8, 4], vec![10])]);
        assert_eq!(of(&short, 2, 1), [(vec![8, 4], vec![10])]);
        assert_eq!(of(&short, 5, 2), [(vec![0, 0, 0, 0, 8], vec![4, 10])]);
        let mut test = [9; 5];
        Window::after_all(&short, 0).inputs(&short, &mut test);
        assert_eq!(test, [0, 0, 8, 4, 10]);
    }

    #[test]
    fn users_come_one_after_the_other_and_those_without_a_target_not_at_all() {
        let train = UserItems::from_pairs(4, &[(0, 1), (2, 0), (2, 1), (2, 2), (3, 2), (3, 0)]);
        let windows = Windows::new(&train, 1, 1).unwrap();
        let places: Vec<(u32, u32)> = windows.as_slice().iter().map(|w| (w.user, w.place)).collect();
        assert_eq!(places, [(2, 2), (2, 1), (3, 1)]);
    }

    #[test]
    fn sequences_without_any_window_are_refused() {
        let error = Windows::new(&sequence([4, 5]), 5, 2).unwrap_err().to_string();
        assert!(
            error.contains("expected: more than 2 training items") && error.contains("got:      2 at most"),
            "{error}"
        );
    }
}
