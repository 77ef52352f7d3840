//! The file: every bit comes back, and what is not a baseline is refused with its place.

use std::path::Path;

use super::*;
use crate::record::Stored;

const SPEC: (&str, &str) = ("de-rrd/citeulike", "paper");

fn baseline() -> Baseline {
    world(&[("student", &[f64::from_bits(0x3fdc_a2b3_9f1e_7d43), 0.2])]).baseline()
}

fn text() -> String {
    baseline().to_text().unwrap()
}

fn refused(text: &str) -> String {
    Baseline::parse(text.as_bytes(), Path::new("baseline.json")).unwrap_err().to_string()
}

/// The first of the places where `from` stands.
fn with(from: &str, to: &str) -> String {
    assert!(text().contains(from), "{from} is not in {}", text());
    text().replacen(from, to, 1)
}

#[test]
fn round_trip_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("de_rrd/citeulike/paper/baseline.json");
    assert_eq!(Baseline::find(&path, SPEC.0, SPEC.1).unwrap(), None);
    baseline().write(&path).unwrap();
    assert_eq!(Baseline::find(&path, SPEC.0, SPEC.1).unwrap(), Some(baseline()));
    for (spec, profile, key) in [("quick", "paper", "spec"), (SPEC.0, "base", "profile")] {
        let error = Baseline::find(&path, spec, profile).unwrap_err().to_string();
        assert!(error.contains("lies where another belongs") && error.contains(&format!("(key `{key}`)")), "{error}");
    }
}

#[test]
fn the_text_has_a_line_for_each_value() {
    let text = text();
    for line in [
        "\n  \"format\": 1,\n",
        "\n    {\"when\":\"2026-11-22T02:30:00Z\",\"reason\":\"the first\",\"commit\":null}\n",
        "\n  \"inexact\": [],\n",
        "\n    \"hr@5\": 1.0,\n",
        "\n    \"student\": {\n      \"0\": {\n        \"device\": \"cpu\",\n",
        "\n          \"hr@5\": 0.447430520429368,\n",
        "\n        \"queries\": 4,\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn refuses_what_is_no_baseline() {
    for (from, to, words) in [
        ("\"class\":", "\"clas\":", ["baseline.json:5:", "unknown field `clas`"]),
        ("\"format\": 1,", "", ["baseline.json:", "missing field `format`"]),
        ("\"epochs_run\": 2", "\"epochs_run\": 2, \"epochs\": 2", ["baseline.json:", "unknown field `epochs`"]),
        ("\"hr@5\": 1.0", "\"hr@5\": 1.0, \"hr@5\": 2.0", ["baseline.json:", "duplicate key `hr@5`"]),
        ("\"1\": {", "\"0\": {", ["baseline.json:", "duplicate key `0`"]),
        ("\"1\": {", "\"one\": {", ["baseline.json:", "cannot be read"]),
        ("\"hr@5\": 0.4", "\"hr@5\": \"0.4", ["baseline.json:", "cannot be read"]),
        ("\"hr@5\": 1.0", "\"hr@5\": -1.0", ["(key `matters.hr@5`)", "0 or more"]),
        ("2026-11-22T02:30:00Z", "today", ["(key `accepted[0].when`)", "`today`"]),
        ("the first", " ", ["(key `accepted[0].reason`)", "a reason in words"]),
        ("\"inexact\": []", "\"inexact\": [\"teacher\"]", ["(key `inexact`)", "`teacher`"]),
        ("\"hr@5\": 0.4", "\"hr@6\": 0.4", ["(key `runs.student.0.metrics`)", "`hr@6`"]),
        ("\"seconds\": 2.5", "\"seconds\": -2.5", ["(key `runs.student.0.seconds`)", "-2.5"]),
    ] {
        let error = refused(&with(from, to));
        assert!(words.iter().all(|words| error.contains(words)), "{from} -> {to}: {error}");
        assert!(error.contains("--accept --reason TEXT"), "{error}");
    }
    let error = refused(&text()[..400]);
    assert!(error.contains("a baseline cannot be read"), "{error}");
}

#[test]
fn another_format_is_told_before_its_keys() {
    let error = refused(&with("\"format\": 1,", "\"format\": 2,\n  \"new\": 3,"));
    assert!(error.contains("another format") && error.contains("(key `format`)"), "{error}");
    assert!(error.contains("expected: 1") && error.contains("got:      2"), "{error}");
}
