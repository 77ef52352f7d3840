//! Reads published tables: as they stand in a file, then checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{Published, PublishedRow, PublishedSource, PublishedTable};
use crate::compare::TableKind;
use crate::document::{Document, read_text};
use crate::error::Result;
use crate::schema::{generator, of_file};

/// What the files are called in errors.
const NOUN: &str = "file of published tables";

#[derive(Deserialize, JsonSchema)]
struct WirePublished {
    paper: WirePaper,
    #[schemars(with = "Vec<WirePublishedSource>")]
    source: Vec<Spanned<WirePublishedSource>>,
    #[schemars(with = "Vec<WirePublishedTable>")]
    table: Vec<Spanned<WirePublishedTable>>,
}

#[derive(Deserialize, JsonSchema)]
struct WirePaper {
    short: String,
    venue: String,
}

#[derive(Deserialize, JsonSchema)]
struct WirePublishedSource {
    id: String,
    #[serde(flatten)]
    source: PublishedSource,
}

#[derive(Deserialize, JsonSchema)]
struct WirePublishedTable {
    id: String,
    caption: String,
    kind: TableKind,
    source: OneOrMany,
    note: Option<String>,
    columns: Vec<String>,
    rows: Vec<WirePublishedRow>,
}

#[derive(Deserialize, JsonSchema)]
struct WirePublishedRow {
    /// One for each column, as printed; `nan` where nothing was published.
    #[schemars(with = "Vec<Printed>")]
    values: Vec<f64>,
    #[serde(flatten)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    others: BTreeMap<String, toml::Value>,
}

/// A figure of a table, as schemas see it: `nan` has no other form in JSON than null.
struct Printed;

crate::described! { Printed: { "anyOf": [{ "type": "number" }, { "const": null }] } }

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Published {
    /// The JSON schema of published tables as they are written, for editors.
    pub fn schema() -> serde_json::Value {
        of_file::<WirePublished>(generator(), "Published tables of a paper for Reprise")
    }

    /// Reads the published tables of a paper.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io); [`Input`](crate::error::Kind::Input) with the place of what is wrong.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(&read_text(NOUN, file)?, file)
    }

    pub(super) fn parse(text: &str, file: &Path) -> Result<Self> {
        let document = Document::parse(NOUN, file, text)?;
        let wire: WirePublished = document.read(&document.root)?;
        let refuse = |at: &Range<usize>, (expected, got): (String, String)| {
            document.refuse(at.clone(), "the published tables contradict themselves").expected(expected).got(got)
        };
        let once = |id: &str| ("each id once".to_string(), format!("`{id}` twice"));
        let mut sources = BTreeMap::new();
        for wire in wire.source {
            let at = wire.span();
            let WirePublishedSource { id, source } = wire.into_inner();
            if sources.insert(id.clone(), source).is_some() {
                return Err(refuse(&at, once(&id)));
            }
        }
        let mut tables: Vec<PublishedTable> = Vec::new();
        for wire in wire.table {
            let at = wire.span();
            let table = wire.into_inner().into_table();
            if tables.iter().any(|other| other.id == table.id) {
                return Err(refuse(&at, once(&table.id)));
            }
            if let Some(unknown) = table.source.iter().find(|id| !sources.contains_key(*id)) {
                return Err(refuse(&at, ("the id of a [[source]]".into(), format!("`{unknown}`"))));
            }
            if let Some(flaw) = flaw(&table) {
                return Err(refuse(&at, flaw));
            }
            tables.push(table);
        }
        Ok(Self { file: file.to_path_buf(), short: wire.paper.short, venue: wire.paper.venue, sources, tables })
    }
}

/// The first thing that is wrong within a table: what was expected, and what was got.
fn flaw(table: &PublishedTable) -> Option<(String, String)> {
    let columns: BTreeSet<_> = table.columns.iter().collect();
    if columns.len() != table.columns.len() {
        return Some(("each column once".into(), "a column twice".into()));
    }
    let mut names = BTreeSet::new();
    for PublishedRow { name, values } in &table.rows {
        if !names.insert(name) {
            return Some(("labels that tell the rows apart".into(), format!("`{name}` twice")));
        }
        if values.len() != columns.len() {
            return Some((format!("{} values", columns.len()), format!("{} values in row `{name}`", values.len())));
        }
        if values.iter().flatten().any(|value| value.is_infinite()) {
            return Some(("finite values, or `nan` for none".into(), format!("`inf` in row `{name}`")));
        }
    }
    None
}

/// Keys of a row that describe its values and do not tell it from others.
const NOT_LABELS: [&str; 4] = ["mean", "table_mean", "source", "stars"];

impl WirePublishedTable {
    fn into_table(self) -> PublishedTable {
        let model = |row: &WirePublishedRow| row.others.get("model").and_then(|model| model.as_str()).map(String::from);
        let mut models = BTreeMap::<String, usize>::new();
        for row in &self.rows {
            *models.entry(model(row).unwrap_or_default()).or_default() += 1;
        }
        let name = |row: &WirePublishedRow| match model(row) {
            Some(model) if models[&model] == 1 => model,
            _ => row.labels().join(" / "),
        };
        let value = |value: &f64| (!value.is_nan()).then_some(*value);
        let rows = self
            .rows
            .iter()
            .map(|row| PublishedRow { name: name(row), values: row.values.iter().map(value).collect() })
            .collect();
        let source = match self.source {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        };
        PublishedTable {
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

impl WirePublishedRow {
    /// Texts and numbers of the keys that tell the row from others, in the order of the keys.
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
