//! Runs of a fixed number of epochs, on a split without a validation part; and the 70-10-20 rule.

use std::fs;

use crate::home::{Home, SMALL, lasting};

/// [`SMALL`] as RD reports: 80 % to train on, 20 % to test, and the last epoch has the model.
fn fixed() -> String {
    let (head, _) = SMALL.split_once("[trial.params.stopping]").unwrap();
    head.replace("rule = \"leave-last-out\"\ncore = 1", "rule = \"70-10-20\"\ncore = 0\nphase = \"report\"")
        + "stopping = \"none\"\n"
}

#[test]
fn the_last_epoch_is_reported_and_nothing_is_selected() {
    let home = Home::new(&fixed());
    home.reprise("run small").with(0).tells(&["4 trained, 0 done before"]);
    let record = home.record("bpr", 0);
    assert_eq!((record["epochs_run"].as_u64(), record["curve"]["rows"].as_array().unwrap().len()), (Some(3), 3));
    assert_eq!(record["curve"]["columns"], serde_json::json!(["loss"]));
    for empty in ["validation", "selected"] {
        assert!(record[empty].as_object().unwrap().is_empty(), "{empty}");
    }
    assert_eq!(record["metrics"].as_object().unwrap().len(), 2);
    home.reprise("report small").with(0);
    home.reprise("run small").with(0).tells(&["0 trained, 4 done before"]);
}

#[test]
fn the_phase_to_tune_in_has_validation_values() {
    let home = Home::new(&fixed().replace("\"report\"", "\"tune\""));
    // 6 items: ⌊18/10⌋ − ⌊12/10⌋ = 0 of them for validation.
    home.reprise("run small").with(1).tells(&["no validation interactions are left of `tiny`"]);
    home.edit("reproductions/small.toml", "\"tiny\"", "\"movietweetings-100k\"");
    home.reprise("run small --seed 0").with(0).tells(&["2 trained"]);
    let record = home.record("bpr", 0);
    assert_eq!(record["validation"].as_object().unwrap().len(), 2);
    assert!(record["selected"].as_object().unwrap().is_empty());
}

#[test]
fn a_killed_run_goes_on() {
    let long = fixed().replace("\"tiny\"", "\"movietweetings-100k\"").replace("epochs = 3", "epochs = 40");
    let long = long.replace("seeds = [0, 1]", "seeds = [0]").replace("core = 0", "core = 5").replace("= 64", "= 256");
    let [whole, pieces] = [Home::new(&long), Home::new(&long)];
    whole.reprise("run small").with(0);
    for _ in 0..3 {
        let mut child = pieces.start("run small --checkpoint-every 0");
        let saved = || crate::home::files(&pieces.cache).iter().any(|file| file.ends_with("checkpoint.safetensors"));
        crate::home::wait_until("a state is saved", saved);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    pieces.reprise("run small").with(0).tells(&["going on after epoch"]);
    assert!(lasting(&whole.record("bpr", 0)) == lasting(&pieces.record("bpr", 0)));
    let model = |home: &Home| fs::read(home.store("bpr", 0).join("model.safetensors")).unwrap();
    assert!(model(&whole) == model(&pieces));
}

#[test]
fn a_watched_metric_without_validation_items_is_refused() {
    let home = Home::new(
        &SMALL.replace("rule = \"leave-last-out\"\ncore = 1", "rule = \"70-10-20\"\ncore = 1\nphase = \"report\""),
    );
    home.reprise("run small").with(2).tells(&[
        "there are no validation items to watch",
        "small.toml:32:9 (key `trial.bpr.params.stopping.watch`)",
        "expected: `stopping = \"none\"`",
    ]);
    assert_eq!(home.results(), [""; 0]);
}
