//! Specs and data of people who have no repository: everything stands in a folder of theirs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::digest::Digest;

use crate::home::{Ended, Home, SMALL, SMALL_RUNS, files, tiny};

/// A folder beside a repository, with a spec `mine.toml` and data that `describe` writes the manifest of.
struct Mine {
    home: Home,
    folder: PathBuf,
}

impl Mine {
    fn new() -> Self {
        let home = Home::new(SMALL);
        let folder = home.root.parent().unwrap().join("mine");
        let mine = Self { home, folder };
        mine.write("rows.tsv", &tiny());
        mine.write("mine.toml", &spec("mine", "rows"));
        mine
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn command(&self, words: &str) -> Command {
        let mut command = self.home.command(words.split_whitespace());
        command.current_dir(&self.folder).env_remove("REPRISE_HOME");
        command
    }

    /// The program, in this folder, where no repository is near.
    fn reprise(&self, words: &str) -> Ended {
        Ended::of(self.command(words).output().unwrap())
    }

    /// The same with the repository at hand.
    fn with_repository(&self, words: &str) -> Ended {
        Ended::of(self.command(words).env("REPRISE_HOME", &self.home.root).output().unwrap())
    }

    fn described(self) -> Self {
        self.reprise("data describe rows.tsv --to data-manifests/rows.toml").with(0);
        self
    }
}

fn spec(id: &str, dataset: &str) -> String {
    SMALL.replace("id = \"small\"", &format!("id = \"{id}\"")).replace("\"tiny\"", &format!("\"{dataset}\""))
}

#[test]
fn a_table_is_described_run_reported_and_checked_without_a_repository() {
    let mine = Mine::new();
    let said = mine.reprise("data describe rows.tsv").with(0);
    said.tells(&["manifest: rows.toml", "licence"]).prints(&["user", "item", "40 users, 25 items, all 240"]);
    mine.reprise("data describe rows.tsv").with(2).tells(&["not overwritten", "--to"]);
    mine.reprise("data verify ./rows.toml").with(0).prints(&["rows.tsv ok", "40 users, 25 items, all 240"]);
    mine.reprise("run ./mine.toml --print-spec").with(0).prints(&["# mine in profile base"]);
    let ran = mine.reprise("run ./mine.toml").with(0).tells(&["4 trained"]).prints(&["BPR"]);
    let made = files(&mine.folder.join("results"));
    assert_eq!(made.iter().filter(|file| file.starts_with("mine/base/") && file.contains("seed-")).count(), SMALL_RUNS);
    assert_eq!(mine.reprise("report ./mine.toml").with(0).out, ran.out);
    let page = fs::read_to_string(mine.folder.join("results/mine/base/REPORT.md")).unwrap();
    assert!(page.contains("Made by `reprise report ./mine.toml`"), "{page}");
    let words = ["mine", "A small experiment", "beside its manifest", "base (4 records)"];
    mine.reprise("list mine.toml").with(0).prints(&words);
    mine.reprise("check ./mine.toml").with(2).tells(&["`mine` has no baseline"]);
    mine.reprise("check ./mine.toml --accept --reason first").with(0).tells(&["results/mine/base/baseline.json"]);
    mine.reprise("check ./mine.toml --rerun --trial pop").with(0);
    mine.reprise("latency ./mine.toml --trial bpr").with(0).tells(&["`reprise report ./mine.toml` shows them"]);
    // Nothing tells where on this machine it was made.
    for file in files(&mine.folder.join("results")) {
        let content = fs::read(mine.folder.join("results").join(&file)).unwrap();
        let content = String::from_utf8_lossy(&content);
        assert!(!content.contains(&*mine.folder.to_string_lossy()), "{file}");
    }
}

#[test]
fn a_spec_is_the_same_from_wherever_it_is_named() {
    let mine = Mine::new().described();
    mine.reprise("run mine.toml --trial pop").with(0);
    let record = |folder: &PathBuf| fs::read_to_string(folder.join("results/mine/base/pop/seed-0.json")).unwrap();
    let first = record(&mine.folder);
    assert!(first.contains("reprise run ./mine.toml --trial pop"), "{first}");
    mine.home.reprise("run ../mine/mine.toml --trial pop").with(0).tells(&["2 done before"]);
    // The bytes of a run are those of the same spec in a repository.
    mine.home.write("reproductions/mine.toml", fs::read(mine.folder.join("mine.toml")).unwrap());
    let manifest = fs::read_to_string(mine.folder.join("data-manifests/rows.toml")).unwrap();
    mine.home.write("data-manifests/rows.toml", manifest.replace("../rows.tsv", "rows.tsv"));
    mine.home.write("data-manifests/rows.tsv", tiny());
    mine.home.reprise("run mine --trial pop").with(0);
    let digests = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["digests"].to_string();
    assert_eq!(digests(&record(&mine.home.root)), digests(&first));
    // A file of the repository is the spec of that id.
    mine.home.reprise("run reproductions/mine.toml --trial pop").with(0).tells(&["2 done before"]);
    mine.with_repository("run ../home/reproductions/small.toml --trial pop").with(0);
    assert!(mine.home.results().iter().any(|file| file == "small/base/pop/seed-0.json"), "{:?}", mine.home.results());
}

#[test]
fn manifests_are_looked_for_beside_the_spec_and_then_in_the_repository() {
    let mine = Mine::new();
    let missing = mine.reprise("run ./mine.toml").with(2);
    missing.tells(&["no dataset `rows`", "data-manifests/rows.toml", "rows.toml", "`reprise data describe"]);
    mine.with_repository("run ./mine.toml").with(2).tells(&["no dataset `rows`", "beside the spec"]);
    // The repository's data.
    mine.write("other.toml", &spec("other", "tiny"));
    mine.with_repository("run ./other.toml --trial pop").with(0);
    mine.reprise("run ./other.toml --trial pop").with(2).tells(&["no dataset `tiny`"]);
    // An id that the repository has means the same files.
    let tiny = fs::read_to_string(mine.home.root.join("data-manifests/tiny.toml")).unwrap();
    mine.write("data-manifests/tiny.toml", &tiny.replace("rows.tsv", "others.tsv"));
    mine.with_repository("run ./other.toml --trial pop")
        .with(2)
        .tells(&["another dataset of the repository", "rename"]);
    // Two of one id.
    let mine = Mine::new().described();
    mine.reprise("data describe rows.tsv").with(0);
    mine.reprise("run ./mine.toml").with(2).tells(&["two manifests of `rows`"]);
    // Data that is gone, and other data.
    fs::remove_file(mine.folder.join("rows.toml")).unwrap();
    mine.write("rows.tsv", "1\t2\n");
    mine.reprise("run ./mine.toml").with(1).tells(&["a data file is too short", "rows.tsv"]);
    fs::remove_file(mine.folder.join("rows.tsv")).unwrap();
    mine.reprise("run ./mine.toml").with(2).tells(&["`rows.tsv` of `rows` is not there"]);
    mine.write("data-manifests/rows.toml", "id = 5");
    mine.reprise("run ./mine.toml").with(2).tells(&["rows.toml:1:6 (key `id`)"]);
}

#[test]
fn a_spec_that_is_none_is_told() {
    let mine = Mine::new();
    for command in ["run", "report", "check", "list", "latency"] {
        mine.reprise(&format!("{command} ./none.toml")).with(2).tells(&["there is no file `./none.toml`"]);
    }
    mine.reprise("run mine").with(2).tells(&["there is no spec `mine`", "is named by its file: `mine.toml`"]);
    mine.with_repository("run mine").with(2).tells(&["there is no spec `mine`", "is named by its file: `mine.toml`"]);
    mine.with_repository("run nothing").with(2).tells(&["there is no spec `nothing`", "`./mine.toml`"]);
    mine.write("odd.toml", "no toml");
    mine.reprise("run ./odd.toml").with(2).tells(&["not valid TOML", "odd.toml:1"]);
    mine.reprise("report ./odd.toml").with(2).tells(&["not valid TOML"]);
    mine.reprise("list ./odd.toml ./mine.toml").with(2).tells(&["not valid TOML"]).prints(&["mine"]);
    mine.write("other.toml", &spec("mine", "rows"));
    mine.reprise("run ./other.toml").with(2).tells(&["does not fit the file's place", "`other`"]);
    fs::create_dir(mine.folder.join("folder.toml")).unwrap();
    mine.reprise("run ./folder.toml").with(1).tells(&["cannot read the spec"]);
}

#[test]
fn a_paper_outside_has_tables_claims_and_profiles_as_any_other() {
    let mine = Mine::new();
    mine.write("paper/rows.tsv", &tiny());
    mine.write(
        "paper/published.toml",
        "[paper]\ntitle = \"P\"\nshort = \"P\"\nvenue = \"Nowhere 2020\"\n[[source]]\nid = \"pdf\"\nwhere = \"here\"\n\
         [[table]]\nid = \"main\"\ncaption = \"c\"\nkind = \"paper\"\nsource = \"pdf\"\ncolumns = [\"R\"]\n\
         rows = [{ model = \"BPR\", values = [0.15] }]\n",
    );
    mine.write("paper/NOTES.md", "# Notes\n");
    let beside = "\n[[compare]]\ntable = \"main\"\ndecimals = 2\nrows = { BPR = \"bpr\" }\ncolumns = { R = \"recall@5\" }\n\n\
                  [profile.quick]\nseeds = [7]\n";
    let text = spec("paper/mine", "rows").replace("title =", "paper = \"paper\"\ntitle =") + beside;
    mine.write("paper/mine.toml", &text);
    mine.reprise("data describe paper/rows.tsv").with(0);
    mine.reprise("run paper/mine.toml --profile quick").with(0).tells(&["2 trained"]);
    mine.reprise("run paper/mine.toml").with(0).tells(&["4 trained"]);
    let folder = mine.folder.join("paper/results/paper/mine");
    let page = fs::read_to_string(folder.join("paper/REPORT.md")).unwrap();
    assert!(page.contains("Beside the published tables") && page.contains("`NOTES.md`"), "{page}");
    assert!(folder.join("quick/bpr/seed-7.json").is_file());
    fs::remove_file(mine.folder.join("paper/published.toml")).unwrap();
    mine.reprise("report paper/mine.toml").with(1).tells(&["published.toml"]);
}

#[test]
fn describing_prints_or_writes_beside_and_refuses_in_words() {
    let mine = Mine::new();
    let printed = mine.reprise("data describe rows.tsv --to -").with(0).out;
    let before = files(&mine.folder);
    assert!(printed.starts_with("# Written by `reprise data describe`") && printed.contains("beside = \"rows.tsv\""));
    assert!(printed.contains(&Digest::of(tiny().as_bytes()).to_string()), "{printed}");
    assert_eq!(files(&mine.folder), before, "nothing was written");
    mine.write("bad.csv", "user,item\na,b\nc\n");
    mine.reprise("data describe bad.csv").with(1).tells(&["bad.csv:3", "2 fields"]);
    mine.reprise("data describe none.csv").with(1).tells(&["cannot read a data file", "none.csv"]);
    mine.reprise("data describe rows.tsv --columns user,itme").with(2).tells(&["itme"]);
    mine.reprise("data describe rows.tsv --to rows.csv").with(2).tells(&["ends in `.toml`", "rows.csv"]);
    mine.reprise("data describe").with(2).tells(&["FILE"]);
    assert!(!files(&mine.folder).iter().any(|file| file.ends_with("bad.toml")));
}
