//! Walks over a parsed TOML tree, whose every key and value knows its span.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeFloat, DeInteger, DeTable, DeValue};

/// A value of the tree and the key that leads to it.
pub struct Node<'t, 'i> {
    /// Dotted key from the root. Items of a list of tables go by their `id` if they have one
    /// (`trial.teacher.params.dim`), else by their number (`compare[0].rows`).
    pub key: String,
    /// Span of the last part of the key; none for items of an array.
    pub key_span: Option<Range<usize>>,
    pub value: &'t Spanned<DeValue<'i>>,
}

/// Visits every value below a table, parents before children.
pub fn walk<'t, 'i>(table: &'t DeTable<'i>, visit: &mut impl FnMut(&Node<'t, 'i>)) {
    walk_table("", table, visit);
}

fn walk_table<'t, 'i>(prefix: &str, table: &'t DeTable<'i>, visit: &mut impl FnMut(&Node<'t, 'i>)) {
    for (key, value) in table.iter() {
        let node = Node { key: join(prefix, key.get_ref()), key_span: Some(key.span()), value };
        walk_node(&node, visit);
    }
}

fn walk_node<'t, 'i>(node: &Node<'t, 'i>, visit: &mut impl FnMut(&Node<'t, 'i>)) {
    visit(node);
    match node.value.get_ref() {
        DeValue::Table(table) => walk_table(&node.key, table, visit),
        DeValue::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                walk_node(&Node { key: item_key(&node.key, index, value), key_span: None, value }, visit);
            }
        }
        _ => {}
    }
}

/// `prefix.key`, with quotes where TOML wants them.
pub fn join(prefix: &str, key: &str) -> String {
    let key = key_text(key);
    if prefix.is_empty() { key } else { format!("{prefix}.{key}") }
}

/// The key of an array's item; see [`Node::key`].
pub fn item_key(list: &str, index: usize, item: &Spanned<DeValue<'_>>) -> String {
    match item.get_ref().get("id").and_then(|id| id.get_ref().as_str()) {
        Some(id) => join(list, id),
        None => format!("{list}[{index}]"),
    }
}

/// A key as TOML writes it.
pub fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_string() } else { string_text(key) }
}

/// The elements if the value is a non-empty list of tables, which TOML writes as `[[…]]`.
pub fn tables<'t, 'i>(value: &'t DeValue<'i>) -> Option<&'t DeArray<'i>> {
    value.as_array().filter(|items| !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()))
}

/// A value as TOML text on one line; strings with line breaks keep them.
pub fn value_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.contains('\n') => lines_text(text),
        DeValue::String(text) => string_text(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| value_text(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let entries: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", key_text(key.get_ref()), value_text(value.get_ref())))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// JSON's escapes are a subset of TOML's, but JSON leaves DEL bare.
fn string_text(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn lines_text(text: &str) -> String {
    let escaped = |line: &str| {
        let quoted = string_text(line);
        quoted[1..quoted.len() - 1].to_string()
    };
    // The line break right after the opening quotes is not part of the string.
    format!("\"\"\"\n{}\"\"\"", text.split('\n').map(escaped).collect::<Vec<_>>().join("\n"))
}

/// An integer that TOML holds: 64 bits with a sign.
pub fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A finite number.
pub fn float(number: &DeFloat<'_>) -> Option<f64> {
    number.as_str().parse().ok().filter(|value: &f64| value.is_finite())
}

/// The same value as JSON, keys in order.
///
/// # Panics
/// On dates, and on numbers that are not finite or need more than 64 bits: refuse them before.
pub fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(&**text),
        DeValue::Integer(number) => integer(number).expect("refused before").into(),
        DeValue::Float(number) => float(number).expect("refused before").into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(_) => unreachable!("refused before"),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => table.iter().map(|(key, value)| (key.to_string(), json(value.get_ref()))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_value_reads_back_as_the_value() {
        let written = r#"{ a = [1, 2.5e-3, true], "b c" = "q\"\\\u007f", d = "l1\n\"\"\"l2" }"#;
        let value = DeValue::parse(written).unwrap();
        let text = value_text(value.get_ref());
        assert_eq!(json(DeValue::parse(&text).unwrap().get_ref()), json(value.get_ref()));
        assert!(text.contains("2.5e-3"), "numbers stay as written: {text}");
    }

    #[test]
    fn keys_go_by_id_where_there_is_one() {
        let root = DeTable::parse("[[trial]]\nid = 'student-0.1'\nx = [7]\n[[compare]]\ny = 1\n").unwrap();
        let mut keys = Vec::new();
        walk(root.get_ref(), &mut |node| keys.push(node.key.clone()));
        let expected = [
            "compare",
            "compare[0]",
            "compare[0].y",
            "trial",
            "trial.\"student-0.1\"",
            "trial.\"student-0.1\".id",
            "trial.\"student-0.1\".x",
            "trial.\"student-0.1\".x[0]",
        ];
        assert_eq!(keys, expected);
    }
}
