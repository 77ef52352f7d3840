//! The choice of interactions of a dataset that count, and the order of those with equal times: settings in which papers
//! differ over the same files.

use std::cmp::Reverse;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Clock, Dataset, Interaction, Moment, Values};
use crate::error::{Error, Kind, Result};
use crate::suggest::{did_you_mean, one_of};

/// The spec's table `events`. By default every interaction counts, whatever its rating or kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Kinds of events that count, by the labels of the manifest; all of them where the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The least rating that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratings_at_least: Option<f32>,
    /// Events from this moment on count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Events before this moment count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Moment>,
    /// Of what is left so far, events of so many users count: of those with most events and, of users with as many, those
    /// whose ids come first in the order of the source's ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_with_most: Option<NonZeroUsize>,
    /// Of what is left then, events of items that have at least so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_at_least: Option<NonZeroUsize>,
    /// Times are cut to whole seconds: within a second they are equal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_seconds: bool,
    /// Times are cut to whole kiloseconds: within 1,000 seconds they are equal. AdaRec's code divides the milliseconds of
    /// ML-2K by 1,000 twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_kiloseconds: bool,
    #[serde(default, skip_serializing_if = "Ties::are_in_file_order")]
    pub ties: Ties,
}

/// The order of a user's interactions with equal times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ties {
    /// The order of the source, file after file.
    #[default]
    FileOrder,
    /// The source's id of the item: the lower number first, then other ids by their bytes.
    Item,
    /// Nothing: a held-out item that a tie would choose is an error.
    Refuse,
}

impl Ties {
    fn are_in_file_order(&self) -> bool {
        *self == Self::FileOrder
    }

    /// Sorts interactions of `dataset` by time, after `first`.
    pub(crate) fn sort<K: Ord>(
        self,
        dataset: &Dataset,
        interactions: &mut [Interaction],
        first: impl Fn(&Interaction) -> K,
    ) {
        match self {
            // Stable: ties keep the order that they have.
            Self::FileOrder | Self::Refuse => interactions.sort_by_key(|i| (first(i), i.time)),
            Self::Item => interactions.sort_by_key(|i| (first(i), i.time, dataset.item_place(i.item))),
        }
    }

    /// As a spec writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FileOrder => "file-order",
            Self::Item => "item",
            Self::Refuse => "refuse",
        }
    }
}

impl Events {
    /// Whether it is the default: all interactions count, ties in file order.
    pub fn say_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// One line for people, where it says something.
    pub fn describe(&self) -> Option<String> {
        let mut texts = Vec::new();
        if !self.labels.is_empty() {
            texts.push(format!("{} alone count", self.labels.join(", ")));
        }
        if let Some(least) = self.ratings_at_least {
            texts.push(format!("ratings of at least {least} count"));
        }
        if let Some(from) = &self.from {
            texts.push(format!("events from {from} on count"));
        }
        if let Some(before) = &self.before {
            texts.push(format!("events before {before} count"));
        }
        if let Some(count) = self.users_with_most {
            texts.push(format!("the {count} users with most of them count"));
        }
        if let Some(least) = self.items_at_least {
            texts.push(format!("items with at least {least} of these count"));
        }
        if self.whole_seconds {
            texts.push("times are cut to whole seconds".into());
        }
        if self.whole_kiloseconds {
            texts.push("times are cut to whole kiloseconds".into());
        }
        match self.ties {
            Ties::FileOrder => {}
            Ties::Item => texts.push("of equal times the lower item comes first".into()),
            Ties::Refuse => texts.push("no held-out item is chosen among equal times".into()),
        }
        if texts.is_empty() { None } else { Some(texts.join("; ")) }
    }

