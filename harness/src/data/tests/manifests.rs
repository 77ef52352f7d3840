//! Manifests and their catalog.

use super::*;

#[test]
fn a_misspelt_key_is_placed_and_mended() {
    let mut site = Site::new();
    site.tables = TABLES.replace("first = 10", "frist = 10");
    let error = site.refused();
    assert!(error.contains("tiny.toml:19:1 (key `items.frist`)") && error.contains("did you mean `first`?"), "{error}");
}

#[test]
fn manifests_that_cannot_be_are_refused_with_a_line() {
    let refused = |from: &str, to: &str, says: &str| {
        let mut site = Site::new();
        site.tables = site.tables.replace(from, to);
        site.sources[0] = site.sources[0].replace(from, to);
        let error = site.refused();
        assert!(error.contains(says) && error.contains("tiny.toml:"), "{error}");
    };
    refused("mirror = \"train.gz\"", "mirror = \"../train.gz\"", "must stay inside its folder");
    refused("test = 3", "tset = 3", "exactly the parts");
    refused("table = 5\n", "", "size of their table");
    refused("ids = \"map\"", "ids = \"line\"", "lines name no user");
    refused("sha256 = ", "git-blob = ", "40 lower-case");
    refused("gzip = true", "gzip = 1", "wrong type");
}

#[test]
fn names_that_would_leave_their_folder_or_meet_are_refused() {
    let named = |id: &str, file: &str| {
        let text = Site::new().text().replace("\"tiny\"", &format!("{id:?}"));
        let text = text.replace("\"test.tsv\"", &format!("{file:?}"));
        Manifest::parse(&text, Path::new(&format!("{id}.toml"))).map_err(|error| error.to_string())
    };
    named("a-1.b", "rows.csv").unwrap();
    for id in ["..", ".", "a_b", "A", "a.", "con", "nul.x", "com1", "-a", "a b", &"a".repeat(201)] {
        let error = named(id, "rows.csv").unwrap_err();
        assert!(error.contains("must be a plain name") && error.contains("(key `id`)"), "{error}");
    }
    for file in ["..", ".new", "a/b", "a\\b", "a:b", "con.tsv", "a ", "a.", "a*b", &"a".repeat(201)] {
        let error = named("tiny", file).unwrap_err();
        assert!(error.contains("must be a plain file name") && error.contains("(key `file[1].name`)"), "{error}");
    }
    assert!(named("tiny", "TRAIN.tsv").unwrap_err().contains("two files are called `TRAIN.tsv`"));
}

#[test]
fn tables_of_an_impossible_size_are_refused_with_their_key() {
    for (table, first) in [("0", "10"), ("1099511627776", "10"), ("4294967296", "0"), ("2", "4294967295")] {
        let mut site = Site::new();
        site.tables =
            TABLES.replace("table = 5", &format!("table = {table}")).replace("first = 10", &format!("first = {first}"));
        let error = site.refused();
        assert!(error.contains("cannot have this size") && error.contains("(key `items.table`)"), "{error}");
    }
}

#[test]
fn a_catalog_suggests_the_near_name() {
    let error = shipped().get("citulike").unwrap_err().to_string();
    assert!(error.contains("did you mean `citeulike`?"), "{error}");
}
