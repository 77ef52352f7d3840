//! Errors of a manifest with their places.

use toml::Spanned;

use crate::document::{Document, tree};
use crate::error::Error;

/// Builds the checked types: knows where in the text an error is.
pub(super) struct Checker<'a> {
    pub document: Document<'a>,
}

impl Checker<'_> {
    /// An error about the key `below` a value, or about the value itself where it is empty.
    pub fn error<T>(&self, at: &Spanned<T>, below: &str, what: impl Into<String>) -> Error {
        let place = self.document.place(at.span());
        let key = match (&place.key, below) {
            (Some(key), "") => key.clone(),
            (Some(key), below) => tree::join(key, below),
            (None, below) => below.to_string(),
        };
        self.document.refuse(at.span(), what).at(place.key(key))
    }
}
