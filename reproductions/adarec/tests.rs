//! Whole runs over a made-up split, whose users stand for pieces.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::digest::Digest;
use harness::error::{Kind, Result};
use harness::method::Trained;
use harness::metrics::{Candidates, Protocol};
use harness::rng::Stream;
use harness::split::Cut;
use harness::train::{Checkpoint, Context, Fact, Task, Teacher};
use harness::weights::{PeriodArtefacts, Provenance, Weights};

use super::serve::of_searched;
use super::{SEARCH, STUDENT};
use crate::kit::{Watcher, World, bits, method, same_on_threads};
use crate::models::nextitnet::NextItNetSizes;

const ITEMS: usize = 80;
const LENGTH: usize = 7;

const TRAINING: &str = r#"training = { length = 7, batch = 40, optimiser = { adamw = { learning_rate = 5e-3, weight_decay = 5e-4 } },
    schedule = { factor = 0.9, every = 2 }, clip = "none", epochs = 4,
    stopping = { watch = ["recall@10"], patience = 9, every = 1, decimals = 4 } }"#;
const MODEL: &str = "model = { channels = 5, cells = 2, dropout = 0.1 }";
const TEACHER: &str = r#"distillation = { gamma = 0.5, hidden = { map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces" },
    output = { direction = "student-teacher", mean = "pieces" } }"#;
const ALONE: &str = r#"distillation = "none""#;

fn search(space: &str) -> String {
    format!(
        r#"{{ {MODEL}, {TEACHER}, {TRAINING}, search = {{ space = "{space}", temperature = {{ initial = 1, factor = 0.8, every = 2 }},
        alpha = {{ learning_rate = 2e-3, weight_decay = 1e-4 }}, efficiency = 8, validation = "drawn" }} }}"#
    )
}

