//! The same spec and seed give the same bytes: on any number of threads, in one go or in pieces, and
//! beside another process.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::SystemTime;

use harness::weights::State;

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

/// A state or model in another run's place has a digest that is right, and would give other weights in silence.
#[test]
fn what_was_put_in_another_runs_place_is_told_and_made_again() {
    let spec = crate::distill::spec().replace("seeds = [0]", "seeds = [0, 1]");
    let (home, other) = (Home::new(&spec), Home::new(&spec));
    other.reprise("run small --trial rrd").with(0);
    home.reprise("run small --trial bpr").with(0);
    let [zero, one] = [0, 1].map(|seed| home.store("bpr", seed).join("model.safetensors"));
    let swap = zero.with_file_name("swap");
    fs::rename(&zero, &swap).unwrap();
    fs::rename(&one, &zero).unwrap();
    fs::rename(&swap, &one).unwrap();
    let told = ["a saved state cannot be used", "expected: a state of the run ", "someone moved it here"];
    home.reprise("run small --trial rrd").with(0).tells(&told).tells(&["`bpr` is trained again"]);
    for (trial, seed) in [("bpr", 0), ("bpr", 1), ("rrd", 0), ("rrd", 1)] {
        assert!(lasting(&home.record(trial, seed)) == lasting(&other.record(trial, seed)), "{trial}, seed {seed}");
    }
    // Of its own run, with another weight.
    let mut state = State::read(&zero).unwrap();
    state.arrays.values_mut().next().unwrap().to_mut()[0] += 1.0;
    state.write(&zero).unwrap();
    fs::remove_file(home.record_file("rrd", 0)).unwrap();
    home.reprise("run small --trial rrd").with(0).tells(&["kept model of `bpr` is not that of its record"]);
    assert!(lasting(&home.record("rrd", 0)) == lasting(&other.record("rrd", 0)));
}

/// As a kill leaves it after the model was kept and before the run was recorded, or before its state was removed.
#[test]
fn a_kill_between_model_and_record_loses_neither() {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    let (file, store) = (home.record_file("bpr", 0), home.store("bpr", 0));
    let record = home.record("bpr", 0);
    fs::remove_file(&file).unwrap();
    home.reprise("run small").with(0).tells(&["1 trained, 3 done before"]);
    assert!(lasting(&home.record("bpr", 0)) == lasting(&record) && store.join("model.safetensors").exists());
    for left in ["checkpoint.safetensors", "model.77.part", "period-3.safetensors"] {
        fs::write(store.join(left), "left").unwrap();
    }
    home.reprise("run small").with(0).tells(&["0 trained, 4 done before"]);
    assert_eq!(files(&store), ["lock", "model.safetensors", "record.json"]);
    home.reprise("latency small --trial bpr").with(0);
}

/// States whose digest is right and that no run would have saved.
#[test]
fn forged_states_are_told_and_the_run_starts_over() {
    let home = Home::new(&long());
    let mut child = home.start(RUN);
    wait_for_saves(&home, &mut child, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let file = checkpoint(&home).unwrap();
    let whole = fs::read(&file).unwrap();
    type Forge = fn(&mut serde_json::Value);
    let forgeries: [(&str, Forge); 10] = [
        ("no epoch", |saved| saved["next"] = 0.into()),
        ("more epochs than there are", |saved| saved["next"] = 4000.into()),
        ("nothing was best", |saved| saved["selection"]["best"] = serde_json::json!([])),
        ("a short curve", |saved| drop(saved["curve"]["loss"].as_array_mut().unwrap().pop())),
        ("a short validation curve", |saved| {
            let curves = saved["curve"]["validation"].as_object_mut().unwrap();
            curves.values_mut().for_each(|curve| drop(curve.as_array_mut().unwrap().pop()));
        }),
        ("no test", |saved| saved["selection"]["best"][0]["test"] = serde_json::Value::Null),
        ("no ranks", |saved| saved["selection"]["best"][0]["test"]["ranks"] = serde_json::json!([])),
        ("negative time", |saved| saved["seconds"]["step"] = (-1.0).into()),
        ("huge time", |saved| saved["seconds"]["step"] = 1e300.into()),
        ("a shape of nothing", |saved| saved["kept"][0][1] = serde_json::json!([0, 8])),
    ];
    for (name, forge) in forgeries {
        fs::write(&file, &whole).unwrap();
        let mut state = State::read(&file).unwrap();
        let mut saved: serde_json::Value = serde_json::from_str(&state.text).unwrap();
        forge(&mut saved);
        state.text = saved.to_string();
        state.write(&file).unwrap();
        let mut child = home.start(RUN);
        wait_for_saves(&home, &mut child, 1);
        child.kill().unwrap();
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert!(ended.err.contains("starts over") && !ended.err.contains("panicked"), "{name}: {}", ended.err);
    }
    // Weights that are no numbers, in what the model takes back: this attempt is lost, and the next one is not.
    fs::write(&file, &whole).unwrap();
    let mut state = State::read(&file).unwrap();
    state.arrays.get_mut("user.weights").unwrap().to_mut()[3] = f32::NAN;
    state.write(&file).unwrap();
    home.reprise(RUN).with(1).tells(&["values that are not finite", "the same command starts this run over"]);
    home.reprise(RUN).with(0);
    assert_uninterrupted(&home);
}

#[test]
#[cfg(unix)]
fn a_process_that_waits_for_another_ends_at_the_first_signal() {
    use std::io::{BufRead, BufReader};
    let home = Home::new(&long());
    let mut first = home.start(RUN);
    wait_for_saves(&home, &mut first, 1);
    let mut second = home.start(RUN);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("waiting for it")));
    assert!(Command::new("kill").args(["-TERM", &second.id().to_string()]).status().unwrap().success());
    assert_eq!(second.wait().unwrap().code(), Some(130));
    assert!(first.try_wait().unwrap().is_none(), "the first goes on");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn the_status_says_how_far_each_run_is() {
    let home = Home::new(&long());
    let status = || home.reprise("status small").with(0).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = |words: &[&str]| {
        let said = status();
        assert!(words.iter().all(|words| said.contains(words)), "{said}\n{words:?}");
    };
    says(&["pop missing", "bpr missing", "0 of 2 runs are done"]);
    home.reprise("report small --require-complete")
        .with(2)
        .tells(&["missing: small (profile base): bpr, seed 0", "2 runs have no record"]);
    let mut child = home.start(RUN);
    wait_for_saves(&home, &mut child, 2);
    says(&["pop done", &format!("bpr running, process {} on ", child.id()), "; saved after ", "1 of 2 runs are done"]);
    child.kill().unwrap();
    child.wait().unwrap();
    says(&["bpr saved after "]);
    home.reprise(RUN).with(0);
    says(&["bpr done", "2 of 2 runs are done"]);
    home.reprise("report small --require-complete").with(0);
    home.edit("reproductions/small.toml", "dim = 8", "dim = 9");
    says(&["bpr stale", "1 of 2 runs are done"]);
    home.reprise("status small").with(0).tells(&["stale: bpr, seed 0: its run is "]);
    home.reprise("status small --profile nothing").with(2).tells(&["nothing"]);
}
