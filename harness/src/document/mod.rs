//! TOML files that people write: a tree of keys and values, each with its place, and errors that point there.
//!
//! Specs, manifests and published tables are read here, so that a mistake is told in the same words
//! wherever it is made. A `toml` error is not shown to people before [`Document::explain`] has seen it.

mod read;
mod text;
pub mod tree;

use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::error::{Error, Kind, Place, Result};
use text::position;
pub use text::read_text;

/// The text of a TOML file and its tree. Spans of the tree point into the text.
pub struct Document<'a> {
    pub file: &'a Path,
    text: &'a str,
    pub root: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Parses `text`, the content of `file`. `noun` is what errors call it, such as `spec`.
    ///
    /// # Errors
    /// [`Input`](Kind::Input): the text is not TOML.
    pub fn parse(noun: &str, file: &'a Path, text: &'a str) -> Result<Self> {
        let root = DeTable::parse(text).map_err(|error| {
            Error::new(Kind::Input, format!("the {noun} is not valid TOML"))
                .at(place(file, text, &error.span().unwrap_or_default()))
                .got(error.message())
        })?;
        Ok(Self { file, text, root: root.into_inner() })
    }

    /// An [`Input`](Kind::Input) error whose place is this span.
    pub fn refuse(&self, span: Range<usize>, what: impl Into<String>) -> Error {
        Error::new(Kind::Input, what).at(self.place(span))
    }

    /// File, line, column and key of a span.
    pub fn place(&self, span: Range<usize>) -> Place {
        let place = place(self.file, self.text, &span);
        match self.key(&span) {
            Some(key) => place.key(key),
            None => place,
        }
    }

    /// Line of a byte, from 1.
    pub fn line(&self, byte: usize) -> usize {
        position(self.text, byte).0
    }

    /// The key whose name or value is the smallest that contains the span.
    pub fn key(&self, span: &Range<usize>) -> Option<String> {
        if *span == WHOLE {
            return None;
        }
        let contains = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let mut best: Option<(usize, String)> = None;
        tree::walk(&self.root, &mut |node| {
            let ranges = [node.key_span.clone(), Some(node.value.span())];
            for range in ranges.into_iter().flatten().filter(contains) {
                // `<=`: a list of tables and its first table have one span, the table is meant.
                if best.as_ref().is_none_or(|(length, _)| range.len() <= *length) {
                    best = Some((range.len(), node.key.clone()));
                }
            }
        });
        best.map(|(_, key)| key)
    }
}

/// The span by which `toml` means the whole document; it has no line.
pub const WHOLE: Range<usize> = 0..0;

/// Where a span begins.
fn place(file: &Path, text: &str, span: &Range<usize>) -> Place {
    let place = Place::file(file);
    if *span == WHOLE {
        return place;
    }
    let (line, column) = position(text, span.start);
    place.line(line).column(column)
}