fn student(architecture: &str, start: &str, distillation: &str) -> String {
    format!(r#"{{ architecture = "{architecture}", start = "{start}", {MODEL}, {distillation}, {TRAINING} }}"#)
}

const CAU: &str = "cau_cnn_3|cau_cnn_3,max_pool|skip_connect,none,cau_cnn_5";

/// A model that can be a teacher: its kind and weights, and what it learnt from itself.
#[derive(Clone)]
struct Model {
    kind: &'static str,
    weights: Weights,
    teacher: Option<Box<Self>>,
}

impl Model {
    fn teach(&self, folder: &Path) -> Teacher {
        let of = Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") };
        Teacher {
            trial: self.kind.into(),
            kind: self.kind.into(),
            weights: self.weights.clone(),
            tested_models: PeriodArtefacts { folder: folder.into(), of },
            folder: folder.join("derived"),
            teacher: self.teacher.as_ref().map(|teacher| Box::new(teacher.teach(folder))),
        }
    }
}

fn nextitnet(length: usize, width: usize) -> Model {
    let one = 1;
    let sizes = NextItNetSizes { items: ITEMS, width, length, groups: 3, dilations: vec![one, 2] };
    let mut weights = sizes.initial(|purpose| Stream::new(0, "adarec", purpose, 0));
    // Blocks that do something, which they do not before training.
    for parameter in weights.parameters.iter_mut().filter(|parameter| parameter.name.ends_with("residual-scale")) {
        parameter.values.fill(0.3);
    }
    Model { kind: "nextitnet", weights, teacher: None }
}

fn go(name: &str, params: &str, teacher: Option<&Model>, folder: &Path, until: usize) -> Result<(Trained, Facts)> {
    let protocol = Protocol::new(Candidates::Full, vec!["recall@10".parse().unwrap()])?;
    let task = Task::new(Cut::Split(World::new().split), &protocol)?;
    let watcher = Watcher::until(until);
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let teacher = teacher.map(|model| model.teach(folder));
    let begun = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    let mut cx = Context { teacher: teacher.as_ref(), ..begun };
    let method = method(name, params).unwrap();
    method.check(cx.task, cx.device)?;
    let trained = method.train(&mut cx)?;
    Ok((trained, cx.facts))
}

type Facts = std::collections::BTreeMap<String, Fact>;

fn run(name: &str, params: &str, teacher: Option<&Model>) -> (Trained, Facts) {
    go(name, params, teacher, tempfile::tempdir().unwrap().path(), usize::MAX).unwrap()
}

fn searched(space: &str) -> Model {
    let teacher = nextitnet(LENGTH, 12);
    let (trained, _) = run("adarec-search", &search(space), Some(&teacher));
    Model { kind: SEARCH, weights: trained.weights, teacher: Some(Box::new(teacher)) }
}

fn bits_of_run(trained: &Trained) -> String {
    let weights = trained.weights.parameters.iter().map(|parameter| bits(&parameter.values));
    format!("{:?} {:?}", trained.selected.as_ref().unwrap().curve, weights.collect::<Vec<_>>())
}

#[test]
fn searches_and_students_go_on_from_any_epoch() {
    let (plain, searched) = (nextitnet(LENGTH, 12), searched("coded"));
    for (name, params, teacher) in [
        ("adarec-search", search("coded"), Some(&plain)),
        ("adarec-student", student(CAU, "fresh", TEACHER), Some(&plain)),
        ("adarec-student", student(CAU, "fresh", ALONE), None),
        ("adarec-student", student("derived", "inherited", ALONE), Some(&searched)),
        ("adarec-student", student("random-2", "fresh", TEACHER), Some(&searched)),
    ] {
        let whole = run(name, &params, teacher);
        for stops in [&[1][..], &[2, 1], &[3]] {
            let folder = tempfile::tempdir().unwrap();
            for &stop in stops {
                let error = go(name, &params, teacher, folder.path(), stop).err().expect("stopped");
                assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            }
            let (resumed, facts) = go(name, &params, teacher, folder.path(), usize::MAX).unwrap();
            assert!(bits_of_run(&resumed) == bits_of_run(&whole.0), "{params}, stopped after {stops:?}");
            assert_eq!(facts, whole.1);
        }
    }
}

#[test]
fn threads_change_nothing() {
    let teacher = nextitnet(LENGTH, 12);
    same_on_threads(|| bits_of_run(&run("adarec-search", &search("coded"), Some(&teacher)).0));
    same_on_threads(|| bits_of_run(&run("adarec-student", &student(CAU, "fresh", TEACHER), Some(&teacher)).0));
}

#[test]
fn a_search_learns_and_its_parts_are_the_loss() {
    let (trained, facts) = run("adarec-search", &search("coded"), Some(&nextitnet(LENGTH, 12)));
    let curve = trained.selected.unwrap().curve;
    let part = |name: &str| curve.parts[name].iter().map(|value| value.unwrap()).collect::<Vec<f64>>();
    for epoch in 0..4 {
        let [ce, embedding, hidden, output, efficiency] =
            ["cross entropy", "embedding loss", "hidden loss", "output loss", "efficiency loss"]
                .map(|name| part(name)[epoch]);
        let total = 0.5 * ce + 0.5 * (embedding + hidden + output) + 8.0 * efficiency;
        assert!((total - curve.loss[epoch]).abs() < 1e-9 * total, "{total} {}", curve.loss[epoch]);
    }
    assert!(part("cross entropy")[3] < part("cross entropy")[0] && part("hidden loss")[3] < part("hidden loss")[0]);
    assert_eq!(part("temperature")[..], [1.0, 1.0, 0.8, 0.8]);
    let (network, alpha, derived) = of_searched(trained.weights).unwrap();
    assert_eq!((alpha.len(), facts["architecture"].clone()), (3, derived.to_string().into()));
    assert_eq!(alpha[2].shape, [3, 10]);
    assert!(network.parameters.iter().all(|parameter| !parameter.name.starts_with("alpha")));
    assert_eq!(facts["labels seen in the space"], (LENGTH as f64 - 1.0).into());
    // In the causal space no label can be seen.
    let (trained, facts) = run("adarec-search", &search("causal"), Some(&nextitnet(LENGTH, 12)));
    assert_eq!((&facts["labels seen"], &facts["labels seen in the space"]), (&0.0.into(), &0.0.into()));
    let parts = trained.selected.unwrap().curve.parts;
    assert!(!parts.contains_key("label seen") && parts["label not seen"].iter().all(Option::is_some), "{parts:?}");
}

/// What serves is what was selected, and a student that inherits begins where the super-net ended.
#[test]
fn a_derived_student_begins_with_the_weights_of_its_super_net() {
    let search = searched("causal");
    let (_, _, derived) = of_searched(search.weights.clone()).unwrap();
    let still = student("derived", "inherited", ALONE).replace("5e-3, weight_decay = 5e-4", "1e-12, weight_decay = 0");
    let (trained, facts) = run("adarec-student", &still, Some(&search));
    assert_eq!(facts["architecture"], derived.to_string().into());
    let of = |weights: &Weights, name: &str| {
        weights.parameters.iter().find(|parameter| parameter.name == name).unwrap().values.clone()
    };
    for name in ["token", "cell-1-nodes", "output-bias"] {
        let (ours, theirs) = (of(&trained.weights, name), of(&search.weights, name));
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-6), "{name}");
    }
    let fresh = run("adarec-student", &student("derived", "fresh", ALONE), Some(&search)).0;
    assert_ne!(of(&fresh.weights, "token"), of(&trained.weights, "token"));
    let [one, other] = ["random-1", "random-2"].map(|random| {
        let (_, facts) = run("adarec-student", &student(random, "inherited", ALONE), Some(&search));
        let Fact::Number(cost) = facts["efficiency loss"] else { panic!("a number") };
        // The same costs, added in another order.
        assert!((cost - super::relaxation::efficiency_loss(&derived)).abs() < 1e-12, "of equal cost");
        assert_ne!(facts["architecture"], derived.to_string().into());
        facts["architecture"].clone()
    });
    assert_ne!(one, other);
    // A student goes on from another, with the teacher of that one.
    let first = run("adarec-student", &student(CAU, "fresh", TEACHER), search.teacher.as_deref()).0;
    let first = Model { kind: STUDENT, weights: first.weights, teacher: search.teacher.clone() };
    let (_, facts) = run("adarec-student", &student("derived", "inherited", TEACHER), Some(&first));
    assert_eq!(facts["architecture"], CAU.to_string().into());
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |name: &str, params: &str, teacher: Option<&Model>| {
        let error = go(name, params, teacher, tempfile::tempdir().unwrap().path(), 0).err().expect("refused");
        assert_eq!(error.kind(), Kind::Input, "{error}");
        error.to_string()
    };
    let fixed = student(CAU, "fresh", TEACHER);
    let narrow = refused("adarec-student", &fixed, Some(&nextitnet(LENGTH, 4)));
    assert!(narrow.contains("at least as wide"), "{narrow}");
    let long = refused("adarec-student", &fixed, Some(&nextitnet(LENGTH + 1, 12)));
    assert!(long.contains("read different numbers of positions"), "{long}");
    let mut other = nextitnet(LENGTH, 12);
    other.weights = NextItNetSizes { items: 9, width: 12, length: LENGTH, groups: 3, dilations: vec![1] }
        .initial(|purpose| Stream::new(0, "adarec", purpose, 0));
    assert!(refused("adarec-student", &fixed, Some(&other)).contains("different numbers of items"));
    let left = fixed.replace("\"emd\"", "\"left\"").replace("cells = 2", "cells = 4");
    assert!(refused("adarec-student", &left, Some(&nextitnet(LENGTH, 12))).contains("a fixed map of layers"));
    let search = searched("causal");
    let wide = student("derived", "inherited", ALONE).replace("channels = 5", "channels = 6");
    let wide = refused("adarec-student", &wide, Some(&search));
    assert!(wide.contains("of another size than `adarec-search`") && wide.contains("5 channels"), "{wide}");
    let alone = Model { teacher: None, ..search };
    let none = refused("adarec-student", &student("derived", "fresh", TEACHER), Some(&alone));
    assert!(none.contains("no teacher to distil from"), "{none}");
}

