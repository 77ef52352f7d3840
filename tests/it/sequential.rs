//! Sequential models and their distillation, from the spec to the record; and what a person can get wrong.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;

use crate::home::{Ended, Home, SMALL, lasting, pins};

/// [`SMALL`] with both base models and a student of each, under RD's rule: 5 training items for each user, so that
/// windows are padded.
pub fn spec() -> String {
    let (head, _) = SMALL.split_once("[[trial]]").unwrap();
    let head = head.replace("rule = \"leave-last-out\"\ncore = 1", "rule = \"70-10-20\"\ncore = 1\nphase = \"report\"");
    let training = "length = 5\ntargets = 1\nnegatives = 3\nlearning_rate = 1e-2\nweight_decay = 1e-6\nbatch = 16\n\
                    epochs = 3\nstopping = \"none\"\n";
    let caser = |dim: u32, at: &str| {
        format!(
            "[{at}]\ndim = {dim}\nvertical_filters = 2\nhorizontal_filters = 3\nconvolution = \"identity\"\n\
             hidden = \"sigmoid\"\ndropout = 0.5\n[{at}.training]\n{training}"
        )
    };
    let fossil = |dim: u32, at: &str| {
        format!("[{at}]\ndim = {dim}\nalpha = 0.2\nhistory = \"causal\"\ninit_std = 0.01\n[{at}.training]\n{training}")
    };
    let rd = "[trial.params]\nlist = 4\nexclude_seen = false\ncombination.added = 1\n\
              [trial.params.weighting.hybrid]\nposition_lambda = 1\nnormalised = false\nstart_epoch = 1\n\
              discrepancy = { mu = 0.1, samples.with-replacement = 6, rank_estimate = \"code\" }\n";
    let trial = |id: &str, method: &str, teacher: &str, params: &str| {
        format!("[[trial]]\nid = \"{id}\"\nlabel = \"{id}\"\nmethod = \"{method}\"\n{teacher}{params}\n")
    };
    [
        head.replace("seeds = [0, 1]", "seeds = [0]"),
        trial("caser-t", "caser", "", &caser(6, "trial.params")),
        trial("fossil-t", "fossil", "", &fossil(6, "trial.params")),
        trial(
            "caser-rd",
            "rd-sequential",
            "teacher = \"caser-t\"\n",
            &format!("{rd}{}", caser(3, "trial.params.student.caser")),
        ),
        trial(
            "fossil-rd",
            "rd-sequential",
            "teacher = \"fossil-t\"\n",
            &format!("{rd}{}", fossil(3, "trial.params.student.fossil")),
        ),
    ]
    .concat()
}

const TRIALS: [&str; 4] = ["caser-t", "fossil-t", "caser-rd", "fossil-rd"];

#[test]
fn both_models_teach_students_and_all_repeat_themselves() {
    let home = Home::new(&spec());
    home.reprise("run small").with(0).tells(&["4 trained, 0 done before"]);
    let first = TRIALS.map(|trial| lasting(&home.record(trial, 0)));
    // U = 40, N = 25, L = 5; Caser with nv = 2, nh = 3; settings add nothing.
    let caser = |d: usize| 40 * d + 26 * d + 12 + 3 * 15 * d + 15 + d * (2 * d + 15) + d + 26 * 2 * d + 26;
    let fossil = |d: usize| 2 * 25 * d + 25 + 40 * 5 + 5;
    for (trial, count) in TRIALS.into_iter().zip([caser(6), fossil(6), caser(3), fossil(3)]) {
        assert_eq!(home.record(trial, 0)["parameter_count"].as_u64(), Some(count as u64), "{trial}");
    }
    home.reprise("run small --fresh --threads 1").with(0).tells(&["4 trained"]);
    for (trial, record) in TRIALS.into_iter().zip(&first) {
        let threads =
            |text: &str| text.split("\"threads\":").map(|s| s.trim_start_matches(char::is_numeric)).collect::<String>();
        assert!(threads(&lasting(&home.record(trial, 0))) == threads(record), "{trial} differs");
    }
    home.reprise("latency small").with(0);
    home.reprise("report small").with(0);
}

/// What only the data can tell: these runs fail, and the others are done.
#[test]
fn what_the_data_cannot_give_is_told() {
    for (from, to, words) in [
        // Of the teachers' and students' windows: sequences of 5 items.
        ("targets = 1", "targets = 5", ["no user has a training sequence", "more than 5 training items", "5 at most"]),
        ("list = 4", "list = 26", ["list for user", "at least 26 items", "a shorter `list`"]),
        (
            "samples.with-replacement = 6",
            "samples.without-replacement = 21",
            [
                "the samples of user number 0 of the split (from 0, not an id of the file) cannot be drawn",
                "at least 21 items",
                "got:      20",
            ],
        ),
        // More than any machine has.
        ("length = 5", "length = 2000000000", ["the model does not fit into memory", "GiB", "smaller `dim`, `length`"]),
        ("negatives = 3", "negatives = 2000000000", ["what a batch scores does not fit", "GiB", "fewer `negatives`"]),
        (
            "batch = 16",
            "batch = 2000000000",
            ["what a batch computes does not fit", "GiB", "a smaller `batch`, `dim`, or number of filters"],
        ),
        ("list = 4", "list = 2000000000", ["the list of every window does not fit", "GiB", "a shorter `list`"]),
        (
            "samples.with-replacement = 6",
            "samples.with-replacement = 2000000000",
            ["what a batch scores does not fit", "GiB", "fewer `samples`"],
        ),
    ] {
        let home = Home::new(&spec().replace(from, to));
        home.reprise("run small").with(1).tells(&words);
        let trained =
            if ["targets", "length", "negatives", "batch"].iter().any(|key| from.starts_with(key)) { 0 } else { 2 };
        let records = home.results().iter().filter(|file| file.ends_with(".json")).count();
        assert_eq!(records, trained, "{to}: {:?}", home.results());
    }
}

