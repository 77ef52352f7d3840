//! ASMG's methods over a stream of labelled samples, through the real program.

use std::fs;

use crate::home::{Home, files, wait_until};

/// The embedded data in eight periods: two train, three warm up, three are tested. Every method of ASMG.
pub const LABELLED: &str = r#"id = "small"
title = "Labelled"
dataset = "movietweetings-100k"
seeds = [0]

[split]
rule = "periods-by-count"
last = 7
pretrained = 2
tested_from = 5
samples = {positives = {ratings_at_least = 8}, history = 30}

[protocol]
candidates = "labelled"
metrics = ["auc", "logloss"]

[[trial]]
id = "iu"
label = "IU"
method = "iu"
[trial.params.pretraining]
model = {dim = 8}
batch = 1024
learning_rate = 1e-2
epochs = 2
stopping = {watch = ["auc"], patience = 2, every = 1, decimals = 4, ties = "later"}
[trial.params.update]
batch = 1024
learning_rate = 1e-2
epochs = 1
optimiser = "carried"

[[trial]]
id = "bu"
label = "BU-3"
method = "bu"
teacher = "iu"
[trial.params]
window = 3
update = {batch = 1024, learning_rate = 1e-2, epochs = 1, optimiser = "carried"}

[[trial]]
id = "incctr"
label = "IncCTR"
method = "incctr"
teacher = "iu"
[trial.params]
weight = 0.2
update = {batch = 1024, learning_rate = 1e-2, epochs = 1, optimiser = "fresh"}

[[trial]]
id = "pretrained"
label = "Pre-trained"
method = "pretrained"
teacher = "iu"
params = {}

[[trial]]
id = "spmf"
label = "SPMF"
method = "spmf"
teacher = "iu"
[trial.params]
update = {batch = 1024, learning_rate = 1e-2, epochs = 1, optimiser = "carried"}
fraction = 0.5
drawing = {beside-period = {ratio = 0.2}}

[[trial]]
id = "sml"
label = "SML"
method = "sml"
teacher = "iu"
[trial.params]
transfer = {learning_rate = 1e-2, epochs = 1, batch = 1024}
base = {learning_rate = 1e-2, epochs = 1, batch = 1024}
report = "last-epoch"
checkpoint = "last-transfer-epoch"
tables = {mix = [5, 3], hidden = 10}
layers = {mix = [3, 2], hidden = [9, 5, 5, 3, 3, 1]}

[[trial]]
id = "sml-mf"
label = "SML-MF"
method = "sml-mf"
[trial.params]
transfer = {learning_rate = 1e-2, epochs = 2, batch = 1024}
base = {learning_rate = 1e-2, epochs = 2, batch = 1024}
report = "best-epoch"
checkpoint = "best-transfer-epoch"
tables = {mix = [5, 3], hidden = 10}
[trial.params.pretraining]
model = {dim = 8}
learning_rate = 1e-2
epochs = 2
batch = 1024
stopping = {watch = ["auc"], patience = 2, every = 1, decimals = 4, ties = "later"}

[[trial]]
id = "multi"
label = "ASMG-multi"
method = "asmg"
teacher = "iu"
[trial.params]
length = 2
initial_state = "continued"
loss = "linear"
hidden = 4
output = "linear"
batch = 1024
learning_rate = 1e-2
epochs = 1
train_until = "end"

[[trial]]
id = "linear"
label = "ASMG-linear"
method = "asmg-linear"
teacher = "iu"
[trial.params]
length = 2
weights = "per-coordinate"
batch = 1024
learning_rate = 1e-2
epochs = 1
train_until = "end"
"#;

