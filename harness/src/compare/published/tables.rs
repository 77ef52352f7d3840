//! Published tables, and how a cell is found in them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::compare::TableKind;
use crate::error::{Error, Kind, Place, Result};
use crate::suggest::{did_you_mean, one_of};

/// All published tables of a paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The file that they were read from, for errors.
    pub(super) file: PathBuf,
    /// Short name of the paper, such as `DE-RRD`.
    pub short: String,
    /// Where the paper was published, such as `CIKM 2020`.
    pub venue: String,
    /// Where the figures were copied from, by id.
    pub sources: BTreeMap<String, PublishedSource>,
    /// The tables, in the order of the file; ids are unique.
    pub tables: Vec<PublishedTable>,
}

/// Where figures were copied from.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct PublishedSource {
    /// Document and place in it.
    #[serde(rename = "where")]
    pub place: String,
    /// Remarks on the copy.
    pub note: Option<String>,
}

/// A published table of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedTable {
    /// The id by which specs name the table.
    pub id: String,
    /// What the table shows.
    pub caption: String,
    /// Who measured the figures.
    pub kind: TableKind,
    /// Ids of [`Published::sources`].
    pub source: Vec<String>,
    /// Remarks on the table.
    pub note: Option<String>,
    /// Names of the columns, each once.
    pub columns: Vec<String>,
    /// The rows, each name once.
    pub rows: Vec<PublishedRow>,
}

/// One row of a published table.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedRow {
    /// Its model, where no other row of the table has the same; else all its labels joined by
    /// ` / ` in the order of their keys, such as `CiteULike / Teacher` (`dataset`, `model`).
    pub name: String,
    /// One value for each column, as printed; `None` (`nan` in the file) where nothing was published.
    pub values: Vec<Option<f64>>,
}

impl Published {
    /// What people call the paper: `DE-RRD, CIKM 2020`.
    pub fn name(&self) -> String {
        let venue = self.venue.split([';', '(']).next().unwrap_or_default().trim_end();
        format!("{}, {venue}", self.short)
    }

    /// The table with an id.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is no such table, with a suggestion.
    pub fn table(&self, id: &str) -> Result<&PublishedTable> {
        let found = self.tables.iter().find(|table| table.id == id);
        found.ok_or_else(|| self.unknown("table", id, None, self.tables.iter().map(|table| &*table.id)))
    }

    /// The row of `table`, one of these tables, with a name.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is no such row, with a suggestion.
    pub fn row<'a>(&self, table: &'a PublishedTable, name: &str) -> Result<&'a PublishedRow> {
        let rows = || table.rows.iter().map(|row| &*row.name);
        let found = table.rows.iter().find(|row| row.name == name);
        found.ok_or_else(|| self.unknown("row", name, Some(table), rows()))
    }

    /// The index of the column of `table`, one of these tables, with a name.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is no such column, with a suggestion.
    pub fn column(&self, table: &PublishedTable, name: &str) -> Result<usize> {
        let columns = || table.columns.iter().map(|column| &**column);
        let found = columns().position(|column| column == name);
        found.ok_or_else(|| self.unknown("column", name, Some(table), columns()))
    }

    fn unknown<'a>(
        &self,
        what: &str,
        name: &str,
        table: Option<&PublishedTable>,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Error {
        let place = Place::file(&self.file);
        let place = if let Some(table) = table { place.key(format!("table.{}", table.id)) } else { place };
        let error =
            Error::new(Kind::Input, format!("no published {what} `{name}`")).at(place).expected(one_of(known.clone()));
        did_you_mean(error, name, known)
    }
}
