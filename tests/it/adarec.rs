//! AdaRec's search and students over pieces, through the real program.

use std::fs;

use crate::home::{Home, files, wait_until};

/// The embedded data in pieces of ten: a teacher, a search, and students of it, all of them small.
pub const PIECES: &str = r#"id = "small"
title = "Pieces"
dataset = "movietweetings-100k"
seeds = [0]
events = {ratings_at_least = 6, ties = "file-order"}
split = {rule = "pieces", sequences = "users", at_least = [{items = 20}, {users = 20}], length = 10, shortest = 4, test_input = "training"}
protocol = {candidates = "sampled", negatives = 100, seed = 42, draw = "sha256", metrics = ["loo-hr@5", "loo-mrr@5"]}

[[trial]]
id = "nextitnet"
label = "NextItNet"
method = "nextitnet"
[trial.params]
width = 12
groups = 2
dilations = [1, 4]
[trial.params.training]
length = 10
batch = 128
optimiser = {adam = {learning_rate = 1e-3, weight_decay = 1e-7}}
schedule = {factor = 0.9, every = 10}
clip = 5
epochs = 2
stopping = {watch = ["loo-mrr@5", "loo-hr@5"], patience = 9, every = 1, decimals = 4}

[[trial]]
id = "nextitnet-kd"
label = "NextItNet, small, KD"
method = "adarec-plain-kd"
teacher = "nextitnet"
[trial.params]
distillation = {gamma = 0.5, hidden = {map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces"}, output = {direction = "student-teacher", mean = "pieces"}}
[trial.params.student.nextitnet]
width = 7
groups = 1
dilations = [1, 4]
[trial.params.student.nextitnet.training]
length = 10
batch = 64
optimiser = {adam = {learning_rate = 1e-3, weight_decay = 1e-7}}
schedule = {factor = 0.9, every = 10}
clip = 5
epochs = 2
stopping = {watch = ["loo-mrr@5", "loo-hr@5"], patience = 9, every = 1, decimals = 4}

[[trial]]
id = "search"
label = "Super-net"
method = "adarec-search"
teacher = "nextitnet"
[trial.params]
model = {channels = 6, cells = 2, dropout = 0.1}
distillation = {gamma = 0.5, hidden = {map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces"}, output = {direction = "student-teacher", mean = "pieces"}}
[trial.params.search]
space = "coded"
temperature = {initial = 1, factor = 0.8, every = 1}
alpha = {learning_rate = 1e-3, weight_decay = 1e-4}
efficiency = 8
validation = "drawn"
[trial.params.training]
length = 10
batch = 64
optimiser = {adamw = {learning_rate = 5e-3, weight_decay = 5e-4}}
schedule = "constant"
clip = "none"
epochs = 3
stopping = {watch = ["loo-mrr@5", "loo-hr@5"], patience = 9, every = 1, decimals = 4}

[[trial]]
id = "searched"
label = "AdaRec"
method = "adarec-student"
teacher = "search"
[trial.params]
architecture = "derived"
start = "inherited"
model = {channels = 6, cells = 2, dropout = 0.1}
distillation = "none"
[trial.params.training]
length = 10
batch = 128
optimiser = {adamw = {learning_rate = 1e-4, weight_decay = 5e-4}}
schedule = {factor = 0.9, every = 10}
clip = 5
epochs = 2
stopping = {watch = ["loo-mrr@5", "loo-hr@5"], patience = 9, every = 1, decimals = 4}

[[trial]]
id = "searched-kd"
label = "AdaRec, KD"
like = "searched"
params.start = "fresh"
params.distillation = {gamma = 0.5, hidden = {map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces"}, output = {direction = "student-teacher", mean = "pieces"}}

[[trial]]
id = "random"
label = "Random"
like = "searched"
params.architecture = "random-1"
"#;

#[test]
fn an_architecture_is_searched_recorded_and_served() {
    let home = Home::new(PIECES);
    home.reprise("run small").with(0).tells(&["6 trained"]);
    let fact = |trial: &str, name: &str| home.record(trial, 0)["facts"][name].clone();
    let searched = fact("search", "architecture");
    assert_eq!(searched.as_str().unwrap().split(['|', ',']).count(), 6);
    assert_eq!(
        (fact("searched", "architecture"), fact("searched-kd", "architecture")),
        (searched.clone(), searched.clone())
    );
    assert_ne!(fact("random", "architecture"), searched);
    assert_eq!(fact("search", "labels seen in the space"), 9.0);
    let columns = home.record("search", 0)["curve"]["columns"].to_string();
    for part in ["cross entropy", "hidden loss", "efficiency loss", "label seen", "label not seen", "temperature"] {
        assert!(columns.contains(part), "{part}: {columns}");
    }
    let columns = home.record("nextitnet-kd", 0)["curve"]["columns"].to_string();
    assert!(columns.contains("cross entropy") && columns.contains("embedding loss"), "{columns}");
    home.reprise("latency small --trial nextitnet-kd --trial searched").with(0).prints(&["AdaRec", "NextItNet, small"]);
    home.reprise("check small --accept --reason first").with(0);
    home.reprise("check small --rerun --trial searched-kd").with(0).tells(&["searched-kd"]);
}

/// BERT4Rec on masked items, and going on with next items.
pub const BERT4REC: &str = r#"
[[trial]]
id = "bert4rec-masked"
label = "BERT4Rec, masked"
method = "bert4rec"
[trial.params]
width = 21
blocks = 2
heads = 3
dropout = 0.1
task = {masked = 0.4}
start = "fresh"
[trial.params.training]
length = 10
batch = 64
optimiser = {lamb = {learning_rate = 5e-3, weight_decay = 0.01}}
schedule = "constant"
clip = 5
epochs = 2
stopping = "none"

[[trial]]
id = "bert4rec"
label = "BERT4Rec"
like = "bert4rec-masked"
teacher = "bert4rec-masked"
params.task = "next-items"
params.start = "inherited"
"#;

/// Holds a run of the last of these trials and its teachers that is killed in each of them against one that is not.
fn assert_a_kill_costs_nothing<const N: usize>(spec: &str, trials: [&str; N]) {
    let run = format!("run small --trial {} --checkpoint-every 0", trials[N - 1]);
    let ends = |home: &Home| {
        trials.map(|trial| {
            let model = fs::read(home.store(trial, 0).join("model.safetensors")).unwrap();
            let record = home.record(trial, 0);
            (record["metrics"].to_string(), record["curve"].to_string(), record["facts"].to_string(), model)
        })
    };
    let whole = Home::new(spec);
    whole.reprise(&run).with(0).tells(&[&format!("{N} trained")]);
    let killed = Home::new(spec);
    for done in 0..N {
        let mut child = killed.start(&run);
        wait_until("an epoch is saved", || {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be stopped");
            let (kept, records) = (files(&killed.cache), killed.results());
            // Of a run that has no model yet.
            let in_training = |file: &&String| {
                let folder = file.strip_suffix("checkpoint.safetensors");
                folder.is_some_and(|folder| !kept.contains(&format!("{folder}model.safetensors")))
            };
            let recorded = |trial: &&str| records.iter().any(|file| file.ends_with(&format!("/{trial}/seed-0.json")));
            kept.iter().any(|file| in_training(&file)) && trials[..done].iter().all(recorded)
        });
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    }
    killed.reprise(&run).with(0).tells(&["going on after epoch"]);
    assert!(ends(&killed) == ends(&whole), "bytes differ from those of an uninterrupted run");
}

#[test]
fn killed_in_search_or_fine_tuning_and_started_again_it_ends_with_the_same_bytes() {
    // The fine-tuning may keep what it inherits.
    let spec = PIECES
        .replace("patience = 9, every = 1, decimals = 4}", "patience = 9, every = 1, decimals = 4, from_start = true}");
    assert_a_kill_costs_nothing(&spec, ["nextitnet", "search", "searched"]);
}

#[test]
fn killed_on_masked_or_next_items_it_ends_with_the_same_bytes() {
    let spec =
        format!("{PIECES}{BERT4REC}").replace("epochs = 2\nstopping = \"none\"", "epochs = 3\nstopping = \"none\"");
    assert_a_kill_costs_nothing(&spec, ["bert4rec-masked", "bert4rec"]);
}

/// Steps so large that they only destroy: what was inherited stays.
#[test]
fn fine_tuning_that_gains_nothing_keeps_what_it_inherits() {
    let spec = PIECES.replace("learning_rate = 1e-4", "learning_rate = 5").replace(
        "epochs = 2\nstopping = {watch = [\"loo-mrr@5\", \"loo-hr@5\"], patience = 9, every = 1, decimals = 4}\n\n[[trial]]\nid = \"searched-kd\"",
        "epochs = 2\nstopping = {watch = [\"loo-mrr@5\", \"loo-hr@5\"], patience = 9, every = 1, decimals = 4, from_start = true}\n\n[[trial]]\nid = \"searched-kd\"",
    );
    assert!(spec.contains("from_start"));
    let home = Home::new(&spec);
    home.reprise("run small --trial searched").with(0).tells(&["3 trained"]);
    let searched = home.record("searched", 0);
    assert_eq!(searched["selected"], serde_json::json!({}), "no epoch");
    let start = searched["curve"]["start"]["loo-mrr@5"].as_f64().unwrap();
    assert!((start - searched["validation"]["loo-mrr@5"].as_f64().unwrap()).abs() < 1e-6);
    let columns = searched["curve"]["columns"].as_array().unwrap();
    let at = columns.iter().position(|column| column == "loo-mrr@5").unwrap();
    assert!(searched["curve"]["rows"].as_array().unwrap().iter().all(|row| row[at].as_f64().unwrap() <= start + 5e-5));
}

#[test]
fn a_network_that_answers_only_at_a_mask_is_no_teacher() {
    let spec = format!("{PIECES}{BERT4REC}").replace("teacher = \"nextitnet\"", "teacher = \"bert4rec-masked\"");
    let home = Home::new(&spec);
    let run = home.reprise("run small --trial search");
    run.with(1).tells(&["answers only where a mask asks it", "next-items"]);
}

#[test]
fn what_does_not_fit_is_refused_with_a_way_out() {
    let home = |from: &str, to: &str| {
        let home = Home::new(PIECES);
        home.edit("reproductions/small.toml", from, to);
        home
    };
    for (from, to, words) in [
        ("negatives = 100", "negatives = 1000000", "candidates"),
        ("at_least = [{items = 20}, {users = 20}], length = 10", "at_least = [{items = 20}], length = 3", "too short"),
        ("space = \"coded\"", "space = [\"none\"]", "none"),
        ("initial = 1", "initial = 0", "above 0"),
    ] {
        let home = home(from, to);
        home.reprise("run small").with(2).tells(&[words]);
        assert!(home.results().is_empty(), "{to}");
    }
    // What only the teacher can tell stops its students, and nothing else.
    let wide = home(
        "model = {channels = 6, cells = 2, dropout = 0.1}\ndistillation = {",
        "model = {channels = 13, cells = 2, dropout = 0.1}\ndistillation = {",
    );
    wide.reprise("run small --trial searched").with(1).tells(&["at least as wide", "its teacher failed", "1 trained"]);
    let wide = home("width = 7", "width = 13");
    wide.reprise("run small --trial nextitnet-kd").with(1).tells(&["at least as wide", "1 trained"]);
}
