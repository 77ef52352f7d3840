//! The split as files for other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use harness::digest::Digest;
use serde_json::Value;

use crate::home::{Home, SMALL, files};

fn exported(home: &Home, words: &str, to: &str) -> BTreeMap<String, Vec<u8>> {
    home.reprise(&format!("export small {words} --to {to}")).with(0).tells(&["export.json", "terms of the data"]);
    let folder = home.root.join(to);
    files(&folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(&name)).unwrap())).collect()
}

fn text(files: &BTreeMap<String, Vec<u8>>, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

/// Rows of a file without its header, split at a sign.
fn rows(files: &BTreeMap<String, Vec<u8>>, name: &str, at: char) -> Vec<Vec<String>> {
    text(files, name).lines().skip(1).map(|line| line.split(at).map(String::from).collect()).collect()
}

#[test]
fn csv_has_the_split_by_the_ids_of_the_dataset() {
    let home = Home::new(SMALL);
    let found = exported(&home, "--format csv", "out");
    assert!(found.keys().map(|name| &**name).eq([
        "export.json",
        "items.csv",
        "test.csv",
        "train.csv",
        "users.csv",
        "valid.csv"
    ]));
    // User u7 has the items (21 + 4 t) mod 25 for t = 0 to 5.
    let of = |name: &str| -> Vec<String> {
        rows(&found, name, ',').into_iter().filter(|row| row[0] == "u7").map(|row| row[1].clone()).collect()
    };
    assert_eq!(of("train.csv"), ["i21", "i0", "i4", "i8"]);
    assert_eq!((of("valid.csv"), of("test.csv")), (vec!["i12".to_string()], vec!["i16".to_string()]));
    // Numbers, which decide ties, are those of the order in which the source shows the items.
    assert!(text(&found, "items.csv").starts_with("number,item\n0,i0\n1,i4\n2,i8\n"));
    assert!(text(&found, "users.csv").starts_with("number,user\n0,u0\n1,u1\n"));
    let about: Value = serde_json::from_slice(&found["export.json"]).unwrap();
    assert_eq!(
        about["counts"],
        serde_json::json!({"users": 40, "items": 25, "train": 160, "valid": 40, "test": 40, "queries": 40})
    );
    assert_eq!((&about["seeds"], &about["protocol"]["list"]), (&serde_json::json!([0, 1]), &Value::from(5)));
    assert_eq!(about["metrics"][1]["name"], "ndcg@5");
    for (name, file) in about["files"].as_object().unwrap() {
        assert_eq!(file["sha256"], Digest::of(&found[name]).to_string(), "{name}");
        assert_eq!(file["rows"].as_u64().unwrap() as usize, text(&found, name).lines().count() - 1, "{name}");
    }
    // The digests are those of the records.
    home.reprise("run small --trial pop --seed 0").with(0);
    let digests = &home.record("pop", 0)["digests"];
    for key in ["data", "dataset", "split"] {
        assert_eq!(about["digests"][key], digests[key], "{key}");
    }
}

#[test]
fn recbole_has_typed_headers_and_its_configuration() {
    let home = Home::new(SMALL);
    let found = exported(&home, "--format recbole", "out");
    let plain = exported(&home, "--format csv", "plain");
    for part in ["train", "valid", "test"] {
        let name = format!("small/small.{part}.inter");
        assert!(text(&found, &name).starts_with("user_id:token\titem_id:token\nu0\t"), "{name}");
        assert_eq!(rows(&found, &name, '\t'), rows(&plain, &format!("{part}.csv"), ','));
    }
    assert_eq!(text(&found, "small/small.item").lines().count(), 26);
    let yaml = text(&found, "recbole.yaml");
    for line in [
        "data_path: .",
        "benchmark_filename: [train, valid, test]",
        "metrics: [Recall, NDCG]",
        "topk: [5]",
        "  mode: full",
    ] {
        assert!(yaml.lines().any(|other| other == line), "{line}\n{yaml}");
    }
}

#[test]
fn trec_has_judgements() {
    let home = Home::new(SMALL);
    let found = exported(&home, "--format trec", "out");
    let qrels = text(&found, "test.qrels");
    assert_eq!(qrels.lines().count(), 40);
    assert!(qrels.lines().any(|line| line == "u7 0 i16 1"), "{qrels}");
    assert!(found.contains_key("valid.qrels") && found.contains_key("train.csv"));
}

#[test]
fn candidates_of_a_sampled_protocol_are_written() {
    let sampled = "candidates = \"sampled\"\nnegatives = 7\nseed = 3\ndraw = \"sha256\"";
    let home = Home::new(&SMALL.replace("candidates = \"full\"", sampled));
    let found = exported(&home, "--format csv", "out");
    for part in ["valid", "test"] {
        let mut of = BTreeMap::<String, BTreeSet<String>>::new();
        for row in rows(&found, &format!("{part}-candidates.csv"), ',') {
            assert!(of.entry(row[0].clone()).or_default().insert(row[1].clone()));
        }
        assert_eq!((of.len(), of.values().all(|items| items.len() == 8)), (40, true));
        for row in rows(&found, &format!("{part}.csv"), ',') {
            assert!(of[&row[0]].contains(&row[1]), "the held-out item is a candidate");
        }
        let train = rows(&found, "train.csv", ',');
        assert!(train.iter().all(|row| !of[&row[0]].contains(&row[1])));
    }
}

#[test]
fn every_period_of_a_stream_of_sessions_is_written() {
    let home = Home::new(crate::periods::WEEKS);
    let found = exported(&home, "--format csv", "out");
    let names =
        ["period-0/train.csv", "period-1/input.csv", "period-1/test.csv", "period-1/train.csv", "period-2/test.csv"];
    assert!(names.iter().all(|name| found.contains_key(*name)), "{:?}", found.keys());
    assert!(!found.contains_key("users.csv"), "sessions have no users");
    for period in [1, 2] {
        let asked: BTreeSet<_> =
            rows(&found, &format!("period-{period}/test.csv"), ',').into_iter().map(|row| row[0].clone()).collect();
        let read: BTreeSet<_> =
            rows(&found, &format!("period-{period}/input.csv"), ',').into_iter().map(|row| row[0].clone()).collect();
        assert!(!asked.is_empty() && asked == read, "each query has an input");
        assert!(asked.iter().all(|query| query.starts_with(&format!("{period}."))));
    }
    let trec = exported(&home, "--format trec", "trec");
    for files in [&found, &trec] {
        let export: Value = serde_json::from_str(&text(files, "export.json")).unwrap();
        let periods = export["periods"].as_array().unwrap();
        assert_eq!(periods.len(), 3);
        let queries = periods.iter().map(|period| period.get("queries").map_or(0, |queries| queries.as_u64().unwrap()));
        assert_eq!(export["counts"]["queries"], queries.sum::<u64>());
    }
    assert_eq!(text(&trec, "period-2/test.qrels").lines().count(), rows(&found, "period-2/test.csv", ',').len());
    home.reprise("export small --format recbole --to recbole").with(2).tells(&["no single split for RecBole"]);
}

#[test]
fn so_is_a_stream_of_labelled_samples() {
    let home = Home::new(crate::asmg::LABELLED);
    let found = exported(&home, "--format csv", "out");
    let (train, test) = (rows(&found, "period-6/train.csv", ','), rows(&found, "period-6/test.csv", ','));
    assert!(train.len() > 100 && train.len() == test.len());
    // The same samples, with their users where they are learnt from.
    assert!(
        train
            .iter()
            .zip(&test)
            .all(|(train, test)| (&train[0], &train[2], &train[3]) == (&test[0], &test[1], &test[2]))
    );
    let export: Value = serde_json::from_str(&text(&found, "export.json")).unwrap();
    let role = |period: usize| export["periods"][period]["role"].as_str().unwrap();
    assert_eq!([1, 3, 6].map(role), ["pre-training", "warm-up", "tested"]);
    assert!(export["periods"][1].get("queries").is_none(), "nothing is asked in pre-training");
    assert_eq!(export["periods"][6]["train"], train.len());
    assert!(found.contains_key("period-6/history.csv") && !found.contains_key("period-1/test.csv"), "pre-training");
    home.reprise("export small --format trec --to trec").with(2).tells(&["no judgements for TREC"]);
}

#[test]
fn a_folder_of_something_else_is_left_alone_and_an_export_is_written_again() {
    let home = Home::new(SMALL);
    home.write("full/notes.txt", "mine");
    home.reprise("export small --format csv --to full").with(2).tells(&["the folder is not empty", "--to DIR"]);
    assert_eq!(files(&home.root.join("full")), ["notes.txt"]);
    let first = exported(&home, "--format csv", "out");
    assert_eq!(exported(&home, "--format csv", "out"), first, "the same bytes");
    home.reprise("export small --format trec --to out").with(2).tells(&["one of `small`", "as csv"]);
    assert_eq!(files(&home.root.join("out")).len(), first.len());
}

#[test]
fn what_only_an_earlier_export_had_goes() {
    let sampled = "candidates = \"sampled\"\nnegatives = 7\nseed = 3\ndraw = \"sha256\"";
    let home = Home::new(&SMALL.replace("candidates = \"full\"", sampled));
    let first = exported(&home, "--format csv", "out");
    assert!(first.contains_key("test-candidates.csv"));
    home.write("out/notes.txt", "mine");
    home.spec(SMALL);
    let second = exported(&home, "--format csv", "out");
    assert!(!second.contains_key("test-candidates.csv") && second.contains_key("notes.txt"), "{:?}", second.keys());
}

#[test]
fn ids_that_a_form_cannot_hold_are_refused() {
    let home = Home::new(SMALL);
    let odd = crate::home::tiny().replace("u7\t", "u 7\t").replace("u8\t", "NA\t");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(odd.as_bytes()).unwrap();
    home.write("data-manifests/embedded/odd.tsv.gz", gzip.finish().unwrap());
    let manifest = crate::home::manifest("odd", "[[file.source]]\nembedded = \"embedded/odd.tsv.gz\"\ngzip = true\n")
        .replace(&crate::home::pins(&crate::home::tiny()), &crate::home::pins(&odd));
    home.write("data-manifests/odd.toml", manifest);
    home.spec(&SMALL.replace("\"tiny\"", "\"odd\""));
    let done = home.reprise("export small --format csv --to csv");
    if done.code == Some(0) {
        home.reprise("export small --format trec --to trec")
            .with(2)
            .tells(&["cannot stand in a file of TREC", "`u 7`"]);
        home.reprise("export small --format recbole --to recbole")
            .with(2)
            .tells(&["RecBole would not read an id", "`NA`"]);
    } else {
        panic!("{}", done.err);
    }
    assert!(!Path::new(&home.root.join("trec/export.json")).exists(), "a half export does not pass for a whole one");
}