#[test]
fn parameters_are_read_strictly() {
    let (search, student) = (search("coded"), student(CAU, "fresh", TEACHER));
    for (name, params, words) in [
        ("adarec-search", search.replace("\"coded\"", "[\"none\"]"), "none"),
        ("adarec-search", search.replace("\"coded\"", "\"code\""), "not a search space"),
        ("adarec-search", search.replace("initial = 1", "initial = 0"), "above 0"),
        (
            "adarec-search",
            search.replace("factor = 0.8, every = 2", "factor = 1e-200, every = 1"),
            "temperature leaves",
        ),
        ("adarec-search", search.replace("length = 7", "length = 3"), "shorter than any piece"),
        ("adarec-search", search.replace("\"drawn\"", "\"none\""), "unknown variant"),
        ("adarec-student", student.replace("length = 7", "length = 3"), "shorter than any piece"),
        ("adarec-student", student.replace("\"fresh\"", "\"inherited\""), "no weights to inherit"),
        ("adarec-student", student.replace(CAU, "random-0"), "not an architecture"),
        ("adarec-student", student.replace("cau_cnn_3|", "cnn|"), "not an operation"),
        ("adarec-student", student.replace("gamma = 0.5", "gamma = 1"), "a table of `gamma`"),
        ("adarec-student", student.replace("\"opposite\"", "\"other\""), "expected"),
        ("adarec-student", student.replace("gamma", "gama"), "expected"),
    ] {
        let error = method(name, &params).err().expect("refused");
        assert!(error.contains(words), "{params}: {error}");
    }
}
