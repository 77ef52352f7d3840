//! Students of a teacher: each method from the spec to the record, what a person can get wrong, and what
//! happens to a teacher's files.

use std::fs;

use crate::home::{Home, SMALL, files, lasting};

/// [`SMALL`] with students of the trial `bpr`, one for each method that distils.
pub fn spec() -> String {
    let student = |base: &str| {
        let hyper = "dim = 2\nlearning_rate = 1e-2\nweight_decay = 1e-3\nbatch = 64\ninit_std = 0.1\nepochs = 4\n";
        let stopping = "watch = [\"ndcg@5\"]\npatience = 3\nevery = 1\ndecimals = 4\n";
        format!("[trial.params.student.{base}]\n{hyper}[trial.params.student.{base}.stopping]\n{stopping}")
    };
    let trial = |id: &str, method: &str, base: &str, params: &str| {
        let head = format!("id = \"{id}\"\nlabel = \"{id}\"\nmethod = \"{method}\"\nteacher = \"bpr\"\n");
        format!("\n[[trial]]\n{head}[trial.params]\n{params}{}", student(base))
    };
    let rrd = "rrd = { lambda = 1e-2, list = 10, interesting = 3, uninteresting = 4, top.sampled.sharpness = 10 }\n";
    let de = "de = { lambda = 1e-2, experts = 3, distance = \"squared\", temperature_start = 1, temperature_end = 1e-10, \
              temperature_epochs = 10, gate_epsilon = 1e-10 }\n";
    let items = rrd.replace("rrd =", "item_side =").replace("uninteresting = 4", "uninteresting = 2");
    let dcd = "list = 10\nrefresh = 3\nsampled = 2\ntop.sampled.epsilon = 0.1\nlambda_user = 1e-2\n\
               lambda_item = 1e-2\nrkd = \"none\"\n";
    let rd = "lambda = 0.1\nlist = 5\nweighting.hybrid = { position_lambda = 1, discrepancy = { mu = 0.1, samples = 5, \
              rank_estimate = \"code\" }, normalised = true, start_epoch = 1 }\n";
    let cd = "lambda = 0.1\ncount = 4\nt1 = 2\nt2 = 0\nsampling.better-of-two = { pool = 12, gamma = 0.05 }\n";
    [
        SMALL.replace("seeds = [0, 1]", "seeds = [0]"),
        trial("rrd", "rrd", "bpr", rrd),
        trial("ir-rrd", "rrd", "bpr", &format!("{rrd}{items}")),
        trial("de", "de", "bpr", de),
        trial("de-rrd", "de-rrd", "neumf", &format!("{de}{rrd}")),
        trial("dcd", "dcd", "bpr", dcd),
        trial("rd", "rd", "neumf", rd),
        trial("cd", "cd", "bpr", cd),
    ]
    .concat()
}

const STUDENTS: [&str; 7] = ["rrd", "ir-rrd", "de", "de-rrd", "dcd", "rd", "cd"];