    /// Leaves out what does not count. Ids and table sizes stay.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the dataset has no such ratings or labels; [`Data`](Kind::Data) if nothing is left.
    pub fn keep(&self, mut dataset: Dataset) -> Result<Dataset> {
        let wrong = |what: String| Error::new(Kind::Input, what);
        let name = dataset.name.clone();
        let got = dataset.values.describe();
        if let Some(least) = self.ratings_at_least {
            if dataset.values != Values::Numbers {
                let error = wrong(format!("`{name}` has no ratings to be at least {least}"));
                return Err(error.expected("a column `value` in its manifest").got(got));
            }
            retain(&mut dataset, |event| event.value >= least);
        }
        if !self.labels.is_empty() {
            let Values::Labels(known) = &dataset.values else {
                let error = wrong(format!("`{name}` has no kinds of events"));
                return Err(error.expected("a column `label` in its manifest").got(got));
            };
            let names = || known.keys().map(String::as_str);
            if let Some(unknown) = self.labels.iter().find(|label| !known.contains_key(*label)) {
                let error = wrong(format!("`{name}` has no events `{unknown}`")).expected(one_of(names()));
                return Err(did_you_mean(error, unknown, names()));
            }
            let chosen: Vec<f32> = self.labels.iter().map(|label| known[label]).collect();
            let like =
                |label: &&str| chosen.contains(&known[*label]) && !self.labels.iter().any(|other| other == label);
            if let Some(other) = names().find(|label| like(label)) {
                return Err(wrong(format!("events `{other}` of `{name}` cannot be told from those that count"))
                    .expected("a value of its own for every label in the manifest")
                    .got(format!("{} for `{other}` too", known[other])));
            }
            retain(&mut dataset, |event| chosen.contains(&event.value));
        }
        if (self.from.is_some() || self.before.is_some() || self.whole_seconds || self.whole_kiloseconds)
            && dataset.clock != Clock::Unix
        {
            return Err(wrong(format!("`{name}` has no times that are moments, which `events` asks for"))
                .expected("a column of times whose unit the manifest says, or one of ISO times")
                .got("an order alone"));
        }
        if let Some(from) = &self.from {
            retain(&mut dataset, |event| event.time >= from.time());
        }
        if let Some(before) = &self.before {
            retain(&mut dataset, |event| event.time < before.time());
        }
        if let Some(most) = self.users_with_most {
            let kept = with_most(&dataset, most.get());
            retain(&mut dataset, |event| kept[event.user as usize]);
        }
        if let Some(least) = self.items_at_least {
            let mut counts = vec![0; dataset.n_items];
            of_all(&dataset).for_each(|event| counts[event.item as usize] += 1);
            retain(&mut dataset, |event| counts[event.item as usize] >= least.get());
        }
        if self.whole_seconds {
            let all = dataset.parts.iter_mut().flat_map(|part| &mut part.interactions);
            all.for_each(|event| event.time.billionths = 0);
        }
        if self.whole_kiloseconds {
            let all = dataset.parts.iter_mut().flat_map(|part| &mut part.interactions);
            all.for_each(|event| event.time = (event.time.whole.div_euclid(1000) * 1000).into());
        }
        if dataset.n_interactions() == 0 {
            let error = Error::new(Kind::Data, format!("no interaction of `{name}` counts")).expected("at least one");
            return Err(error.got(format!("none, since {}", self.describe().unwrap_or_default())));
        }
        Ok(dataset)
    }
}

fn retain(dataset: &mut Dataset, counts: impl Fn(&Interaction) -> bool) {
    dataset.parts.iter_mut().for_each(|part| part.interactions.retain(&counts));
}

fn of_all(dataset: &Dataset) -> impl Iterator<Item = &Interaction> {
    dataset.parts.iter().flat_map(|part| &part.interactions)
}

