//! The tables as they stand in a file, before they are checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Kind, Row, Source, Table};

#[derive(Deserialize)]
pub(super) struct WirePublished {
    pub paper: WirePaper,
    pub source: Vec<Spanned<WireSource>>,
    pub table: Vec<Spanned<WireTable>>,
}

#[derive(Deserialize)]
pub(super) struct WirePaper {
    /// What people call it.
    pub short: String,
    pub venue: String,
}

#[derive(Deserialize)]
pub(super) struct WireSource {
    pub id: String,
    #[serde(flatten)]
    pub source: Source,
}

#[derive(Deserialize)]
pub(super) struct WireTable {
    id: String,
    caption: String,
    kind: Kind,
    source: OneOrMany,
    note: Option<String>,
    columns: Vec<String>,
    rows: Vec<WireRow>,
}

#[derive(Deserialize)]
struct WireRow {
    values: Vec<f64>,
    #[serde(flatten)]
    others: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Keys of a row that describe its values and do not tell it from others.
const NOT_LABELS: [&str; 4] = ["mean", "table_mean", "source", "stars"];

impl WireTable {
    pub fn into_table(self) -> Table {
        let model = |row: &WireRow| row.others.get("model").and_then(|model| model.as_str()).map(String::from);
        let mut models = BTreeMap::<String, usize>::new();
        for row in &self.rows {
            *models.entry(model(row).unwrap_or_default()).or_default() += 1;
        }
        let name = |row: &WireRow| match model(row) {
            Some(model) if models[&model] == 1 => model,
            _ => row.labels().join(" / "),
        };
        let value = |value: &f64| (!value.is_nan()).then_some(*value);
        let rows = self
            .rows
            .iter()
            .map(|row| Row { name: name(row), values: row.values.iter().map(value).collect() })
            .collect();
        let source = match self.source {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        };
        Table {
            id: self.id,
            caption: self.caption,
            kind: self.kind,
            source,
            note: self.note,
            columns: self.columns,
            rows,
        }
    }
}

impl WireRow {
    fn labels(&self) -> Vec<String> {
        let labels = self.others.iter().filter(|(key, _)| !NOT_LABELS.contains(&key.as_str()));
        labels
            .filter_map(|(_, value)| match value {
                toml::Value::String(text) => Some(text.clone()),
                toml::Value::Integer(number) => Some(number.to_string()),
                toml::Value::Float(number) => Some(number.to_string()),
                _ => None,
            })
            .collect()
    }
}
