//! The forms of files of lists, and how they are told apart.

use std::fmt;

use super::table::Columns;

/// The form of a file of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// A table with a header, fields between commas.
    Csv,
    /// The same with tabs.
    Tsv,
    /// A run file of TREC.
    Trec,
    /// A list a line, in JSON.
    Json,
    /// A table as Parquet; read where the program was built with it.
    Parquet,
}

impl ListForm {
    /// The forms that are written, with the ends of their files' names.
    pub(super) const WRITTEN: [(Self, &'static str); 3] =
        [(Self::Json, "jsonl"), (Self::Csv, "csv"), (Self::Trec, "trec")];
}

impl fmt::Display for ListForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Trec => "trec",
            Self::Json => "json",
            Self::Parquet => "parquet",
        })
    }
}

/// How the rows of a file are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The first line is a header.
    Table(ListForm, Columns),
    Trec,
    Json,
}

/// What a file of lists may be, for messages.
pub(super) const FORMS: &str = "a table with a header such as `user,item,score` (commas or tabs), a run file of TREC \
                                (`query Q0 item rank score tag`), or lists in JSON, one a line";

/// Tells the form by the first line; a sentence about it if it is none.
pub(super) fn told_by(first: &[u8]) -> Result<Reading, String> {
    if first.first() == Some(&b'{') {
        return Ok(Reading::Json);
    }
    let fields = first.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).count();
    for (form, separator) in [(ListForm::Tsv, b'\t'), (ListForm::Csv, b',')] {
        match Columns::of_header(first, separator) {
            Ok(columns) => return Ok(Reading::Table(form, columns)),
            // A header that is wrong says more than that it is no run of TREC.
            Err(Some(wrong)) => return Err(wrong),
            Err(None) => {}
        }
    }
    if fields == 6 { Ok(Reading::Trec) } else { Err("neither of them".into()) }
}
