//! Whole runs over a made-up stream of periods.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use candle_core::Device;
use harness::data::{Clock, Dataset, Interaction, Part, Values};
use harness::error::{Kind, Result};
use harness::method::Trained;
use harness::metrics::{Candidates, Protocol};
use harness::rng::Stream;
use harness::split::Cut;
use harness::split::periods::sessions::sub_sequences;
use harness::split::periods::{Catalogue, Periods, Roles, given};
use harness::train::{Checkpoint, Context, Learner, Model, Task};
use harness::value::Limit;
use harness::weights::State;
use serde::Deserialize;

use super::ContinualSasRec;
use crate::ader::{AgainstForgetting, Continual, Ewc, Kept, Training};
use crate::kit::{Watcher, method, same_on_threads};
use crate::models::sasrec::SasRec;
use harness::nn::Dropout;

const TRAINING: &str = r#"training = {schedule = {start = "last", window = 1}, batch = 16, learning_rate = 5e-3,
    validation = 0.2, epochs = 3, stopping = {watch = ["recall@5"], patience = 2, every = 1, decimals = 15},
    model = {dim = 8, length = 4, blocks = 2, heads = 2, dropout = 0.2}}"#;
const EXEMPLARS: &str = r#"exemplars = {budget = 40, quota = "multinomial", selection = "herding-capped"}"#;
const REPLAY: &str = r#"replay = {weight = 0.8, weighting = "adaptive", loss = "distil-over-old-items"}"#;
const EWC: &str = "ewc = {weight = 50, samples = 30}";

fn sasrec() -> String {
    format!("{{{TRAINING}}}")
}