/// By user: whether the user is among the `most` with most events.
fn with_most(dataset: &Dataset, most: usize) -> Vec<bool> {
    let mut counts = vec![0usize; dataset.n_users];
    of_all(dataset).for_each(|event| counts[event.user as usize] += 1);
    let mut users: Vec<u32> = (0..dataset.n_users as u32).collect();
    users.sort_unstable_by_key(|&user| (Reverse(counts[user as usize]), dataset.user_place(user)));
    let mut kept = vec![false; dataset.n_users];
    users.iter().take(most).for_each(|&user| kept[user as usize] = true);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Clock;
    use crate::kit;

    fn dataset(values: Values, of: &[f32]) -> Dataset {
        let rows: Vec<_> = (0..of.len() as u32).map(|item| (0, item, 0)).collect();
        let mut all = kit::dataset(1, of.len(), &[("all", &rows)]);
        all.parts[0].interactions.iter_mut().zip(of).for_each(|(row, value)| row.value = *value);
        Dataset { clock: Clock::Order, values, ..all }
    }

    fn kept(text: &str, dataset: Dataset) -> std::result::Result<Vec<u32>, String> {
        let events: Events = toml::from_str(text).map_err(|error| error.to_string())?;
        let kept = events.keep(dataset).map_err(|error| error.to_string())?;
        Ok(kept.parts[0].interactions.iter().map(|interaction| interaction.item).collect())
    }

    #[test]
    fn ratings_and_kinds_count_as_the_spec_says() {
        // 4.1 is no f32, and the file's 4.1 is the spec's.
        let ratings = || dataset(Values::Numbers, &[0.0, 4.1, 8.0, 4.0]);
        assert_eq!(kept("", ratings()).unwrap(), [0, 1, 2, 3]);
        assert_eq!(kept("ratings_at_least = 4.1", ratings()).unwrap(), [1, 2]);
        assert!(
            kept("ratings_at_least = 9", ratings()).unwrap_err().contains("none, since ratings of at least 9 count")
        );
        assert!(kept("labels = [\"view\"]", ratings()).unwrap_err().contains("no kinds of events"));
        let labels = [("view", 1.0), ("buy", 2.0), ("cart", 2.0)].map(|(label, value)| (label.to_string(), value));
        let events = || dataset(Values::Labels(labels.clone().into()), &[1.0, 2.0, 1.0]);
        assert_eq!(kept("labels = [\"view\"]", events()).unwrap(), [0, 2]);
        assert_eq!(kept("labels = [\"buy\", \"cart\"]", events()).unwrap(), [1]);
        assert!(
            kept("labels = [\"buy\"]", events()).unwrap_err().contains("events `cart` of `made-up` cannot be told")
        );
        assert!(kept("labels = [\"veiw\"]", events()).unwrap_err().contains("did you mean `view`?"));
        assert!(kept("ratings_at_least = 1", events()).unwrap_err().contains("no ratings"));
        assert!(kept("ratings_at_most = 1", events()).unwrap_err().contains("unknown field"));
    }

    #[test]
    fn days_users_and_items_are_chosen_one_after_the_other() {
        const DAY: i64 = 86_400;
        const FIRST: i64 = 1_412_121_600; // 2014-10-01
        // User, item, day: users 0 and 1 have three events each on the two days, user 2 has four on others, too.
        let rows = [
            (0, 0, 0),
            (1, 0, 0),
            (0, 1, 0),
            (2, 1, 1),
            (1, 2, 1),
            (0, 2, 1),
            (1, 3, 1),
            (2, 3, 2),
            (2, 0, 2),
            (2, 0, 0),
        ];
        let rows = rows.map(|(user, item, day)| (user, item, FIRST + day * DAY));
        let made = || Dataset { user_places: vec![2, 1, 0], ..kit::dataset(3, 4, &[("all", &rows)]) };
        let pairs = |text: &str, dataset: Dataset| {
            let events: Events = toml::from_str(text).unwrap();
            let kept = events.keep(dataset)?;
            Ok(kept.parts[0].interactions.iter().map(|event| (event.user, event.item)).collect::<Vec<_>>())
        };
        let of = |text: &str| pairs(text, made()).unwrap_or_else(|error: Error| panic!("{error}"));
        let days = "from = \"2014-10-01\"\nbefore = \"2014-10-03\"\n";
        assert_eq!(of("before = \"2014-10-02\""), [(0, 0), (1, 0), (0, 1), (2, 0)]);
        assert_eq!(of("from = \"2014-10-03T08:00:00+08:00\""), [(2, 3), (2, 0)]);
        // Of users with as many events the source's first is taken: 1.
        assert_eq!(of(&format!("{days}users_with_most = 1")), [(1, 0), (1, 2), (1, 3)]);
        assert_eq!(of("users_with_most = 1"), [(2, 1), (2, 3), (2, 0), (2, 0)]);
        // Items are counted among the users that are left: 3 has one event then, and 1 too.
        assert_eq!(of(&format!("{days}users_with_most = 2\nitems_at_least = 2")), [(0, 0), (1, 0), (1, 2), (0, 2)]);
        let error = pairs(&format!("{days}items_at_least = 9"), made()).unwrap_err().to_string();
        assert!(error.contains("items with at least 9 of these count"), "{error}");
        let unordered = Dataset { clock: Clock::Order, ..made() };
        assert!(pairs(days, unordered).unwrap_err().to_string().contains("has no times that are moments"));
        assert!(toml::from_str::<Events>("from = \"2014\"").unwrap_err().to_string().contains("expected a date"));
        let mut fine = made();
        fine.parts[0].interactions[0].time.billionths = 5;
        let events: Events = toml::from_str("whole_seconds = true").unwrap();
        assert_eq!(events.keep(fine.clone()).unwrap().parts, made().parts);
        // The first moment of 2014-10-01 is no multiple of 1,000 seconds.
        let events: Events = toml::from_str("whole_kiloseconds = true").unwrap();
        let cut = events.keep(fine.clone()).unwrap();
        assert_eq!(cut.parts[0].interactions[0].time, 1_412_121_000.into());
        assert_eq!(Events::default().keep(fine.clone()).unwrap().parts, fine.parts);
    }

    #[test]
    fn what_is_said_in_vain_is_not_said() {
        let said: Events = toml::from_str("labels = []\nties = \"file-order\"\nwhole_seconds = false").unwrap();
        assert!(said.say_nothing() && said.describe().is_none());
        assert_eq!(serde_json::to_string(&said).unwrap(), "{}");
        let json = |text: &str| serde_json::to_string(&toml::from_str::<Events>(text).unwrap()).unwrap();
        assert_eq!(json("ratings_at_least = 8\nties = \"item\""), r#"{"ratings_at_least":8.0,"ties":"item"}"#);
        assert_eq!(
            json("from = \"2014-10-01\"\nusers_with_most = 5\nitems_at_least = 2\nwhole_seconds = true"),
            r#"{"from":"2014-10-01","users_with_most":5,"items_at_least":2,"whole_seconds":true}"#
        );
    }
}
