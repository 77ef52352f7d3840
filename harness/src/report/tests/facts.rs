//! Reports of methods that report something of their models.

use super::*;
use crate::record::CurveRecord;

const SEARCHED: &str = "cau_cnn_3|max_pool,none|skip_connect,none,avg_pool";
const OTHER: &str = "cau_cnn_3|cau_cnn_3,cau_cnn_3|none,none,none";

/// A search of two architectures over three seeds, a student of the first of them, and a teacher without facts.
fn searched() -> (Spec, Checked) {
    let spec = Spec {
        trials: vec![trial("teacher", "Teacher"), trial("student", "Student"), trial("search", "Search")],
        comparisons: vec![],
        curves: vec![],
        ..spec()
    };
    let reported = |trial: &str, seed: u64, cost: f64, text: &str| {
        let mut record = record(trial, seed, 0.5, 1000);
        record.facts =
            [("cost".to_string(), cost.into()), ("architecture".to_string(), text.to_string().into())].into();
        record
    };
    let mut current = vec![record("teacher", 0, 0.5, 1000), reported("student", 0, 9932.0, SEARCHED)];
    for (seed, cost, text) in [(0, 0.5, SEARCHED), (1, 0.25, OTHER), (2, 0.75, SEARCHED)] {
        let mut record = reported("search", seed, cost, text);
        let columns = ["loss", "hidden loss", "temperature", "hr@5"];
        let mut curve = CurveRecord::new(columns.map(String::from).to_vec());
        curve.push(&[Some(9.0), Some(400.0 + seed as f64), Some(1.0), Some(0.125)]);
        curve.push(&[Some(8.0), Some(4.0), Some(0.5), Some(0.25)]);
        record.curve = Some(curve);
        current.push(record);
    }
    (spec, Checked { current, ..Checked::default() })
}

#[test]
fn facts_have_a_table_and_cells_a_figure() {
    let (spec, records) = searched();
    let files = files_of(&spec, &records, "de_rrd");
    let page = &files["REPORT.md"];
    let cell = |text: &str| text.replace('|', "\\|");
    let (first, second) = (cell(SEARCHED), cell(OTHER));
    let table = format!(
        "| Trial | cost | architecture |\n| --- | ---: | --- |\n| Student | 9,932 | `{first}` |\n\
         | Search | 0.5000 ± 0.2500 | `{first}` (seeds 0, 2); `{second}` (seed 1) |\n\n![Different architectures"
    );
    assert!(page.contains(&format!("\n\n{table}")), "{table}\n---\n{page}");
    assert!(page.contains("(architectures.svg)") && page.contains("above (all)"), "{page}");
    let svg = &files["architectures.svg"];
    // The first cell is the student's; the other one is the search's alone.
    for text in ["Student", "seed 0; 1 more trial", "Search", "seed 1", "avg_pool", "cau_cnn_3"] {
        assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}: {svg}");
    }
    // Two cells of four nodes, each a ring of two discs.
    assert_eq!(svg.matches("<circle").count(), 16, "{svg}");
}

/// Students of a search have its architectures, seed by seed: they are not told again.
#[test]
fn the_same_texts_of_the_same_seeds_are_told_once() {
    let (mut spec, mut records) = searched();
    spec.trials.push(trial("searched", "Searched"));
    spec.trials.push(trial("random", "Random"));
    let searches: Vec<_> = records.current.iter().filter(|record| record.trial == "search").cloned().collect();
    for (seed, search) in (0..).zip(&searches) {
        let mut student = record("searched", seed, 0.5, 1000);
        student.facts = search.facts.clone();
        let mut random = record("random", seed, 0.5, 1000);
        // The same two, of other seeds.
        random.facts = searches[(seed as usize + 1) % 3].facts.clone();
        records.current.extend([student, random]);
    }
    let page = files_of(&spec, &records, "de_rrd").remove("REPORT.md").unwrap();
    assert!(page.contains("| Searched | 0.5000 ± 0.2500 | as Search |\n| Random | 0.5000 ± 0.2500 | `cau"), "{page}");
}

#[test]
fn at_most_twelve_cells_are_drawn() {
    let (spec, mut records) = searched();
    records.current.retain(|record| record.trial == "teacher");
    for seed in 0..14 {
        let mut record = record("search", seed, 0.5, 1000);
        record.facts = [("cell".to_string(), format!("op{seed}|a,b").into())].into();
        records.current.push(record);
    }
    let files = files_of(&spec, &records, "de_rrd");
    assert!(files["REPORT.md"].contains("above (the first 12 of 14)"), "{}", files["REPORT.md"]);
    let svg = &files["architectures.svg"];
    assert!(svg.contains(">\nop11\n<") && !svg.contains("op12") && svg.contains(">\nseed 11\n<"), "{svg}");
}

