//! The spec as it is written: strict serde types, used by the checks alone.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::{Error as _, IgnoredAny, Unexpected};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::refuse::{metric, metric_texts, not_empty, unique};
use crate::document::{Document, tree};
use crate::error;
use crate::metrics::{Candidates, Protocol, Reads};
use crate::split::{Events, SplitRule};
use crate::value::Decimals;

/// What the files are called in errors.
pub const NOUN: &str = "spec";

/// A name, or a map from name to name, with their places.
pub type SpannedText = Spanned<String>;
pub type SpannedTexts = Spanned<BTreeMap<SpannedText, SpannedText>>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireSpec {
    #[schemars(with = "String")]
    pub id: SpannedText,
    #[serde(deserialize_with = "line")]
    pub title: String,
    #[schemars(with = "Option<String>")]
    pub paper: Option<SpannedText>,
    #[schemars(with = "String")]
    pub dataset: SpannedText,
    #[schemars(with = "Vec<u64>")]
    pub seeds: Spanned<Vec<Spanned<u64>>>,
    /// Prose for the report; a spec may have none.
    #[serde(default)]
    pub analysis: String,
    /// Where it is left out every event counts, and ties in time keep the order of the file.
    #[serde(default)]
    pub events: Events,
    pub split: SplitRule,
    pub protocol: Protocol,
    #[serde(rename = "trial")]
    #[schemars(with = "Vec<WireTrial>")]
    pub trials: Spanned<Vec<WireTrial>>,
    #[serde(default, rename = "compare")]
    pub comparisons: Vec<WireComparison>,
    #[serde(default, rename = "curve")]
    pub curves: Vec<WireCurve>,
    #[serde(default, rename = "claim")]
    pub claims: Vec<WireClaim>,
    /// Laid over the tree before it is read; here so that the list of expected keys is complete.
    #[serde(default, rename = "profile")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    _profiles: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireTrial {
    #[schemars(with = "String")]
    pub id: SpannedText,
    #[serde(deserialize_with = "line")]
    pub label: String,
    #[schemars(with = "String")]
    pub method: SpannedText,
    #[schemars(with = "Option<String>")]
    pub teacher: Option<SpannedText>,
    /// Written out before the tree is read; here so that the list of expected keys is complete.
    #[serde(default, rename = "like")]
    #[schemars(with = "Option<serde_json::Value>")]
    _like: IgnoredAny,
    #[serde(default, rename = "without")]
    #[schemars(with = "Option<serde_json::Value>")]
    _without: IgnoredAny,
    /// Read by the method itself, from the tree.
    #[serde(default, rename = "params")]
    #[schemars(with = "Option<serde_json::Value>")]
    _params: IgnoredAny,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireComparison {
    #[schemars(with = "String")]
    pub table: SpannedText,
    #[schemars(with = "BTreeMap<String, String>")]
    pub rows: SpannedTexts,
    /// This or `periods`.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub columns: Option<SpannedTexts>,
    /// The metric of which the table's columns are the periods 1, 2, …, or from `first_period` on.
    #[schemars(with = "Option<String>")]
    pub periods: Option<SpannedText>,
    /// The period of the table's first column, where that is not 1.
    #[schemars(with = "Option<usize>")]
    pub first_period: Option<Spanned<usize>>,
    pub decimals: Decimals,
    /// Whether the table is printed in per cent.
    #[serde(default)]
    pub percent: bool,
    /// Pairs of rows whose difference is compared, too; a comparison may have none.
    #[serde(default)]
    #[schemars(with = "Vec<(String, String)>")]
    pub effects: Vec<(SpannedText, SpannedText)>,
    /// Why the figures cannot be judged, where they cannot.
    pub not_comparable: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireCurve {
    #[schemars(with = "String")]
    pub file: SpannedText,
    #[serde(deserialize_with = "line")]
    pub label: String,
    #[schemars(with = "String")]
    pub trial: SpannedText,
    #[schemars(with = "BTreeMap<String, String>")]
    pub columns: SpannedTexts,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WireClaim {
    #[schemars(with = "String")]
    pub id: SpannedText,
    #[serde(deserialize_with = "line")]
    pub label: String,
    #[schemars(with = "String")]
    pub says: SpannedText,
    pub source: String,
}

/// Characters of the longest title or label: figures are as wide as their text.
const LONGEST_LINE: usize = 200;

/// Text that stands in one line of tables and figures.
fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let characters = text.chars().count();
    let got = match text.chars().find(|c| c.is_control()) {
        Some(control) => format!("the character `{}` in it", control.escape_debug()),
        None if characters > LONGEST_LINE => format!("{characters} characters"),
        None => return Ok(text),
    };
    Err(D::Error::invalid_value(Unexpected::Other(&got), &&*format!("one line of at most {LONGEST_LINE} characters")))
}

impl WireSpec {
    /// Reads a tree of `document`: its own, or one with a profile laid over.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn read(document: &Document<'_>, root: &DeTable<'_>) -> error::Result<Self> {
        storable(document, root)?;
        metrics(document, root)?;
        document.read(root)
    }
}

/// The metrics of a protocol, before serde reads them: its errors would point at the whole table.
/// What is no array of strings is left to serde.
fn metrics(document: &Document<'_>, root: &DeTable<'_>) -> error::Result<()> {
    let array = root.get("protocol").and_then(|protocol| protocol.get_ref().get("metrics"));
    let Some((array, items)) = array.and_then(|array| Some((array, array.get_ref().as_array()?))) else {
        return Ok(());
    };
    not_empty(document, array, items.is_empty(), "metric")?;
    let candidates = root.get("protocol").and_then(|protocol| protocol.get_ref().get("candidates"));
    let labelled = candidates.and_then(|candidates| candidates.get_ref().as_str()) == Some(Candidates::LABELLED);
    let reads = if labelled { Reads::Scores } else { Reads::Ranks };
    let parsed = metric_texts(Some(array)).map(|text| {
        let metric = metric(document, &text)?;
        reads.check(metric).map_err(|wrong| wrong.at(document.place(text.span())))?;
        Ok(Spanned::new(text.span(), metric))
    });
    unique(document, &parsed.collect::<error::Result<Vec<_>>>()?, "metric")
}

/// Refuses values that JSON cannot hold, as which hyper-parameters are kept: dates, and numbers out of range.
fn storable(document: &Document<'_>, root: &DeTable<'_>) -> error::Result<()> {
    let mut storable = Ok(());
    tree::walk(root, &mut |node| {
        if storable.is_ok() {
            storable = storable_value(document, node.value);
        }
    });
    storable
}

fn storable_value(document: &Document<'_>, value: &Spanned<DeValue<'_>>) -> error::Result<()> {
    let (what, expected) = match value.get_ref() {
        DeValue::Integer(number) if tree::integer(number).is_none() => {
            ("the integer is too large", "an integer from -2^63 to 2^63 - 1, all that TOML holds")
        }
        DeValue::Float(number) if tree::float(number).is_none() => {
            ("the number is not finite", "a finite number of 64 bits")
        }
        DeValue::Datetime(_) => ("a spec holds no dates", "a string, a number, a boolean, an array or a table"),
        _ => return Ok(()),
    };
    let got = tree::value_text(value.get_ref());
    Err(document.refuse(value.span(), what).expected(expected).got(format!("`{got}`")))
}
