//! Bundles for reviewers, and those of strangers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::bundle::{BUNDLE, BundleIndex, BundledFile, read_archive, write_archive};
use harness::record::Stored as _;
use serde_json::Value;

use crate::home::{Ended, Home, SMALL, SMALL_RUNS};

type Files = BTreeMap<String, Vec<u8>>;

/// A repository with records, and a bundle of it.
fn bundled(words: &str) -> (Home, Files) {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    home.reprise(&format!("bundle small --to out/small.zip{words}")).with(0).tells(&["4 records", "CHECKLIST.md"]);
    let files = read_archive(&home.root.join("out/small.zip")).unwrap();
    (home, files)
}

/// Checks a changed bundle. `listed`: the change is listed with its digests.
fn check(home: &Home, files: &Files, listed: bool) -> Ended {
    let mut files = files.clone();
    if listed {
        let mut index = BundleIndex::parse(&files[BUNDLE], Path::new(BUNDLE)).unwrap();
        let others = files.iter().filter(|(name, _)| *name != BUNDLE);
        index.files = others.map(|(name, content)| (name.clone(), BundledFile::of(content))).collect();
        files.insert(BUNDLE.into(), index.to_text().unwrap().into_bytes());
    }
    fs::write(home.root.join("changed.zip"), write_archive(&files).unwrap()).unwrap();
    home.reprise("bundle --check changed.zip")
}

fn text<'f>(files: &'f Files, name: &str) -> &'f str {
    std::str::from_utf8(&files[name]).unwrap()
}

fn json(files: &Files, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap()
}

const RECORD: &str = "results/small/base/bpr/seed-1.json";

#[test]
fn a_bundle_is_whole_and_has_the_same_bytes_each_time() {
    let (home, files) = bundled("");
    let bytes = fs::read(home.root.join("out/small.zip")).unwrap();
    home.reprise("bundle small --to again.zip").with(0);
    assert_eq!(bytes, fs::read(home.root.join("again.zip")).unwrap());
    home.reprise("bundle --check again.zip").with(0).prints(&["records  4", "the same bytes", "the bundle is whole"]);
    // Records, spec, manifest and data are those of the repository.
    for name in [
        RECORD,
        "reproductions/small.toml",
        "data-manifests/tiny.toml",
        "data-manifests/embedded/tiny.tsv.gz",
        "results/small/base/REPORT.md",
    ] {
        assert_eq!(files[name], fs::read(home.root.join(name)).unwrap(), "{name}");
    }
    for name in ["Cargo.lock", "CITATION.cff", "report.html", "README.md"] {
        assert!(!files[name].is_empty(), "{name}");
    }
    let checklist = text(&files, "CHECKLIST.md");
    assert!(checklist.contains("all 4 runs have a record"), "{checklist}");
    assert!(checklist.contains("fewer than 3 seeds of pop, bpr"), "two seeds decide nothing: {checklist}");
    assert!(checklist.contains("they are in the bundle (MIT)"), "{checklist}");
    assert!(checklist.contains("permanent identifier (DOI)? | **a person must say**"), "{checklist}");
}

#[test]
fn it_works_in_the_folder_that_it_is_unpacked_into() {
    let (home, files) = bundled("");
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in &files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    let there = |words: &str| {
        let mut command = home.command(words.split_whitespace());
        Ended::of(command.current_dir(folder.path()).env_remove("REPRISE_HOME").output().unwrap())
    };
    there("report small --require-complete").with(0);
    let report = fs::read(folder.path().join("results/small/base/REPORT.md")).unwrap();
    assert_eq!(report, files["results/small/base/REPORT.md"]);
    there("check small --rerun").with(0).prints(&[&format!("{SMALL_RUNS} runs compared")]);
}

