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

/// Killed in the teacher, in the search, and in the student.
#[test]
fn killed_in_search_or_fine_tuning_and_started_again_it_ends_with_the_same_bytes() {
    const TRIALS: [&str; 3] = ["nextitnet", "search", "searched"];
    const RUN: &str = "run small --trial searched --checkpoint-every 0";
    let ends = |home: &Home| {
        TRIALS.map(|trial| {
            let model = fs::read(home.store(trial, 0).join("model.safetensors")).unwrap();
            let record = home.record(trial, 0);
            (record["metrics"].to_string(), record["curve"].to_string(), record["facts"].to_string(), model)
        })
    };
    let whole = Home::new(PIECES);
    whole.reprise(RUN).with(0).tells(&["3 trained"]);
    let killed = Home::new(PIECES);
    for sign in ["", "nextitnet/seed-0.json", "search/seed-0.json"] {
        let mut child = killed.start(RUN);
        wait_until("an epoch is saved", || {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be stopped");
            let there: Vec<String> = files(&killed.cache).into_iter().chain(killed.results()).collect();
            let saved = there.iter().any(|file| file.ends_with("checkpoint.safetensors"));
            saved && (sign.is_empty() || there.iter().any(|file| file.ends_with(sign)))
        });
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
    }
    killed.reprise(RUN).with(0).tells(&["going on after epoch"]);
    assert!(ends(&killed) == ends(&whole), "bytes differ from those of an uninterrupted run");
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
