//! The sizes of a Fossil, its parameters by name, how they start, and what a window reads of them.

use std::fmt;
use std::str::FromStr;

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::split::UserItems;
use harness::weights::{Init, Layout, Settings, Weights};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::models::sequence::Window;

/// The tensors, in their order.
pub const NAMES: [&str; 5] = ["input", "output", "output-bias", "recency", "user-recency"];

const ALPHA: &str = "alpha";
const HISTORY: &str = "history";
const TARGETS: &str = "targets";

/// The long-term set H of a training window. Of a user who is served it is all training items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum History {
    /// The items before the target: nothing that a served user could not have (public re-implementations).
    Causal,
    /// All of the user's training items but the targets of the window, later ones too: Fossil's paper, for which a
    /// long-term set has no order. Negatives share the set of their window's targets.
    LeaveOneOut,
}

impl History {
    const ALL: [(Self, &str); 2] = [(Self::Causal, "causal"), (Self::LeaveOneOut, "leave-one-out")];
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL[*self as usize].1)
    }
}

impl FromStr for History {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|(_, name)| *name == text).map(|(history, _)| history).ok_or(())
    }
}

/// All that shapes a Fossil.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FossilSizes {
    pub users: usize,
    pub items: usize,
    /// d.
    pub dim: usize,
    /// L.
    pub length: usize,
    /// T: how many items after its place a window is to predict.
    pub targets: usize,
    /// α: 1 makes the long-term part a mean, 0 a sum.
    pub alpha: f64,
    pub history: History,
}

impl FossilSizes {
    /// Shapes in the order of [`NAMES`].
    pub fn shapes(&self) -> [[usize; 2]; 5] {
        let Self { users, items, dim, length, .. } = *self;
        [[items, dim], [items, dim], [items, 1], [1, length], [users, length]]
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        Layout::new("Fossil", NAMES.into_iter().zip(self.shapes()))
    }

