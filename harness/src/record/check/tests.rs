//! Records come back as they were written, and what is wrong in a record is refused with its key.

use std::fs;
use std::path::Path;

use crate::kit::{sample, sample_of_periods};
use crate::record::{Hits, QueryRanks, RankSet, Record, Stored};

fn text() -> String {
    sample("teacher", 3).to_text().unwrap()
}

fn refused(text: &str) -> String {
    Record::parse(text.as_bytes(), Path::new("seed-3.json")).unwrap_err().to_string()
}

fn with(from: &str, to: &str) -> String {
    let text = text();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn round_trip_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/seed-3.json");
    let record = sample("teacher", 3);
    record.write(&path).unwrap();
    assert_eq!(Record::read(&path).unwrap(), record);
    assert_eq!(fs::read_to_string(&path).unwrap(), text());
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["seed-3.json"]);
}

#[test]
fn keeps_every_bit_of_a_metric() {
    let mut record = sample("teacher", 3);
    let value = f64::from_bits(0x3fdc_a2b3_9f1e_7d43);
    record.metrics.insert("hr@5".into(), value);
    record.ranks = None; // They would tell another value.
    let read = Record::parse(record.to_text().unwrap().as_bytes(), Path::new("x")).unwrap();
    assert_eq!(read.metrics["hr@5"].to_bits(), value.to_bits());
}

#[test]
fn long_lists_are_compact() {
    let text = text();
    assert!(text.contains("\n    \"rows\": [\n      [706.25,null],\n      [313.5,0.25]\n    ]"), "{text}");
    assert!(text.contains("\"hits\":\"3 . 2+5 1\""), "{text}");
}

#[test]
fn refuses_an_unknown_key_with_its_line() {
    let error = refused(&with("\"seed\": 3,", "\"seed\": 3,\n  \"sead\": 4,"));
    assert!(error.contains("seed-3.json:9:") && error.contains("unknown field `sead`"), "{error}");
    let error = refused(&with("\"cores\": 2,", "\"cores\": 2, \"sockets\": 1,"));
    assert!(error.contains("unknown field `sockets`"), "{error}");
}

#[test]
fn refuses_a_missing_key() {
    let error = refused(&with("  \"seed\": 3,\n", ""));
    assert!(error.contains("missing field `seed`"), "{error}");
    let error = refused(&with("    \"step\": 1.5,\n    \"total\": 2.5\n", "    \"step\": 1.5\n"));
    assert!(error.contains("seconds") && error.contains("`total`"), "{error}");
}

#[test]
fn refuses_a_wrong_type() {
    let error = refused(&with("\"seed\": 3,", "\"seed\": \"3\","));
    assert!(error.contains("seed-3.json:8:") && error.contains("expected: u64"), "{error}");
}

#[test]
fn refuses_what_is_not_finite() {
    for bad in ["NaN", "null", "1e999"] {
        refused(&with("\"hr@5\": 0.25", &format!("\"hr@5\": {bad}")));
    }
    let mut record = sample("teacher", 3);
    record.metrics.insert("hr@5".into(), f64::NAN);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed-3.json");
    let error = record.write(&path).unwrap_err().to_string();
    assert!(error.contains("metrics.hr@5") && error.contains("NaN"), "{error}");
    assert!(!path.exists());
}

#[test]
fn refuses_a_key_that_stands_there_twice() {
    let error = refused(&with("\"hr@5\": 0.25", "\"hr@5\": 0.25, \"hr@5\": 0.5"));
    assert!(error.contains("duplicate key `hr@5`"), "{error}");
}

#[test]
fn refuses_what_contradicts_itself() {
    let cases = [
        ("\"parameter_count\": 28", "\"parameter_count\": 29", "parameter_count"),
        ("\"hr@5\": 1\n", "\"hr@5\": 2\n", "selected.hr@5"),
        ("\"format\": 1", "\"format\": 2", "format"),
        ("2026-11-21T20:15:00Z", "yesterday", "started"),
        ("\"trial\": \"teacher\"", "\"trial\": \"../teacher\"", "trial"),
        ("\"p99_us\": 180.0", "\"p99_us\": 80.0", "latency.p99_us"),
        ("[313.5,0.25]", "[313.5]", "curve.rows[1]"),
        (",\n      [313.5,0.25]", "", "curve.rows"),
        ("3 . 2+5 1", "3 . 2+5", "ranks.sets[0].hits"),
        ("3 . 2+5 1", "3 . 2+6 1", "ranks.sets[0].hits"),
        ("3 . 2+5 1", "3+4 . 2+5 1", "ranks.sets[0].hits"),
        ("[\"hr@5\",\"recall@5\"],\"within\"", "[\"hr@5\",\"recall@6\"],\"within\"", "ranks.sets[0].metrics"),
    ];
    for (from, to, key) in cases {
        let error = refused(&with(from, to));
        assert!(error.contains(&format!("(key `{key}`)")), "{from} -> {to}: {error}");
    }
}

