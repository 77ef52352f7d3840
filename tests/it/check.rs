//! `reprise check`: from accepting a baseline to the exit code.

use std::fs;

use serde_json::Value;

use crate::home::{Home, SMALL, files};

const BASELINE: &str = "results/small/base/baseline.json";
const ACCEPT: &str = "check small --accept --reason first";

/// With records of the spec, and their baseline.
fn accepted() -> Home {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    home.reprise(ACCEPT).with(0).tells(&["baseline: ", BASELINE, "4 runs on "]);
    home
}

fn baseline(home: &Home) -> Value {
    serde_json::from_slice(&fs::read(home.root.join(BASELINE)).unwrap()).unwrap()
}

/// As if another result had been accepted.
fn another_result(home: &Home) {
    let mut baseline = baseline(home);
    baseline["runs"]["bpr"]["1"]["metrics"]["ndcg@5"] = 0.25.into();
    home.write(BASELINE, serde_json::to_string(&baseline).unwrap());
}

#[test]
fn what_was_accepted_is_fine_and_trained_again_it_is_still() {
    let home = accepted();
    for words in ["check", "check small", "check small --profile base", "check small --trial bpr --seed 1"] {
        home.reprise(words).with(0).prints(&["small (base): fine", "verdict: fine", "wall time "]);
    }
    let kept =
        |home: &Home| -> Vec<String> { files(&home.cache).into_iter().filter(|file| file != "rerun/lock").collect() };
    let (results, cache) = (home.results(), kept(&home));
    let again = home.reprise("check small --rerun --threads 1").with(0);
    let again = again.prints(&["small (base): fine; 4 runs compared in 2 trials", "verdict: fine"]);
    drop(again.tells(&["4 of 4 runs on cpu, 1 threads", "bpr, seed 1: test recall@5"]));
    let one = home.reprise("check --rerun --trial bpr --seed 1").with(0);
    drop(one.prints(&["1 run compared in 1 trial"]).tells(&["1 of 4 runs"]));
    assert_eq!((home.results(), kept(&home)), (results, cache), "trained beside all that is here");
}

#[test]
fn drift_ends_with_1_in_every_format() {
    let home = accepted();
    another_result(&home);
    let now = home.record("bpr", 1)["metrics"]["ndcg@5"].to_string();
    let why = format!("other bytes at seed 1; seed 1: 0.25 → {now}");
    home.reprise("check small").with(1).prints(&["small (base)", "ndcg@5", &why, "drifted: bpr", "verdict: drift"]);
    home.reprise("check small --rerun").with(1).prints(&[&why]);
    let json = home.reprise("check --format json").with(1);
    let page: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&page["verdict"], &page["specs"][0]["trials"][0]["id"]), (&"drift".into(), &"bpr".into()));
    home.reprise("check --format junit").with(1).prints(&[
        "<testsuites",
        "failures=\"1\"",
        "name=\"BPR: ndcg@5\"",
        &why,
    ]);
    home.reprise("check --format github")
        .with(1)
        .prints(&["::error title=small (base)%2C BPR%3A ndcg@5 drift::", &why]);
    // What is not asked for does not count.
    home.reprise("check small --trial pop").with(0);
    home.reprise("check small --seed 0").with(0);
}

#[test]
fn what_cannot_be_judged_ends_with_2_unless_something_drifted() {
    let home = accepted();
    fs::remove_file(home.record_file("pop", 0)).unwrap();
    let why = "seed 0: there is no record of it today";
    home.reprise("check").with(2).prints(&[why, "not judged: pop", "verdict: could not judge"]);
    another_result(&home);
    home.reprise("check").with(1).prints(&[why, "verdict: drift"]);
    // No records at all, and records elsewhere.
    home.reprise("check --results nowhere").with(2).prints(&["seeds 0, 1: there is no record"]);
    home.reprise("run small --results elsewhere").with(0);
    home.reprise("check --results elsewhere --trial pop").with(0);
}

#[test]
fn a_changed_spec_is_a_stale_baseline_and_no_drift() {
    let home = accepted();
    home.edit("reproductions/small.toml", "dim = 4", "dim = 5");
    let stale = "seeds 0, 1: stale baseline: the spec or its data changed since it was accepted";
    for words in ["check small", "check small --rerun"] {
        home.reprise(words).with(2).prints(&[stale, "not judged: bpr"]);
    }
    home.reprise("check --trial pop").with(0);
    home.reprise(ACCEPT).with(2).tells(&[
        "runs without a record of today",
        "bpr, seed 0 (its record is stale",
        "--rerun",
    ]);
    // A label changes no result.
    let home = accepted();
    home.edit("reproductions/small.toml", "label = \"BPR\"", "label = \"B<P&R\\\"\"");
    home.reprise("run small --fresh").with(0);
    home.reprise("check --format junit").with(0).prints(&["name=\"B&lt;P&amp;R&quot;: ndcg@5\""]);
}

