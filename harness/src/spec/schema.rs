//! The JSON schema of a spec as it is written.

use std::collections::BTreeSet;

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::external::WireProgram;
use super::profile::FIXED;
use super::wire::WireSpec;
use crate::method::Registry;
use crate::program::ExternalProgram;
use crate::schema::{generator, of_file};

/// The schema of spec files, for editors. The wire types make it; what they leave to the tree is added here: `params` are those of the
/// trial's method, a trial that is `like` another may leave everything out but its names, and a profile is laid over the spec.
///
/// It is not stricter than the program. Of a trial that is `like` another, and of a trial in a profile, it knows no
/// method: there `params` may have any name that some method's have.
pub fn schema(registry: &Registry) -> Value {
    let mut generator = generator();
    let of_method = |name: &str, generator: &mut _| registry.schema(name, generator).map(Schema::to_value);
    let mut methods: Vec<(String, Value)> =
        registry.names().filter_map(|name| Some((name.to_string(), of_method(name, &mut generator)?))).collect();
    let program = generator.subschema_for::<WireProgram>().to_value();
    let mut root = of_file::<WireSpec>(generator, "Spec of Reprise");
    let any_params = any_params(&root, methods.iter().map(|(_, schema)| schema).chain([&program]));
    // Without hyper-parameters the lists of a trial are brought.
    methods.push((
        ExternalProgram::METHOD.into(),
        json!({ "anyOf": [program, { "type": "object", "maxProperties": 0 }] }),
    ));
    trial(&mut root["definitions"]["WireTrial"], &methods, &any_params);
    let profile = profile(&root["properties"], &any_params);
    root["definitions"]["Profile"] = profile;
    root["properties"]["profile"] = json!({
        "description": "Named sets of overrides, laid over the spec by `--profile NAME`",
        "type": "object",
        "additionalProperties": { "$ref": "#/definitions/Profile" },
    });
    root
}

/// The definition that a schema refers to, or the schema itself.
fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let name = schema["$ref"].as_str().and_then(|place| place.strip_prefix("#/definitions/"));
    name.map_or(schema, |name| &root["definitions"][name])
}

/// Hyper-parameters of whatever method.
fn any_params<'s>(root: &'s Value, schemas: impl Iterator<Item = &'s Value>) -> Value {
    let properties = schemas.filter_map(|schema| resolved(root, schema)["properties"].as_object());
    let names: BTreeSet<&String> = properties.flat_map(Map::keys).collect();
    json!({ "type": "object", "propertyNames": { "enum": names } })
}

fn trial(trial: &mut Value, methods: &[(String, Value)], any_params: &Value) {
    let names: Vec<&String> = methods.iter().map(|(name, _)| name).collect();
    trial["properties"]["method"] = json!({ "description": "What makes the runs of the trial", "enum": names });
    trial["properties"]["like"] = json!({ "description": "Id of another trial, of which every key but `id` and `label` is inherited", "type": "string" });
    trial["properties"]["without"] = json!({
        "description": "Hyper-parameters that are not inherited",
        "type": "array",
        "items": { "type": "string" },
    });
    trial["properties"]["params"] = any_params.clone();
    trial["required"] = json!(["id", "label"]);
    trial["if"] = json!({ "required": ["like"] });
    trial["else"] = json!({ "required": ["method"] });
    trial["allOf"] = methods
        .iter()
        .map(|(name, schema)| {
            json!({
                "if": {
                    "properties": { "method": { "const": name } },
                    "required": ["method"],
                    "not": { "required": ["like"] },
                },
                "then": { "properties": { "params": schema } },
            })
        })
        .collect();
}

/// What a profile may say: whole values of the spec but those that name it, and of a trial its label and some hyper-parameters.
fn profile(of_spec: &Value, any_params: &Value) -> Value {
    let may_change = |key: &str| !FIXED.contains(&key) && key != "trial";
    let of_spec = of_spec.as_object().into_iter().flatten().filter(|(key, _)| may_change(key));
    let mut properties: Map<String, Value> = of_spec.map(|(key, value)| (key.clone(), value.clone())).collect();
    let of_trial = json!({
        "type": "object",
        "properties": { "label": { "type": "string" }, "params": any_params },
        "additionalProperties": false,
    });
    properties.insert("trial".into(), json!({ "type": "object", "additionalProperties": of_trial }));
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}
