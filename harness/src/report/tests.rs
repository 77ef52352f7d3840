//! Reports of a small spec with made-up records.

mod facts;
mod periods;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::compare::{Agreement, Logged, Matched, Measurements, Published};
use crate::data::{Catalog, Manifest};
use crate::error::{Error, Kind};
use crate::kit::{latency_sample, sample};
use crate::method::{Method, Registry, Trained};
use crate::metrics::{Candidates, Draw, Protocol};
use crate::record::{Checked, Record, RunId, Stale};
use crate::spec::{Columns, Comparison, LoggedCurve, Measure, Quantity, Spec, Trainer, Trial};
use crate::split::{Events, SplitRule};
use crate::train::Context;

struct Untrained;

impl Method for Untrained {
    fn train(&self, _: &mut Context<'_>) -> crate::error::Result<Trained> {
        Err(Error::new(Kind::Internal, "reports train nothing"))
    }
}

fn trial(id: &str, label: &str) -> Trial {
    Trial {
        id: id.into(),
        label: label.into(),
        method: "bpr".into(),
        teacher: (id == "de").then(|| "teacher".into()),
        params: serde_json::Value::Null,
        trainer: Trainer::Method(Box::new(Untrained)),
    }
}

fn hr5() -> Measure {
    Measure::Metric("hr@5".parse().unwrap())
}

fn spec() -> Spec {
    let candidates = Candidates::Sampled { negatives: 499, seed: 0, draw: Draw::Stream };
    Spec {
        id: "de-rrd/citeulike".into(),
        title: "DE-RRD on CiteULike".into(),
        file: "de_rrd/citeulike.toml".into(),
        outside: false,
        profile: "paper".into(),
        paper: Some("de_rrd".into()),
        dataset: "citeulike".into(),
        events: Events::default(),
        split: SplitRule::LeaveLastOut { core: 5 },
        protocol: Protocol::new(candidates, vec!["hr@5".parse().unwrap()]).unwrap(),
        seeds: vec![0, 1, 2],
        trials: vec![trial("teacher", "Teacher"), trial("student", "Student"), trial("de", "DE")],
        comparisons: vec![Comparison {
            table: "main-citeulike-bpr".into(),
            rows: vec![("Teacher".into(), "teacher".into()), ("Student".into(), "student".into())],
            columns: Columns::Measures(vec![("H@5".into(), hr5())]),
            decimals: 4,
            percent: false,
            effects: vec![("Student".into(), "Teacher".into())],
            not_comparable: None,
        }],
        curves: vec![LoggedCurve {
            file: "curves/student.csv".into(),
            trial: "student".into(),
            label: "authors' log".into(),
            columns: vec![("loss".into(), "loss".into())],
        }],
        claims: vec![],
        analysis: "Why the numbers differ.\n".into(),
        resolved: vec![],
    }
}

/// The manifest of a dataset of the repository.
fn manifest() -> Manifest {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data-manifests");
    Catalog::open(&folder).unwrap().get("citeulike").unwrap()
}

/// The files of the report of a spec, beside the published tables of the paper in `folder`.
fn files_of(spec: &Spec, records: &Checked, folder: &str) -> BTreeMap<String, String> {
    with_report(spec, records, folder, |report| report.files())
}