#[test]
fn parts_of_the_loss_have_a_figure_and_are_no_metrics() {
    let (spec, records) = searched();
    let files = files_of(&spec, &records, "de_rrd");
    let svg = &files["loss-parts.svg"];
    // 400 to 4 are two decades; 1 to 0.5 is none.
    for text in ["hidden loss (log scale)", "temperature", "Search"] {
        assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}: {svg}");
    }
    for text in [">\nloss", "hr@5", "Student", "Teacher"] {
        assert!(!svg.contains(text), "{text}: {svg}");
    }
    let curves = &files["curves.svg"];
    assert!(curves.contains("hr@5 † on validation data") && !curves.contains("hidden loss"), "{curves}");
    assert!(files["REPORT.md"].contains("as far as all seeds ran.](loss-parts.svg)"), "{}", files["REPORT.md"]);
}

#[test]
fn curves_of_teachers_are_told_apart_where_most_are_teachers() {
    let (mut spec, mut records) = searched();
    let of = |id: &str, method: &str, teacher: Option<&str>| Trial {
        method: method.into(),
        teacher: teacher.map(String::from),
        ..trial(id, id)
    };
    spec.trials = vec![of("one", "bpr", None), of("other", "sasrec", None), of("a", "bpr", Some("one"))];
    records.current = ["one", "other", "a"].map(|id| record(id, 0, 0.5, 1000)).into();
    let curves = |spec: &Spec| files_of(spec, &records, "de_rrd").remove("curves.svg").unwrap();
    let colours = |svg: &str| ["#666666", "#332288", "#CC6677"].map(|colour| svg.contains(colour));
    assert_eq!(colours(&curves(&spec)), [true, true, false], "one teacher of three");
    spec.trials.push(of("b", "bpr", Some("other")));
    assert_eq!(colours(&curves(&spec)), [true, true, true], "two teachers of three that are drawn");
}

#[test]
fn the_trials_with_most_parts_are_drawn() {
    let (mut spec, mut records) = searched();
    spec.trials = (0..12).map(|n| trial(&format!("s{n}"), &format!("S{n}"))).collect();
    let of = |n: usize| {
        let mut record = record(&format!("s{n}"), 0, 0.5, 1000);
        // The last has a part more.
        let columns = ["loss", "hidden loss", "temperature"].into_iter().take(if n == 11 { 3 } else { 2 });
        let mut curve = CurveRecord::new(columns.map(String::from).collect());
        let row = vec![Some(1.0); curve.columns.len()];
        curve.push(&row);
        curve.push(&row);
        record.curve = Some(curve);
        record
    };
    records.current = (0..12).map(of).collect();
    let files = files_of(&spec, &records, "de_rrd");
    let drawn: Vec<_> = (0..12).filter(|n| files["loss-parts.svg"].contains(&format!(">\nS{n}\n<"))).collect();
    assert_eq!(drawn, [0, 1, 2, 3, 4, 5, 6, 7, 8, 11]);
    assert!(files["REPORT.md"].contains("of the 10 trials with most parts out of 12."), "{}", files["REPORT.md"]);
}

#[test]
fn the_entry_of_a_record_has_its_facts() {
    let (spec, records) = searched();
    let page = with_report(&spec, &records, "de_rrd", |report| {
        html(&[Paper { folder: Some("de_rrd"), reports: &[report], notes: None }])
    });
    assert!(page.contains(&format!("<dt>architecture</dt><dd><code>{OTHER}</code></dd><dt>cost</dt><dd>0.25</dd>")));
    assert!(page.contains(&format!("<code>{SEARCHED}</code> (seeds 0, 2); <code>{OTHER}</code> (seed 1)")), "{page}");
    assert_eq!(page.matches("aria-label=\"DE-RRD on CiteULike: architectures\"").count(), 1);
}

/// What is no more drawn goes, as other figures do.
#[test]
fn figures_of_an_earlier_report_go() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, records) = searched();
    let written = |files: &BTreeMap<String, String>| {
        write(folder.path(), files).unwrap();
        ["architectures.svg", "loss-parts.svg"].map(|name| folder.path().join(name).exists())
    };
    assert_eq!(written(&files_of(&spec, &records, "de_rrd")), [true; 2]);
    assert_eq!(written(&rendered()), [false; 2]);
}