    /// Initial weights; each tensor draws from a stream of its own.
    pub fn initial(&self, init_std: f64, stream: impl Fn(&str) -> Stream) -> Weights {
        let init = |name: &str, _: &[usize]| match name {
            "output-bias" | "recency" => Init::Zeros,
            _ => Init::Normal(init_std),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// Settings that change how a window is read: α, the history, the number of targets.
    pub fn settings(&self) -> Settings {
        let settings = Settings::default().with(ALPHA, self.alpha).with(HISTORY, self.history);
        settings.with(TARGETS, self.targets)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not a Fossil's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let sizes = Self {
            users: weights.size(4, 0),
            items: weights.size(0, 0),
            dim: weights.size(0, 1),
            length: weights.size(4, 1),
            targets: weights.settings.get(TARGETS)?,
            alpha: weights.settings.get(ALPHA)?,
            history: weights.settings.get(HISTORY)?,
        };
        sizes.layout().check(weights)?;
        Ok(sizes)
    }

    /// Number of last items that a window reads beside its history.
    pub fn recent(&self, window: Window) -> usize {
        self.length.min(window.place as usize)
    }

    /// Adds the items (not ids) that `window` reads, and the factor of the row of each: the history, oldest first,
    /// then the last items, latest first. `recency` is η, `of_user` the user's row of η^u.
    ///
    /// The long-term part of x is summed item by item. Prefix sums along a user's sequence would save nothing: V
    /// moves at every step, and a shuffled batch has about one window of each of its users.
    pub fn read(
        &self,
        train: &UserItems,
        window: Window,
        recency: &[f32],
        of_user: &[f32],
        items: &mut Vec<u32>,
        factors: &mut Vec<f32>,
    ) {
        let (before, after) = train.of(window.user).split_at(window.place as usize);
        let after = match self.history {
            History::Causal => None,
            History::LeaveOneOut => after.get(self.targets..),
        };
        items.extend_from_slice(before);
        items.extend_from_slice(after.unwrap_or(&[]));
        let n = before.len() + after.map_or(0, <[u32]>::len);
        // Of an empty history there is nothing to divide.
        factors.extend(std::iter::repeat_n(libm::pow(n as f64, -self.alpha) as f32, n));
        items.extend(before.iter().rev().take(self.length));
        factors.extend(recency.iter().zip(of_user).take(before.len()).map(|(all, user)| all + user));
    }
}

/// The row of an id in tables that have none for the padding.
///
/// # Errors
/// [`Internal`](Kind::Internal) for the padding.
pub fn row_of(id: u32) -> Result<u32> {
    id.checked_sub(1).ok_or_else(|| {
        Error::new(Kind::Internal, "Fossil cannot score the padding").expected("ids of items").got("id 0")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::spread;

    fn sizes(users: usize, items: usize, dim: usize) -> FossilSizes {
        FossilSizes { users, items, dim, length: 5, targets: 1, alpha: 0.2, history: History::Causal }
    }

    /// The paper's table; its Foursquare has about 10.1k users and 23.4k items.
    #[test]
    fn the_papers_models_have_their_sizes() {
        let count = |sizes: FossilSizes| sizes.shapes().iter().map(|[rows, columns]| rows * columns).sum::<usize>();
        assert_eq!(count(sizes(13_149, 14_009, 50)), 1_480_659);
        assert_eq!(count(sizes(13_149, 14_009, 20)), 640_119);
        for (dim, millions) in [(20, "1.01"), (10, "0.54")] {
            assert_eq!(format!("{:.2}", count(sizes(10_100, 23_400, dim)) as f64 / 1e6), millions);
        }
    }

    #[test]
    fn initial_values_say_what_they_are_of() {
        let sizes = FossilSizes { history: History::LeaveOneOut, ..sizes(300, 400, 20) };
        let stream = |purpose: &str| Stream::new(3, "fossil-test", purpose, 0);
        let initial = sizes.initial(0.01, stream);
        assert_eq!(initial, sizes.initial(0.01, stream));
        assert_eq!(FossilSizes::of(&initial).unwrap(), sizes);
        for k in [0, 1, 4] {
            assert!((spread(&initial.parameters[k].values) / 0.01 - 1.0).abs() < 0.05, "{}", NAMES[k]);
        }
        assert!(initial.parameters[2..4].iter().flat_map(|parameter| &parameter.values).all(|v| *v == 0.0));
    }

    #[test]
    fn other_parameters_are_refused() {
        let start = sizes(9, 8, 3).initial(0.1, |purpose| Stream::new(0, "fossil-test", purpose, 0));
        let changed = |change: &dyn Fn(&mut Weights)| {
            let mut weights = start.clone();
            change(&mut weights);
            FossilSizes::of(&weights).is_err()
        };
        assert!(changed(&|w| w.parameters[0].name = "item".into()));
        assert!(changed(&|w| w.parameters[1].shape = vec![3, 8]));
        assert!(changed(&|w| w.parameters[4].values.truncate(3)));
        assert!(changed(&|w| w.parameters.swap(0, 1)));
        assert!(changed(&|w| drop(w.parameters.pop())));
        assert!(changed(&|w| w.parameters[0].shape.clear()));
        let alpha = Settings::default().with(ALPHA, 0.2);
        assert!(changed(&|w| w.settings = alpha.clone().with(HISTORY, "all").with(TARGETS, 1)));
        assert!(changed(&|w| w.settings = alpha.clone().with(HISTORY, History::Causal)));
    }

    #[test]
    fn a_window_reads_its_history_and_its_last_items() {
        let train = UserItems::from_pairs(2, &[7, 3, 9, 4, 6].map(|item| (1, item)));
        let read = |history: History, targets: usize, user: u32, place: u32| {
            let sizes = FossilSizes { length: 2, targets, alpha: 0.5, history, ..sizes(2, 10, 3) };
            let (mut items, mut factors) = (Vec::new(), Vec::new());
            sizes.read(&train, Window { user, place }, &[10.0, 20.0], &[1.0, 2.0], &mut items, &mut factors);
            assert_eq!(
                sizes.recent(Window { user, place }),
                items.len() - factors.iter().filter(|f| **f < 10.0).count()
            );
            (items, factors)
        };
        let quarter = 0.5f32;
        assert_eq!(
            read(History::Causal, 1, 1, 4),
            (vec![7, 3, 9, 4, 4, 9], vec![quarter, quarter, quarter, quarter, 11.0, 22.0])
        );
        assert_eq!(read(History::Causal, 1, 1, 1), (vec![7, 7], vec![1.0, 11.0]));
        // All but the item at place 1, or but those at 1 and 2.
        assert_eq!(read(History::LeaveOneOut, 1, 1, 1), (vec![7, 9, 4, 6, 7], vec![0.5, 0.5, 0.5, 0.5, 11.0]));
        assert_eq!(read(History::LeaveOneOut, 2, 1, 1).0, [7, 4, 6, 7]);
        // As it is served: everything is before.
        assert_eq!(read(History::Causal, 1, 1, 5), read(History::LeaveOneOut, 1, 1, 5));
        assert_eq!(read(History::Causal, 1, 0, 0), (vec![], vec![]));
    }
}
