//! Whole runs over a made-up stream of labelled samples.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::data::{Clock, Dataset, Interaction, ItemCategories, Part, Values};
use harness::digest::Digest;
use harness::error::{Kind, Result};
use harness::method::Trained;
use harness::metrics::{Candidates, Protocol, Scorer};
use harness::nn::sigmoid;
use harness::optim::TfAdam;
use harness::queries::{LabelledPair, Queries};
use harness::rng::Stream;
use harness::split::periods::{Catalogue, Periods, Roles, by_count, given};
use harness::split::{Cut, HeldOut, Labelling, Negatives, Positives, Sizes, Ties};
use harness::train::{Checkpoint, Context, Task, Teacher};
use harness::weights::{PeriodArtefacts, Provenance};

use crate::golden::assert_near;
use crate::kit::impressions::{FIRST, LAST, SAMPLES, impressions, pretrained, train_on_impressions};
use crate::kit::{Watcher, method, same_on_threads};
use crate::models::embedding_mlp::{EmbeddingMlp, EmbeddingMlpScorer, LocalBatch, NAME, without_moments};

const IU: &str = r#"{pretraining = {model = {dim = 8}, batch = 64, learning_rate = 1e-2, epochs = 3,
    stopping = {watch = ["auc"], patience = 3, every = 1, decimals = 4, ties = "later"}}, UPDATE}"#;
const UPDATE: &str = r#"update = {batch = 32, learning_rate = 1e-2, epochs = 2, optimiser = "carried"}"#;

fn iu() -> String {
    IU.replace("UPDATE", UPDATE)
}

fn bu(window: usize) -> String {
    format!("{{{UPDATE}, window = {window}}}")
}

fn incctr(weight: f64) -> String {
    format!("{{{UPDATE}, weight = {weight}}}")
}

const USERS: u32 = 40;
const ITEMS: u32 = 50;

/// Users who take items near their own number.
fn dataset(events: usize) -> Dataset {
    let mut stream = Stream::new(0, "asmg", "events", 0);
    let mut event = |time: usize| {
        let user = stream.below(USERS);
        let item = (user + stream.below(8)) % ITEMS;
        Interaction { user, item, time: (time as i64).into(), value: 1.0, session: 0 }
    };
    Dataset {
        name: "made-up".into(),
        n_users: USERS as usize,
        n_items: ITEMS as usize,
        user_places: Vec::new(),
        item_places: Vec::new(),
        session_places: Vec::new(),
        categories: Some(ItemCategories::new(5, (0..ITEMS).map(|item| vec![item % 5, (item / 2) % 5]))),
        clock: Clock::Order,
        values: Values::None,
        parts: vec![Part { name: "all".into(), interactions: (0..events).map(&mut event).collect() }],
    }
}

/// Six periods: two train, two warm up, two are tested.
fn periods(dataset: &Dataset) -> Periods {
    let roles = Roles::new(5, NonZeroUsize::new(2), NonZeroUsize::new(4)).unwrap();
    let rule = Labelling {
        positives: Positives::All,
        negatives: Some(Negatives { each: 1, seed: 3 }),
        history: 30,
        expect: Sizes::default(),
    };
    by_count(dataset, &rule, roles, Ties::FileOrder).unwrap().0
}

/// Where IU's models are kept, if a method asks for them.
fn kept(folder: &Path) -> PeriodArtefacts {
    PeriodArtefacts {
        folder: folder.join("iu"),
        of: Provenance { run: Digest::of(b"iu"), split: Digest::of(b"split") },
    }
}

fn go(periods: Periods, name: &str, params: &str, folder: &Path, until: usize) -> Result<Trained> {
    let metrics = ["auc", "logloss"].map(|name| name.parse().unwrap()).to_vec();
    let task = Task::new(Cut::Periods(periods), &Protocol::new(Candidates::Labelled, metrics)?)?;
    let watcher = Watcher::until(until);
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let (kept, method) = (kept(folder), method(name, params).unwrap());
    std::fs::create_dir_all(&kept.folder).unwrap();
    let mut cx = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    // Its last model is not asked for.
    let tested = kept.read(2)?.map(|artefact| Teacher {
        trial: "iu".into(),
        kind: NAME.into(),
        weights: artefact.weights,
        tested_models: kept.clone(),
        folder: folder.join("derived"),
        teacher: None,
    });
    if method.learns_from_periods() {
        cx.teacher = tested.as_ref();
    } else {
        cx.tested_models = Some(&kept);
    }
    method.check(cx.task, cx.device)?;
    method.train(&mut cx)
}

