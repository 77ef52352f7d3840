//! The choice of interactions of a dataset that count, and the order of those with equal times: settings in which papers
//! differ over the same files.

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Interaction, Values};
use crate::error::{Error, Kind, Result};
use crate::suggest::{did_you_mean, one_of};

/// The spec's table `events`. By default every interaction counts, whatever its rating or kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Kinds of events that count, by the labels of the manifest; all of them where the list is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The least rating that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratings_at_least: Option<f32>,
    #[serde(default, skip_serializing_if = "Ties::are_in_file_order")]
    pub ties: Ties,
}

/// The order of a user's interactions with equal times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
            retain(&mut dataset, |value| value >= least);
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
            retain(&mut dataset, |value| chosen.contains(&value));
        }
        if dataset.n_interactions() == 0 {
            let error = Error::new(Kind::Data, format!("no interaction of `{name}` counts")).expected("at least one");
            return Err(error.got(format!("none, since {}", self.describe().unwrap_or_default())));
        }
        Ok(dataset)
    }
}

fn retain(dataset: &mut Dataset, counts: impl Fn(f32) -> bool) {
    dataset.parts.iter_mut().for_each(|part| part.interactions.retain(|interaction| counts(interaction.value)));
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
    fn what_is_said_in_vain_is_not_said() {
        let said: Events = toml::from_str("labels = []\nties = \"file-order\"").unwrap();
        assert!(said.say_nothing() && said.describe().is_none());
        assert_eq!(serde_json::to_string(&said).unwrap(), "{}");
        let events: Events = toml::from_str("ratings_at_least = 8\nties = \"item\"").unwrap();
        assert_eq!(serde_json::to_string(&events).unwrap(), r#"{"ratings_at_least":8.0,"ties":"item"}"#);
    }
}
