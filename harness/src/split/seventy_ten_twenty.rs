//! The 70/10/20 rule of Ranking Distillation: each user's sequence is cut in time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::renumbering::Renumbering;
use super::source_numbers::SourceNumbers;
use super::{Split, UserItems};
use crate::data::Dataset;

/// The use of the validation items: to tune hyper-parameters, or as training data of the reported runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SplitPhase {
    /// To choose hyper-parameters: they are held out.
    Tune,
    /// To train, after the choice: the test alone is held out.
    Report,
}

/// Where the validation and the test of a user with `n` items begin.
///
/// The test is the last ⌊2n/10⌋, the validation the ⌊3n/10⌋ − ⌊2n/10⌋ before it, in integers: this gives
/// the counts of the authors' files for all of their users. In the phase `report` there is no validation.
pub(super) fn cuts(n: usize, phase: SplitPhase) -> (usize, usize) {
    let test = n - 2 * n / 10;
    (if phase == SplitPhase::Report { test } else { n - 3 * n / 10 }, test)
}

/// Cuts every user's `pairs`, which are in time order.
pub(super) fn split(
    dataset: &Dataset,
    pairs: &[(u32, u32)],
    keep_ids: bool,
    phase: SplitPhase,
) -> (Split, SourceNumbers) {
    let (users, items) = if keep_ids {
        (Renumbering::none(dataset.n_users), Renumbering::none(dataset.n_items))
    } else {
        let ids = |of: fn(&(u32, u32)) -> u32| pairs.iter().map(of);
        (Renumbering::of(dataset.n_users, ids(|p| p.0)), Renumbering::of(dataset.n_items, ids(|p| p.1)))
    };
    let dense: Vec<(u32, u32)> = pairs.iter().map(|&(user, item)| (users.of_old(user), items.of_old(item))).collect();
    let all = UserItems::from_pairs(users.size, &dense);
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for user in 0..users.size as u32 {
        let of_user = all.of(user);
        let (valid, test) = cuts(of_user.len(), phase);
        for (part, range) in parts.iter_mut().zip([0..valid, valid..test, test..of_user.len()]) {
            part.extend(of_user[range].iter().map(|&item| (user, item)));
        }
    }
    let [train, valid, test] = parts.map(|pairs| UserItems::from_pairs(users.size, &pairs));
    let numbers = SourceNumbers { users: users.old_ids(), items: items.old_ids() };
    (Split { n_users: users.size, n_items: items.size, train, valid, test }, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Clock;
    use crate::error::Kind;
    use crate::kit::applied;
    use crate::split::SplitRule;
    use crate::{golden, kit};

    /// The vector `chronological_split_counts` of tests/golden/rd.json.
    #[test]
    fn counts_agree_with_the_reference_vector() {
        let case = golden::case("rd.json", "chronological_split_counts");
        let counts = case["expected"]["train_val_test"].as_array().unwrap();
        for (n, want) in case["inputs"]["n"].as_array().unwrap().iter().zip(counts) {
            let n = n.as_u64().unwrap() as usize;
            let (valid, test) = cuts(n, SplitPhase::Tune);
            assert_eq!(serde_json::json!([valid, test - valid, n - test]), *want, "{n} items");
        }
    }

    /// User 0 has 11 items in two parts, user 2 has 4, and item 3 comes twice; user 1 and items 12 to 14 have nothing.
    fn dataset() -> Dataset {
        let early = [0, 1, 2, 3, 4, 5, 6, 7].map(|k| (0, 7 - k, i64::from(k)));
        let late = [(0, 8, 18), (0, 9, 19), (0, 10, 20), (0, 3, 13), (2, 11, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0)];
        Dataset { clock: Clock::Order, ..kit::dataset(3, 15, &[("a", &early), ("b", &late)]) }
    }

    fn rule(core: usize, phase: SplitPhase) -> SplitRule {
        SplitRule::SeventyTenTwenty { core, phase }
    }

    #[test]
    fn the_two_phases_hold_out_the_same_test() {
        let data = dataset();
        let tune = applied(&rule(0, SplitPhase::Tune), &data).unwrap();
        let report = applied(&rule(0, SplitPhase::Report), &data).unwrap();
        // 11 items: 8, 1 and 2; 4 items: 3, 1 and none.
        assert_eq!(tune.train.of(0), [7, 6, 5, 4, 3, 2, 1, 0]);
        assert_eq!((tune.valid.of(0), tune.test.of(0)), (&[8][..], &[9, 10][..]));
        assert_eq!((tune.train.of(2), tune.valid.of(2)), (&[11, 0, 1][..], &[2][..]));
        assert_eq!(report.train.of(0), [7, 6, 5, 4, 3, 2, 1, 0, 8]);
        assert_eq!(report.train.of(2), [11, 0, 1, 2]);
        assert!(report.valid.is_empty() && report.train.of(1).is_empty());
        assert_eq!(report.test, tune.test);
    }

    #[test]
    fn without_a_core_nobody_is_dropped_and_with_one_ids_are_dense() {
        let whole = applied(&rule(0, SplitPhase::Report), &dataset()).unwrap();
        assert_eq!((whole.n_users, whole.n_items), (3, 15));
        let dense = applied(&rule(1, SplitPhase::Report), &dataset()).unwrap();
        assert_eq!((dense.n_users, dense.n_items), (2, 12));
        assert_eq!(dense.train.of(1), [11, 0, 1, 2]);
    }

    #[test]
    fn nobody_with_a_test_item_is_an_error() {
        let mut data = dataset();
        data.parts.iter_mut().for_each(|part| part.interactions.retain(|i| i.user == 2));
        let error = applied(&rule(0, SplitPhase::Report), &data).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("no test interactions are left of `made-up`"), "{error}");
    }

    #[test]
    fn the_toml_form_is_strict() {
        let read = |text: &str| toml::from_str::<SplitRule>(text).map_err(|error| error.to_string());
        let text = "rule = \"70-10-20\"\ncore = 0\nphase = \"report\"";
        assert_eq!(read(text).unwrap(), rule(0, SplitPhase::Report));
        assert_eq!(
            serde_json::to_string(&rule(5, SplitPhase::Tune)).unwrap(),
            r#"{"rule":"70-10-20","core":5,"phase":"tune"}"#
        );
        assert!(read("rule = \"70-10-20\"\ncore = 0\nphase = \"reprot\"").unwrap_err().contains("`tune` or `report`"));
    }
}
