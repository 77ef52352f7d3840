//! The same spec and seed give the same bytes: on any number of threads, in one go or in pieces, and
//! beside another process.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::home::{Ended, Home, LONG_RUNS, SMALL, SMALL_RUNS, files, lasting, long, wait_until};

/// The result of the long run in one go: what lasts of its record, and its model's bytes.
fn uninterrupted() -> &'static (String, Vec<u8>) {
    static DONE: OnceLock<(String, Vec<u8>)> = OnceLock::new();
    DONE.get_or_init(|| {
        let home = Home::new(&long());
        home.reprise("run small").with(0).tells(&["2 trained, 0 done before"]);
        result(&home)
    })
}

fn result(home: &Home) -> (String, Vec<u8>) {
    (lasting(&home.record("bpr", 0)), fs::read(home.store("bpr", 0).join("model.safetensors")).unwrap())
}

/// Compares without printing megabytes.
#[track_caller]
fn assert_uninterrupted(home: &Home) {
    let ((record, model), (expected_record, expected_model)) = (result(home), uninterrupted());
    assert!(record == *expected_record, "the record differs from that of an uninterrupted run");
    assert!(model == *expected_model, "the weights differ from those of an uninterrupted run");
}

fn checkpoint(home: &Home) -> Option<PathBuf> {
    let found = files(&home.cache).into_iter().find(|file| file.ends_with("checkpoint.safetensors"));
    found.map(|file| home.cache.join(file))
}

/// Waits until the state was saved `times` times since now.
fn wait_for_saves(home: &Home, child: &mut Child, times: usize) {
    let written = || checkpoint(home).and_then(|file| fs::metadata(file).ok()?.modified().ok());
    let mut last: Option<SystemTime> = written();
    let mut saves = 0;
    wait_until("the state is saved", || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be stopped");
        let now = written();
        saves += usize::from(now.is_some() && now != last);
        last = now.or(last);
        saves >= times
    });
}

const RUN: &str = "run small --checkpoint-every 0";

#[test]
fn killed_at_any_moment_and_started_again_ends_with_the_same_bytes() {
    let home = Home::new(&long());
    // Before the first state is there.
    let mut child = home.start(RUN);
    wait_until("the run is locked", || files(&home.cache).iter().any(|file| file.ends_with("lock")));
    child.kill().unwrap();
    child.wait().unwrap();
    for saves in [1, 3, 2, 5] {
        let mut child = home.start(RUN);
        wait_for_saves(&home, &mut child, saves);
        child.kill().unwrap(); // SIGKILL
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, None, "killed by a signal: {}", ended.err);
        assert!(home.results().iter().all(|file| !file.contains("/bpr/")), "no record of half a run");
    }
    home.reprise(RUN).with(0).tells(&["going on after epoch"]);
    assert_uninterrupted(&home);
    let kept = ["lock", "model.safetensors", "record.json"];
    let left = files(&home.cache).into_iter().filter(|file| !kept.iter().any(|name| file.ends_with(name)));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "nothing half-written stays");
    home.reprise(RUN).with(0).tells(&["0 trained, 2 done before"]);
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_the_state_and_the_same_command_goes_on() {
    let home = Home::new(&long());
    let mut child = home.start(RUN);
    wait_for_saves(&home, &mut child, 2);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    Ended::of(child.wait_with_output().unwrap()).with(130).tells(&[
        "stopping after this epoch",
        "interrupted after epoch",
        "the same command goes on from here",
    ]);
    assert!(checkpoint(&home).is_some());
    home.reprise(RUN).with(0).tells(&["going on after epoch"]);
    assert_uninterrupted(&home);
}

