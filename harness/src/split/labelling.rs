//! How events become labelled samples: what is a positive, what is a negative, and what a sample knows of the past.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};

/// The table `samples` of a split rule. A sample is (user, item, label, history); an event makes one, and each positive
/// may be followed by negatives that are drawn for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labelling {
    pub positives: Positives,
    /// Negatives that are drawn; events that are no positives are negatives, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    /// Most items of a history, the newest of the user's positives before the sample. At most
    /// [`LONGEST_HISTORY`].
    pub history: usize,
    /// Sizes that the prepared data must have. They are checked, and make no other result.
    #[serde(default, skip_serializing)]
    pub expect: Sizes,
}

/// Events that are positives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Positives {
    /// In a spec `"all"`.
    All,
    /// In a spec `"labels"`: those whose value is 1; a value of 0 is a negative, and any other an error.
    Labels,
    /// In a spec `{ ratings_at_least = 4 }`: the others are negatives.
    RatingsAtLeast(f32),
}

/// Negatives of a positive: they follow it with its user, time and history. Each is uniform over all items, drawn again
/// until it is none that the user had by that time. Items that the user takes later may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Negatives {
    /// For each positive.
    pub each: usize,
    pub seed: u64,
}

/// Numbers of prepared data, where they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    pub users: Option<usize>,
    pub items: Option<usize>,
    /// Before those are left out that fill no period.
    pub samples: Option<usize>,
    pub categories: Option<usize>,
}

/// The paper's histories have at most 30 items, and its models pool as many (ASMG, §1).
pub const LONGEST_HISTORY: usize = 30;

/// More negatives of a positive are a typing error.
const MOST_NEGATIVES: usize = 1000;

impl Labelling {
    /// Refuses what cannot be meant, before any data is read.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Error::new(Kind::Input, what);
        if !(1..=LONGEST_HISTORY).contains(&self.history) {
            return Err(wrong("`history` cannot be the length of a history")
                .expected(format!("1 to {LONGEST_HISTORY} items"))
                .got(self.history.to_string())
                .hint(format!("ASMG's histories are the last {LONGEST_HISTORY} items, and models hold no more")));
        }
        match (self.positives, self.negatives) {
            (_, Some(Negatives { each, .. })) if !(1..=MOST_NEGATIVES).contains(&each) => {
                Err(wrong("`negatives.each` cannot be the number of negatives of a positive")
                    .expected(format!("1 to {MOST_NEGATIVES}"))
                    .got(each.to_string())
                    .hint("without `negatives` none is drawn"))
            }
            (Positives::All, None) => Err(wrong("no sample can be a negative")
                .expected("`negatives`, or `positives` of `\"labels\"` or `{ ratings_at_least = … }`")
                .got("`positives = \"all\"` and no `negatives`")),
            (Positives::RatingsAtLeast(least), _) if !least.is_finite() => {
                Err(wrong("`ratings_at_least` is no number").expected("a finite number").got(least.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        let positives = match self.positives {
            Positives::All => "every event is a positive".into(),
            Positives::Labels => "a value of 1 is a positive, 0 a negative".into(),
            Positives::RatingsAtLeast(least) => format!("ratings of at least {least} are positives, others negatives"),
        };
        let drawn = match self.negatives {
            Some(Negatives { each, seed }) => format!(", {each} drawn for each positive as negatives (seed {seed})"),
            None => String::new(),
        };
        format!("{positives}{drawn}; histories are the user's last {} positives before a sample", self.history)
    }
}

impl Sizes {
    /// # Errors
    /// [`Data`](Kind::Data) if a size that is expected is another one.
    pub(super) fn check(&self, dataset: &str, got: Self) -> Result<()> {
        let pairs = [
            ("users", self.users, got.users),
            ("items", self.items, got.items),
            ("samples", self.samples, got.samples),
            ("categories", self.categories, got.categories),
        ];
        let wrong = pairs.into_iter().filter(|(_, expected, got)| expected.is_some() && expected != got);
        let text = |number: Option<usize>, noun: &str| format!("{} {noun}", number.unwrap_or(0));
        let (expected, got): (Vec<_>, Vec<_>) =
            wrong.map(|(noun, expected, got)| (text(expected, noun), text(got, noun))).unzip();
        if expected.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::Data, format!("the samples of `{dataset}` are not as many as the spec expects"))
            .expected(expected.join(", "))
            .got(got.join(", "))
            .hint("other raw files, or other `events`, than those that the numbers of `expect` are of"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Labelling, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_is_read_to_its_last_key() {
        let rated = read("positives = { ratings_at_least = 8 }\nhistory = 30").unwrap();
        assert_eq!((rated.positives, rated.negatives), (Positives::RatingsAtLeast(8.0), None));
        rated.check().unwrap();
        let drawn = read("positives = \"all\"\nnegatives = { each = 1, seed = 1234 }\nhistory = 30").unwrap();
        drawn.check().unwrap();
        assert_eq!(
            drawn.describe(),
            "every event is a positive, 1 drawn for each positive as negatives (seed 1234); histories are the user's last 30 \
             positives before a sample"
        );
        for unknown in ["positives = \"some\"\nhistory = 30", "positives = \"all\"\nhistory = 30\nlabels = 1"] {
            assert!(read(unknown).unwrap_err().contains("unknown"), "{unknown}");
        }
        // What is only checked is no part of what a run is known by.
        let checked = Labelling { expect: Sizes { users: Some(3), ..Sizes::default() }, ..drawn.clone() };
        let json = serde_json::to_string(&checked).unwrap();
        assert_eq!(json, serde_json::to_string(&drawn).unwrap());
        assert_eq!(json, r#"{"positives":"all","negatives":{"each":1,"seed":1234},"history":30}"#);
        assert_eq!(serde_json::to_string(&rated).unwrap(), r#"{"positives":{"ratings_at_least":8.0},"history":30}"#);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, says) in [
            ("positives = { ratings_at_least = 8 }\nhistory = 31", "1 to 30 items"),
            ("positives = { ratings_at_least = 8 }\nhistory = 0", "1 to 30 items"),
            ("positives = { ratings_at_least = nan }\nhistory = 9", "a finite number"),
            ("positives = \"all\"\nhistory = 9", "no sample can be a negative"),
            ("positives = \"all\"\nhistory = 9\nnegatives = { each = 0, seed = 1 }", "1 to 1000"),
        ] {
            let error = read(text).unwrap().check().unwrap_err();
            assert!(error.kind() == Kind::Input && error.to_string().contains(says), "{says}: {error}");
        }
        let expected = Sizes { users: Some(3), items: Some(4), samples: None, categories: Some(1) };
        let got = Sizes { users: Some(3), items: Some(5), samples: Some(9), categories: None };
        let error = expected.check("made-up", got).unwrap_err().to_string();
        assert!(
            error.contains("expected: 4 items, 1 categories") && error.contains("got:      5 items, 0 cat"),
            "{error}"
        );
        expected.check("made-up", expected).unwrap();
    }
}
