//! A parsed spec: the tree of its keys and values, each with its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::refusal;
use super::source::Source;
use super::tree::{self, Node};
use crate::error::{Error, Kind, Place, Result};

/// A spec's text and its tree. Spans of the tree point into the text.
pub struct Document<'a> {
    pub source: &'a Source,
    pub root: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// # Errors
    /// The text is not TOML, or holds a value that no spec can: a date, a number that is not
    /// finite, an integer of more than 64 bits.
    pub fn parse(source: &'a Source) -> Result<Self> {
        let root = DeTable::parse(&source.text).map_err(|error| {
            Error::new(Kind::Input, "the spec is not valid TOML")
                .at(source.place(error.span().unwrap_or_default()))
                .got(error.message())
        })?;
        let new = Self { source, root: root.into_inner() };
        let mut refused = Ok(());
        tree::walk(&new.root, &mut |node| {
            if refused.is_ok() {
                refused = new.storable(node);
            }
        });
        refused.map(|()| new)
    }

    fn storable(&self, node: &Node<'_, '_>) -> Result<()> {
        let (what, expected) = match node.value.get_ref() {
            DeValue::Integer(number) if tree::integer(number).is_none() => {
                ("the integer is too large", "an integer from -2^63 to 2^63 - 1, all that TOML holds")
            }
            DeValue::Float(number) if tree::float(number).is_none() => {
                ("the number is not finite", "a finite number of 64 bits")
            }
            DeValue::Datetime(_) => ("a spec holds no dates", "a string, a number, a boolean, an array or a table"),
            _ => return Ok(()),
        };
        let got = tree::value_text(node.value.get_ref());
        Err(self.refuse(node.value.span(), what).expected(expected).got(format!("`{got}`")))
    }

    /// An error at a span.
    pub fn refuse(&self, span: Range<usize>, what: impl Into<String>) -> Error {
        Error::new(Kind::Input, what).at(self.place(span))
    }

    /// A serde error in words for people; see [`refusal::explain`].
    pub fn explain(&self, error: &toml::de::Error) -> Error {
        refusal::explain(self, error)
    }

    /// File, line, column and key of a span.
    pub fn place(&self, span: Range<usize>) -> Place {
        let place = self.source.place(span.clone());
        match self.key(&span) {
            Some(key) => place.key(key),
            None => place,
        }
    }

    /// The key whose name or value is the smallest that contains the span.
    pub fn key(&self, span: &Range<usize>) -> Option<String> {
        if *span == (0..0) {
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
