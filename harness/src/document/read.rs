//! Deserialises a tree, and turns serde's errors into messages for people.
//!
//! Serde hands over one sentence in English. It is the only way to learn which key was unknown and
//! which were expected, so it is taken apart here, and nowhere else; a sentence of another form is
//! passed on as it is.

use std::ops::Range;

use serde::de::{DeserializeOwned, Unexpected};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{Document, WHOLE, tree};
use crate::error::{Error, Kind, Result};
use crate::suggest::{did_you_mean, one_of};

impl Document<'_> {
    /// Reads a tree strictly: the document's own [`root`](Self::root), or one made from it.
    ///
    /// # Errors
    /// [`Input`](Kind::Input): the first thing that `T` does not take, with its place.
    pub fn read<T: DeserializeOwned>(&self, root: &DeTable<'_>) -> Result<T> {
        let root = Spanned::new(WHOLE, DeValue::Table(root.clone()));
        T::deserialize(ValueDeserializer::from(root)).map_err(|error| self.explain(WHOLE, &error))
    }

    /// Turns an error of deserialising `part` of the document into one with place, expectation and suggestion.
    pub fn explain(&self, part: Range<usize>, error: &toml::de::Error) -> Error {
        let message = error.message();
        // What is wrong with several values at once is wrong with the part as a whole.
        let span = error.span().unwrap_or(part);
        let at = |blame: &dyn Fn(&DeTable<'_>) -> Option<Range<usize>>| {
            self.place(within(self, &span, blame).unwrap_or(span.clone()))
        };
        if let Some(rest) = message.strip_prefix("unknown field `") {
            let (field, expected) = rest.split_once('`').unwrap_or((rest, ""));
            let names: Vec<_> = names(expected).collect();
            let new = Error::new(Kind::Input, format!("unknown key `{field}`"))
                .at(at(&|table| key_span(table, field)))
                .expected(one_of(names.iter().copied()))
                .got(format!("`{field}`"));
            return did_you_mean(new, field, names);
        }
        if let Some(rest) = message.strip_prefix("unknown variant `") {
            let (variant, expected) = rest.split_once('`').unwrap_or((rest, ""));
            let names: Vec<_> = names(expected).collect();
            let new = Error::new(Kind::Input, format!("unknown value `{variant}`"))
                .at(at(&|table| value_span(table, &Unexpected::Str(variant).to_string())))
                .expected(one_of(names.iter().copied()))
                .got(format!("`{variant}`"));
            return did_you_mean(new, variant, names);
        }
        if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            let key = tree::join(&self.key(&span).unwrap_or_default(), field);
            return Error::new(Kind::Input, format!("missing key `{field}`"))
                .at(self.place(span).key(key))
                .expected(format!("`{field}`, which has no default"));
        }
        // A choice is written as a name alone or, where it has values of its own, as a table of that one name.
        let choice = [
            ("wanted exactly 1 element", "the choice is not one of a kind"),
            ("invalid type: unit variant", "the choice has values of its own"),
            ("invalid type: newtype variant", "the choice has no values of its own"),
            ("invalid type: struct variant", "the choice has no values of its own"),
        ];
        for (prefix, what) in choice {
            if message.starts_with(prefix) {
                return Error::new(Kind::Input, what)
                    .at(self.place(span))
                    .expected("one name as text, or a table with that name as its only key")
                    .got(if prefix.starts_with("wanted") {
                        "a table with another number of keys"
                    } else {
                        "the other form"
                    });
            }
        }
        let wrong = [("invalid type: ", "the value has the wrong type"), ("invalid value: ", "the value cannot be")];
        for (prefix, what) in wrong {
            let Some((got, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "))
            else {
                continue;
            };
            return Error::new(Kind::Input, what)
                .at(at(&|table| value_span(table, got)))
                .expected(expected_text(expected))
                .got(got_text(got));
        }
        // An error of ours that travelled through serde as text.
        Error::from_text(Kind::Input, message).at(self.place(span))
    }
}

/// Serde buffers tagged enums and forgets the spans inside them: the error then points at the whole
/// table. `blame` finds the culprit in that table.
fn within(
    document: &Document<'_>,
    span: &Range<usize>,
    blame: &dyn Fn(&DeTable<'_>) -> Option<Range<usize>>,
) -> Option<Range<usize>> {
    let mut found = None;
    tree::walk(&document.root, &mut |node| {
        if let DeValue::Table(table) = node.value.get_ref()
            && node.value.span() == *span
        {
            found = blame(table).or(found.take());
        }
    });
    found
}

fn key_span(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    table.get_key_value(key).map(|(key, _)| key.span())
}

/// The first value below `table` that serde would call by this name.
fn value_span(table: &DeTable<'_>, name: &str) -> Option<Range<usize>> {
    let mut found = None;
    tree::walk(table, &mut |node| {
        if found.is_none() && unexpected(node.value.get_ref()).to_string() == name {
            found = Some(node.value.span());
        }
    });
    found
}

fn unexpected<'t>(value: &'t DeValue<'_>) -> Unexpected<'t> {
    match value {
        DeValue::String(text) => Unexpected::Str(text),
        DeValue::Integer(number) => tree::integer(number).map_or(Unexpected::Other("integer"), Unexpected::Signed),
        DeValue::Float(number) => tree::float(number).map_or(Unexpected::Other("float"), Unexpected::Float),
        DeValue::Boolean(truth) => Unexpected::Bool(*truth),
        DeValue::Array(_) => Unexpected::Seq,
        DeValue::Table(_) | DeValue::Datetime(_) => Unexpected::Map,
    }
}

/// The names between backticks.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn expected_text(text: &str) -> String {
    match text {
        "usize" | "u64" => "an integer of at least 0".to_string(),
        "u32" => format!("an integer from 0 to {}", u32::MAX),
        "i64" => "an integer".to_string(),
        "f64" | "f32" => "a number".to_string(),
        "a sequence" => "an array".to_string(),
        "a map" => "a table".to_string(),
        _ if text.starts_with("struct ") || text.contains("tagged enum ") => "a table".to_string(),
        _ => text.to_string(),
    }
}

fn got_text(text: &str) -> String {
    match text {
        "sequence" => "an array".to_string(),
        "map" => "a table".to_string(),
        _ => text.replacen("floating point", "number", 1),
    }
}
