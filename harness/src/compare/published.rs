//! The paper's own numbers as data: `published.toml` of each paper.
//!
//! Only tables and their sources are read here. The files hold more (hyper-parameters, datasets,
//! discrepancies) for people; that, and descriptive keys of a table, is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::Kind;
use crate::document::{Document, read_text};
use crate::error::{Error, Kind as ErrorKind, Place, Result};
use crate::suggest::{did_you_mean, one_of};

/// All tables of one paper's file.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    file: PathBuf,
    pub short: String,
    pub venue: String,
    pub sources: BTreeMap<String, Source>,
    pub tables: Vec<Table>,
}

/// Where figures were copied from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Source {
    #[serde(rename = "where")]
    pub place: String,
    pub note: Option<String>,
}

/// A published table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub id: String,
    pub caption: String,
    pub kind: Kind,
    /// Ids of [`Published::sources`].
    pub source: Vec<String>,
    pub note: Option<String>,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// One row of a published table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its model, where no other row of the table has the same; else all its labels joined by
    /// ` / ` in the order of their keys, such as `CiteULike / Teacher` (`dataset`, `model`).
    pub name: String,
    /// One for each column; `None` (`nan` in the file) where nothing was published.
    pub values: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct WirePublished {
    paper: WirePaper,
    source: Vec<Spanned<WireSource>>,
    table: Vec<Spanned<WireTable>>,
}

#[derive(Deserialize)]
struct WirePaper {
    /// What people call it.
    short: String,
    venue: String,
}

#[derive(Deserialize)]
struct WireSource {
    id: String,
    #[serde(flatten)]
    source: Source,
}

#[derive(Deserialize)]
struct WireTable {
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

/// What the files are called in errors.
const NOUN: &str = "file of published tables";

/// Keys of a row that describe its values and do not tell it from others.
const NOT_LABELS: [&str; 4] = ["mean", "table_mean", "source", "stars"];

impl Published {
    /// What people call the paper: `DE-RRD, CIKM 2020`.
    pub fn name(&self) -> String {
        let venue = self.venue.split([';', '(']).next().unwrap_or_default().trim_end();
        format!("{}, {venue}", self.short)
    }

    /// Reads the tables of a paper.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io); [`Input`](ErrorKind::Input) with the place of what is wrong.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(&read_text(NOUN, file)?, file)
    }

    fn parse(text: &str, file: &Path) -> Result<Self> {
        let document = Document::parse(NOUN, file, text)?;
        let wire: WirePublished = document.read(&document.root)?;
        let refuse = |at: &Range<usize>, flaw: Flaw| {
            document.refuse(at.clone(), "the published tables contradict themselves").expected(flaw.0).got(flaw.1)
        };
        let once = |id: &str| ("each id once".to_string(), format!("`{id}` twice"));
        let mut sources = BTreeMap::new();
        for wire in wire.source {
            let at = wire.span();
            let WireSource { id, source } = wire.into_inner();
            if sources.insert(id.clone(), source).is_some() {
                return Err(refuse(&at, once(&id)));
            }
        }
        let mut tables: Vec<Table> = Vec::new();
        for wire in wire.table {
            let at = wire.span();
            let table = wire.into_inner().into_table();
            if tables.iter().any(|other| other.id == table.id) {
                return Err(refuse(&at, once(&table.id)));
            }
            if let Some(unknown) = table.source.iter().find(|id| !sources.contains_key(*id)) {
                return Err(refuse(&at, ("the id of a [[source]]".into(), format!("`{unknown}`"))));
            }
            if let Some(flaw) = table.flaw() {
                return Err(refuse(&at, flaw));
            }
            tables.push(table);
        }
        Ok(Self { file: file.to_path_buf(), short: wire.paper.short, venue: wire.paper.venue, sources, tables })
    }

    /// The table with an id.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) if there is no such table, with a suggestion.
    pub fn table(&self, id: &str) -> Result<&Table> {
        let found = self.tables.iter().find(|table| table.id == id);
        found.ok_or_else(|| self.unknown("table", id, None, self.tables.iter().map(|table| &*table.id)))
    }

    /// A row of one of these tables.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) if there is no such row, with a suggestion.
    pub fn row<'a>(&self, table: &'a Table, row: &str) -> Result<&'a Row> {
        let rows = || table.rows.iter().map(|row| &*row.name);
        let found = table.rows.iter().find(|candidate| candidate.name == row);
        found.ok_or_else(|| self.unknown("row", row, Some(table), rows()))
    }

    /// The value of a cell of one of these tables; `None` if the cell was left empty.
    ///
    /// # Errors
    /// [`Input`](ErrorKind::Input) if there is no such row or column, with a suggestion.
    pub fn cell(&self, table: &Table, row: &str, column: &str) -> Result<Option<f64>> {
        let found = self.row(table, row)?;
        let columns = || table.columns.iter().map(|column| &**column);
        let index = columns().position(|candidate| candidate == column);
        let index = index.ok_or_else(|| self.unknown("column", column, Some(table), columns()))?;
        Ok(found.values[index])
    }

    fn unknown<'a>(
        &self,
        what: &str,
        name: &str,
        table: Option<&Table>,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Error {
        let place = Place::file(&self.file);
        let place = if let Some(table) = table { place.key(format!("table.{}", table.id)) } else { place };
        let error = Error::new(ErrorKind::Input, format!("no published {what} `{name}`"))
            .at(place)
            .expected(one_of(known.clone()));
        did_you_mean(error, name, known)
    }
}

