//! ASMG's methods over a stream of labelled samples, through the real program.

use crate::home::{Home, files};

/// The embedded data in six periods: two train, two warm up, two are tested.
pub const LABELLED: &str = r#"id = "small"
title = "Labelled"
dataset = "movietweetings-100k"
seeds = [0]

[split]
rule = "periods-by-count"
last = 5
pretrained = 2
tested_from = 4
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
"#;

#[test]
fn a_stream_of_samples_is_run_recorded_and_served() {
    let home = Home::new(LABELLED);
    home.reprise("run small").with(0).tells(&["4 trained", "period 5: test auc"]);
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
    assert_eq!(kept, 4, "models of IU, from which others learn");
    home.reprise("latency small").with(0).tells(&["p50"]);
}
