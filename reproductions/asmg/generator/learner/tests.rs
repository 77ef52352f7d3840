//! Whole runs over a made-up stream, of which the models of the teacher are made up, too.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::data::{Clock, Dataset, Interaction, ItemCategories, Part, Values};
use harness::digest::Digest;
use harness::error::Kind;
use harness::method::Trained;
use harness::metrics::{Candidates, Protocol};
use harness::rng::Stream;
use harness::split::periods::{Periods, Roles, by_count};
use harness::split::{self, Labelling, Negatives, Positives, Sizes, Ties};
use harness::train::{Checkpoint, Task, Teacher};
use harness::weights::{PeriodArtefacts, Provenance};

use super::*;
use crate::asmg::generator::cell::Squash;
use crate::asmg::generator::gru::Gru;
use crate::asmg::generator::sequence_loss::SequenceLoss;
use crate::kit::{Watcher, method, same_on_threads};
use crate::models::embedding_mlp::LAYER_NAMES;

const GRU: &str = r#"{length = 2, initial_state = "continued", loss = "linear", hidden = 4, output = "linear",
    batch = 16, learning_rate = 1e-2, epochs = 2, train_until = "end"}"#;
const LINEAR: &str = r#"{length = 2, weights = "per-coordinate", batch = 16, learning_rate = 1e-2, epochs = 2,
    train_until = "end"}"#;
const SINGLE: &str = r#"{length = 2, initial_state = "continued", loss = "last", hidden = 4, output = "linear",
    batch = 16, learning_rate = 1e-2, epochs = 2, train_until = "end"}"#;

