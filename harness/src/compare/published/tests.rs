//! Published tables, made up and the repository's own.

use std::path::{Path, PathBuf};

use super::*;
use crate::compare::TableKind;
use crate::error::Result;

const SMALL: &str = r#"
[paper]
title = "A Paper"
short = "AP"
venue = "Venue 2020"
[[source]]
id = "copy"
where = "a copy"
[[table]]
id = "main"
caption = "quality"
kind = "paper"
source = "copy"
dataset = "Example"
columns = ["H@5", "N@5"]
rows = [
  {model = "Teacher", values = [0.52, 0.40]},
  {model = "Student", values = [0.25, 0.20], stars = 2},
]
[[table]]
id = "many"
caption = "rows that share a model"
kind = "follow-up"
source = ["copy"]
columns = ["H@5"]
rows = [
  {model = "Teacher", dataset = "A", values = [1]},
  {model = "Teacher", dataset = "B", values = [2]},
  {dataset = "B", phi = 0.5, values = [3]},
]
[[table]]
id = "weeks"
caption = "week by week, percent"
kind = "figure-digitized"
source = ["copy"]
columns = ["week_1", "week_2", "week_3"]
rows = [
  {model = "Teacher", values = [50.0, 52.0, 60.0]},
  {model = "Student", values = [40.0, nan, 44.0]},
]
"#;

pub(in crate::compare) fn small() -> Published {
    Published::parse(SMALL, Path::new("published.toml")).unwrap()
}

fn refused(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    Published::parse(&SMALL.replace(from, to), Path::new("published.toml")).unwrap_err().to_string()
}

fn cell(published: &Published, table: &str, row: &str, column: &str) -> Result<Option<f64>> {
    let table = published.table(table)?;
    Ok(published.row(table, row)?.values[published.column(table, column)?])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../reproductions")
}

#[test]
fn looks_up_cells() {
    let published = small();
    let of = |table: &str, row: &str, column: &str| cell(&published, table, row, column);
    assert_eq!(of("main", "Student", "H@5"), Ok(Some(0.25)));
    assert_eq!(of("many", "B / Teacher", "H@5"), Ok(Some(2.0)));
    assert_eq!(of("many", "B / 0.5", "H@5"), Ok(Some(3.0)));
    let error = of("main", "Teachr", "H@5").unwrap_err().to_string();
    assert!(error.contains("table.main") && error.contains("did you mean `Teacher`?"), "{error}");
    assert!(of("main", "Teacher", "H@50").is_err());
    assert!(of("many", "Teacher", "H@5").is_err());
    let empty = Published::parse(&SMALL.replace("0.52", "nan"), Path::new("published.toml")).unwrap();
    assert_eq!(cell(&empty, "main", "Teacher", "H@5"), Ok(None));
}

#[test]
fn refuses_what_is_wrong() {
    let unknown_source = refused("source = \"copy\"", "source = \"cpoy\"");
    assert!(unknown_source.contains("`cpoy`"), "{unknown_source}");
    let short = refused("[0.52, 0.40]", "[0.52]");
    assert!(short.contains("table.main") && short.contains("2 values") && short.contains("`Teacher`"), "{short}");
    assert!(refused("0.52, 0.40", "inf, 0.40").contains("finite"));
    assert!(refused("\"H@5\", \"N@5\"", "\"N@5\", \"N@5\"").contains("column twice"));
    assert!(refused("id = \"many\"", "id = \"main\"").contains("`main` twice"));
    assert!(refused("model = \"Student\", values = [0.25", "model = \"Teacher\", values = [0.25").contains("twice"));
    let kind = refused("kind = \"paper\"", "kind = \"papers\"");
    assert!(kind.contains("published.toml:12:8 (key `table.main.kind`)"), "{kind}");
    assert!(kind.contains("`papers`") && kind.contains("did you mean `paper`?"), "{kind}");
    let id = refused("id = \"main\"\n", "");
    assert!(id.contains("published.toml:9:1") && id.contains("missing key `id`"), "{id}");
}

#[test]
fn the_tables_of_de_rrd() {
    let published = Published::read(&folder().join("de_rrd/published.toml")).unwrap();
    let kind = |table: &str| published.table(table).unwrap().kind;
    assert_eq!((kind("main-citeulike-bpr"), kind("author-log-test")), (TableKind::Paper, TableKind::AuthorLog));
    let of = |table: &str, row: &str, column: &str| cell(&published, table, row, column);
    assert_eq!(of("main-citeulike-bpr", "Teacher", "H@5"), Ok(Some(0.5135)));
    assert_eq!(of("author-log-test", "Student", "N@5"), Ok(Some(0.3353)));
    assert_eq!(of("efficiency", "BPR / CiteULike / 0.5", "params_M"), Ok(Some(3.04)));
}

#[test]
fn every_paper_has_tables_that_can_be_read() {
    for (paper, tables) in [("de_rrd", 23), ("dcd", 6), ("rd", 7), ("ader", 8), ("asmg", 19), ("adarec", 1)] {
        let published = Published::read(&folder().join(paper).join("published.toml")).unwrap();
        assert_eq!(published.tables.len(), tables, "{paper}");
    }
}
