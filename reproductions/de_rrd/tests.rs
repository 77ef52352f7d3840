//! The sizes of the specs' models against those that the paper prints.

use std::path::Path;

use harness::spec::{self, Spec, Trial};

use crate::golden::{case, ids};
use crate::models::{PairKind, bpr, neumf};

/// A spec of the paper, the name of its data in print, and its base model.
const SPECS: [(&str, &str, PairKind); 3] = [
    ("citeulike", "CiteULike", bpr::KIND),
    ("citeulike-neumf", "CiteULike", neumf::KIND),
    ("foursquare", "Foursquare", bpr::KIND),
];

/// A name of the base model in print.
fn printed_name(base: &PairKind) -> &'static str {
    match base.name {
        "bpr" => "BPR",
        "neumf" => "NeuMF",
        other => panic!("{other} is not in the paper"),
    }
}

fn load(name: &str) -> Spec {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("de_rrd").join(name).with_extension("toml");
    spec::load(&file, None, &crate::registry()).unwrap()
}

fn published() -> toml::Table {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("de_rrd/published.toml");
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

fn entry<'a>(published: &'a toml::Table, kind: &str, key: &str, name: &str) -> &'a toml::Table {
    let entries = published[kind].as_array().unwrap().iter().map(|entry| entry.as_table().unwrap());
    entries.into_iter().find(|entry| entry[key].as_str() == Some(name)).unwrap()
}

/// Users and items as printed.
fn entities(published: &toml::Table, data: &str) -> [usize; 2] {
    let dataset = entry(published, "dataset", "name", data);
    ["users", "items"].map(|key| dataset[key].as_integer().unwrap() as usize)
}

/// d of a base model, or of a student.
fn dim(trial: &Trial, base: &PairKind) -> usize {
    let params = trial.params.get("student").map_or(&trial.params, |student| &student[base.name]);
    params["dim"].as_u64().unwrap() as usize
}

fn teacher_dim(spec: &Spec, base: &PairKind) -> usize {
    dim(spec.trial("teacher").unwrap(), base)
}

/// All numbers of a model.
fn parameters(base: &PairKind, [users, items]: [usize; 2], dim: usize) -> usize {
    (base.layout)(users, items, dim).count()
}

/// In millions, with two decimals, by (data, base model, φ in tenths).
fn printed_sizes(published: &toml::Table) -> Vec<(String, String, usize, String)> {
    let table = entry(published, "table", "id", "efficiency");
    let column =
        table["columns"].as_array().unwrap().iter().position(|name| name.as_str() == Some("params_M")).unwrap();
    let text = |row: &toml::Value, key: &str| row[key].as_str().unwrap().to_string();
    let of_row = |row: &toml::Value| {
        let tenths = (row["phi"].as_float().unwrap() * 10.0).round() as usize;
        let size = format!("{:.2}", row["values"][column].as_float().unwrap());
        (text(row, "dataset"), text(row, "base_model"), tenths, size)
    };
    table["rows"].as_array().unwrap().iter().map(of_row).collect()
}

fn millions(n: usize) -> String {
    format!("{:.2}", n as f64 / 1e6)
}

#[test]
fn the_teachers_of_the_specs_and_their_shares_have_the_printed_sizes() {
    let (published, vector) = (published(), case("rrd.json", "parameter_counts"));
    let printed = printed_sizes(&published);
    assert_eq!(printed.len(), 12, "2 data sets, 2 base models, 3 sizes");
    for (name, _, base) in &SPECS {
        let teacher = teacher_dim(&load(name), base);
        let shares = [10, 5, 1].map(|tenths| teacher * tenths / 10);
        // A base model has one teacher's size on both data sets.
        for data in ["CiteULike", "Foursquare"] {
            let key = data.to_lowercase();
            let entities = entities(&published, data);
            assert_eq!(ids(&vector["inputs"][format!("{key}_users_items")]), entities.map(|n| n as u32));
            let counts = shares.map(|dim| parameters(base, entities, dim));
            let [d0, d1, d2] = shares;
            let exact = &vector["expected"][format!("{}_{key}_d{d0}_d{d1}_d{d2}", base.name)];
            assert_eq!(ids(exact), counts.map(|n| n as u32), "{name}, {data}");
            for (tenths, count) in [10, 5, 1].into_iter().zip(counts) {
                let of_row = |row: &&(String, String, usize, String)| {
                    row.0 == data && row.1 == printed_name(base) && row.2 == tenths
                };
                assert_eq!(printed.iter().find(of_row).unwrap().3, millions(count), "{name}, {data}, φ {tenths}/10");
            }
        }
    }
}

#[test]
fn every_trial_of_the_specs_has_a_printed_size() {
    let published = published();
    let printed = printed_sizes(&published);
    for (name, data, base) in &SPECS {
        let spec = load(name);
        let teacher = teacher_dim(&spec, base);
        let mut seen = Vec::new();
        for trial in &spec.trials {
            let dim = dim(trial, base);
            assert_eq!(trial.trainer.makes(), Some(base.name), "{name}: {}", trial.id);
            assert_eq!(10 * dim % teacher, 0, "{name}: {}", trial.id);
            let tenths = 10 * dim / teacher;
            let size = millions(parameters(base, entities(&published, data), dim));
            let row = ((*data).to_string(), printed_name(base).to_string(), tenths, size);
            assert!(printed.contains(&row), "{name}: {} has {row:?}", trial.id);
            seen.push(tenths);
        }
        assert!(seen.contains(&10) && seen.contains(&1), "{name}");
    }
    let student = load("citeulike");
    let student = dim(student.trial("student-0.1").unwrap(), &bpr::KIND);
    let of_log = entry(&published, "author_log_facts", "source", "log-DE")["embedding_parameters"].as_integer();
    assert_eq!(parameters(&bpr::KIND, entities(&published, "CiteULike"), student) as i64, of_log.unwrap());
}