fn full() -> String {
    GRU.replace("length = 2", r#"length = "all""#).replace("continued", "zeros")
}

const SEED: u64 = 3;
const TRIAL: &str = "trial";

/// Eight periods of 50 samples: two train, three warm up, three are tested. The model of period 4 is the first that is
/// generated from two, and 5 the first after training.
fn periods() -> Periods {
    let mut stream = Stream::new(0, "asmg", "events", 0);
    let mut event = |time: i64| {
        let user = stream.below(20);
        Interaction { user, item: (user + stream.below(8)) % 30, time: time.into(), value: 1.0, session: 0 }
    };
    let dataset = Dataset {
        name: "made-up".into(),
        n_users: 20,
        n_items: 30,
        user_places: Vec::new(),
        item_places: Vec::new(),
        session_places: Vec::new(),
        categories: Some(ItemCategories::new(5, (0..30).map(|item| vec![item % 5, (item / 2) % 5]))),
        clock: Clock::Order,
        values: Values::None,
        parts: vec![Part { name: "all".into(), interactions: (0..200).map(&mut event).collect() }],
    };
    let roles = Roles::new(7, NonZeroUsize::new(2), NonZeroUsize::new(5)).unwrap();
    let negatives = Some(Negatives { each: 1, seed: 3 });
    let rule = Labelling { positives: Positives::All, negatives, history: 30, expect: Sizes::default() };
    by_count(&dataset, &rule, roles, Ties::FileOrder).unwrap().0
}

fn sizes(periods: &Periods) -> EmbeddingMlpSizes {
    let categories = periods.categories().map(ItemCategories::count);
    EmbeddingMlpSizes { users: periods.n_users(), items: periods.n_items(), categories, dim: 3, hidden: [7, 3] }
}

/// The teacher's model of a period: that of the first with what IU keeps besides.
fn base(periods: &Periods, period: usize) -> Weights {
    let stream = |purpose: &str| Stream::new(0, "base", purpose, period as u64);
    let mut parameters = sizes(periods).initial(stream);
    if period == 2 {
        let moment =
            |parameter: &Parameter| Parameter { name: format!("{}.moment", parameter.name), ..parameter.clone() };
        parameters.extend(parameters.clone().iter().map(moment));
    }
    parameters.into()
}

fn artefacts(folder: &Path, name: &str) -> PeriodArtefacts {
    let of = Provenance { run: Digest::of(name.as_bytes()), split: Digest::of(b"split") };
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    PeriodArtefacts { folder, of }
}

fn go_on(device: &Device, name: &str, params: &str, folder: &Path, until: usize) -> Result<Trained> {
    let periods = periods();
    let tested_models = artefacts(folder, "iu");
    for period in periods.roles().evaluated() {
        let artefact = Artefact { kind: Some(embedding_mlp::NAME.into()), weights: base(&periods, period) };
        tested_models.write(period, &artefact)?;
    }
    let teacher = Teacher {
        trial: "iu".into(),
        kind: embedding_mlp::NAME.into(),
        weights: base(&periods, periods.last()),
        tested_models,
        folder: folder.join("derived"),
        teacher: None,
    };
    let metrics = ["auc", "logloss"].map(|name| name.parse().unwrap()).to_vec();
    let task = Task::new(split::Cut::Periods(periods), &Protocol::new(Candidates::Labelled, metrics)?)?;
    let (watcher, ours) = (Watcher::until(until), artefacts(folder, "asmg"));
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let new = Context::new(&task, TRIAL, SEED, device, checkpoint, &watcher);
    let mut cx = Context { teacher: Some(&teacher), tested_models: Some(&ours), ..new };
    let method = method(name, params).unwrap();
    method.check(&task, device)?;
    method.train(&mut cx)
}

fn go(name: &str, params: &str, folder: &Path, until: usize) -> Result<Trained> {
    go_on(&Device::Cpu, name, params, folder, until)
}

fn run(name: &str, params: &str) -> Trained {
    go(name, params, tempfile::tempdir().unwrap().path(), usize::MAX).unwrap()
}

/// All that a run came to, but for its seconds.
fn bits(trained: &Trained) -> String {
    let periods = trained.periods.iter().map(|l| format!("{:?} {:?} {:?}", l.facts, l.curve, l.test));
    let tensors = [&trained.weights, trained.meta.as_ref().unwrap()];
    let tensors = tensors.into_iter().flat_map(|weights| &weights.parameters);
    let values = tensors.map(|parameter| crate::kit::bits(&parameter.values));
    format!("{:?} {:?}", periods.collect::<Vec<_>>(), values.collect::<Vec<_>>())
}

#[test]
fn every_variant_goes_on_from_any_epoch_of_any_period() {
    for (name, params, epochs) in [
        ("asmg", GRU.to_string(), 6),
        ("asmg", full(), 8),
        ("asmg", SINGLE.to_string(), 6),
        ("asmg-linear", LINEAR.into(), 6),
    ] {
        let whole = run(name, &params);
        assert_eq!(whole.periods.iter().map(|period| period.epochs_run).sum::<usize>(), epochs, "{params}");
        for stops in [&[1][..], &[3], &[2, 2, 1]] {
            let folder = tempfile::tempdir().unwrap();
            for &stop in stops {
                let error = go(name, &params, folder.path(), stop).err().expect("stopped");
                assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            }
            let resumed = go(name, &params, folder.path(), usize::MAX).unwrap();
            assert!(bits(&resumed) == bits(&whole), "{params} stopped after {stops:?} epochs");
            // As after a kill between the last period and the record: the state is there, and no period is left.
            let again = go(name, &params, folder.path(), usize::MAX).unwrap();
            assert!(bits(&again) == bits(&whole), "{params} after its last period");
        }
    }
}

#[test]
fn threads_change_nothing() {
    for (name, params) in [("asmg", GRU), ("asmg", &full()), ("asmg-linear", LINEAR)] {
        same_on_threads(|| bits(&run(name, params)));
    }
}

/// As the authors go through the periods: state, test, training, the next state.
#[test]
fn a_run_is_the_papers_algorithm() {
    for (length, continued, name) in [(Some(2), true, "multi"), (Some(2), false, "zero"), (None, false, "full")] {
        let folder = tempfile::tempdir().unwrap();
        let params = match name {
            "multi" => GRU.to_string(),
            "zero" => GRU.replace("continued", "zeros"),
            _ => full(),
        };
        let trained = go("asmg", &params, folder.path(), usize::MAX).unwrap();
        let periods = periods();
        let (sizes, coordinates) = (sizes(&periods), Coordinates::of(&sizes(&periods)));
        let model = |period: usize| {
            let weights = base(&periods, period).parameters;
            PastModel::new(period, &coordinates, weights[..coordinates.len()].iter().map(|p| &p.values[..]))
        };
        let stream = |purpose: &str, epoch: u64| Stream::new(SEED, TRIAL, purpose, epoch);
        let mut gru = Gru::new(sizes, 4, Squash::Linear, continued, |purpose| stream(purpose, 0));
        let mut batch = SequenceBatch::new(sizes);
        for i in 2..8 {
            let tested = artefacts(folder.path(), "asmg").read(i).unwrap().unwrap().weights;
            assert_eq!(tested.parameters.len(), 3 + LAYER_NAMES.len());
            let start = length.map_or(3, |length: usize| (i + 1).saturating_sub(length));
            if start < 3 || i < start {
                assert_eq!(tested.parameters, base(&periods, i).parameters[..9], "{name}, period {i}: the teacher's");
                continue;
            }
            let models: Vec<PastModel> = (start..=i).map(model).collect();
            for (values, parameter) in gru.whole(&models).iter().zip(&tested.parameters) {
                assert_eq!(*values, parameter.values, "{name}, period {i}, {}", parameter.name);
            }
            if i == 7 {
                break;
            }
            let weights = SequenceLoss::Linear.weights(models.len());
            for epoch in 0..2 {
                let order = |set: usize| stream(&format!("period-{}.order.{set}", i + 1), epoch).permutation(50);
                let orders: Vec<Vec<u32>> = (start..=i).map(order).collect();
                // Four batches of the newest: chunks of 13, 13, 13, 11.
                for first in [0, 13, 26, 39] {
                    batch.clear();
                    for (set, (order, weight)) in (start..i + 1).zip(orders.iter().zip(&weights)).rev() {
                        let chunk = &order[first..(first + 13).min(50)];
                        batch.push(periods.samples(set..set + 1).unwrap(), chunk, periods.categories(), *weight);
                    }
                    batch.forward_backward(&mut gru, &models);
                    gru.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&TfAdam { learning_rate: 1e-2 }));
                }
            }
            gru.advance(&models[0]);
        }
        let weights: Vec<_> = gru.tensors().iter().map(|tensor| tensor.weights.clone()).collect();
        let meta: Vec<_> = trained.meta.unwrap().parameters.into_iter().map(|p| p.values).collect();
        assert_eq!(weights, meta, "{name}");
        let steps: Vec<f64> = trained.periods.iter().map(|period| period.facts["steps"]).collect();
        assert_eq!(steps, [0.0, 0.0, if name == "full" { 8.0 } else { 0.0 }, 8.0, 8.0, 8.0]);
        assert_eq!(trained.periods[5].facts["training"], if name == "full" { 200.0 } else { 100.0 });
    }
}

