//! A learner of no use through a small stream.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use candle_core::Device;

use super::*;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::kit::{Table, three_periods};
use crate::metrics::{Candidates, Protocol, Scorer};
use crate::nn::{DenseParameter, Trainable};
use crate::queries::Queries;
use crate::split::periods::{Catalogue, Period, Roles, given};
use crate::split::{Cut, HeldOut};
use crate::train::{Checkpoint, Epoch, Observer, Task, Teacher};
use crate::value::Limit;
use crate::weights::{Artefact, Parameter, PeriodArtefacts, Provenance, State, Weights};

/// Scores items by how often they came, with noise; what it carries is the counts, and a number that each period's
/// end doubles.
struct Counter {
    counts: DenseParameter,
    carried: f32,
    sessions: Vec<Vec<u32>>,
}

impl Model for Counter {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        vec![&self.counts]
    }
    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        vec![&mut self.counts]
    }
    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let (n_items, n_queries) = (queries.n_items(), queries.inputs().n_users());
        Ok(Box::new(Table { n_items, scores: self.counts.weights[..n_items].repeat(n_queries) }))
    }
}

impl<'p> Learner<'p> for Counter {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        self.sessions = period.sessions(Limit::At(1)).map(<[u32]>::to_vec).collect();
        let facts = BTreeMap::from([("carried".to_string(), f64::from(self.carried))]);
        let valid = Queries::of_sub_sequences(self.sessions.iter().map(Vec::as_slice), period.items(), HeldOut::Valid);
        self.carried += cx.stream("begin", 0).unit() as f32;
        let stopping = serde_json::json!({"watch": ["mrr@3"], "patience": 9, "every": 1, "decimals": 15});
        let ending = Ending::Early(serde_json::from_value(stopping).unwrap());
        Ok(PeriodData { valid: Some(valid), epochs: 4, ending, facts })
    }
    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        let mut noise = cx.stream("noise", epoch);
        self.sessions.iter().flatten().for_each(|&item| self.counts.weights[item as usize] += noise.unit() as f32);
        Ok(f64::from(self.counts.weights[0] + self.carried))
    }
    fn end(&mut self, _: &mut Context<'_>, _: Period<'p>) -> Result<()> {
        self.carried *= 2.0;
        Ok(())
    }
    fn artefact(&self) -> Result<Artefact> {
        Ok(Artefact { kind: Some("counter".into()), weights: self.weights()? })
    }
    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        state.put("carried", vec![self.carried]);
        Ok(())
    }
    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        self.carried = state.take("carried", 1)?[0];
        Ok(())
    }
}

/// Asks for the end after some epochs.
struct Until(usize, AtomicUsize);

