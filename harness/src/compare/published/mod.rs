//! The paper's own numbers as data: `published.toml` of each paper.
//!
//! Only tables and their sources are read here. The files hold more (hyper-parameters, datasets,
//! discrepancies) for people; that, and descriptive keys of a table, is passed over.

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use self::wire::{WirePublished, WireSource};
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

/// What the files are called in errors.
const NOUN: &str = "file of published tables";

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

#[cfg(test)]
pub(in crate::compare) mod tests;
