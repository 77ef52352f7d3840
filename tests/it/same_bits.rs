//! A tiny run of every method has the same bytes at every vector level of this machine, and those of
//! `tests/golden/weights.toml` on every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use harness::digest::Digest;
use harness::simd::{CAP, Level};

use crate::home::{Ended, Home};
use crate::{adarec, asmg, distill, periods, sequential};

/// Has the golden file written anew from the widest level of this machine.
const BLESS: &str = "REPRISE_BLESS";

const HEAD: &str = "\
# Digests of the weights and the metrics that a tiny run of every method ends with, on every machine: `tests/it/same_bits.rs`
# holds each vector level of the machine against them. A method without a row here fails the test. Rows move only where
# what a method computes does: `REPRISE_BLESS=1 cargo test --release --workspace --test it same_bits` writes them anew.
";

/// What one run ended with.
#[derive(Debug, PartialEq)]
struct Bits {
    method: String,
    weights: String,
    metrics: String,
}

/// The experiments: together they have every method, at sizes beyond a vector's width and no multiple of it.
fn experiments() -> [String; 5] {
    let neumf = "\n[[trial]]\nid = \"neumf\"\nlabel = \"NeuMF\"\nmethod = \"neumf\"\n[trial.params]\ndim = 37\n\
                 learning_rate = 1e-2\nweight_decay = 1e-3\nbatch = 64\ninit_std = 0.1\nepochs = 3\n\
                 [trial.params.stopping]\nwatch = [\"ndcg@5\"]\npatience = 3\nevery = 1\ndecimals = 4\n";
    let item_cf = "\n[[trial]]\nid = \"item-cf\"\nlabel = \"ItemCF\"\nmethod = \"item-cf\"\n[trial.params]\n\
                   neighbours = \"all\"\n";
    let of_users = distill::spec().replace("dim = 4\n", "dim = 50\n").replace("dim = 2\n", "dim = 21\n");
    let windows = sequential::spec().replace("dim = 6\n", "dim = 37\n").replace("dim = 3\n", "dim = 19\n");
    let ader = &periods::WEEKS[periods::WEEKS.find("[[trial]]\nid = \"ader\"").unwrap()..];
    let (with_exemplars, _) = ader.split_once("[trial.params.replay]").unwrap();
    let ewc = with_exemplars.replace("\"ader\"", "\"ewc\"") + "[trial.params.ewc]\nweight = 10.0\nsamples = 100\n";
    let weeks = format!("{}\n{ewc}", periods::WEEKS);
    // Items that many have rated, so that a pass is short at the narrowest level, too.
    let weeks =
        weeks.replace("least = 20", "least = 60").replace("dim = 16", "dim = 21").replace("heads = 1", "heads = 3");
    let labelled = asmg::LABELLED.replace("dim = 8", "dim = 21");
    let sasrec = "\n[[trial]]\nid = \"residual-sasrec\"\nlabel = \"SASRec\"\nmethod = \"residual-sasrec\"\n[trial.params]\n\
                  width = 21\nblocks = 2\nheads = 3\ndropout = 0.2\n[trial.params.training]\nlength = 10\nbatch = 64\n\
                  optimiser = {lamb = {learning_rate = 5e-3, weight_decay = 0.01}}\nschedule = \"constant\"\n\
                  clip = \"none\"\nepochs = 2\nstopping = \"none\"\n";
    // Of its teacher's width, so that nothing is projected; and one that sees its labels.
    let sasrec_kd = kd("residual-sasrec", "width = 21\nblocks = 1\nheads = 3\ndropout = 0.2\n");
    let bert4rec_kd =
        kd("bert4rec", "width = 9\nblocks = 1\nheads = 1\ndropout = 0.1\ntask = \"next-items\"\nstart = \"fresh\"\n");
    let pieces = adarec::PIECES.replace("width = 12", "width = 21").replace("channels = 6", "channels = 19")
        + sasrec
        + adarec::BERT4REC
        + &sasrec_kd
        + &bert4rec_kd;
    [of_users + neumf + item_cf, windows, weeks, labelled, pieces]
}