/// What was expected, and what was got.
type Flaw = (String, String);

impl Table {
    fn flaw(&self) -> Option<Flaw> {
        let columns: BTreeSet<_> = self.columns.iter().collect();
        if columns.len() != self.columns.len() {
            return Some(("each column once".into(), "a column twice".into()));
        }
        let mut names = BTreeSet::new();
        for Row { name, values } in &self.rows {
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
}

impl WireTable {
    fn into_table(self) -> Table {
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

#[cfg(test)]
pub(in crate::compare) mod tests {
    use super::*;

    const SMALL: &str = r#"
[paper]
title = "A Paper"
short = "AP"
venue = "Venue 2020"
[[source]]
id = "copy"
where = "a copy"
[[table]]
id = "main"
caption = "quality"
kind = "paper"
source = "copy"
dataset = "Example"
columns = ["H@5", "N@5"]
rows = [
  {model = "Teacher", values = [0.52, 0.40]},
  {model = "Student", values = [0.25, 0.20], stars = 2},
]
[[table]]
id = "many"
caption = "rows that share a model"
kind = "follow-up"
source = ["copy"]
columns = ["H@5"]
rows = [
  {model = "Teacher", dataset = "A", values = [1]},
  {model = "Teacher", dataset = "B", values = [2]},
  {dataset = "B", phi = 0.5, values = [3]},
]
"#;

    /// A table of periods, in per cent.
    const WEEKS: &str = r#"
[[table]]
id = "weeks"
caption = "week by week, percent"
kind = "figure-digitized"
source = "copy"
columns = ["week_1", "week_2", "week_3"]
rows = [
  {model = "Teacher", values = [50.0, 52.0, 60.0]},
  {model = "Student", values = [40.0, nan, 44.0]},
]
"#;

    pub(in crate::compare) fn small() -> Published {
        Published::parse(&(SMALL.to_string() + WEEKS), Path::new("published.toml")).unwrap()
    }

    fn refused(from: &str, to: &str) -> String {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        Published::parse(&SMALL.replace(from, to), Path::new("published.toml")).unwrap_err().to_string()
    }

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../reproductions")
    }

    #[test]
    fn looks_up_cells() {
        let published = small();
        let main = published.table("main").unwrap();
        assert_eq!(published.cell(main, "Student", "H@5"), Ok(Some(0.25)));
        let many = published.table("many").unwrap();
        assert_eq!(published.cell(many, "B / Teacher", "H@5"), Ok(Some(2.0)));
        assert_eq!(published.cell(many, "B / 0.5", "H@5"), Ok(Some(3.0)));
        let error = published.cell(main, "Teachr", "H@5").unwrap_err().to_string();
        assert!(error.contains("table.main") && error.contains("did you mean `Teacher`?"), "{error}");
        assert!(published.cell(main, "Teacher", "H@50").is_err());
        assert!(published.cell(many, "Teacher", "H@5").is_err());
        let empty = Published::parse(&SMALL.replace("0.52", "nan"), Path::new("published.toml")).unwrap();
        assert_eq!(empty.cell(&empty.tables[0], "Teacher", "H@5"), Ok(None));
    }

    #[test]
    fn refuses_what_is_wrong() {
        let unknown_source = refused("source = \"copy\"", "source = \"cpoy\"");
        assert!(unknown_source.contains("`cpoy`"), "{unknown_source}");
        let short = refused("[0.52, 0.40]", "[0.52]");
        assert!(short.contains("table.main") && short.contains("2 values") && short.contains("`Teacher`"), "{short}");
        assert!(refused("0.52, 0.40", "inf, 0.40").contains("finite"));
        assert!(refused("\"H@5\", \"N@5\"", "\"N@5\", \"N@5\"").contains("column twice"));
        assert!(refused("id = \"many\"", "id = \"main\"").contains("`main` twice"));
        assert!(refused("model = \"Student\"", "model = \"Teacher\"").contains("twice"));
        let kind = refused("kind = \"paper\"", "kind = \"papers\"");
        assert!(kind.contains("published.toml:12:8 (key `table.main.kind`)"), "{kind}");
        assert!(kind.contains("`papers`") && kind.contains("did you mean `paper`?"), "{kind}");
        let id = refused("id = \"main\"\n", "");
        assert!(id.contains("published.toml:9:1") && id.contains("missing key `id`"), "{id}");
    }

    #[test]
    fn the_tables_of_de_rrd() {
        let published = Published::read(&folder().join("de_rrd/published.toml")).unwrap();
        let main = published.table("main-citeulike-bpr").unwrap();
        assert_eq!(main.kind, Kind::Paper);
        assert_eq!(published.cell(main, "Teacher", "H@5"), Ok(Some(0.5135)));
        let log = published.table("author-log-test").unwrap();
        assert_eq!(log.kind, Kind::AuthorLog);
        assert_eq!(published.cell(log, "Student", "N@5"), Ok(Some(0.3353)));
        let efficiency = published.table("efficiency").unwrap();
        assert_eq!(published.cell(efficiency, "BPR / CiteULike / 0.5", "params_M"), Ok(Some(3.04)));
    }

    #[test]
    fn every_paper_has_tables_that_can_be_read() {
        for (paper, tables) in [("de_rrd", 23), ("dcd", 6), ("rd", 7), ("ader", 8), ("asmg", 16), ("adarec", 1)] {
            let published = Published::read(&folder().join(paper).join("published.toml")).unwrap();
            assert_eq!(published.tables.len(), tables, "{paper}");
        }
    }
}