fn with_report<T>(spec: &Spec, records: &Checked, folder: &str, of: impl FnOnce(Report<'_>) -> T) -> T {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reproductions").join(folder).join("published.toml");
    let published = Published::read(&file).unwrap();
    let logged = Logged([("loss".to_string(), vec![(0.0, 706.0), (1.0, 300.0)])].into());
    let basis = Basis {
        spec,
        manifest: &manifest(),
        registry: &Registry::default(),
        paper: Some(published.name()),
        tables: spec.comparisons.iter().map(|comparison| Matched::new(comparison, &published).unwrap()).collect(),
        curves: spec.curves.iter().map(|_| logged.clone()).collect(),
        has_notes: true,
    };
    of(Report::new(&basis, records).unwrap())
}

fn record(trial: &str, seed: u64, hr: f64, parameters: usize) -> Record {
    let mut record = sample(trial, seed);
    record.metrics = [("hr@5".to_string(), hr)].into();
    record.pessimistic = record.metrics.clone();
    record.ranks = None;
    record.parameters[0].shape = vec![parameters];
    record.parameters.truncate(1);
    record.parameter_count = Some(parameters as u64);
    record
}

fn records() -> Checked {
    let mut current = Vec::new();
    for (seed, hr) in [(0, 0.50), (1, 0.51), (2, 0.52)] {
        current.push(record("teacher", seed, hr, 6_080_400));
    }
    for (seed, hr) in [(0, 0.43), (1, 0.43), (2, 0.43)] {
        current.push(record("student", seed, hr, 608_040));
    }
    // A CUDA device's runs of the same seeds are no further samples.
    let mut elsewhere = record("teacher", 0, 0.9, 6_080_400);
    elsewhere.device = "cuda:0 Example".into();
    current.push(elsewhere);
    let id = RunId { seed: 7, ..sample("teacher", 7).id() };
    Checked { current, latency: vec![], stale: vec![Stale { id, why: "its run is old".into() }] }
}

fn rendered() -> BTreeMap<String, String> {
    files_of(&spec(), &records(), "de_rrd")
}

#[test]
fn the_summary() {
    let records = records();
    let spec = spec();
    let table = summary::summary(&spec, &Measurements::new(&spec, &records.current, &[]));
    assert_eq!(
        table.markdown(),
        "\
| Trial | hr@5 † | Runs | Epochs | Parameters | Training | Request p50 | Request p99 | Peak memory |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| Teacher | 0.5100 ± 0.0100 | 3 | 2 ± 0 | 6,080,400 | 2.50 ± 0.00 s | 120 ± 0 µs | 180 ± 0 µs | 73.4 ± 0.0 MiB |
| Student | 0.4300 ± 0.0000 | 3 | 2 ± 0 | 608,040 | 2.50 ± 0.00 s | 120 ± 0 µs | 180 ± 0 µs | 73.4 ± 0.0 MiB |
| DE | – | 0 | – | – | – | – | – | – |
"
    );
}

#[test]
fn the_page() {
    let files = rendered();
    let page = &files["REPORT.md"];
    // 0.51 ± 4.302653 · 0.01 · √(4/3); the effect −0.07, −0.08, −0.09 against 0.4441 − 0.5135,
    // its mean within ± 4.302653 · 0.01 / √3.
    for text in [
        "| Teacher | H@5 (hr@5 †) | 0.5135 | 0.5100 ± 0.0100 | 3 | 0.4603 to 0.5597 | -0.0035 | -0.7 % | matches |",
        "| Student | H@5 (hr@5 †) | 0.4441 | 0.4300 ± 0.0000 | 3 | 0.4300 to 0.4300 | -0.0141 | -3.2 % | close |",
        "| Student − Teacher | H@5 | -0.0694 | -0.0800 ± 0.0100 | 3 | -0.1048 to -0.0552 | -0.1297 to -0.0303 | 1.15 | matches |",
        "2 cells: 1 *matches*, 1 *close*.",
        "499 negatives",
        "| hr@5 † | ",
        "`reprise run de-rrd/citeulike --profile paper`",
        "* `teacher` seed 7 on `cpu`: its run is old",
        "not in the tables above**: `cuda`",
        "| loss | 0 | 706.00 | 706.25 ± 0.00 | 3 | +0.0 % |",
        "| loss | 1 | 300.00 | 313.50 ± 0.00 | 3 | +4.5 % |",
        "Why the numbers differ.",
        "What is exact here, what differs and why: `reproductions/de_rrd/NOTES.md`.",
        "Every tie decided against the model gives the same values.",
        "(curve-student.svg)",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
    for word in Agreement::ALL {
        assert!(page.contains(&word.rule()), "{page}");
    }
    assert!(page.ends_with('\n') && !page.ends_with("\n\n") && !page.contains("\n\n\n"), "{page}");
}

#[test]
fn measured_latencies_are_shown() {
    let mut records = records();
    let mut record = |trial: &str, seed: u64, class: &str, device: &str, p50_us: f64| {
        let mut record = latency_sample(trial, seed);
        (record.machine.class, record.device, record.request.p50_us) = (class.into(), device.into(), p50_us);
        records.latency.push(record);
    };
    record("teacher", 0, "x86_64-avx512", "cpu", 100.0);
    record("teacher", 1, "x86_64-avx512", "cpu", 140.0);
    record("de", 0, "x86_64-avx512", "cpu", 60.0);
    record("de", 0, "x86_64-avx512-cuda", "cuda:0 Example", 30.0);
    record("student", 0, "aarch64-neon", "cpu", 1.0);
    // The others were too slow for a batch of all.
    records.latency[0].batch.queries = 13_149;
    let files = files_of(&spec(), &records, "de_rrd");
    let page = &files["REPORT.md"];
    for text in [
        "| Teacher | 120 | 180 | 16,000 | – | 28 | 112 | 100.0 % | – | 100.0 % |",
        "| DE | 60.0 | 180 | 16,000 | 30.0 | 28 | 112 | 50.0 % | – | 100.0 % |",
        "the best 20; *queries/s* is of batches, on 2 threads",
        "Device: `cpu`, `cuda:0 Example`. Seeds: 0, 1. Made by `reprise latency de-rrd/citeulike`.",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
    // 13,149 queries at 16,000 a second.
    for text in [
        "| Teacher | 0.822 | no GPU run | 100.0 % | – |",
        "| DE | 0.822 | 0.822 | 100.0 % | – |",
        "| Model | 13,149 queries, CPU (s) |",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
    assert!(!page.contains("| Student | 1.00"), "another class's time: {page}");
    // Without any run and figure, too.
    let alone = Checked { latency: records.latency, ..Checked::default() };
    let page = files_of(&spec(), &alone, "de_rrd").remove("REPORT.md").unwrap();
    assert!(page.contains("no current record") && page.contains("| Teacher | 120 |"), "{page}");
}

#[test]
fn sizes_and_speeds_stand_beside_published_ones() {
    let quantity = |column: &str, quantity| (column.to_string(), Measure::Quantity(quantity));
    let mut spec = spec();
    spec.comparisons.push(Comparison {
        table: "efficiency".into(),
        rows: vec![
            ("BPR / CiteULike / 1".into(), "teacher".into()),
            ("BPR / CiteULike / 0.1".into(), "student".into()),
        ],
        columns: Columns::Measures(vec![
            quantity("time_s", Quantity::CpuSeconds),
            quantity("params_M", Quantity::ParametersMillion),
        ]),
        percent: false,
        decimals: 2,
        effects: vec![],
        not_comparable: None,
    });
    spec.trials[1].teacher = Some("teacher".into());
    let mut records = records();
    let mut latency = latency_sample("teacher", 0);
    latency.batch.queries = 13_149;
    records.latency.push(latency);
    let cells = |spec: &Spec| {
        let files = files_of(spec, &records, "de_rrd");
        assert!(!files["quality.svg"].contains("efficiency"), "no figure of quality");
        files["REPORT.md"].clone()
    };
    let page = cells(&spec);
    for text in [
        "| BPR / CiteULike / 1 (Teacher) | time_s (seconds-cpu) | 59.27 | 0.82 | 1 | – | -58.45 | -98.6 % | too few seeds |",
        "(Teacher) | params_M (parameters-million) | 6.08 | 6.08 ± 0.00 | 3 | 6.08 to 6.08 | +0.00 | +0.0 % | matches |",
        "(Student) | params_M (parameters-million) | 0.61 | 0.61 ± 0.00 | 3 | 0.61 to 0.61 | -0.00 | -0.3 % | matches |",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
    // Columns of other units: what is looked up here is ours.
    spec.comparisons[1].columns = Columns::Measures(vec![
        quantity("time_s", Quantity::GpuSeconds),
        quantity("params_M", Quantity::ParametersPercent),
    ]);
    let page = cells(&spec);
    for text in [
        "time_s (seconds-gpu) | 59.27 | no GPU run | 0 |",
        "(Teacher) | params_M (parameters-percent) | 6.08 | 100.00 ± 0.00 | 3 |",
        "(Student) | params_M (parameters-percent) | 0.61 | 10.00 ± 0.00 | 3 |",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
}

#[test]
fn the_files_for_programs() {
    let files = rendered();
    let cells = &files["cells.csv"];
    assert!(
        cells.starts_with(
            "table,kind,row,column,trial,metric,published,n,ours_mean,ours_sd,interval_low,interval_high,difference,\
             relative,word\nmain-citeulike-bpr,paper,Teacher,H@5,teacher,hr@5,0.5135,3,0.51,"
        ),
        "{cells}"
    );
    assert_eq!(cells.lines().count(), 3);
    let runs = &files["runs.csv"];
    assert_eq!(runs.lines().count(), 8, "{runs}");
    assert!(runs.contains(
        "\nde-rrd/citeulike,paper,x86_64-avx512,teacher,0,0.9,2,6080400,2.5,120.5,180,77000000,cuda:0 Example,2,"
    ));
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let names: Vec<_> = rendered().into_keys().collect();
    let expected = [
        "REPORT.md",
        "cells.csv",
        "curve-student.svg",
        "curves.svg",
        "latency.svg",
        "quality.svg",
        "runs.csv",
        "size.svg",
    ];
    assert_eq!(names, expected);
    assert_eq!(rendered(), rendered());
}

#[test]
fn without_records_there_is_a_page_that_says_so() {
    let spec = Spec { comparisons: Vec::new(), ..spec() };
    let files = files_of(&spec, &Checked::default(), "de_rrd");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["REPORT.md", "runs.csv"]);
    assert!(files["REPORT.md"].contains("no current record"), "{}", files["REPORT.md"]);
}

#[test]
fn files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("a.csv".to_string(), "x\n".to_string())].into();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    for name in ["quality.png", "claims.csv", "periods.csv", "periods-hr-5.png", "notes.csv"] {
        std::fs::write(folder.path().join("deep").join(name), "old").unwrap();
    }
    for name in ["size.svg", "quality.svg", "periods-hr-5.svg"] {
        let drawn = "<svg width=\"9\" height=\"9\" role=\"img\" aria-label=\"old\"></svg>";
        std::fs::write(folder.path().join("deep").join(name), drawn).unwrap();
    }
    let paths = write(&folder.path().join("deep"), &files).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path().join("deep")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.csv", "notes.csv"], "what it has no longer is gone, what is not its own stays");
    assert_eq!(paths, [folder.path().join("deep/a.csv")]);
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), "x\n");
}

/// Figures that others put there, pictures of our figures, and what was drawn before and is not any more.
#[test]
fn only_our_own_figures_go() {
    let folder = tempfile::tempdir().unwrap();
    let ours = rendered();
    write(folder.path(), &ours).unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("curve-of-mine.svg", "<svg><!-- mine --></svg>");
    put("curve-of-mine.png", "png");
    put("quality.png", "png");
    put("curve-gone.svg", &ours["curves.svg"]);
    put("curve-gone.png", "png");
    write(folder.path(), &ours).unwrap();
    let there = |name: &str| folder.path().join(name).exists();
    for name in ["curve-of-mine.svg", "curve-of-mine.png", "quality.png", "quality.svg"] {
        assert!(there(name), "{name} stays");
    }
    assert!(!there("curve-gone.svg") && !there("curve-gone.png"));
}
