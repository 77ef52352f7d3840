//! Lists in JSON, one line a list.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

/// A line: a list, or the header of the file, which has a key `lists`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonLine<'l> {
    #[serde(borrow, default)]
    pub query: Option<JsonId<'l>>,
    #[serde(borrow, default)]
    pub items: Option<Vec<JsonId<'l>>>,
    #[serde(default)]
    pub scores: Option<Vec<f64>>,
    /// Version of the form, which makes the line a header.
    #[serde(default)]
    pub lists: Option<u32>,
    /// Said for people.
    #[serde(default, rename = "spec")]
    _spec: IgnoredAny,
    #[serde(default, rename = "profile")]
    _profile: IgnoredAny,
    /// The run whose lists they are.
    #[serde(borrow, default)]
    pub trial: Option<Cow<'l, str>>,
    #[serde(default)]
    pub seed: Option<u64>,
    /// Digest of the split that the lists were made from.
    #[serde(borrow, default)]
    pub split: Option<Cow<'l, str>>,
    /// Digest of the protocol that they are to be judged by.
    #[serde(borrow, default)]
    pub protocol: Option<Cow<'l, str>>,
}

/// An id, a text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonId<'l>(pub Cow<'l, str>);

impl<'de: 'l, 'l> Deserialize<'de> for JsonId<'l> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl<'de> Visitor<'de> for Id {
            type Value = JsonId<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a text or a whole number")
            }

            fn visit_borrowed_str<E: Error>(self, id: &'de str) -> Result<Self::Value, E> {
                Ok(JsonId(id.into()))
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Self::Value, E> {
                Ok(JsonId(id.to_string().into()))
            }

            fn visit_u64<E: Error>(self, id: u64) -> Result<Self::Value, E> {
                Ok(JsonId(id.to_string().into()))
            }

            fn visit_i64<E: Error>(self, id: i64) -> Result<Self::Value, E> {
                Ok(JsonId(id.to_string().into()))
            }
        }
        deserializer.deserialize_any(Id)
    }
}

/// The version of the form that is written.
pub(super) const VERSION: u32 = 1;

/// # Errors
/// What was expected, or what is wrong with the line.
pub(super) fn json_line(line: &[u8]) -> Result<JsonLine<'_>, String> {
    serde_json::from_slice(line).map_err(|error| {
        let message = error.to_string();
        // The line of the file is told beside it.
        message
            .rsplit_once(" at line 1 column ")
            .map_or(message.clone(), |(what, column)| format!("{what}, at column {column}"))
    })
}
