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
fn a_catalog_suggests_the_near_name() {
    let error = shipped().get("citulike").unwrap_err().to_string();
    assert!(error.contains("did you mean `citeulike`?"), "{error}");
}
