//! The fingerprint of a run: a digest of everything that determines its result, and of nothing else.
//!
//! A record whose fingerprint is not today's is stale. So a changed title, label, comparison, list
//! of seeds or profile name must not change it, and neither may the order of keys or the way a
//! number is written.

use serde_json::Value;

use super::checked::{Spec, Trial};
use crate::digest::{Digest, FieldHasher};

/// Fingerprint of the run of `trial`, one of `spec`'s, at `seed` on data with the content digest
/// `data`. A student's covers its teacher's at the same seed.
pub fn run_fingerprint(spec: &Spec, trial: &Trial, seed: u64, data: Digest) -> Digest {
    let teacher = trial.teacher.as_ref().map(|teacher| {
        let teacher = spec.trial(teacher).expect("a checked spec has the teachers of its trials");
        run_fingerprint(spec, teacher, seed, data)
    });
    let mut hasher = FieldHasher::new("reprise run 1");
    hasher
        .field("data", &data.0)
        .field("split", canonical(&json(&spec.split)).as_bytes())
        .field("protocol", canonical(&json(&spec.protocol)).as_bytes())
        // The id names the random streams.
        .field("trial", trial.id.as_bytes())
        .field("method", trial.method.as_bytes())
        .field("params", canonical(&trial.params).as_bytes())
        .field("seed", &seed.to_le_bytes())
        .field("teacher", teacher.as_ref().map_or(&[], |digest| &digest.0));
    // A spec that says nothing of events has the fingerprint that it had before specs could.
    if !spec.events.say_nothing() {
        hasher.field("events", canonical(&json(&spec.events)).as_bytes());
    }
    hasher.finish()
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("split rules and protocols are plain data")
}

/// JSON text that is the same for the same value: keys sorted, whole numbers without a point.
fn canonical(value: &Value) -> String {
    // Integers beyond this are not all f64s, so a float there is not a way to write an integer.
    const EXACT: f64 = (1u64 << 53) as f64;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() < EXACT => (float as i64).to_string(),
            _ => number.to_string(),
        },
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_text_forgets_how_a_value_was_written() {
        let text = canonical(&json!({"b": [1.0, -0.0, 0.001], "a": {"y": "q\"", "x": null}}));
        assert_eq!(text, r#"{"a":{"x":null,"y":"q\""},"b":[1,0,0.001]}"#);
    }

    #[test]
    fn canonical_text_keeps_different_numbers_apart() {
        assert_eq!(canonical(&json!(1e300)), "1e+300");
        assert_eq!(canonical(&json!(9007199254740993u64)), "9007199254740993");
        assert_eq!(canonical(&json!(1.5)), "1.5");
    }
}
