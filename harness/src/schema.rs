//! JSON schemas of what people write by hand: what an editor checks and completes.
//!
//! The types that are read derive `schemars::JsonSchema`, so that a new key is in the schema without anybody's doing. A type
//! that is read by code of its own is [`described`](crate::described) beside that code.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// A generator of schemas of draft 7, which editors of TOML know.
pub fn generator() -> SchemaGenerator {
    SchemaSettings::draft07().into_generator()
}

/// The schema of a file whose content is a `T`, with all definitions of the generator; `title` is what editors call it.
pub fn of_file<T: JsonSchema>(generator: SchemaGenerator, title: &str) -> Value {
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    for_editors(&mut schema);
    schema["title"] = title.into();
    schema
}

/// Leaves out that a value may be null (TOML has no such value, a key is left out instead), and the links of descriptions.
fn for_editors(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.remove("anyOf");
                    // Draft 7 passes over what stands beside a `$ref`.
                    if object.is_empty() {
                        object.extend(only)
                    } else {
                        object.insert("allOf".into(), vec![Value::from(only)].into());
                    }
                }
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = without_links(text);
            }
            object.values_mut().for_each(for_editors);
        }
        Value::Array(items) => items.iter_mut().for_each(for_editors),
        _ => {}
    }
}

/// Documentation without links to other items: [`Ties`] and [`Ties`](super::Ties) become `Ties`.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, behind)) = link.split_once("`]") else { break };
        plain += &format!("{before}`{name}`");
        rest = behind.strip_prefix('(').and_then(|target| target.split_once(')')).map_or(behind, |(_, behind)| behind);
    }
    plain + rest
}

/// Makes the schema of types that are read by code of their own: JSON, and its place is where the type stands.
#[macro_export]
macro_rules! described {
    ($($type:ty: $schema:tt),+ $(,)?) => {
        $(impl ::schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!($schema)
            }
        })+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_lose_their_links_and_nothing_else() {
        for (text, plain) in [
            ("see [`Ties`], or [`Ties`](super::Ties).", "see `Ties`, or `Ties`."),
            ("[`a`] (b) [c] `d`", "`a` (b) [c] `d`"),
            ("[`open", "[`open"),
            ("", ""),
        ] {
            assert_eq!(without_links(text), plain);
        }
    }

    #[test]
    fn what_may_be_left_out_is_never_null() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "its schema is asked for")]
        struct Of {
            /// A word.
            word: Option<String>,
            choice: Option<Choice>,
        }
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "its schema is asked for")]
        enum Choice {
            One,
        }
        let schema = of_file::<Of>(generator(), "Of");
        assert!(!schema.to_string().contains("null"), "{schema}");
        assert_eq!(schema["properties"]["word"], serde_json::json!({ "description": "A word.", "type": "string" }));
        assert_eq!(schema["properties"]["choice"], serde_json::json!({ "$ref": "#/definitions/Choice" }));
    }
}