#[test]
fn values_that_cannot_be_are_refused_with_their_place() {
    for (from, to, words) in [
        ("dropout = 0.5", "dropout = 1.0", ["at least 0 and below 1", "small.toml:", "dropout"]),
        ("hidden = \"sigmoid\"", "hidden = \"tanh\"", ["`identity`, `relu`, `sigmoid`", "small.toml:", "tanh"]),
        ("history = \"causal\"", "history = \"all\"", ["`causal`, `leave-one-out`", "small.toml:", "all"]),
        ("length = 5", "length = 0", ["an integer from 1", "small.toml:", "integer `0`"]),
        ("combination.added = 1", "combination.mixed = 1.5", ["mixed", "small.toml:", "1.5"]),
        (
            "teacher = \"caser-t\"",
            "teacher = \"fossil-t\"",
            ["cannot learn from", "a model of the method `fossil`", "`caser-t`"],
        ),
        (
            "metrics = [\"recall@5\"",
            "metrics = [\"recall@26\"",
            ["cutoff 26 reaches past", "20 for user number 0", "smaller cutoffs"],
        ),
    ] {
        let home = Home::new(&spec().replace(from, to));
        home.reprise("run small").with(2).tells(&words);
        assert_eq!(home.results(), [""; 0], "{to}");
    }
}

/// A home whose data are the authors' form: dense ids from 1, here of 45 users and 25 items.
fn home_of(rows: &str) -> Home {
    let home = Home::new(&spec());
    let count = |column: usize| {
        let ids: BTreeSet<_> = rows.lines().map(|row| row.split('\t').nth(column)).collect();
        ids.len()
    };
    let ids = |noun: &str, table: usize, count: usize| {
        format!("[{noun}]\nids = \"dense\"\nfirst = 1\ntable = {table}\ncount = {count}\n\n")
    };
    let manifest = [
        "id = \"tiny\"\ntitle = \"Made up\"\nserves = \"tests\"\ncitation = \"none\"\nhomepage = \"none\"\n\n".into(),
        "[licence]\nname = \"MIT\"\nterms = \"made up\"\nredistributable = true\n\n".into(),
        "[layout]\nform = \"table\"\nseparator = \"tab\"\ncolumns = [\"user\", \"item\", \"time\"]\ntime = \"order\"\n\n".into(),
        ids("users", 45, count(0)),
        ids("items", 25, count(1)),
        format!("[interactions]\nall = {}\n\n[[file]]\nname = \"rows.tsv\"\npart = \"all\"\n", rows.lines().count()),
        format!("{}[[file.source]]\nmirror = \"rows.tsv\"\n", pins(rows)),
    ];
    home.write("data-manifests/tiny.toml", manifest.concat());
    fs::write(home.mirror.join("rows.tsv"), rows).unwrap();
    home
}

/// Items of a user one after another.
fn rows(users: RangeInclusive<u32>, items: u32) -> String {
    let row = |user: u32, time: u32| format!("{user}\t{}\t{time}\n", (user * 3 + time * 4) % 25 + 1);
    users.flat_map(|user| (0..items).map(move |time| row(user, time))).collect()
}

fn run(home: &Home) -> Ended {
    home.reprise("run small --mirror ../mirror")
}

#[test]
fn users_without_test_items_or_windows_are_passed_over() {
    // The last five have one item each: nothing to test, and no window.
    let home = home_of(&(rows(1..=40, 10) + &rows(41..=45, 1)));
    run(&home).with(0).tells(&["4 trained"]);
    for trial in TRIALS {
        let evaluated = home.record(trial, 0)["ranks"]["targets"].as_array().map(Vec::len);
        assert_eq!(evaluated, Some(40), "{trial}");
    }
    // Nobody has a test item.
    let home = home_of(&rows(1..=45, 4));
    run(&home).with(1).tells(&["no test interactions are left of `tiny`"]);
    assert_eq!(home.results(), [""; 0]);
}

#[test]
fn ids_outside_of_the_tables_are_told_with_their_line() {
    let good = rows(1..=40, 6);
    for (bad, of) in [("2\t26\t0", "item"), ("46\t7\t0", "user"), ("0\t7\t0", "user"), ("2\t-7\t0", "item")] {
        let home = home_of(&good.replacen("\n2\t7\t0\n", &format!("\n{bad}\n"), 1));
        run(&home).with(1).tells(&["a line is not as the manifest says", "rows.tsv:7", of, "got:"]);
        assert_eq!(home.results(), [""; 0], "{bad}");
    }
}
