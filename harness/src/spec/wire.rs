//! The spec as it is written: strict serde types, seen by nobody but the checks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::DeTable;

use super::check;
use super::value::Decimals;
use super::{Events, Protocol, SplitRule};
use crate::document::Document;
use crate::error::Result;

/// A name, or a map from name to name, with their places.
pub type Text = Spanned<String>;
pub type TextMap = Spanned<BTreeMap<Text, Text>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub id: Text,
    pub title: String,
    pub paper: Option<Text>,
    pub dataset: Text,
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
    pub trials: Spanned<Vec<WireTrial>>,
    #[serde(default, rename = "compare")]
    pub comparisons: Vec<WireComparison>,
    #[serde(default, rename = "curve")]
    pub curves: Vec<WireCurve>,
    #[serde(default, rename = "claim")]
    pub claims: Vec<WireClaim>,
    /// Laid over the tree before it is read; here so that the list of expected keys is complete.
    #[serde(default, rename = "profile")]
    _profiles: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireTrial {
    pub id: Text,
    pub label: String,
    pub method: Text,
    pub teacher: Option<Text>,
    /// Read by the method itself, from the tree.
    #[serde(default, rename = "params")]
    _params: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireComparison {
    pub table: Text,
    pub rows: TextMap,
    /// This or `periods`.
    pub columns: Option<TextMap>,
    /// The metric of which the table's columns are the periods 1, 2, ….
    pub periods: Option<Text>,
    pub decimals: Decimals,
    /// Whether the table is printed in per cent.
    #[serde(default)]
    pub percent: bool,
    /// Pairs of rows whose difference is compared, too; a comparison may have none.
    #[serde(default)]
    pub effects: Vec<(Text, Text)>,
    /// Only where the figures cannot be judged.
    pub not_comparable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireCurve {
    pub file: Text,
    pub label: String,
    pub trial: Text,
    pub columns: TextMap,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireClaim {
    pub id: Text,
    pub label: String,
    pub says: Text,
    pub source: String,
}

impl Wire {
    /// Reads a tree of `document`: its own, or one with a profile laid over.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn read(document: &Document<'_>, root: &DeTable<'_>) -> Result<Self> {
        check::storable(document, root)?;
        check::metrics(document, root)?;
        document.read(root)
    }
}