fn joint() -> String {
    sasrec().replace(r#"start = "last", window = 1"#, r#"start = "fresh", window = "all""#)
}

fn ader() -> String {
    format!("{{{TRAINING}, {EXEMPLARS}, {REPLAY}}}")
}

fn ewc() -> String {
    format!("{{{TRAINING}, {EXEMPLARS}, {EWC}}}")
}

/// Four periods of fifty sessions of one to six events; each period brings items, and items follow their neighbours.
fn periods() -> Periods {
    let part = |period: u32| {
        let mut stream = Stream::new(0, "world", "period", u64::from(period));
        let known = 12 + 6 * period;
        let mut interactions: Vec<Interaction> = Vec::new();
        let mut add =
            |user, item| interactions.push(Interaction { user, item, time: 0.into(), value: 1.0, session: 0 });
        let first = if period == 0 { 0 } else { known - 6 };
        (first..known).for_each(|item| add(1000 * period, item)); // New items in their order.
        for session in 1..=50 {
            let start = stream.below(known);
            (0..1 + stream.below(6)).for_each(|k| add(1000 * period + session, (start + k) % known));
        }
        Part { name: format!("period-{period}"), interactions }
    };
    let parts = (0..4).map(part).collect();
    let dataset = Dataset {
        name: "made-up".into(),
        n_users: 4000,
        n_items: 33,
        user_places: Vec::new(),
        item_places: Vec::new(),
        session_places: Vec::new(),
        categories: None,
        clock: Clock::Order,
        values: Values::None,
        parts,
    };
    given(&dataset, Roles::after_the_first(3), Catalogue::Growing).unwrap()
}

fn go(name: &str, params: &str, folder: &Path, until: usize) -> Result<Trained> {
    let protocol = Protocol::new(Candidates::All, vec!["recall@5".parse().unwrap()]).unwrap();
    let task = Task::new(Cut::Periods(periods()), &protocol).unwrap();
    let watcher = Watcher::until(until);
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let mut cx = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    method(name, params).unwrap().train(&mut cx)
}

fn run(name: &str, params: &str) -> Trained {
    go(name, params, tempfile::tempdir().unwrap().path(), usize::MAX).unwrap()
}

/// All that a run came to, but for its seconds.
fn bits(trained: &Trained) -> String {
    let periods = trained.periods.iter().map(|l| format!("{:?} {:?} {:?} {:?}", l.facts, l.selected, l.curve, l.test));
    let weights = trained.weights.parameters.iter().map(|p| p.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    format!("{:?} {:?}", periods.collect::<Vec<_>>(), weights.collect::<Vec<_>>())
}

#[test]
fn every_method_goes_on_from_any_epoch_of_any_period() {
    let few = ader().replace("budget = 40", "budget = 2");
    for (name, params) in [("sasrec", sasrec()), ("sasrec", joint()), ("ader", ader()), ("ader", few), ("ewc", ewc())] {
        let whole = run(name, &params);
        let epochs: usize = whole.periods.iter().map(|period| period.epochs_run).sum();
        assert!(whole.periods.len() == 3 && epochs == 9, "{epochs} epochs");
        for stops in [&[1][..], &[5], &[8], &[2, 2, 2]] {
            let folder = tempfile::tempdir().unwrap();
            for &stop in stops {
                let error = go(name, &params, folder.path(), stop).err().expect("stopped");
                assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            }
            let resumed = go(name, &params, folder.path(), usize::MAX).unwrap();
            assert!(bits(&resumed) == bits(&whole), "{name} stopped after {stops:?} epochs");
        }
    }
}

#[test]
fn threads_change_nothing() {
    for (name, params) in [("ader", ader()), ("ewc", ewc())] {
        same_on_threads(|| bits(&run(name, &params)));
    }
}

#[test]
fn exemplars_and_their_weight_are_those_of_the_period() {
    let run = run("ader", &ader());
    let facts = |period: usize, name: &str| run.periods[period - 1].facts.get(name).copied();
    assert_eq!((facts(1, "exemplars"), facts(1, "lambda")), (Some(0.0), None), "the first period replays nothing");
    for period in [2, 3] {
        let exemplars = facts(period, "exemplars").unwrap();
        assert!(exemplars > 20.0 && exemplars <= 40.0, "{exemplars}");
        let [before, items] = [period - 1, period].map(|p| run.periods[p - 1].items as f64);
        let want = 0.8 * (before / items * exemplars / facts(period, "training").unwrap()).sqrt();
        assert!((facts(period, "lambda").unwrap() - want).abs() < 1e-12);
    }
    assert_eq!(run.periods.iter().map(|period| period.items).collect::<Vec<_>>(), [12, 18, 24]);
    let fixed = self::run("ader", &ader().replace("adaptive", "fixed"));
    assert_eq!(fixed.periods[1].facts["lambda"], 0.8);
    let few = self::run("ader", &ader().replace("budget = 40", "budget = 2"));
    for period in &few.periods[1..] {
        assert!((1.0..=2.0).contains(&period.facts["exemplars"]) && period.facts["training"] > 3.0 * 16.0);
        assert!(period.curve.loss.iter().all(|loss| loss.is_finite()), "more batches than exemplars");
    }
}

/// Where the last period left the model, and only in what that period knew.
#[test]
fn ewc_anchors_the_model_of_the_last_period() {
    #[derive(Deserialize)]
    struct EwcParams {
        training: Training,
        exemplars: Kept,
        ewc: Ewc,
    }
    let text = [TRAINING, EXEMPLARS, EWC].map(|part| part.replace('\n', " ")).join("\n");
    let EwcParams { training, exemplars, ewc } = toml::from_str(&text).unwrap();
    let against_forgetting = Some(AgainstForgetting::Ewc(ewc));
    let method = Continual { training, kept: Some(exemplars), against_forgetting };
    let protocol = Protocol::new(Candidates::All, vec!["recall@5".parse().unwrap()]).unwrap();
    let task = Task::new(Cut::Periods(periods()), &protocol).unwrap();
    let (folder, watcher) = (tempfile::tempdir().unwrap(), Watcher::until(usize::MAX));
    let checkpoint = Checkpoint::new(folder.path().join("checkpoint"), Duration::MAX);
    let mut cx = Context::new(&task, "trial", 3, &Device::Cpu, checkpoint, &watcher);
    let mut learner = ContinualSasRec::new(&method, &cx).unwrap();
    for number in 1..=3 {
        let period = task.periods().unwrap().period(number);
        learner.begin(&mut cx, period).unwrap();
        if number == 1 {
            assert!(learner.material.penalty.is_none(), "there is no period before");
        } else {
            let penalty = learner.material.penalty.clone().unwrap();
            let after_moving = |rows: Range<usize>| {
                let mut weights = learner.model.weights().unwrap();
                weights.parameters[0].values[rows.start * 8..rows.end * 8].iter_mut().for_each(|value| *value += 0.1);
                penalty.add(&mut SasRec::new(weights, Dropout::new(0.0)).unwrap()).unwrap()
            };
            assert_eq!(after_moving(0..0), 0.0, "the model is where period {} left it", number - 1);
            assert_eq!(after_moving(period.items_before()..period.items()), 0.0, "items that are new are free");
            assert!(after_moving(0..period.items_before()) > 0.0);
        }
        learner.epoch(&mut cx, 0).unwrap();
        learner.end(&mut cx, period).unwrap();
    }
}

/// With room for all of them, what is in store tells what was there to choose from: each sub-sequence of the period
/// that ended, those that validate too, and what was in store before.
#[test]
fn exemplars_are_chosen_from_all_of_the_period_and_those_in_store() {
    let params = ader().replace("budget = 40", "budget = 100000").replace("multinomial", "proportional");
    for selection in ["random", "loss"] {
        let run = run("ader", &params.replace("herding-capped", selection));
        let (periods, mut want) = (periods(), 0);
        for period in [2, 3] {
            let learnt = periods.period(period - 1).sessions(Limit::At(1)).flat_map(sub_sequences);
            want += learnt.filter(|sub_sequence| sub_sequence.len() > 1).count();
            assert_eq!(run.periods[period - 1].facts["exemplars"], want as f64, "{selection}, period {period}");
        }
    }
}

#[test]
fn joint_learns_all_periods_afresh() {
    let (joint, last) = (run("sasrec", &joint()), run("sasrec", &sasrec()));
    let counts = |run: &Trained| run.periods.iter().map(|p| p.facts["sub_sequences"]).collect::<Vec<_>>();
    let mut pooled = counts(&last);
    (1..3).for_each(|period| pooled[period] += pooled[period - 1]);
    assert_eq!(counts(&joint), pooled);
    assert_eq!(joint.periods[0].curve, last.periods[0].curve, "there is one period before the first test");
    assert!(joint.periods[1].curve.loss[0] > last.periods[1].curve.loss[0], "the other has learnt something before");
}

/// With the same trial id and seed, runs draw the same numbers, and differ by what their option does alone.
#[test]
fn an_option_changes_what_comes_after_the_first_period() {
    let plain = run("sasrec", &sasrec());
    assert!(bits(&plain) != bits(&run("ewc", &ewc())));
    let curves = |run: &Trained| run.periods.iter().map(|period| period.curve.clone()).collect::<Vec<_>>();
    let without = run("ewc", &ewc().replace("weight = 50", "weight = 0"));
    assert_eq!(curves(&without), curves(&plain), "no penalty at all");
    let one_sample = run("ewc", &ewc().replace("samples = 30", "samples = 1"));
    assert!(curves(&one_sample)[1] != curves(&run("ewc", &ewc()))[1], "the Fisher information is of its samples");
    let of_ader = curves(&run("ader", &ader()));
    for (from, to) in [
        ("adaptive", "fixed"),
        ("distil-over-old-items", "distil-over-all-items"),
        ("distil-over-old-items", "labels"),
        ("multinomial", "proportional"),
        ("multinomial", "equal"),
        ("herding-capped", "herding-exact"),
        ("herding-capped", "random"),
        ("herding-capped", "loss"),
    ] {
        let other = curves(&run("ader", &ader().replace(from, to)));
        assert_eq!(other[0], of_ader[0], "{to}");
        assert!(other[1] != of_ader[1], "{to} does something");
    }
}

/// The weights of the best epoch come back with the moments and step counts that they had: a model goes on in the next
/// period as it was then.
#[test]
fn a_selected_epoch_brings_back_the_state_of_the_optimiser() {
    let params = sasrec().replace("epochs = 3", "epochs = 30").replace("5e-3", "2e-2");
    let first = run("sasrec", &params).periods.swap_remove(0);
    let best = first.selected.unwrap().0 as u64;
    assert!(best + 1 < first.epochs_run as u64, "the best epoch, {best}, is not the last of {}", first.epochs_run);
    let folder = tempfile::tempdir().unwrap();
    go("sasrec", &params, folder.path(), first.epochs_run + 1).err().expect("stopped within the second period");
    let carried = State::read(&folder.path().join("checkpoint")).unwrap();
    let batches = (first.facts["training"] / 16.0).ceil() as u64;
    let steps: Vec<u64> = carried.counts.iter().filter(|(name, _)| name.ends_with("steps")).map(|(_, n)| *n).collect();
    assert!(!steps.is_empty() && steps.iter().all(|&n| n == batches * (best + 1)), "{steps:?} {batches} {best}");
    let moments = carried.arrays.iter().filter(|(name, _)| name.ends_with("_moment"));
    let moved = moments.filter(|(_, values)| values.iter().any(|value| *value != 0.0)).count();
    assert!(moved > 10, "{moved} moments are not zero");
}

#[test]
fn without_selection_nothing_needs_to_validate() {
    let none = r#"stopping = "none""#;
    let early = r#"stopping = {watch = ["recall@5"], patience = 2, every = 1, decimals = 15}"#;
    let params = sasrec().replace("validation = 0.2", "validation = 0.0").replace(early, none);
    let run = run("sasrec", &params);
    assert!(run.periods.iter().all(|period| period.selected.is_none() && period.epochs_run == 3));
}

#[test]
fn a_period_without_anything_to_validate_by_is_refused() {
    let error =
        go("sasrec", &sasrec().replace("validation = 0.2", "validation = 0.0"), Path::new("nowhere"), usize::MAX);
    let error = error.err().expect("refused").to_string();
    assert!(error.contains("too little to learn from before period 1") && error.contains("hint:"), "{error}");
}
