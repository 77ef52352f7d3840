//! The program in a folder that is no repository, with what is compiled into it.

use std::fs;
use std::path::Path;

use crate::home::{Ended, files};

/// An empty folder and a cache of its own.
struct Empty(tempfile::TempDir);

impl Empty {
    fn new() -> Self {
        let empty = Self(tempfile::tempdir().unwrap());
        fs::create_dir(empty.here()).unwrap();
        empty
    }

    fn here(&self) -> std::path::PathBuf {
        self.0.path().join("empty")
    }

    fn cache(&self) -> std::path::PathBuf {
        self.0.path().join("cache")
    }

    fn reprise(&self, words: &str) -> Ended {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reprise"));
        command.args(words.split_whitespace()).current_dir(self.here());
        command.env_remove("REPRISE_HOME").env_remove("REPRISE_MIRROR").env("REPRISE_CACHE", self.cache());
        Ended::of(command.output().unwrap())
    }
}

#[test]
fn an_empty_folder_is_enough_to_run_report_and_check() {
    let empty = Empty::new();
    empty.reprise("home").with(0).prints(&["compiled into the program", "results     results"]);
    assert!(files(&empty.here()).is_empty(), "nothing is written before something is run");
    empty.reprise("list").with(0).prints(&["quick", "ader/diginetica", "embedded"]);
    empty.reprise("run quick --trial pop --seed 0").with(0).tells(&["1 trained"]);
    let written = files(&empty.here());
    assert!(written.contains(&"results/quick/base/pop/seed-0.json".into()), "{written:?}");
    empty.reprise("report --html page.html").with(0);
    assert!(files(&empty.here()).contains(&"page.html".into()));
    // With the baseline that was accepted in the repository.
    for words in ["check quick --trial pop --seed 0", "check quick --rerun --trial pop --seed 0"] {
        empty.reprise(words).with(0).prints(&["quick (base): fine", "1 run compared"]);
    }
    // A baseline of one's own.
    let page = empty.here().join("results/quick/base");
    assert!(!page.join("baseline.json").exists());
    empty.reprise("check quick --accept --reason mine").with(2).tells(&["runs without a record of today"]);
    empty.reprise("check de-rrd/citeulike").with(2).tells(&["has no baseline", "results/de_rrd/citeulike"]);
    empty.reprise("report --readme").with(2).tells(&["has no README.md", "--home DIR"]);
}

#[test]
fn a_repository_that_is_named_or_near_comes_first() {
    let empty = Empty::new();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    empty.reprise(&format!("home --home {}", checkout.display())).with(0).prints(&["named by"]);
    assert!(!empty.cache().join("repository").exists(), "nothing was unpacked");
    for folder in ["data-manifests", "reproductions"] {
        fs::create_dir(empty.here().join(folder)).unwrap();
    }
    empty.reprise("home").with(0).prints(&["repository  . (this folder", "results     ./results"]);
}

#[test]
fn a_cache_that_cannot_be_written_is_told() {
    let empty = Empty::new();
    fs::write(empty.cache(), "no folder").unwrap();
    empty.reprise("list").with(1).tells(&["the program's own repository is unpacked into the cache", "--cache DIR"]);
}