/// A student of a kind over pieces that learns from one of its kind.
fn kd(kind: &str, model: &str) -> String {
    format!(
        "\n[[trial]]\nid = \"{kind}-kd\"\nlabel = \"KD, {kind}\"\nmethod = \"adarec-plain-kd\"\nteacher = \"{kind}\"\n\
         [trial.params]\ndistillation = {{gamma = 0.5, hidden = {{map = \"emd\", teacher_update = \"opposite\", \
         direction = \"student-teacher\", mean = \"pieces\"}}, output = {{direction = \"student-teacher\", \
         mean = \"pieces\"}}}}\n[trial.params.student.{kind}]\n{model}[trial.params.student.{kind}.training]\nlength = 10\n\
         batch = 64\noptimiser = {{lamb = {{learning_rate = 5e-3, weight_decay = 0.01}}}}\nschedule = \"constant\"\n\
         clip = 5\nepochs = 2\nstopping = \"none\"\n"
    )
}

/// What every run of an experiment ends with where kernels go no further than `cap`.
fn run(spec: &str, cap: Option<Level>) -> BTreeMap<String, Bits> {
    let home = Home::new(spec);
    let mut command = home.command(["run", "small"]);
    let _ = Ended::of(command.env(CAP, cap.map_or("", Level::name)).output().unwrap()).with(0);
    let records = home.results().into_iter().filter(|file| file.ends_with("/seed-0.json"));
    let bits = records.map(|file| {
        let trial = Path::new(&file).parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let record = home.record(&trial, 0);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
        assert!(!record["metrics"].as_object().unwrap().is_empty());
        let bits = Bits {
            method: text(&record["method"]),
            weights: text(&record["digests"]["weights"]),
            metrics: Digest::of(record["metrics"].to_string().as_bytes()).to_string(),
        };
        (trial, bits)
    });
    bits.collect()
}

fn golden_file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/weights.toml")
}

fn write_golden(all: &BTreeMap<String, Bits>) {
    let mut text = HEAD.to_string();
    for (trial, Bits { method, weights, metrics }) in all {
        write!(text, "\n[{trial}]\nmethod = \"{method}\"\nweights = \"{weights}\"\nmetrics = \"{metrics}\"\n").unwrap();
    }
    std::fs::write(golden_file(), text).unwrap();
}

fn golden() -> BTreeMap<String, Bits> {
    let text = std::fs::read_to_string(golden_file()).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let of = |row: &toml::Value| {
        let [method, weights, metrics] =
            ["method", "weights", "metrics"].map(|key| row[key].as_str().unwrap().to_string());
        Bits { method, weights, metrics }
    };
    table.iter().map(|(trial, row)| (trial.clone(), of(row))).collect()
}

#[test]
fn every_method_has_the_golden_bytes_at_every_vector_level() {
    if std::env::var_os(BLESS).is_some() {
        write_golden(&experiments().iter().flat_map(|spec| run(spec, None)).collect());
    }
    let golden = golden();
    let registry = reproductions::registry();
    let rows: BTreeSet<&str> = golden.values().map(|bits| bits.method.as_str()).collect();
    let methods: BTreeSet<&str> = registry.names().collect();
    assert_eq!(rows, methods, "methods with a row in tests/golden/weights.toml, and those that a spec may name");
    // The widest as everyone has it, without a cap.
    let mut caps: Vec<Option<Level>> = Level::here().map(Some).collect();
    *caps.last_mut().unwrap() = None;
    for cap in caps {
        let ours: BTreeMap<String, Bits> = experiments().iter().flat_map(|spec| run(spec, cap)).collect();
        for (trial, bits) in &ours {
            assert_eq!(Some(bits), golden.get(trial), "`{trial}` with the cap {cap:?}");
        }
        assert_eq!(ours.len(), golden.len(), "each row has a run");
    }
}

#[test]
fn a_cap_that_is_none_is_refused() {
    let home = Home::new(crate::home::SMALL);
    let refused = Ended::of(home.command(["list"]).env(CAP, "avx9").output().unwrap());
    refused.with(2).tells(&["not a vector level", "REPRISE_SIMD", "`scalar`", "got:      `avx9`", "hint: unset it"]);
    let _ = Ended::of(home.command(["list"]).env(CAP, "").output().unwrap()).with(0);
}
