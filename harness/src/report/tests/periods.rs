//! Reports of runs over a stream of periods.

use super::*;
use crate::kit::sample_of_periods;

/// ADER and Finetune, two of the 16 weeks that were published.
fn weekly() -> Spec {
    let protocol = spec().protocol;
    Spec {
        protocol: Protocol { candidates: Candidates::All, ..protocol },
        trials: vec![trial("ader", "ADER"), trial("finetune", "Finetune"), trial("random", "ER_random")],
        comparisons: vec![Comparison {
            table: "curve-diginetica-recall20".into(),
            rows: vec![("ADER".into(), "ader".into()), ("Finetune".into(), "finetune".into())],
            columns: Columns::Periods { metric: "hr@5".parse().unwrap(), tested: 1..=2, first: 1 },
            decimals: 2,
            percent: true,
            effects: vec![("ADER".into(), "Finetune".into())],
            not_comparable: None,
        }],
        curves: vec![],
        ..spec()
    }
}

fn run(trial: &str, seed: u64, values: [f64; 2]) -> Record {
    let mut record = sample_of_periods(trial, seed);
    for (period, value) in record.periods.iter_mut().zip(values) {
        period.metrics = [("hr@5".to_string(), value)].into();
        period.pessimistic = period.metrics.clone();
    }
    record.metrics = [("hr@5".to_string(), (values[0] + values[1]) / 2.0)].into();
    record.pessimistic = record.metrics.clone();
    record.ranks = None;
    record
}

fn weeks() -> Checked {
    let ader = [[0.49, 0.50], [0.50, 0.51], [0.51, 0.52]];
    let ader = (0..).zip(ader).map(|(seed, values)| run("ader", seed, values));
    let finetune = (0..3).map(|seed| run("finetune", seed, [0.46, 0.48]));
    Checked { current: ader.chain(finetune).collect(), ..Checked::default() }
}

