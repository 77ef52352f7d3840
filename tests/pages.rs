//! The pages for people say what the code says.
//!
//! The Rust of CONTRIBUTING.md is compiled and run as a doc-test of `harness::method`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::compare::{Agreement, Matched, Published, Verdict};
use harness::error::Result;
use harness::method::{Method, Registry, Trained};
use harness::metrics::{Definition, elsewhere_table};
use harness::spec;
use harness::train::Context;

const PAGES: [&str; 11] = [
    "README.md",
    "METHOD.md",
    "BIAS.md",
    "CONTRIBUTING.md",
    "results/README.md",
    "reproductions/de_rrd/NOTES.md",
    "reproductions/dcd/NOTES.md",
    "reproductions/rd/NOTES.md",
    "reproductions/ader/NOTES.md",
    "reproductions/asmg/NOTES.md",
    "reproductions/adarec/NOTES.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Words joined by single spaces: a page may break its lines anywhere.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn no_page_has_a_gap_to_be_filled() {
    for name in PAGES {
        let gap = |word: &str| word.len() > 2 && word.starts_with('@') && word.ends_with('@');
        assert!(!page(name).split_whitespace().any(gap), "{name} has a word between two @");
    }
}

#[test]
fn the_method_page_has_every_metric_and_no_other() {
    let row = |metric: &Definition| {
        let cutoff = if metric.needs_cutoff() { "@k" } else { "" };
        // A bar inside a cell is escaped.
        let [formula, list] = [metric.formula(), metric.cutoff_rule()].map(|text| text.replace('|', "\\|"));
        format!("| `{}{cutoff}` | {formula} | {list} |", metric.id())
    };
    let expected: Vec<String> = Definition::all().iter().map(row).collect();
    let page = page("METHOD.md");
    let table = page.split("| metric |").nth(1).expect("a table that begins with `metric`");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_method_page_has_the_names_of_every_metric_in_other_tools() {
    let table = elsewhere_table(Definition::all());
    assert!(page("METHOD.md").contains(&table), "METHOD.md lacks:\n{table}");
}

#[test]
fn the_method_page_has_the_rule_of_every_word() {
    let page = words(&page("METHOD.md"));
    let of_cells = Agreement::ALL.map(|word| (word.to_string(), word.rule()));
    let of_claims = Verdict::ALL.map(|verdict| (verdict.to_string(), verdict.rule()));
    for (word, rule) in of_cells.into_iter().chain(of_claims) {
        let line = words(&format!("* *{word}*: {rule}."));
        assert!(page.contains(&line), "METHOD.md lacks: {line}");
    }
}

#[test]
fn the_method_page_has_the_exit_codes_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_reprise")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let codes = help.split("Exit codes:").nth(1).expect("help lists the exit codes");
    let codes = codes.split("\n\n").next().unwrap();
    assert!(codes.lines().count() > 4, "{codes}");
    assert!(page("METHOD.md").contains(&format!("```text\nExit codes:{codes}\n```")), "METHOD.md lacks:{codes}");
}

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for name in PAGES {
        let folder = root().join(name).parent().unwrap().to_path_buf();
        for target in page(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !target.contains("://") {
                assert!(folder.join(file).exists(), "{name} links to {target}");
                links += 1;
            }
        }
    }
    assert!(links > 4, "{links} links");
}

/// The TOML files that CONTRIBUTING.md shows: each begins with a comment that names it.
fn shown(folder: &Path) -> BTreeMap<String, PathBuf> {
    let page = page("CONTRIBUTING.md");
    let blocks = page.split("```toml\n# ").skip(1).map(|rest| rest.split("```").next().unwrap());
    let file = |block: &str| {
        let (name, text) = block.split_once('\n').unwrap();
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        (name.to_string(), path)
    };
    blocks.map(file).collect()
}

/// Takes the hyper-parameters of the page's method.
struct RecentPop;

impl Method for RecentPop {
    fn train(&self, _: &mut Context<'_>) -> Result<Trained> {
        unreachable!("the page's spec is only read")
    }
}

#[test]
fn the_spec_and_the_tables_of_the_contributing_page_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    let files = shown(folder.path());
    let registry = Registry::default().with("recent-pop", |params| {
        let params: BTreeMap<String, usize> = params.read()?;
        assert!(params.keys().eq(["window"]), "{params:?}");
        Ok(Box::new(RecentPop))
    });
    let spec = spec::load(&files["reproductions/sample/movies.toml"], None, &registry).unwrap();
    assert_eq!((spec.id.as_str(), spec.profile.as_str()), ("sample/movies", "paper"));
    spec::load(&files["reproductions/sample/movies.toml"], Some("quick"), &registry).unwrap();
    assert!(root().join(format!("data-manifests/{}.toml", spec.dataset)).exists());
    let published = Published::read(&files["reproductions/sample/published.toml"]).unwrap();
    let [comparison] = &spec.comparisons[..] else { panic!("{:?}", spec.comparisons) };
    let matched = Matched::new(comparison, &published).unwrap();
    let cell = matched.published(&matched.rows[0], &matched.columns[0]);
    assert!(matched.rows.len() == 1 && matched.columns.len() == 1 && cell.is_some(), "{matched:?}");
}