/// A run in a folder in which IU may have left its models.
fn run_in(folder: &Path, name: &str, params: &str) -> Trained {
    let trained = go(periods(&dataset(900)), name, params, folder, usize::MAX).unwrap();
    std::fs::remove_file(folder.join("checkpoint")).unwrap();
    trained
}

/// A folder with IU's models, and what IU came to.
fn after_iu() -> (tempfile::TempDir, Trained) {
    let folder = tempfile::tempdir().unwrap();
    let trained = run_in(folder.path(), "iu", &iu());
    (folder, trained)
}

/// All that a run came to, but for its seconds.
fn bits(trained: &Trained) -> String {
    let periods = trained.periods.iter().map(|l| format!("{:?} {:?} {:?} {:?}", l.facts, l.selected, l.curve, l.test));
    let weights = trained.weights.parameters.iter().map(|p| crate::kit::bits(&p.values));
    format!("{:?} {:?}", periods.collect::<Vec<_>>(), weights.collect::<Vec<_>>())
}

#[test]
fn every_method_goes_on_from_any_epoch_of_any_period() {
    let (taught, iu_trained) = after_iu();
    for (name, params, epochs) in [("iu", iu(), 3 + 6), ("bu", bu(3), 6), ("incctr", incctr(0.5), 6)] {
        let whole = if name == "iu" { bits(&iu_trained) } else { bits(&run_in(taught.path(), name, &params)) };
        for stops in [&[1][..], &[4], &[epochs - 1], &[2, 2, 1]] {
            let folder = tempfile::tempdir().unwrap();
            let there = if name == "iu" { folder.path() } else { taught.path() };
            for &stop in stops {
                let error = go(periods(&dataset(900)), name, &params, there, stop).err().expect("stopped");
                assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            }
            assert!(bits(&run_in(there, name, &params)) == whole, "{name} stopped after {stops:?} epochs");
        }
    }
}

#[test]
fn threads_change_nothing() {
    same_on_threads(|| bits(&after_iu().1));
}

/// Batch update on one period is the incremental update, if it begins with the optimiser's state of the pre-trained model.
#[test]
fn moments_go_on_from_the_pre_trained_model() {
    let (folder, iu) = after_iu();
    let updated = run_in(folder.path(), "bu", &bu(1));
    assert_eq!(updated.weights, iu.weights);
    for (ours, theirs) in updated.periods.iter().zip(&iu.periods) {
        assert_eq!(ours.test.values, theirs.test.values, "period {}", ours.period);
    }
    let soft = run_in(folder.path(), "incctr", &incctr(0.0));
    assert_eq!(soft.weights, iu.weights, "soft labels without weight");
    assert_ne!(run_in(folder.path(), "incctr", &incctr(0.3)).weights, iu.weights);
    let fresh = run_in(folder.path(), "bu", &bu(1).replace("carried", "fresh"));
    assert_ne!(fresh.weights, iu.weights);
    let kept = kept(folder.path());
    let artefact = |period: usize| kept.read(period).unwrap().unwrap().weights;
    assert_eq!((artefact(2).parameters.len(), artefact(3).parameters.len()), (27, 9));
    let frozen = run_in(folder.path(), "pretrained", "{}");
    assert_eq!(frozen.weights, without_moments(artefact(2)).unwrap());
    assert_eq!(frozen.periods[0].test.values, iu.periods[0].test.values);
    assert_eq!(frozen.periods.len(), 4);
    assert!(frozen.periods.iter().all(|period| period.epochs_run == 0));
}

