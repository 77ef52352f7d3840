//! Mistakes of a person: refused before anything is trained, with the place, what was expected and a
//! way out. And what goes wrong later: that run stops, the others are kept.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use crate::home::{Ended, Home, SMALL, files, long};

/// The spec with one edit is refused with all of `words`, and nothing was trained.
#[track_caller]
fn refused(from: &str, to: &str, words: &[&str]) {
    let home = Home::new(SMALL);
    home.edit("reproductions/small.toml", from, to);
    let ended = home.reprise("run small").with(2).tells(words);
    assert_eq!(ended.out, "");
    assert_eq!((files(&home.cache), home.results()), (vec![], vec![]), "nothing was done");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_key() {
    refused(
        "dim = 4",
        "dimm = 4",
        &[
            "error: unknown key `dimm`",
            "reproductions/small.toml:24:1 (key `trial.bpr.params.dimm`)",
            "expected: one of `dim`, ",
            "got:      `dimm`",
            "hint: did you mean `dim`?",
        ],
    );
    refused("seeds = ", "seedz = ", &["small.toml:4:1 (key `seedz`)", "did you mean `seeds`?"]);
}

#[test]
fn values_that_cannot_be_are_refused_with_their_place() {
    let at = |place: &'static str, expected: &'static str, got: &'static str| [place, expected, got];
    refused("dim = 4", "dim = -4", &at("small.toml:24:7", "expected: an integer from 1 to 2^31", "integer `-4`"));
    refused("epochs = 3", "epochs = 0", &at("small.toml:29:10", "an integer from 1 to 2^31", "integer `0`"));
    refused("batch = 64", "batch = \"64\"", &at("small.toml:27:9", "an integer from 1 to 2^31", "string \"64\""));
    refused(
        "seeds = [0, 1]",
        "seeds = [0, 0]",
        &at("small.toml:4:13", "the seed `0` stands twice", "already stands in line 4"),
    );
    refused("\"recall@5\"", "\"recall@0\"", &at("small.toml:12:12", "at least one item", "`recall@0`"));
    refused("weight_decay = 1e-3", "weight_decay = nan", &at("small.toml:26:16", "expected:", "got:"));
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    refused("\"pop\"\n\n", "\"popp\"\n\n", &["there is no method `popp`", "small.toml:17:10", "did you mean `pop`?"]);
    refused("\"tiny\"", "\"tinny\"", &["no dataset `tinny`", "did you mean `tiny`?"]);
    let home = Home::new(SMALL);
    let unknown = |words: &str, told: &[&str]| drop(home.reprise(words).with(2).tells(told));
    unknown("run smal", &["there is no spec `smal`", "did you mean `small`?"]);
    unknown("report smal", &["there is no spec `smal`", "did you mean `small`?"]);
    unknown("run small --profile paper", &["no profile `paper`", "small.toml"]);
    unknown("run small --trial bprr", &["no trial `bprr`", "one of `pop`, `bpr`", "did you mean `bpr`?"]);
    unknown("run small --seed 7", &["no seed 7", "[0, 1]"]);
    unknown("data fetch tinny", &["no dataset `tinny`", "did you mean `tiny`?"]);
    unknown("data verify tinny", &["no dataset `tinny`", "did you mean `tiny`?"]);
    assert_eq!(home.results(), [""; 0]);
}

#[test]
fn a_spec_that_is_no_toml_or_no_text_is_refused() {
    let home = Home::new("id = \"small\"\ntitle = = 2\n");
    home.reprise("run small").with(2).tells(&["not valid TOML", "small.toml:2:9"]);
    home.write("reproductions/small.toml", b"id = \"small\"\ntitle = \"\xff\"\n");
    home.reprise("run small").with(2).tells(&["small.toml:2:10", "UTF-8"]);
    // The list shows the other specs nevertheless.
    home.write("reproductions/other.toml", SMALL.replace("id = \"small\"", "id = \"other\""));
    home.reprise("list").with(2).prints(&["other"]).tells(&["small.toml:2:10"]);
    home.reprise("doctor").with(1).prints(&["WRONG spec: small"]);
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let home = Home::new(SMALL);
    for (words, told) in [
        ("run small --device gpu", "expected `cpu`, `cuda` or `cuda:N`"),
        ("run small --threads 0", "a number from 1 to"),
        ("run small --threads many", "a number from 1 to"),
        ("run small --seed=-1", "--seed"),
        ("run small --checkpoint-every often", "--checkpoint-every"),
        ("run", "<SPEC>"),
        ("rum small", "run"),
        ("data fetch", "<DATASET>"),
    ] {
        let ended = home.reprise(words).with(2).tells(&["error:", told, "--help"]);
        assert_eq!(ended.out, "", "{words}");
    }
    assert_eq!((files(&home.cache), home.results()), (vec![], vec![]));
}

#[test]
#[cfg(not(feature = "cuda"))]
fn cuda_is_refused_where_it_is_not() {
    for device in ["cuda", "cuda:1"] {
        let home = Home::new(SMALL);
        let told = ["cannot be used", "built without CUDA", "hint: build it with `harness/cuda/cargo.sh build`"];
        home.reprise(&format!("run small --device {device}")).with(2).tells(&told);
        assert_eq!(home.results(), [""; 0]);
    }
}

#[test]
fn a_learning_rate_that_diverges_stops_its_run_and_keeps_the_others() {
    // Many batches: the loss itself leaves the numbers. One batch: the scores after it do.
    for (batch, what) in [("64", "is not a number"), ("4096", "cannot be ranked")] {
        let home = Home::new(SMALL);
        let trial = &SMALL[SMALL.find("[[trial]]\nid = \"bpr\"").unwrap()..];
        let wild = trial.replace("bpr\"\nlabel = \"BPR\"", "wild\"\nlabel = \"Wild\"");
        let wild = wild.replace("1e-2", "1e30").replace("batch = 64", &format!("batch = {batch}"));
        home.spec(&SMALL.replace("[[trial]]\nid = \"bpr\"", &format!("{wild}\n[[trial]]\nid = \"bpr\"")));
        let ended = home.reprise("run small").with(1).tells(&[
            "wild, seed 0: ",
            "wild, seed 1: ",
            what,
            "hint: ",
            "a smaller ",
            "error: 2 runs failed: wild, seed 0 and 1 more",
            "4 trained, 0 done before",
        ]);
        ended.prints(&["POP", "BPR"]);
        for (trial, seed) in [("pop", 0), ("bpr", 0), ("pop", 1), ("bpr", 1)] {
            home.record(trial, seed);
        }
        assert!(home.results().iter().all(|file| !file.contains("/wild/")));
        assert!(home.report().contains("| BPR"));
        // It is tried again, and nothing else is.
        home.reprise("run small").with(1).tells(&["0 trained, 4 done before"]);
    }
}

#[test]
fn a_results_folder_that_cannot_be_written_is_told_before_training() {
    let home = Home::new(SMALL);
    home.write("a-file", "");
    for results in ["a-file", "a-file/below"] {
        let told = ["the records cannot be written", "a-file", "nothing was trained", "--results DIR"];
        home.reprise(&format!("run small --results {results}")).with(1).tells(&told);
        home.reprise(&format!("report small --results {results}")).with(1).tells(&["a-file"]);
        home.reprise(&format!("doctor --results {results}")).with(1).prints(&["WRONG results: a-file"]);
    }
    assert!(files(&home.cache).iter().all(|file| !file.starts_with("runs/")));
    assert_eq!(fs::read(home.root.join("a-file")).unwrap(), b"");
}

#[test]
fn a_cache_that_cannot_be_written_is_told_before_training() {
    let home = Home::new(SMALL);
    home.write("a-file", "");
    let told = ["states and models cannot be written", "a-file", "nothing was trained", "--cache DIR"];
    home.reprise("run small --cache a-file").with(1).tells(&told);
    home.reprise("doctor --cache a-file/below").with(1).prints(&["WRONG cache: a-file/below"]);
    assert!(home.results().iter().all(|file| !file.ends_with(".json")));
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_stops_the_run_and_leaves_nothing_half_written() {
    let home = Home::new(&long().replace("epochs = 120", "epochs = 1"));
    let limited = |limit: &str| {
        let mut shell = Command::new("sh");
        // Without the trap, the signal of the limit would end the process.
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" run small");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_reprise")]).current_dir(&home.root);
        shell.env("REPRISE_HOME", &home.root).env("REPRISE_CACHE", &home.cache).env_remove("REPRISE_MIRROR");
        Ended::of(shell.output().unwrap())
    };
    // 100 blocks of 512 or 1024 bytes: enough for all but the model of BPR.
    let told = ["2 trained", "bpr, seed 0: the model is not kept: cannot write a saved state", "File too large"];
    limited("100").with(0).tells(&told);
    for trial in ["pop", "bpr"] {
        home.record(trial, 0);
    }
    assert!(home.results().iter().all(|file| !file.contains(".part")));
    let kept = files(&home.cache).into_iter().filter(|file| !file.ends_with("/lock"));
    let whole = |file: &String| file.ends_with("/model.safetensors") || file.ends_with("/record.json");
    assert!(kept.clone().all(|file| whole(&file)), "{:?}", kept.collect::<Vec<_>>());
    home.reprise("run small").with(0).tells(&["0 trained, 2 done before"]);
    // Too little room for a record: the run fails, nothing is half-written, and it is made up for later.
    limited("4").with(1);
    home.reprise("run small --fresh").with(0).tells(&["2 trained"]);
}

#[test]
fn a_home_that_is_none_is_told() {
    let home = Home::new(SMALL);
    let told = ["not a Reprise repository", "`data-manifests/` and `reproductions/`", "REPRISE_HOME"];
    home.reprise("list --home nowhere").with(2).tells(&told);
}

#[test]
#[cfg(unix)]
fn paths_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::named(OsStr::from_bytes(b"caf\xe9 \xff"), SMALL);
    home.reprise("run small").with(0).prints(&["BPR"]).tells(&["4 trained"]);
    home.reprise("run small --print-spec").with(0).prints(&["dim = 4"]);
    home.reprise("report small").with(0);
    home.reprise("list").with(0).prints(&["small"]);
    home.reprise("data verify tiny").with(0).prints(&["tiny: rows.tsv ok"]);
    home.reprise("doctor").with(0);
    // As arguments, too, and an error that names such a path.
    let odd = home.root.parent().unwrap().join(OsStr::from_bytes(b"r\xe9sultats"));
    let with = |option: &str| {
        let args = ["run", "small", "--fresh", option].map(OsStr::new);
        let args = args.into_iter().chain([odd.as_os_str()]);
        Ended::of(home.command(args).output().unwrap())
    };
    with("--results").with(0).tells(&["4 trained"]);
    assert!(files(&odd).iter().any(|file| file.ends_with("bpr/seed-1.json")));
    with("--home").with(2).tells(&["not a Reprise repository"]);
    with("--cache").with(0).tells(&["4 trained"]);
    assert_eq!(files(&odd).iter().filter(|file| file.ends_with("model.safetensors")).count(), 4);
}

