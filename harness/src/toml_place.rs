//! Errors of TOML files for people: file, line, column, key, and "did you mean".
//!
//! Manifests and specs are read by the same library, so they must fail in the same words.

use std::path::Path;

use crate::error::{Error, Kind, Place};

/// Turns what the TOML reader says about `text` into an error that points into `path`.
pub fn toml_error(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let message = error.message();
    let mut place = Place::file(path);
    if let Some(span) = error.span() {
        let (line, column) = line_and_column(text, span.start);
        place = place.line(line).column(column);
        if let Some(key) = key_of_line(text.lines().nth(line - 1).unwrap_or_default()) {
            place = place.key(key);
        }
    }
    let new = |what: &str| Error::new(Kind::Input, what).at(place.clone());
    if let Some((name, choices)) = unknown_name(message) {
        let what = if message.starts_with("unknown field") { "unknown key" } else { "unknown word" };
        let error = new(what).expected(list(&choices)).got(format!("`{name}`"));
        return match suggestion(name, choices.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        };
    }
    if let Some((got, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        return new("wrong type").expected(expected).got(got);
    }
    if let Some((got, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected "))
    {
        return new("wrong value").expected(expected).got(got);
    }
    match message.strip_prefix("missing field ") {
        Some(key) => new(&format!("missing key {key}")),
        None => new("not the TOML that is needed here").got(message.lines().collect::<Vec<_>>().join("; ")),
    }
}

/// The nearest of `choices`, unless all are too far from `name` to be meant. The distance is the
/// one that the command line's parser uses.
pub fn suggestion<'a>(name: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this Jaro similarity two words share letters by chance only (clap's bound).
    const NEAR: f64 = 0.7;
    choices
        .into_iter()
        .map(|choice| (strsim::jaro(name, choice), choice))
        .filter(|(near, _)| *near > NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, choice)| choice)
}

/// Line and column, from 1, of a byte offset; columns count characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The key that a line of TOML sets or opens, if it does.
fn key_of_line(line: &str) -> Option<&str> {
    let line = line.trim();
    let key = match line.strip_prefix('[') {
        Some(header) => header.trim_start_matches('[').split(']').next()?,
        None => line.split_once('=')?.0,
    };
    let key = key.trim();
    (!key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c))).then_some(key)
}

/// ``unknown field `x`, expected one of `a`, `b` `` as (x, [a, b]).
fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.len() {
        0 => "no key at all".to_string(),
        1 => quoted[0].clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Wire {
        #[allow(dead_code)]
        licence: Option<String>,
        #[allow(dead_code)]
        users: Option<u32>,
    }

    fn error(text: &str) -> Error {
        toml_error(Path::new("a.toml"), text, &toml::from_str::<Wire>(text).unwrap_err())
    }

    #[test]
    fn an_unknown_key_is_placed_and_the_near_one_named() {
        assert_eq!(
            error("users = 3\nlicense = \"MIT\"\n").to_string(),
            "unknown key\n  where:    a.toml:2:1 (key `license`)\n  expected: one of `licence`, `users`\n  got:      `license`\n\nhint: did you mean `licence`?"
        );
    }

    #[test]
    fn a_wrong_type_says_both_types() {
        let text = error("users = \"many\"\n").to_string();
        assert!(text.contains("a.toml:1:9 (key `users`)"), "{text}");
        assert!(text.contains("expected: u32") && text.contains("got:      string \"many\""), "{text}");
    }

    #[test]
    fn broken_toml_is_placed() {
        let error = error("users = 1\n\nlicence = = 2\n");
        assert_eq!(error.place().and_then(|place| place.line), Some(3));
    }

    #[test]
    fn nothing_near_is_not_suggested() {
        assert_eq!(suggestion("qqq", ["licence", "users"]), None);
        assert_eq!(suggestion("user", ["licence", "users"]), Some("users"));
    }
}