/// An update by hand: batches of the last period in the order of its stream, one step each, from the model of the period
/// before; IncCTR's labels lie between the sample's own and what that model answers.
#[test]
fn a_period_is_learnt_batch_by_batch() {
    const SEED: u64 = 3;
    let adam = TfAdam { learning_rate: 1e-2 };
    let update = r#"update = {batch = 16, learning_rate = 1e-2, epochs = 2, optimiser = "carried"}"#;
    for (name, weight) in [("bu", 0.0f32), ("incctr", 0.4)] {
        let own = if name == "bu" { "window = 1".into() } else { format!("weight = {weight}") };
        let method = method(name, &format!("{{{update}, {own}}}")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let run = train_on_impressions(&*method, true, folder.path(), usize::MAX).unwrap();
        let periods = impressions(true);
        let mut model = EmbeddingMlp::new(pretrained(&periods)).unwrap();
        let mut batch = LocalBatch::new(&model.sizes());
        for number in FIRST + 1..=LAST {
            let samples = periods.samples(number - 1..number).unwrap();
            let queries = Queries::of_samples(samples, periods.n_items(), HeldOut::Valid);
            let queries = queries.with_categories(periods.categories());
            let scorer = EmbeddingMlpScorer::new(&model.weights().unwrap(), &queries).unwrap();
            let soft = |pair: LabelledPair| {
                let mut score = [0.0];
                scorer.score(pair.asker, &[pair.item], &mut score);
                sigmoid(score[0])
            };
            let soft: Vec<f32> = queries.pairs().iter().copied().map(soft).collect();
            for epoch in 0..2 {
                let order = Stream::new(SEED, "trial", &format!("period-{number}.order"), epoch).permutation(SAMPLES);
                for positions in order.chunks(16) {
                    batch.clear();
                    batch.push(samples, positions, periods.categories());
                    for (label, &position) in batch.labels_mut().iter_mut().zip(positions) {
                        *label = weight.mul_add(soft[position as usize], (1.0 - weight) * *label);
                    }
                    model.forward_backward(&batch);
                    model.step(&batch, &adam);
                }
            }
            model.settle();
        }
        // A scorer adds in another order than a training step.
        let weights = model.weights().unwrap();
        if name == "bu" {
            assert_eq!(run.weights, weights);
        }
        for (got, want) in run.weights.parameters.iter().zip(&weights.parameters) {
            assert_near(&got.values, &want.values, 1e-5, format!("{name}, {}", want.name));
        }
    }
}

#[test]
fn windows_reach_into_the_pre_training() {
    let (folder, iu) = after_iu();
    let training =
        |trained: &Trained| trained.periods.iter().map(|period| period.facts["training"]).collect::<Vec<_>>();
    let each = 300.0; // 1,800 samples in six periods.
    assert_eq!(training(&iu), [2.0 * each, each, each, each]);
    assert_eq!(training(&run_in(folder.path(), "bu", &bu(3))), [0.0, 3.0 * each, 3.0 * each, 3.0 * each]);
    assert_eq!(training(&run_in(folder.path(), "bu", &bu(5))), [0.0, 3.0 * each, 4.0 * each, 5.0 * each]);
    assert!(iu.periods[0].selected.is_some() && iu.periods[1].selected.is_none());
    let [first, last] = [0, 2].map(|epoch| iu.periods[0].curve.loss[epoch]);
    assert!(first > last + 0.1, "{first} {last}");
    assert!(iu.periods[3].test.values.values().all(|value| value.is_finite()));
}

#[test]
fn what_cannot_be_learnt_from_is_refused_before_training() {
    let (folder, _) = after_iu();
    let refused = |periods: Periods, name: &str, params: &str| {
        let error = go(periods, name, params, folder.path(), usize::MAX).err().expect("refused");
        assert_eq!(error.kind(), Kind::Input);
        error.to_string()
    };
    let mut other = dataset(900);
    other.categories = None;
    let error = refused(periods(&other), "bu", &bu(3));
    assert!(error.contains("no categories") && error.contains("46 items and 5 categories"), "{error}");
    let mut sessions = dataset(300);
    sessions.parts[0].interactions.sort_by_key(|event| event.item);
    let part = |number: usize| Part { name: format!("period-{number}"), ..sessions.parts[0].clone() };
    sessions.parts = (0..3).map(part).collect();
    let sessions = given(&sessions, Roles::after_the_first(2), Catalogue::Full).unwrap();
    let task =
        Task::new(Cut::Periods(sessions), &Protocol::new(Candidates::All, vec!["recall@5".parse().unwrap()]).unwrap())
            .unwrap();
    let watcher = Watcher::until(usize::MAX);
    let checkpoint = Checkpoint::new(folder.path().join("checkpoint"), Duration::MAX);
    let mut cx = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    let error = method("iu", &iu()).unwrap().train(&mut cx).err().expect("refused").to_string();
    assert!(error.contains("learn from labelled samples"), "{error}");
}

#[test]
fn parameters_are_read_strictly() {
    for (name, params, words) in [
        ("iu", iu().replace("\"later\"", "\"latest\""), "latest"),
        ("iu", iu().replace("carried", "kept"), "unknown variant `kept`"),
        ("bu", bu(0), "expected an integer from 1"),
        ("bu", format!("{{{UPDATE}}}"), "missing field `window`"),
        ("incctr", incctr(-1.0), "expected"),
        ("pretrained", "{epochs = 1}".into(), "unknown field `epochs`"),
    ] {
        let error = method(name, &params).err().expect("refused");
        assert!(error.contains(words), "{name}: {error}");
    }
}