/// Names become folders and keys on every system, and two specs do not share their records.
#[test]
fn names_that_some_system_cannot_have_are_refused() {
    for id in ["con", "nul", "com1", "a.", &"a".repeat(256)] {
        let home = Home::new(&SMALL.replace("id = \"pop\"", &format!("id = \"{id}\"")));
        let told = ["small.toml:", "at most 100 lower-case letters", "no name of a device"];
        home.reprise("run small").with(2).tells(&told);
        assert_eq!(home.results(), [""; 0]);
    }
    let home = Home::new(SMALL);
    let spec = |id: &str| SMALL.replace("id = \"small\"", &format!("id = \"{id}\""));
    home.write("reproductions/a-b.toml", spec("a-b"));
    home.write("reproductions/a_b.toml", spec("a-b"));
    home.reprise("run a-b").with(2).tells(&["two specs have the id `a-b`", "a_b.toml", "a-b.toml beside it"]);
    home.reprise("list").tells(&["two specs have the id"]);
}

/// More than anyone writes: told at once, and not compared with one another for minutes.
#[test]
fn documents_beyond_all_measure_are_refused() {
    let trial = |k: usize| format!("\n[[trial]]\nid = \"pop-{k}\"\nlabel = \"P\"\nmethod = \"pop\"\n");
    let many: String = (0..10_000).map(trial).collect();
    let home = Home::new(&format!("{SMALL}{many}"));
    home.reprise("run small").with(2).tells(&["more trials than any paper", "at most 500", "10002"]);
    let metrics: String = (1..2000).map(|k| format!("\"recall@{k}\", ")).collect();
    let home = Home::new(&SMALL.replace("\"recall@5\", \"ndcg@5\"", &metrics));
    home.reprise("run small").with(2).tells(&["more metrics than anyone reads", "at most 500"]);
    let long = "t".repeat(100_000);
    let home = Home::new(&SMALL.replace("method = \"bpr\"", &format!("method = \"bpr\"\nteacher = \"{long}\"")));
    home.reprise("run small").with(2).tells(&["small.toml:"]);
    let home = Home::new(&format!("{SMALL}# {}\n", "x".repeat(5 << 20)));
    home.reprise("run small").with(2).tells(&["longer than any", "at most 4194304 bytes"]);
}

