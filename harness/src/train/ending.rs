//! When training ends.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::Stopping;

/// When training ends and whose weights are the model. In a spec the key `stopping`: `"none"`, or a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `"none"`: all epochs are trained, and the last has the model. No validation part is needed.
    LastEpoch,
    /// The table: the epoch that is best on validation data has the model.
    Early(Stopping),
}

impl JsonSchema for Ending {
    fn schema_name() -> Cow<'static, str> {
        "Ending".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "none" }, generator.subschema_for::<Stopping>()] })
    }
}

impl<'de> Deserialize<'de> for Ending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EndingVisitor)
    }
}

struct EndingVisitor;

impl<'de> Visitor<'de> for EndingVisitor {
    type Value = Ending;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"none\"` or a table of `watch`, `patience`, `every` and `decimals`, and perhaps `ties`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ending, E> {
        if text == "none" { Ok(Ending::LastEpoch) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ending, A::Error> {
        Stopping::deserialize(MapAccessDeserializer::new(map)).map(Ending::Early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Params {
        stopping: Ending,
    }

    #[test]
    fn a_word_or_a_table_that_is_as_strict_as_ever() {
        let read = |text: &str| toml::from_str::<Params>(text).map(|params| params.stopping);
        let table = "stopping = {watch = [\"ndcg@10\"], patience = 3, every = 1, decimals = 4}";
        assert_eq!(read("stopping = \"none\"").unwrap(), Ending::LastEpoch);
        assert!(matches!(read(table).unwrap(), Ending::Early(stopping) if stopping.patience.get() == 3));
        for (wrong, at, words) in [
            ("stopping = \"never\"".to_string(), "\"never\"", "expected `\"none\"` or a table"),
            (table.replace("patience", "patients"), "patients", "unknown field `patients`"),
            (table.replace("every = 1", "every = 0"), "0,", "expected an integer from 1"),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(error.message().contains(words), "{error}");
            let span = error.span().expect("a place");
            assert!(wrong[span.start..].starts_with(at), "{wrong}: {}", &wrong[span.start..]);
        }
    }
}