#[test]
fn the_page_compares_the_same_periods() {
    let files = files_of(&weekly(), &weeks(), "ader");
    let page = &files["REPORT.md"];
    for text in [
        "divided by 100",
        "the mean is over the same 2 of 16 periods",
        // Published (49.448 + 50.796) / 2 and (46.306 + 47.955) / 2; ours ± 4.302653 · 0.01 · √(4/3).
        "| ADER | mean of 1–2 (hr@5) | 0.5012 | 0.5050 ± 0.0100 | 3 | 0.4553 to 0.5547 | +0.0038 | +0.8 % | matches |",
        "| Finetune | mean of 1–2 (hr@5) | 0.4713 | 0.4700 ± 0.0000 | 3 | 0.4700 to 0.4700 | -0.0013 | -0.3 % | close |",
        "2 cells: 1 *matches*, 1 *close*.",
        "| Row | Whose | 1 | 2 | Words |",
        "| ADER | published | 0.4945 | 0.5080 |  |\n| ADER | ours | 0.5000 | 0.5100 | 2 *matches* |",
        "| Finetune | ours | 0.4600 | 0.4800 | 2 *close* |",
        "4 cells: 2 *matches*, 2 *close*.",
        // 0.50122 − 0.471305; ours within ± 4.302653 · 0.01 / √3.
        "| ADER − Finetune | mean of 1–2 | +0.0299 | 0.0350 ± 0.0100 | 3 | 0.0102 to 0.0598 | -0.0147 to 0.0847 | 1.17 | matches |",
        "means over seeds. 2 effects: 2 *matches*.\n\n<details><summary>Effects period by period</summary>",
        // Each week by itself: 49.448 − 46.306 in print.
        "| ADER − Finetune | published | +0.0314 | +0.0284 |  |\n| ADER − Finetune | ours | +0.0400 | +0.0300 | 2 *matches* |",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
}

#[test]
fn the_page_shows_each_period() {
    let files = files_of(&weekly(), &weeks(), "ader");
    let page = &files["REPORT.md"];
    for text in [
        "## Period by period\n",
        "means over the 2 that were tested",
        "| Trial | Seeds | Mean | 1 | 2 |",
        "| ADER | 3 | 0.5050 ± 0.0100 | 0.5000 ± 0.0100 | 0.5100 ± 0.0100 |",
        "| ER_random | 0 | – | – | – |",
        "(periods-hr-5.svg)",
        "<details><summary>What each period was, of the first seed of each trial</summary>\n\n| Trial | Seed | Period |",
        "| ADER | 0 | 2 | 20 | 3 | 2 | 1 | 1.2 | 5 |",
        "Learning curves of seed 0, period by period",
    ] {
        assert!(page.contains(text), "{text}\n---\n{page}");
    }
    assert_eq!(page.matches("(periods-hr-5.svg)").count(), 1, "it stands in its own section only: {page}");
    let html = with_report(&weekly(), &weeks(), "ader", |report| {
        html(&[Paper { folder: Some("ader"), reports: &[report], notes: None }])
    });
    assert!(html.contains("<details><summary>What each period was"), "{html}");
}

#[test]
fn the_figure_lays_ours_over_all_that_was_published() {
    let figure = |spec: &Spec, records: &Checked| files_of(spec, records, "ader").remove("periods-hr-5.svg");
    let svg = figure(&weekly(), &weeks()).unwrap();
    for text in ["ADER", "Finetune", "16", "ours: mean ± standard deviation over seeds"] {
        assert_eq!(svg.matches(&format!(">\n{text}\n<")).count(), 1, "{text}: {svg}");
    }
    assert!(svg.contains("published: curve-diginetica-recall20 (read off a figure)"), "{svg}");
    // Two rows of 16 and one in the legend, each a ring of two; two trials of two periods and three in the legend.
    assert_eq!(svg.matches("<circle").count(), 2 * 33 + 2 * 7, "{svg}");

    let mut with_another = weeks();
    with_another.current.push(run("random", 0, [0.47, 0.48]));
    let svg = figure(&weekly(), &with_another).unwrap();
    assert!(svg.contains("hr@5, trials without a published curve"), "{svg}");

    let alone = Spec { comparisons: vec![], ..weekly() };
    let svg = figure(&alone, &weeks()).unwrap();
    assert!(!svg.contains("published") && !svg.contains("\n16\n"), "{svg}");
    assert_eq!(figure(&alone, &Checked::default()), None);
}

#[test]
fn the_files_for_programs_have_every_period() {
    let files = files_of(&weekly(), &weeks(), "ader");
    let names = [
        "REPORT.md",
        "cells.csv",
        "curves.svg",
        "latency.svg",
        "periods-hr-5.svg",
        "periods.csv",
        "quality.svg",
        "runs.csv",
        "size.svg",
    ];
    assert_eq!(files.keys().collect::<Vec<_>>(), names);
    let periods = &files["periods.csv"];
    assert!(
        periods.starts_with(
            "spec,profile,machine_class,trial,seed,period,items,queries,epochs,selected,seconds,hr@5,exemplars\n\
             de-rrd/citeulike,paper,x86_64-avx512,ader,0,1,10,1,2,1,1.25,0.49,5\n"
        ),
        "{periods}"
    );
    assert_eq!(periods.lines().count(), 1 + 6 * 2);
    let cells = &files["cells.csv"];
    assert!(cells.contains(",read off a figure,ADER,mean of 1–2,ader,hr@5,0.50122,3,"), "{cells}");
    assert!(cells.contains(",read off a figure,ADER,cycle_2,ader,hr@5,0.50796,3,"), "{cells}");
    assert_eq!(cells.lines().count(), 1 + 2 * 3);
    // Of the README's table, only whole runs.
    let table = with_report(&weekly(), &weeks(), "ader", |report| overview([&report], |_| "x".into()));
    let row = &table.rows[0];
    assert_eq!(row[5..], ["1 *matches*, 1 *close*", "1 *matches*"]);
}