/// What never ends, leads back, or would block.
#[test]
#[cfg(unix)]
fn links_and_devices_end_nothing() {
    use std::os::unix::fs::symlink;
    let home = Home::new(SMALL);
    home.reprise("run small --seed 0").with(0);
    let results = home.root.join("results/small/base");
    symlink("..", results.join("up")).unwrap();
    symlink(".", home.root.join("reproductions/itself")).unwrap();
    home.reprise("report small").with(0);
    home.reprise("list").with(0);
    symlink("/dev/zero", results.join("pop/seed-7.json")).unwrap();
    home.reprise("report small").with(1).tells(&["cannot read a record", "seed-7.json", "not a regular file"]);
    fs::remove_file(results.join("pop/seed-7.json")).unwrap();
    // The page goes where it was told to.
    let page = home.reprise("report small --html /dev/stdout").with(0);
    assert!(page.out.contains("<!doctype html>") || page.out.contains("<!DOCTYPE html>"), "{}", &page.out[..200]);
    let page = home.reprise("report --html -").with(0);
    assert!(page.out.trim_start().to_lowercase().starts_with("<!doctype html>"), "{}", &page.out[..200]);
    assert!(!home.root.join("-").exists());
}

/// Titles come from files of others, and a terminal obeys what it is sent.
#[test]
fn a_terminal_is_sent_nothing_that_it_would_obey() {
    let home = Home::new(&SMALL.replace("title = \"A small experiment\"", "title = \"A \\u001b[31mred\\u0007 one\""));
    let refused =
        home.reprise("run small --seed 0").with(2).tells(&["small.toml:2:9", r"the character `\u{1b}` in it"]);
    // Names of files are not checked.
    home.write("reproductions/a\u{1b}[31m.toml", "id = 1\n");
    let listed = home.reprise("list");
    let shown = refused.out + &refused.err + &listed.out + &listed.err;
    assert!(shown.contains("[31m"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
}
