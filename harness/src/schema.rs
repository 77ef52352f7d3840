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
    without_null(&mut schema);
    schema["title"] = title.into();
    schema
}

/// Leaves out that a value may be null: TOML has no such value, a key is left out instead.
fn without_null(schema: &mut Value) {
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
            object.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
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