#[test]
fn metadata_name_every_file_and_every_run() {
    let (_, files) = bundled("");
    let metadata = json(&files, "ro-crate-metadata.json");
    let graph = metadata["@graph"].as_array().unwrap();
    let of = |kind: &str| graph.iter().filter(move |entity| entity["@type"] == kind).collect::<Vec<_>>();
    let named: Vec<&str> = of("File").iter().map(|file| file["@id"].as_str().unwrap()).collect();
    for name in files.keys().filter(|name| *name != "ro-crate-metadata.json") {
        assert!(named.contains(&name.as_str()), "{name} is not in {named:?}");
    }
    let runs = of("CreateAction");
    assert_eq!(runs.len(), SMALL_RUNS);
    let ids: Vec<&Value> = graph.iter().map(|entity| &entity["@id"]).collect();
    for run in runs {
        assert!(ids.contains(&&run["instrument"]["@id"]) && ids.contains(&&run["result"]["@id"]), "{run}");
    }
    let croissant = json(&files, "croissant.json");
    assert_eq!(croissant["distribution"][0]["@id"], "rows.tsv");
    assert_eq!(croissant["distribution"][0]["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn whatever_is_changed_is_found() {
    let (home, files) = bundled("");
    check(&home, &files, false).with(0);
    let changed = |name: &str, from: &str, to: &str| {
        let mut files = files.clone();
        let old = text(&files, name).to_string();
        assert!(old.contains(from), "{from} in {name}");
        files.insert(name.into(), old.replacen(from, to, 1).into_bytes());
        files
    };
    let record = json(&files, RECORD);
    let (metric, run) = (record["metrics"]["recall@5"].to_string(), record["digests"]["run"].as_str().unwrap());
    let better = changed(RECORD, &metric, "0.99");
    check(&home, &better, false).with(1).tells(&["has other bytes", RECORD]);
    check(&home, &better, true).with(1).tells(&["a record contradicts itself", "the mean of its ranks"]);
    // What nothing else in the record tells must still be in the report, and that is made again.
    let other_program = changed(RECORD, "\"version\": \"", "\"version\": \"9");
    check(&home, &other_program, true).with(1).tells(&["the bundle is not what its records make", "REPORT.md"]);
    let report = changed("CHECKLIST.md", "**a person must say**", "yes");
    check(&home, &report, true).with(1).tells(&["not what its records make", "CHECKLIST.md"]);
    let other_run = changed(RECORD, run, &"0".repeat(64));
    check(&home, &other_run, true).with(1).tells(&["is not of its spec", "bpr seed 1"]);
    let other_spec = changed("reproductions/small.toml", "dim = 4", "dim = 5");
    check(&home, &other_spec, true).with(1).tells(&["is not of its spec"]);
    let broken = changed(RECORD, "\"trial\"", "\"trail\"");
    check(&home, &broken, true).with(1).tells(&["a record cannot be read", RECORD]);
    let other_data = changed("bundle.json", "\"dataset\": \"tiny\"", "\"dataset\": \"tinier\"");
    check(&home, &other_data, true).with(1).tells(&["not what its records make", BUNDLE]);
    let other_spec = changed("bundle.json", "\"spec\": \"small\"", "\"spec\": \"/tmp/small.toml\"");
    check(&home, &other_spec, true).with(1).tells(&["names its spec by a file"]);
    let other_lock = changed("Cargo.lock", "version = 4", "version = 5");
    check(&home, &other_lock, true).with(1).tells(&["not what its records make", "Cargo.lock"]);
    let mut garbage = files.clone();
    garbage.insert("data-manifests/embedded/tiny.tsv.gz".into(), b"garbage".to_vec());
    check(&home, &garbage, true).with(1).tells(&["tiny.tsv.gz"]);
    let mut more = files.clone();
    more.insert("notes.txt".into(), b"x".to_vec());
    check(&home, &more, false).with(1).tells(&["is not listed", "notes.txt"]);
    check(&home, &more, true).with(1).tells(&["not what its records make", "notes.txt"]);
    let mut fewer = files.clone();
    fewer.remove(RECORD);
    check(&home, &fewer, false).with(1).tells(&["is missing", RECORD]);
    check(&home, &fewer, true).with(1).tells(&["not what its records make"]);
    fewer.remove(BUNDLE);
    check(&home, &fewer, false).with(1).tells(&["is no bundle", BUNDLE]);
}

#[test]
fn what_is_no_bundle_is_told() {
    let home = Home::new(SMALL);
    home.write("text.zip", "this is no archive");
    home.reprise("bundle --check text.zip").with(1).tells(&["no zip file", "text.zip"]);
    home.reprise("bundle --check none.zip").with(1).tells(&["none.zip", "does not exist"]);
    home.reprise("bundle small --to out.zip").with(2).tells(&["has no record", "reprise run small"]);
    home.reprise("bundle small").with(2).tells(&["--to"]);
    home.reprise("bundle").with(2);
    home.reprise("bundle small --to a.zip --check b.zip").with(2);
    assert!(!home.root.join("out.zip").exists());
}

#[test]
fn data_that_may_not_be_passed_on_stay_here() {
    let home = Home::new(SMALL);
    home.edit("data-manifests/tiny.toml", "redistributable = true", "redistributable = false");
    home.reprise("run small").with(0);
    home.reprise("bundle small --to small.zip").with(0);
    let files = read_archive(&home.root.join("small.zip")).unwrap();
    assert!(files.contains_key("data-manifests/tiny.toml"));
    assert!(!files.keys().any(|name| name.ends_with(".gz")), "{:?}", files.keys());
    assert!(!text(&files, "CHECKLIST.md").contains("they are in the bundle"), "{}", text(&files, "CHECKLIST.md"));
    home.reprise("bundle --check small.zip").with(0);
}

#[test]
fn a_spec_from_outside_stands_in_its_bundle_as_in_a_repository() {
    let home = Home::new(SMALL);
    home.write("mine/own.toml", SMALL.replace("\"small\"", "\"own\""));
    home.reprise("run mine/own.toml").with(0);
    home.reprise("bundle mine/own.toml --to own.zip").with(0);
    home.reprise("bundle --check own.zip").with(0).prints(&["believed", "reproductions/own.toml"]);
}

#[test]
fn an_anonymous_bundle_tells_nobody() {
    let home = Home::new(SMALL);
    home.reprise("run small --threads 1").with(0);
    let bundle = |words: &str| {
        let mut command = home.command(words.split_whitespace());
        Ended::of(command.env("USER", "adalovelace").env("HOME", "/home/adalovelace").output().unwrap())
    };
    bundle("bundle small --to blind.zip --anonymous").with(0);
    let files = read_archive(&home.root.join("blind.zip")).unwrap();
    let record = json(&files, RECORD);
    assert_eq!(home.record("bpr", 1)["command"], "reprise run small --threads 1");
    assert_eq!(record["command"], "reprise run small --profile base --trial bpr --seed 1");
    assert_eq!(record["program"]["commit"], Value::Null);
    assert_eq!(record["metrics"], home.record("bpr", 1)["metrics"]);
    home.reprise("bundle --check blind.zip").with(0);
    let mut told = files.clone();
    told.insert(RECORD.into(), text(&files, RECORD).replacen("--trial bpr", "--threads 7 --trial bpr", 1).into_bytes());
    check(&home, &told, true).with(1).tells(&["says that it is anonymous, and is not"]);
    let root = home.root.display().to_string();
    assert!(files.values().all(|content| !String::from_utf8_lossy(content).contains(&root)), "{root}");
    // A name in what a person wrote cannot be taken out by us.
    home.edit("reproductions/small.toml", "A small experiment", "What AdaLovelace found");
    bundle("bundle small --to blind.zip --anonymous").with(2).tells(&[
        "tells who made it",
        "reproductions/small.toml:2",
        "`adalovelace`",
    ]);
}
