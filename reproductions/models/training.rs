//! Training of a base model on pairs, plain or with terms of a distillation loss.
//!
//! ```text
//! each epoch:  a fresh negative for every pair, shuffled
//!              terms redraw their samples
//!   each batch:  L = L_base + Σ terms;  one step of Adam with L2 in the gradient
//!   evaluate, select, save
//! ```

use std::time::Instant;

use harness::error::Result;
use harness::meter::{Phase, check_fits};
use harness::method::Trained;
use harness::metrics::Scorer;
use harness::nn::Trainable;
use harness::optim::Adam;
use harness::queries::Queries;
use harness::train::{Context, Epochs, Model, TrainingPairs};
use harness::weights::{Settings, State, Weights};

use super::term::Distinct;
use super::{Batch, PairHyper, PairKind, Recommender, Side, Term};

/// The student and its terms, as one thing that checkpoints save. The weights are the student's alone: what terms train is
/// not part of the model that is served.
struct Distilled<'t> {
    student: Box<dyn Recommender>,
    terms: Vec<Box<dyn Term + 't>>,
}

impl Model for Distilled<'_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.student.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.student.tensors_mut()
    }

    fn settings(&self) -> Settings {
        self.student.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        self.student.scorer(queries)
    }

    fn weights(&self) -> Result<Weights> {
        self.student.weights()
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        self.student.set_weights(weights)
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.student.save(state)?;
        self.terms.iter().try_for_each(|term| term.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.student.restore(state)?;
        self.terms.iter_mut().try_for_each(|term| term.restore(state, &mut *self.student))
    }
}

/// Makes inputs of a method, such as lists of its teacher, on the clock of [`Phase::Prepare`].
///
/// # Errors
/// Errors of `make`.
pub fn prepare<'a, T>(cx: &mut Context<'a>, make: impl FnOnce(&Context<'a>) -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let made = make(cx)?;
    cx.meter.since(start, Phase::Prepare);
    Ok(made)
}

/// A fresh model on the run's device, if it fits into memory.
///
/// # Errors
/// [`Input`](harness::error::Kind::Input) if it does not; errors of the device.
pub fn fresh(cx: &Context<'_>, kind: &PairKind, hyper: &PairHyper) -> Result<Box<dyn Recommender>> {
    let layout = (kind.layout)(cx.split().n_users, cx.split().n_items, hyper.dim.get());
    // Weights, two moments and the selected copy, 4 bytes each.
    check_fits("the model", [layout.count()], 16).map_err(|error| error.hint("use a smaller `dim`"))?;
    (kind.model)(cx, hyper)
}

/// Trains a model of a kind with `terms` added to its loss.
///
/// # Errors
/// Errors of the data, the device and the terms; divergence; interruption.
pub fn train(
    cx: &mut Context<'_>,
    kind: &PairKind,
    hyper: &PairHyper,
    terms: Vec<Box<dyn Term + '_>>,
) -> Result<Trained> {
    let (split, seen) = (cx.split(), cx.seen());
    let adam = Adam { learning_rate: hyper.learning_rate.get(), weight_decay: hyper.weight_decay.get() };
    let pairs = TrainingPairs::new(split, seen)?;
    let mut learner = Distilled { student: fresh(cx, kind, hyper)?, terms };
    let mut epochs = Epochs::start(cx, hyper.epochs.get(), hyper.stopping.clone(), &mut learner)?;
    let [mut users, mut positives, mut negatives] = [split.n_users, split.n_items, split.n_items].map(Distinct::new);
    while let Some(epoch) = epochs.next() {
        let (mut draws, mut order) = (cx.stream("negatives", epoch), cx.stream("order", epoch));
        let triples = cx.meter.time(Phase::Sample, || pairs.epoch(&mut draws, &mut order));
        for term in &mut learner.terms {
            let start = Instant::now();
            term.begin_epoch(cx, epoch, &mut *learner.student)?;
            cx.meter.since(start, Phase::Sample);
        }
        let mut losses = Vec::with_capacity(triples.len() / hyper.batch.get() + 1);
        for batch in triples.chunks(hyper.batch.get()) {
            let mut loss = cx.meter.time(Phase::ForwardBackward, || learner.student.forward_backward(batch))?;
            if !learner.terms.is_empty() {
                users.set(batch.iter().map(|t| t[0]));
                positives.set(batch.iter().map(|t| t[1]));
                negatives.set(batch.iter().map(|t| t[2]));
            }
            let batch =
                Batch { triples: batch, users: &users.ids, positives: &positives.ids, negatives: &negatives.ids };
            for term in &mut learner.terms {
                loss += cx.meter.time(Phase::Distill, || term.add(&batch, &mut *learner.student))?;
            }
            losses.push(loss);
            cx.meter.time(Phase::Step, || {
                learner.student.step(&adam)?;
                learner.terms.iter_mut().try_for_each(|term| term.step(&adam))
            })?;
        }
        cx.meter.time(Phase::Step, || learner.student.settle());
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        epochs.end(cx, mean, &mut learner)?;
    }
    let selected = epochs.finish(&mut learner)?;
    let weights = learner.weights()?;
    Ok(Trained {
        scorer: (kind.scorer)(&weights, Side::User)?,
        weights,
        meta: None,
        selected: Some(selected),
        periods: Vec::new(),
    })
}
