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
use harness::meter::Phase;
use harness::method::Trained;
use harness::metrics::Scorer;
use harness::optim::Adam;
use harness::train::{Context, Ending, Epochs, Model, State, TrainingPairs};
use harness::value::{Count, Rate, Weight};
use harness::weights::Parameter;
use serde::Deserialize;

use super::term::Distinct;
use super::{Base, Batch, Recommender, Term};

/// Hyper-parameters of a base model and of its training.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyper {
    /// Size d of a factor.
    pub dim: Count,
    pub learning_rate: Rate,
    /// L2 in the gradient, on all parameters and all rows at every step.
    pub weight_decay: Weight,
    pub batch: Count,
    /// Standard deviation of the initial factors.
    pub init_std: Rate,
    /// Epochs at most.
    pub epochs: Count,
    pub stopping: Ending,
}

/// The student and its terms, as one thing that checkpoints save.
struct Learner<'t> {
    student: Box<dyn Recommender>,
    terms: Vec<Box<dyn Term + 't>>,
}

impl Model for Learner<'_> {
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        self.student.scorer()
    }

    /// The student's alone: what terms train is not part of the model that is served.
    fn parameters(&self) -> Result<Vec<Parameter>> {
        self.student.parameters()
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        self.student.set_parameters(parameters)
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

/// Makes what a method needs before it trains, on the clock of [`Phase::Prepare`].
///
/// # Errors
/// Those of `make`.
pub fn prepare<'a, T>(cx: &mut Context<'a>, make: impl FnOnce(&Context<'a>) -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let made = make(cx)?;
    cx.meter.since(start, Phase::Prepare);
    Ok(made)
}

/// Trains a `base` model with `terms` added to its loss.
///
/// # Errors
/// Those of the data, the device and the terms; divergence; interruption.
pub fn train(cx: &mut Context<'_>, base: Base, hyper: &Hyper, terms: Vec<Box<dyn Term + '_>>) -> Result<Trained> {
    let adam = Adam { learning_rate: hyper.learning_rate.get(), weight_decay: hyper.weight_decay.get() };
    let pairs = TrainingPairs::new(cx.split, cx.seen)?;
    let mut learner = Learner { student: base.model(cx, hyper)?, terms };
    let mut epochs = Epochs::start(cx, hyper.epochs.get(), hyper.stopping.clone(), &mut learner)?;
    let [mut users, mut positives, mut negatives] =
        [cx.split.n_users, cx.split.n_items, cx.split.n_items].map(Distinct::new);
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
    let parameters = learner.student.parameters()?;
    Ok(Trained { scorer: base.scorer(&parameters)?, parameters, selected: Some(selected), periods: Vec::new() })
}