#[test]
fn periods_come_back_and_are_true_to_the_whole() {
    let record = sample_of_periods("ader", 0);
    let text = record.to_text().unwrap();
    assert_eq!(Record::parse(text.as_bytes(), Path::new("x")).unwrap(), record);
    let mut later = record.clone();
    later.periods.iter_mut().for_each(|period| period.period += 23);
    assert_eq!(later.check(), Ok(()));
    // A period counts like any other, however few its queries are.
    assert_eq!(record.per_query("hr@5".parse().unwrap()).unwrap(), [2.0, 0.0, 0.0, 0.0]);
    for (from, to, key) in [
        (
            "\"hr@5\": 0.5,\n    \"recall@5\": 0.5\n  },\n  \"pess",
            "\"hr@5\": 0.25,\n    \"recall@5\": 0.5\n  },\n  \"pess",
            "metrics.hr@5",
        ),
        ("\"epochs_run\": 4", "\"epochs_run\": 5", "epochs_run"),
        ("\"period\":2", "\"period\":1", "periods[1].period"),
        ("\"queries\":3", "\"queries\":4", "ranks.sets"),
        (
            "\"queries\":1,\"facts\":{\"exemplars\":5.0},\"epochs_run\":2,\"selected\":1,\"metrics\":{\"hr@5\":1.0,\"recall@5\":1.0}",
            "\"queries\":1,\"facts\":{\"exemplars\":5.0},\"epochs_run\":2,\"selected\":1,\"metrics\":{\"hr@5\":1.0,\"recall@5\":0.75}",
            "metrics.recall@5",
        ),
        ("\"period\":2,\"items\":20", "\"period\":2,\"items\":0", "periods[1].queries"),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}\n{text}");
        let error = Record::parse(text.replace(from, to).as_bytes(), Path::new("x")).unwrap_err().to_string();
        assert!(error.contains(&format!("(key `{key}`)")), "{from} -> {to}: {error}");
    }
}

/// Sums of many terms, made in two ways, differ by more than the last place.
#[test]
fn long_streams_are_true_to_themselves() {
    let mut record = sample_of_periods("ader", 0);
    let queries = [100_000, 400_000];
    let mut hits = Hits::default();
    for (period, n) in record.periods.iter_mut().zip(queries) {
        let ranks = (0..n as u32).map(|query| 1 + query.wrapping_mul(2_654_435_761) % 40);
        let mut sum = 0.0;
        for rank in ranks {
            let found = rank <= 20;
            hits.push(if found { std::slice::from_ref(&rank) } else { &[] });
            sum += if found { 1.0 / f64::from(rank) } else { 0.0 };
        }
        period.queries = n;
        period.metrics = [("mrr@20".to_string(), sum / n as f64)].into();
        period.pessimistic = period.metrics.clone();
        period.validation.clear();
    }
    let mean = record.periods.iter().map(|period| period.metrics["mrr@20"]).sum::<f64>() / 2.0;
    record.metrics = [("mrr@20".to_string(), mean)].into();
    record.pessimistic = record.metrics.clone();
    record.validation.clear();
    let set = RankSet { metrics: vec!["mrr@20".into()], within: Some(20), hits };
    record.ranks = Some(QueryRanks { targets: None, sets: vec![set] });
    let folder = tempfile::tempdir().unwrap();
    record.write(&folder.path().join("seed-0.json")).unwrap();
}

#[test]
fn refuses_half_a_file() {
    let text = text();
    let error = refused(&text[..text.len() / 2]);
    assert!(error.contains("cannot be read"), "{error}");
}