#[test]
fn every_method_learns_from_its_teacher_and_repeats_itself() {
    let home = Home::new(&spec());
    home.reprise("run small").with(0).tells(&["9 trained, 0 done before"]);
    let first: Vec<_> = STUDENTS.iter().map(|trial| lasting(&home.record(trial, 0))).collect();
    for (trial, record) in STUDENTS.iter().zip(&first) {
        assert!(home.record(trial, 0)["seconds"]["distill"].as_f64().is_some(), "{trial} distils");
        assert_eq!(first.iter().filter(|other| *other == record).count(), 1);
    }
    home.reprise("run small --fresh --threads 1").with(0).tells(&["9 trained"]);
    for (trial, record) in STUDENTS.iter().zip(&first) {
        // The number of threads stands in a record; nothing else may differ.
        let threads =
            |text: &str| text.split("\"threads\":").map(|s| s.trim_start_matches(char::is_numeric)).collect::<String>();
        assert!(threads(&lasting(&home.record(trial, 0))) == threads(record), "{trial} differs");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused_with_their_place() {
    let refused = |from: &str, to: &str, words: &[&str]| {
        let home = Home::new(&spec().replacen(from, to, 1));
        home.reprise("run small").with(2).tells(words);
        assert_eq!(home.results(), [""; 0], "nothing was trained");
    };
    refused(
        "interesting = 3",
        "interesting = 11",
        &["`interesting` (K) is more", "at most `list`, which is 10", "got:      11", "small.toml:"],
    );
    refused("lambda = 1e-2", "lambda = -1e-2", &["small.toml:", "a finite number of at least 0", "-0.01"]);
    refused("dim = 2", "dim = 0", &["small.toml:", "an integer from 1 to 2^31", "`0`"]);
    refused(
        "sampled = 2",
        "sampled = 6",
        &["small.toml:", "`sampled` (p) is more", "half of `list` = 10", "got:      6"],
    );
    refused(
        "count = 4",
        "count = 13",
        &["small.toml:", "`count` is more", "at most `pool`, which is 12", "got:      13"],
    );
    refused("lambda_user = 1e-2", "lambda_user = -1", &["small.toml:", "a finite number of at least 0"]);
    refused("teacher = \"bpr\"", "teacher = \"brp\"", &["no trial `brp`", "`pop`, `bpr`, `rrd`"]);
    // Only one of two headers misspelt; a name where a table must be.
    let choice = "one name as text, or a table with that name as its only key";
    refused("student.bpr]", "student.bprr]", &["small.toml:", "not one of a kind", choice]);
    refused("rkd = \"none\"", "rkd = \"rrd\"", &["small.toml:", "has values of its own", choice]);
    let home = Home::new(&spec().replace("student.bpr", "student.bprr"));
    home.reprise("run small").with(2).tells(&["unknown value `bprr`", "small.toml:", "did you mean `bpr`?"]);
}

/// More than any machine has: told, and not an allocation that fails.
#[test]
fn a_model_that_does_not_fit_is_told() {
    let neumf = SMALL.replace("method = \"bpr\"", "method = \"neumf\"");
    for spec in [SMALL, &neumf] {
        let home = Home::new(&spec.replace("dim = 4", "dim = 1000000000"));
        home.reprise("run small --seed 0").with(1).tells(&["the model does not fit into memory", "a smaller `dim`"]);
    }
    // A table of users that fits, and a hidden layer that does not.
    let home = Home::new(&neumf.replace("dim = 4", "dim = 1000000"));
    home.reprise("run small --seed 0").with(1).tells(&["the model does not fit into memory", "GiB"]);
}

/// What only the data can tell: that run fails, and the others are done.
#[test]
fn a_user_with_too_few_items_left_is_told_and_the_others_are_trained() {
    for (from, to, words) in [
        (
            "uninteresting = 4",
            "uninteresting = 12",
            ["has too few items to draw from", "`uninteresting` = 12", "got:      11"],
        ),
        (
            "list = 10",
            "list = 22",
            [
                "list of user number 0 of the split (from 0, not an id of the file) cannot be filled",
                "at least 22 items",
                "got:      21",
            ],
        ),
    ] {
        let home = Home::new(&spec().replacen(from, to, 1));
        home.reprise("run small").with(1).tells(&words).tells(&["8 trained"]);
        assert!(home.results().iter().all(|file| !file.contains("/rrd/seed-0")));
    }
}

#[test]
fn a_teacher_that_cannot_teach_is_refused_before_anything_is_trained() {
    let told = |home: &Home, student: &str| {
        let students: Vec<_> = STUDENTS.iter().filter(|other| **other != student).map(|s| format!("`{s}`")).collect();
        home.reprise(&format!("run small --trial {student}")).with(2).tells(&[
            &format!("`{student}` cannot learn from the trial `pop`"),
            "small.toml:",
            &format!("(key `trial.{student}.teacher`)"),
            "expected: a trial whose model is one of `bpr`, `neumf`",
            "got:      a model of the method `pop`",
            &format!("hint: such trials of this spec: `bpr`, {}", students.join(", ")),
        ]);
        assert_eq!((files(&home.cache), home.results()), (vec![], vec![]), "nothing was done");
    };
    for (nth, student) in STUDENTS.iter().enumerate() {
        let spec = spec();
        let (at, teacher) = spec.match_indices("teacher = \"bpr\"").nth(nth).unwrap();
        let spec = [&spec[..at], "teacher = \"pop\"", &spec[at + teacher.len()..]].concat();
        told(&Home::new(&spec), student);
    }
}

#[test]
fn a_student_may_be_a_teacher() {
    let home = Home::new(&spec().replacen("teacher = \"bpr\"", "teacher = \"de\"", 1));
    home.reprise("run small --trial rrd").with(0).tells(&["3 trained"]);
}

#[test]
fn damaged_files_of_a_teacher_are_told_and_made_again() {
    let home = Home::new(&spec());
    home.reprise("run small --trial rrd").with(0);
    let (before, store) = (lasting(&home.record("rrd", 0)), home.store("bpr", 0));
    let lists = store.join("derived/top-items-10.safetensors");
    let damage = |file: &std::path::Path| {
        let mut bytes = fs::read(file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    };
    // The lists: told, made again from the teacher.
    damage(&lists);
    fs::remove_file(home.record_file("rrd", 0)).unwrap();
    home.reprise("run small --trial rrd").with(0).tells(&["top-items-10", "made again from the teacher", "1 trained"]);
    assert!(lasting(&home.record("rrd", 0)) == before);
    // The model: told, trained again.
    damage(&store.join("model.safetensors"));
    let ended = home.reprise("run small --trial rrd").with(0);
    let ended =
        ended.tells(&["model.safetensors", "expected: content of digest", "`bpr` is trained again", "1 trained"]);
    drop(ended);
    home.reprise("run small --trial rrd").with(0).tells(&["0 trained, 2 done before"]);
}

#[test]
fn lists_of_other_weights_are_told_and_made_again() {
    let home = Home::new(&spec().replace("seeds = [0]", "seeds = [0, 1]"));
    home.reprise("run small --trial rrd").with(0);
    let before = lasting(&home.record("rrd", 0));
    let lists = |seed: u64| home.store("bpr", seed).join("derived/top-items-10.safetensors");
    assert_ne!(fs::read(lists(0)).unwrap(), fs::read(lists(1)).unwrap());
    fs::copy(lists(1), lists(0)).unwrap();
    let told = ["is of other weights; it is made again", "4 trained"];
    home.reprise("run small --trial rrd --fresh").with(0).tells(&told);
    assert!(lasting(&home.record("rrd", 0)) == before);
    assert_eq!(fs::read_dir(lists(0).parent().unwrap()).unwrap().count(), 1, "nothing half-written stays");
}

#[test]
fn a_model_that_is_empty_is_told_and_trained_again() {
    let home = Home::new(&spec());
    home.reprise("run small --trial rrd").with(0);
    fs::write(home.store("bpr", 0).join("model.safetensors"), []).unwrap();
    let ended = home.reprise("run small --trial rrd").with(0);
    let ended = ended.tells(&["it is cut short", "`bpr` is trained again", "1 trained"]);
    assert_eq!(ended.err.matches("is trained again").count(), 1, "told once: {}", ended.err);
}

#[test]
fn a_list_longer_than_any_memory_is_refused_before_it_is_made() {
    let home = Home::new(&spec().replacen("list = 10", "list = 2000000000", 1));
    home.reprise("run small --trial rrd").with(1).tells(&[
        "list of user number 0 of the split (from 0, not an id of the file) cannot be filled",
        "at least 2000000000 items",
    ]);
}

#[test]
fn a_teacher_of_another_split_is_refused_by_its_digest() {
    let home = Home::new(&spec());
    home.reprise("run small --trial rrd").with(0);
    // As of a program whose rule of the same name splits otherwise.
    let ours = home.store("bpr", 0).join("model.safetensors");
    let split = home.record("bpr", 0)["digests"]["split"].as_str().unwrap().to_string();
    let mut state = harness::weights::State::read(&ours).unwrap();
    state.text = state.text.replace(&split, &split.chars().rev().collect::<String>());
    state.write(&ours).unwrap();
    let told = ["a kept model was trained on another split", "expected: a split of digest", "remove it"];
    home.reprise("run small --trial rrd").with(1).tells(&told);
}

#[test]
fn the_same_run_of_another_spec_is_taken_over() {
    let home = Home::new(&spec());
    home.reprise("run small --trial rrd").with(0);
    home.write("reproductions/again.toml", spec().replace("id = \"small\"", "id = \"again\""));
    home.reprise("run again --trial rrd").with(0).tells(&["done before, for small", "0 trained, 2 done before"]);
    let records: Vec<_> = home.results().into_iter().filter(|file| file.contains("/rrd/seed-0")).collect();
    assert_eq!(records.len(), 2, "{records:?}");
    home.reprise("report again").with(0);
    assert!(files(&home.cache).iter().any(|file| file.ends_with("derived/top-items-10.safetensors")));
}
