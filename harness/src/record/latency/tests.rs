use std::fs;

use super::*;
use crate::error::Kind;
use crate::record::{Record, Records, sample};

fn write(folder: &Path, record: &LatencyRecord) -> PathBuf {
    let path = folder.join(record.path());
    record.write(&path).unwrap();
    path
}

#[test]
fn round_trip_apart_from_the_record_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let records = [latency_sample("student", 3), latency_sample("teacher", 0), latency_sample("teacher", 3)];
    for record in records.iter().rev() {
        let path = write(folder.path(), record);
        assert_eq!(&LatencyRecord::read(&path).unwrap(), record);
    }
    let run = sample("teacher", 3);
    run.write(&folder.path().join(run.id().path())).unwrap();
    assert_eq!(LatencyRecord::read_all(folder.path()).unwrap(), records);
    // Neither is taken for the other.
    assert_eq!(Records::read(folder.path()).unwrap().len(), 1);
    assert!(Record::read(&folder.path().join(records[2].path())).is_err());
    assert!(LatencyRecord::read(&folder.path().join(run.id().path())).is_err());
    assert_eq!(records[2].path(), Path::new("paper/x86_64-avx512/teacher/latency-seed-3.json"));
    assert!(LatencyRecord::read_all(&folder.path().join("none")).unwrap().is_empty());
}

#[test]
fn a_record_in_the_place_of_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    latency_sample("a", 1).write(&folder.path().join("paper/x86_64-avx512/a/latency-seed-2.json")).unwrap();
    let error = LatencyRecord::read_all(folder.path()).unwrap_err().to_string();
    assert!(error.contains("where another belongs") && error.contains("a/latency-seed-1.json"), "{error}");
}

#[test]
fn what_is_not_true_to_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let text = latency_sample("teacher", 3).to_text().unwrap();
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = LatencyRecord::read(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("`reprise latency`"), "{error}");
        error.to_string()
    };
    for (from, to, key) in [
        ("\"format\": 1", "\"format\": 2", "format"),
        ("2026-11-21T20:15:00Z", "yesterday", "started"),
        ("\"trial\": \"teacher\"", "\"trial\": \"../teacher\"", "trial"),
        ("\"device\": \"cpu\"", "\"device\": \"cuda:0 Example\"", "device"),
        ("\"parameter_bytes\": 112", "\"parameter_bytes\": 113", "parameter_bytes"),
        ("\"parameter_count\": 28", "\"parameter_count\": 18446744073709551615", "parameter_bytes"),
        ("\"p99_us\": 180.0", "\"p99_us\": 80.0", "request.p99_us"),
        ("\"p50_us\": 120.5", "\"p50_us\": -1.0", "request.p50_us"),
        ("\"requests\": 1000", "\"requests\": 0", "request"),
        ("\"queries\": 4", "\"queries\": 0", "batch"),
        ("\"per_second\": 16000.0", "\"per_second\": 0.0", "batch.per_second"),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let error = refused(&text.replace(from, to));
        assert!(error.contains(&format!("(key `{key}`)")), "{from} -> {to}: {error}");
    }
    let error = refused(&text.replace("\"seed\": 3,", "\"seed\": 3,\n  \"sead\": 4,"));
    assert!(error.contains("unknown field `sead`") && error.contains("x.json:7:"), "{error}");
    assert!(refused(&text.replace("  \"seed\": 3,\n", "")).contains("missing field `seed`"));
    refused(&text.replace("16000.0", "NaN"));
    refused(&text[..text.len() / 2]);
    let mut record = latency_sample("teacher", 3);
    record.batch.per_second = f64::INFINITY;
    let missing = folder.path().join("y.json");
    assert_eq!(record.write(&missing).unwrap_err().kind(), Kind::Internal);
    assert!(!missing.exists());
}