#[test]
fn a_state_that_changed_on_disk_is_told_and_not_used() {
    let home = Home::new(&long());
    let mut child = home.start(RUN);
    wait_for_saves(&home, &mut child, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    let file = checkpoint(&home).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2; // among the weights: the file stays well-formed
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let told = ["a saved state cannot be used", "checkpoint.safetensors", "this run starts over"];
    home.reprise(RUN).with(0).tells(&told);
    assert_uninterrupted(&home);
}

#[test]
fn a_state_that_is_none_is_told_and_not_used() {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    let before = lasting(&home.record("bpr", 1));
    let file = home.store("bpr", 1).join("checkpoint.safetensors");
    for content in [&b""[..], b"\x10\0\0", b"\xff\xff\xff\xff\xff\xff\xff\xff{}", b"\x02\0\0\0\0\0\0\0{}"] {
        fs::write(&file, content).unwrap();
        fs::remove_file(home.record_file("bpr", 1)).unwrap();
        home.reprise("run small").with(0).tells(&["this run starts over", "1 trained, 3 done before"]);
        assert_eq!(lasting(&home.record("bpr", 1)), before);
        assert!(!file.exists());
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let spec = long().replace("epochs = 30", "epochs = 2");
    let results = [1, 2, 3].map(|threads| {
        let home = Home::new(&spec);
        home.reprise(&format!("run small --threads {threads}")).with(0);
        ["pop", "bpr"].map(|trial| {
            let mut record = home.record(trial, 0);
            assert_eq!(record["threads"], threads);
            record["threads"] = 0.into();
            lasting(&record)
        })
    });
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn a_seed_decides_the_weights() {
    let weights = |home: &Home, seed| home.record("bpr", seed)["digests"]["weights"].clone();
    let (one, two) = (Home::new(SMALL), Home::new(SMALL));
    for home in [&one, &two] {
        home.reprise("run small").with(0);
    }
    assert_eq!(lasting(&one.record("bpr", 0)), lasting(&two.record("bpr", 0)));
    assert_ne!(weights(&one, 0), weights(&one, 1));
    assert_eq!(
        one.record("pop", 0)["digests"]["weights"],
        one.record("pop", 1)["digests"]["weights"],
        "counting draws nothing"
    );
    // Again from the start, over what is there.
    let before = lasting(&one.record("bpr", 1));
    one.reprise("run small --fresh --trial bpr --seed 1").with(0).tells(&["1 trained, 0 done before"]);
    assert_eq!(lasting(&one.record("bpr", 1)), before);
}

#[test]
fn two_processes_train_each_run_once() {
    let home = Home::new(&long());
    let mut first = home.start(RUN);
    wait_for_saves(&home, &mut first, 1);
    let second = home.start(RUN);
    let second = Ended::of(second.wait_with_output().unwrap()).with(0);
    let first = Ended::of(first.wait_with_output().unwrap()).with(0);
    first.tells(&[&format!("{LONG_RUNS} trained, 0 done before")]);
    second.tells(&["another process trains this run; waiting for it", "0 trained, 2 done before"]);
    assert_uninterrupted(&home);
}

#[test]
fn processes_that_start_together_do_not_disturb_each_other() {
    let home = Home::new(SMALL);
    let children: Vec<_> = (0..4).map(|_| home.start("run small")).collect();
    let ended: Vec<_> = children.into_iter().map(|c| Ended::of(c.wait_with_output().unwrap()).with(0)).collect();
    let trained = |ended: &Ended| {
        let line = ended.err.lines().find(|line| line.contains(" trained, ")).unwrap();
        line.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(ended.iter().map(trained).sum::<usize>(), SMALL_RUNS);
    home.reprise("report small").with(0);
    assert!(home.results().iter().all(|file| !file.contains(".part") && !file.contains(".probe")));
}

#[test]
fn a_record_of_another_spec_is_listed_and_its_numbers_are_not() {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    let old = home.record("bpr", 0)["digests"]["weights"].as_str().unwrap()[..12].to_string();
    assert!(home.report().contains(&old));
    home.edit("reproductions/small.toml", "dim = 4", "dim = 5");
    home.reprise("report small").with(0).tells(&["stale: small bpr seed 0", "stale: small bpr seed 1"]);
    let report = home.report();
    assert!(report.contains("## Stale records") && report.contains("* `bpr` seed 1"), "{report}");
    assert!(!report.contains(&old), "{report}");
    home.reprise("run small").with(0).tells(&["2 trained, 2 done before"]);
    assert!(!home.report().contains("Stale"));
    assert_eq!(home.record("bpr", 0)["parameters"][0]["shape"][1], 5);
}

#[test]
fn a_damaged_record_is_named_and_trained_again() {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    let file = home.record_file("bpr", 1);
    let whole = fs::read_to_string(&file).unwrap();
    let contradicting = whole.replacen("\"epochs_run\": 3", "\"epochs_run\": 2", 1);
    for damaged in [&whole[..whole.len() / 2], "", &contradicting] {
        fs::write(&file, damaged).unwrap();
        home.reprise("report small").with(1).tells(&["a record", "bpr/seed-1.json", "got:", "hint:", "`reprise run`"]);
        home.reprise("run small").with(0).tells(&["1 trained, 3 done before"]);
    }
}