#[test]
fn a_new_baseline_keeps_the_history_and_what_matters() {
    let home = accepted();
    let bound = "--matters ndcg@5=0.5 --inexact bpr";
    home.reprise(&format!("check small --accept --reason second {bound}")).with(0);
    home.reprise("check small --rerun --accept --reason third").with(0).tells(&["4 of 4 runs"]);
    let baseline = baseline(&home);
    let reasons: Vec<_> =
        baseline["accepted"].as_array().unwrap().iter().map(|a| a["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["first", "second", "third"]);
    assert_eq!((&baseline["matters"]["ndcg@5"], &baseline["inexact"]), (&0.5.into(), &Value::Array(vec![])));
    home.reprise("check").with(0);
}

#[test]
fn what_is_no_baseline_is_refused_with_its_place_and_hides_no_other() {
    let home = accepted();
    let good = fs::read_to_string(home.root.join(BASELINE)).unwrap();
    for (from, to, words) in [
        (
            "\"format\": 1",
            "\"format\": 7",
            ["a baseline of another format", "baseline.json (key `format`)", "got:      7"],
        ),
        ("\"class\":", "\"clas\":", ["a baseline cannot be read", "baseline.json:5:", "unknown field `clas`"]),
        (
            "\"reason\":\"first\"",
            "\"reason\":\"\"",
            ["contradicts itself", "accepted[0].reason", "--accept --reason TEXT"],
        ),
        ("\"spec\": \"small\"", "\"spec\": \"large\"", ["lies where another belongs", "expected: `small`", "`large`"]),
    ] {
        assert_eq!(good.matches(from).count(), 1, "{from}");
        home.write(BASELINE, good.replace(from, to));
        home.reprise("check small").with(2).prints(&["small (base): could not judge: a baseline"]).tells(&words);
        home.reprise(ACCEPT).with(2).tells(&words);
    }
    home.write("reproductions/other.toml", SMALL.replace("id = \"small\"", "id = \"other\""));
    home.reprise("run other").with(0);
    home.reprise("check other --accept --reason first").with(0);
    home.reprise("check").with(2).prints(&["other (base): fine", "small (base): could not judge"]);
    fs::remove_file(home.root.join(BASELINE)).unwrap();
    home.reprise("check small other").with(2).prints(&["other (base): fine", "small (base): could not judge"]);
}

#[test]
fn mistakes_are_told_before_anything_is_done() {
    let home = Home::new(SMALL);
    let refused = |words: &str, told: &[&str]| {
        let ended = home.reprise(words).with(2).tells(told);
        assert_eq!(ended.out, "", "{words}");
    };
    refused("check", &["no spec has a baseline yet", "hint: `reprise run SPEC`", "--accept --reason TEXT"]);
    refused("check --profile paper", &["no spec has a baseline in the profile `paper` yet"]);
    let ended =
        home.reprise("check small").with(2).tells(&["`small` has no baseline", BASELINE, "--accept --reason TEXT"]);
    ended.prints(&["small (base): could not judge", "verdict: could not judge"]);
    refused("check smal", &["there is no spec `smal`", "did you mean `small`?"]);
    refused("check smal --accept --reason x", &["there is no spec `smal`", "did you mean `small`?"]);
    refused(ACCEPT, &["runs without a record of today", "each of 4 runs", "pop, seed 1", "`reprise run`"]);
    refused("check small --accept --reason=", &["not accepted without a reason", "--reason TEXT"]);
    for (words, told) in [
        ("check small --accept", "--reason"),
        ("check --accept --reason x", "SPEC"),
        ("check small --reason x", "--accept"),
        ("check small --matters ndcg@5=1", "--accept"),
        ("check small --inexact bpr", "--accept"),
        ("check small --accept --reason x --trial bpr", "cannot be used with"),
        ("check small --accept --reason x --format json", "cannot be used with"),
        ("check small --accept --reason x --matters ndcg@5", "METRIC=UNITS"),
        ("check small --accept --reason x --matters ndcg@5=-1", "METRIC=UNITS"),
        ("check small --rerun --results there", "cannot be used with"),
        ("check small --threads 1", "--rerun"),
        ("check small --device cuda", "--rerun"),
        ("check small --format xml", "possible values: text, json, junit, github"),
    ] {
        refused(words, &["error:", told, "--help"]);
    }
    assert_eq!((files(&home.cache), home.results()), (vec![], vec![]));
    let home = accepted();
    home.reprise("check small --profile paper").with(2).tells(&["no profile `paper`", "small.toml"]);
    home.reprise("check --trial bprr").with(2).tells(&["no trial `bprr`", "did you mean `bpr`?"]);
    home.reprise("check --rerun --seed 7").with(2).tells(&["no seed 7", "[0, 1]"]);
    let unknown = "check small --accept --reason x --inexact bprr";
    home.reprise(unknown).with(2).tells(&["there is no trial `bprr` in the records", "did you mean `bpr`?"]);
    let unknown = "check small --accept --reason x --matters ndcg@6=1";
    home.reprise(unknown).with(2).tells(&["there is no metric `ndcg@6` in the records", "one of `ndcg@5`, `recall@5`"]);
}

/// What is committed is the reference, where nothing was accepted.
#[test]
fn runs_are_held_against_their_records_without_a_baseline() {
    let home = Home::new(SMALL);
    home.reprise("check small --rerun").with(2).tells(&["neither a baseline nor records", "hint: `reprise run`"]);
    home.reprise("run small").with(0);
    home.reprise("check small").with(2).tells(&["has no baseline"]);
    let results = home.results();
    let table = ["bpr    1     same     same", "seconds then", "4 runs compared in 2 trials", "verdict: fine"];
    home.reprise("check small --rerun --threads 1").with(0).prints(&table);
    let one = home.reprise("check small --rerun --trial bpr --seed 1").with(0);
    drop(one.prints(&["1 run compared in 1 trial"]).tells(&["1 of 4 runs"]));
    assert_eq!(home.results(), results, "nothing is written beside the records");
    assert!(files(&home.cache.join("rerun")).iter().all(|file| file == "lock"), "{:?}", files(&home.cache));
    // A record of other weights: as of a program that computes otherwise.
    let file = home.record_file("bpr", 1);
    let text = fs::read_to_string(&file).unwrap();
    let weights = home.record("bpr", 1)["digests"]["weights"].as_str().unwrap().to_string();
    let other = weights.chars().rev().collect::<String>();
    fs::write(&file, text.replace(&weights, &other)).unwrap();
    home.reprise("check small --rerun").with(1).prints(&[
        "bpr    1     other    same",
        "drifted: bpr",
        "verdict: drift",
    ]);
    home.reprise("check small --rerun --seed 0 --format json").with(0).prints(&["\"same_weights\": true"]);
    let github = home.reprise("check small --rerun --format github").with(1);
    drop(github.prints(&["::error title=small (base)%2C BPR%3A counts drift::", "weights "]));
    // Of runs that have no record nothing can be said, and they are not trained.
    fs::remove_file(home.record_file("pop", 0)).unwrap();
    home.reprise("check small --rerun --seed 0").with(0).prints(&["1 run compared in 1 trial"]);
    home.reprise("check small --rerun --seed 0 --trial pop").with(2).tells(&["neither a baseline nor records"]);
    // A record of a spec that has changed is told, and not compared.
    home.edit("reproductions/small.toml", "dim = 4", "dim = 5");
    let stale = home.reprise("check small --rerun").with(0).tells(&["not compared: bpr, seed 0", "its run is"]);
    drop(stale.prints(&["1 run compared in 1 trial"]));
}

#[test]
fn a_sample_is_drawn_by_its_seed_over_all_specs() {
    let home = Home::new(SMALL);
    home.write("reproductions/other.toml", SMALL.replace("\"small\"", "\"other\"").replace("batch = 64", "batch = 32"));
    home.reprise("run small").with(0);
    home.reprise("run other").with(0);
    let drawn = |words: &str| {
        let ended = home.reprise(&format!("check --rerun {words} --format json")).with(0);
        let page: Value = serde_json::from_str(&ended.out).unwrap();
        let mut runs = Vec::new();
        for spec in page["specs"].as_array().unwrap() {
            for trial in spec["trials"].as_array().unwrap() {
                for run in trial["runs"].as_array().unwrap() {
                    runs.push(format!("{} {} {}", spec["spec"], trial["id"], run["seed"]));
                }
            }
        }
        runs
    };
    let three = drawn("--sample 3");
    assert_eq!((three.len(), &drawn("small other --sample 3")), (3, &three));
    assert!((1..9).any(|seed| drawn(&format!("--sample 3 --sample-seed {seed}")) != three));
    assert_eq!(drawn("--sample 99").len(), 8);
    assert_eq!(drawn("--sample 2 --seed 1 --trial bpr").len(), 2);
    // Of two specs one has the trial: nothing is said of the other.
    home.edit("reproductions/other.toml", "id = \"pop\"", "id = \"popular\"");
    home.reprise("run other").with(0);
    fs::remove_dir_all(home.root.join("results/other/base/pop")).unwrap();
    assert_eq!(drawn("--sample 9 --trial popular").len(), 2);
    assert_eq!(drawn("--sample 9 --trial popular --trial pop").len(), 4);
    home.reprise("check --rerun --sample 9 --trial nobody").with(2).tells(&["no trial `nobody`"]);
    home.edit("reproductions/other.toml", "id = \"popular\"", "id = \"pop\"");
    home.reprise("run other").with(0);
    fs::remove_dir_all(home.root.join("results/other/base/popular")).unwrap();
    let one = home.reprise("check --rerun --sample 1").with(0);
    assert_eq!(
        one.out.matches(" (base): ").count(),
        1,
        "of a spec that nothing was drawn of nothing is said: {}",
        one.out
    );
    // As if BPR had taken longer than there is time.
    for spec in ["small", "other"] {
        for (trial, took) in [("pop", 0.0), ("bpr", 100.0)] {
            for seed in [0, 1] {
                let file = home.root.join(format!("results/{spec}/base/{trial}/seed-{seed}.json"));
                let mut record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                record["seconds"] = serde_json::json!({"evaluate": took, "total": took});
                fs::write(&file, record.to_string()).unwrap();
            }
        }
    }
    let cheap = drawn("--sample 6 --within 1");
    assert!(cheap.len() == 4 && cheap.iter().all(|run| run.contains("pop")), "{cheap:?}");
    assert_eq!(drawn("--within 4").len(), 6);
    home.reprise("check --rerun --sample 3").with(0).tells(&["3 of 8 recorded runs, drawn with the seed 0; some "]);
    for (words, says) in [
        ("check small --sample 3", "--rerun"),
        ("check small --within 3", "--rerun"),
        ("check small --rerun --sample 0", "0 is not in 1.."),
        ("check small --rerun --within 0", "a number of minutes above 0"),
        ("check small --rerun --sample-seed 3", "--sample"),
        ("check small --rerun --trial bpr --within 0.0000001", "larger `--within MINUTES`"),
        ("check small --rerun --sample 2 --trial nobody", "no trial `nobody`"),
    ] {
        home.reprise(words).with(2).tells(&[says]);
    }
}

/// A student's teacher is trained for it, and compared where it has a record.
#[test]
fn teachers_come_along_with_a_sample() {
    let home = Home::new(&crate::distill::spec());
    home.reprise("run small").with(0);
    let ended = home.reprise("check small --rerun --sample 1 --trial rrd").with(0);
    drop(ended.prints(&["bpr    0     same", "rrd    0     same", "2 runs compared in 2 trials"]));
}

/// A record where another belongs, or a copy, is told before anything is trained.
#[test]
fn a_stray_record_is_told_before_training() {
    let home = Home::new(SMALL);
    home.reprise("run small --seed 0").with(0);
    let record = fs::read(home.record_file("bpr", 0)).unwrap();
    home.write("results/small/base/bpr/seed-7.json", &record);
    home.reprise("run small").with(1).tells(&["a record lies where another belongs", "seed-7.json"]);
    assert_eq!(home.results().iter().filter(|file| file.ends_with("seed-1.json")).count(), 0);
    // One that is damaged is trained anew.
    fs::remove_file(home.root.join("results/small/base/bpr/seed-7.json")).unwrap();
    home.write("results/small/base/bpr/seed-0.json", "{");
    home.reprise("run small").with(0).tells(&["3 trained"]);
}

/// Records of the layout before November 2026, of a processor of another kind.
#[test]
fn what_another_cpu_recorded_in_the_old_layout_is_done() {
    let home = Home::new(SMALL);
    home.reprise("run small").with(0);
    for (trial, seed) in [("pop", 0), ("pop", 1), ("bpr", 0), ("bpr", 1)] {
        let file = home.record_file(trial, seed);
        let class = home.record(trial, seed)["machine"]["class"].as_str().unwrap().to_string();
        let text = fs::read_to_string(&file).unwrap().replace(&class, "riscv64");
        home.write(&format!("results/small/base/riscv64/{trial}/seed-{seed}.json"), text);
        fs::remove_file(file).unwrap();
    }
    home.reprise("run small").with(0).tells(&["0 trained, 4 done before"]);
    home.reprise("report small").with(0);
    home.reprise("check small --rerun").with(0).prints(&["4 runs compared in 2 trials"]);
    home.reprise("run small --trial bpr --seed 1 --fresh").with(0).tells(&["1 trained"]);
    assert!(home.record_file("bpr", 1).ends_with("results/small/base/bpr/seed-1.json"));
    home.reprise("report small").with(0);
}