#[test]
fn an_option_changes_what_comes_after_it() {
    let curves =
        |params: &str| run("asmg", params).periods.iter().map(|period| period.curve.loss.clone()).collect::<Vec<_>>();
    let ours = curves(GRU);
    assert!(ours[..3].iter().all(Vec::is_empty) && ours[3..].iter().all(|losses| losses.len() == 2));
    let zeros = curves(&GRU.replace("continued", "zeros"));
    assert!(zeros[3] == ours[3] && zeros[4] != ours[4], "the first state is zero anyway");
    for (from, to) in [
        ("linear\", h", "uniform\", h"),
        ("linear\", h", "exponential\", h"),
        ("linear\", h", "last\", h"),
        ("output = \"linear\"", "output = \"tanh\""),
        ("hidden = 4", "hidden = 8"),
    ] {
        assert!(GRU.contains(from));
        assert!(curves(&GRU.replace(from, to))[3] != ours[3], "{to}");
    }
    let stopped = curves(&GRU.replace("\"end\"", "6"));
    assert!(stopped[..5] == ours[..5] && stopped[5].is_empty());
    let linear = |params: &str| {
        run("asmg-linear", params).periods.iter().map(|period| period.curve.loss.clone()).collect::<Vec<_>>()
    };
    let (own, one) = (linear(LINEAR), linear(&LINEAR.replace("per-coordinate", "per-period")));
    assert!(own[3] != one[3]);
    // The last batch is short: 50 of 16 are four batches, as for the others, but not of one size.
    let single = run("asmg", SINGLE);
    assert_eq!((single.periods[3].facts["steps"], single.periods[3].facts["training"]), (8.0, 50.0));
}

#[test]
fn what_cannot_be_is_refused_before_training() {
    let refused = |name: &str, params: &str, what: &str| {
        let folder = tempfile::tempdir().unwrap();
        let error = go(name, params, folder.path(), usize::MAX).err().expect("refused");
        assert!(error.to_string().contains(what), "{error}");
        assert!(artefacts(folder.path(), "asmg").read(2).unwrap().is_none(), "before training");
    };
    // The first model would be that of period 5, which is tested.
    refused("asmg", &GRU.replace("length = 2", "length = 3"), "`length` of at most 2");
    refused("asmg-linear", &LINEAR.replace("length = 2", "length = 9"), "`length` of at most 2");
    refused("asmg", &GRU.replace("batch = 16", "batch = 51"), "`batch` is larger than period 0");
    for (from, to, what) in [
        ("length = 2", "length = \"all\"", "`initial_state = \"zeros\"`"),
        ("hidden = 4", "hidden = 5", "a hidden size of 2, 4, 8, 12 or 16"),
        ("\"end\"", "\"never\"", "`\"end\"` or the number of a period"),
        ("\"end\"", "-1", "`\"end\"` or the number of a period"),
        ("epochs = 2,", "", "missing field `epochs`"),
        ("epochs = 2,", "epochs = 2, decay = 1,", "unknown field `decay`"),
    ] {
        assert!(GRU.contains(from));
        let error = method("asmg", &GRU.replace(from, to)).err().expect("refused");
        assert!(error.contains(what), "{error}");
    }
}