impl Observer for Until {
    fn epoch(&self, _: Epoch<'_>) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, _: &str) {}
    fn run_begins(&self, _: usize, _: usize, _: &str) {}
    fn run_ends(&self, _: &str, _: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

fn go(folder: &Path, until: usize) -> Result<(Vec<Learnt>, Vec<f32>)> {
    go_through(Roles::after_the_first(2), folder, until, None)
}

fn go_through(
    roles: Roles,
    folder: &Path,
    until: usize,
    tested_models: Option<&PeriodArtefacts>,
) -> Result<(Vec<Learnt>, Vec<f32>)> {
    let periods = given(&three_periods(), roles, Catalogue::Growing).unwrap();
    let protocol = Protocol::new(Candidates::All, vec!["mrr@3".parse().unwrap()]).unwrap();
    let task = Task::new(Cut::Periods(periods), &protocol).unwrap();
    let observer = Until(until, AtomicUsize::new(0));
    let checkpoint = Checkpoint::new(folder.join("checkpoint"), Duration::MAX);
    let begun = Context::new(&task, "counter", 0, &Device::Cpu, checkpoint, &observer);
    let mut cx = Context { tested_models, ..begun };
    let counts = DenseParameter::new(Parameter { name: "counts".into(), shape: vec![9], values: vec![0.0; 9] });
    let mut counter = Counter { counts, carried: 1.0, sessions: Vec::new() };
    let learnt = learn(&mut cx, &mut counter)?;
    Ok((learnt, counter.counts.weights))
}

/// All but the seconds.
fn bits((learnt, counts): (Vec<Learnt>, Vec<f32>)) -> String {
    let period = |l: &Learnt| {
        let Learnt { period, items, facts, epochs_run, selected, curve, test, seconds: _, training_seconds: _ } = l;
        format!("{period} {items} {facts:?} {epochs_run} {selected:?} {curve:?} {test:?}")
    };
    format!("{:?} {counts:?}", learnt.iter().map(period).collect::<Vec<_>>())
}

#[test]
fn a_run_that_is_stopped_anywhere_goes_on_as_if_it_had_not_been() {
    let folder = || tempfile::tempdir().unwrap();
    let whole = go(folder().path(), usize::MAX).unwrap();
    assert_eq!(whole.0.iter().map(|l| (l.period, l.items, l.epochs_run)).collect::<Vec<_>>(), [(1, 3, 4), (2, 5, 4)]);
    assert!(whole.0[1].facts["carried"] > 2.0, "the end of period 1 doubled what was more than 1");
    let whole = bits(whole);
    for stops in [&[1][..], &[3], &[4], &[5], &[7], &[1, 1, 1], &[2, 3, 1]] {
        let folder = folder();
        for &stop in stops {
            // After the last epoch of a period the period ends first.
            match go(folder.path(), stop) {
                Err(error) => assert_eq!(error.kind(), Kind::Interrupted, "{error}"),
                Ok(_) => panic!("not stopped after {stop} epochs"),
            }
        }
        assert_eq!(bits(go(folder.path(), usize::MAX).unwrap()), whole, "stopped after {stops:?}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["checkpoint"], "no state within a period stays");
    }
}

/// As a kill leaves it between what is carried being saved and the state within the period being removed.
#[test]
fn a_state_within_a_period_that_is_over_is_forgotten() {
    let whole = bits(go(tempfile::tempdir().unwrap().path(), usize::MAX).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path().join("period-1.safetensors");
    let _ = go(folder.path(), 2).unwrap_err();
    let state = std::fs::read(&within).unwrap();
    let _ = go(folder.path(), 2).unwrap_err(); // To the end of period 1.
    assert!(!within.exists());
    std::fs::write(&within, state).unwrap();
    assert_eq!(bits(go(folder.path(), usize::MAX).unwrap()), whole);
    assert!(!within.exists());
}

#[test]
fn a_state_of_something_else_is_told_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let _ = go(folder.path(), 5).unwrap_err();
    let path = folder.path().join("checkpoint");
    let mut state = State::read(&path).unwrap();
    state.arrays.remove("carried");
    state.write(&path).unwrap();
    let error = go(folder.path(), usize::MAX).unwrap_err().to_string();
    assert!(error.contains("the same command starts this run over") && !path.exists(), "{error}");
    let whole = bits(go(tempfile::tempdir().unwrap().path(), usize::MAX).unwrap());
    // Stopped within period 2; then what was carried into it is lost, and with it the state within.
    let _ = go(folder.path(), 5).unwrap_err();
    assert!(folder.path().join("period-2.safetensors").exists());
    std::fs::write(&path, b"nonsense").unwrap();
    assert_eq!(bits(go(folder.path(), usize::MAX).unwrap()), whole);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no state within a period stays");
}

#[test]
fn the_model_after_each_period_is_kept_where_it_is_asked_for() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let of = Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") };
    let models = PeriodArtefacts { folder: kept.path().into(), of };
    let go = |until| go_through(Roles::after_the_first(2), folder.path(), until, Some(&models));
    // Stopped in period 2, whose model is then not there yet.
    assert_eq!(go(6).unwrap_err().kind(), Kind::Interrupted);
    assert!(models.read(1).unwrap().is_some() && models.read(2).unwrap().is_none());
    let (_, last) = go(usize::MAX).unwrap();
    let teacher = Teacher {
        trial: "counter".into(),
        kind: "counter".into(),
        weights: Weights::default(),
        tested_models: models.clone(),
        folder: kept.path().into(),
        teacher: None,
    };
    let counts = |period| teacher.tested_on(period).unwrap().parameters[0].values.clone();
    assert_eq!(counts(2), last);
    assert_ne!(counts(1), last);
    let error = teacher.tested_on(3).unwrap_err();
    assert!(error.kind() == Kind::Missing && error.to_string().contains("tested on period 3"), "{error}");
}

#[test]
fn pre_training_periods_are_learnt_from_together() {
    let folder = tempfile::tempdir().unwrap();
    let roles = Roles::new(2, NonZeroUsize::new(2), None).unwrap();
    let learnt = go_through(roles, folder.path(), usize::MAX, None).unwrap().0;
    assert_eq!(learnt.iter().map(|l| (l.period, l.items)).collect::<Vec<_>>(), [(2, 5)]);
    let folder = tempfile::tempdir().unwrap();
    let _ = go_through(roles, folder.path(), 2, None).unwrap_err();
    let resumed = go_through(roles, folder.path(), usize::MAX, None).unwrap().0;
    assert_eq!(format!("{:?}", resumed[0].test), format!("{:?}", learnt[0].test));
}