#[test]
fn a_stream_of_samples_is_run_recorded_and_served() {
    let home = Home::new(LABELLED);
    home.reprise("run small").with(0).tells(&["9 trained", "period 7: test auc"]);
    let auc = |trial: &str| home.record(trial, 0)["metrics"]["auc"].as_f64().unwrap();
    let frozen = auc("pretrained");
    for trial in ["iu", "bu", "incctr"] {
        assert!(auc(trial) > frozen, "{trial} learns from the stream: {} {frozen}", auc(trial));
    }
    let record = home.record("bu", 0);
    let training = |period: usize| record["periods"][period]["facts"]["training"].as_f64().unwrap();
    assert!(training(0) == 0.0 && training(1) == training(2), "windows of three periods after the pre-training");
    // A model for each period that is tested or warms up, and they are served.
    let kept = files(&home.cache).iter().filter(|file| file.contains("tested-on-")).count();
    assert_eq!(kept, 6, "models of IU, from which others learn");
    let meta = home.record("multi", 0)["meta"]["parameter_count"].as_u64().unwrap();
    home.reprise("latency small --trial multi").with(0).prints(&["One impression p50", "Impressions/s", "26,065"]);
    let file = home.results().into_iter().find(|file| file.ends_with("multi/latency-seed-0.json")).unwrap();
    let text = std::fs::read_to_string(home.root.join("results").join(file)).unwrap();
    let latency: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(latency["meta_parameter_count"].as_u64(), Some(meta), "the generator's, beside the model's own");
    // Scores of pairs leave no ranks, and what is recorded is still what is checked.
    assert!(home.record("multi", 0).get("ranks").is_none());
    home.reprise("check small --accept --reason first").with(0);
    home.reprise("check small --rerun --trial multi").with(0).tells(&["multi"]);
}

#[test]
fn a_trial_that_cannot_learn_from_the_data_is_refused_before_its_teacher_is_trained() {
    for (from, to, words) in [
        ("length = 2\ninitial", "length = 3\ninitial", ["trial.multi", "a generator needs a period to learn from"]),
        ("fraction = 0.5", "fraction = 1e-9", ["trial.spmf", "the reservoir of positives is empty"]),
        (
            "base = {learning_rate = 1e-2, epochs = 2, batch = 1024}",
            "base = {learning_rate = 1e-2, epochs = 2, batch = 99999}",
            ["trial.sml-mf", "`batch` is larger than period 0"],
        ),
    ] {
        let home = Home::new(LABELLED);
        home.edit("reproductions/small.toml", from, to);
        home.reprise("run small").with(2).tells(&words);
        let models =
            files(&home.cache).into_iter().filter(|file| file.contains("model") || file.contains("tested-on-"));
        assert_eq!((models.count(), home.results()), (0, vec![]), "nothing was trained");
    }
}

/// Killed while the base model, a generator and a transfer learn.
#[test]
fn killed_in_any_period_and_started_again_a_stream_ends_with_the_same_bytes() {
    const TRIALS: [&str; 3] = ["iu", "multi", "sml"];
    const RUN: &str = "run small --trial multi --trial sml --checkpoint-every 0";
    let ends = |home: &Home| {
        TRIALS.map(|trial| {
            let model = fs::read(home.store(trial, 0).join("model.safetensors")).unwrap();
            (home.record(trial, 0)["metrics"].to_string(), model)
        })
    };
    let whole = Home::new(LABELLED);
    whole.reprise(RUN).with(0).tells(&["3 trained"]);
    let killed = Home::new(LABELLED);
    let has = |there: &[String], sign: &str| there.iter().any(|file| file.contains(sign));
    let periods_are_tested = |there: &[String]| has(there, "tested-on-3") && has(there, "tested-on-5");
    // The state of `iu` goes a moment after its record has come: that of another run is waited for.
    let another_run_is_saved = |there: &[String]| {
        has(there, "iu/seed-0.json") && {
            let iu = killed.store("iu", 0).file_name().unwrap().to_string_lossy().into_owned();
            there.iter().any(|file| file.ends_with("checkpoint.safetensors") && !file.contains(&iu))
        }
    };
    let kill_at = |moment: &dyn Fn(&[String]) -> bool| {
        let mut child = killed.start(RUN);
        wait_until("some periods are learnt", || {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be stopped");
            moment(&files(&killed.cache).into_iter().chain(killed.results()).collect::<Vec<_>>())
        });
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    };
    kill_at(&periods_are_tested);
    kill_at(&another_run_is_saved);
    killed.reprise(RUN).with(0).tells(&["going on after"]);
    assert!(ends(&killed) == ends(&whole), "bytes differ from those of an uninterrupted run");
}
