//! Training of a sequential model on windows, plain or with a term of a distillation loss [code].
//!
//! ```text
//! each epoch:  windows shuffled
//!   each batch:  fresh negatives for every window
//!                L = mean over windows of Σ ln(1 + e^−s) over targets + Σ ln(1 + e^s) over negatives, and the term
//!                one step of Adam with L2 in the gradient, on all rows
//! ```

use std::sync::Arc;
use std::time::Instant;

use harness::error::{Error, Kind, Result};
use harness::meter::Phase;
use harness::method::Trained;
use harness::optim::Adam;
use harness::split::numbered;
use harness::train::{Context, Ending, Epochs};
use harness::value::{Count, Rate, Weight};
use serde::Deserialize;

use super::draw::{Drawn, Source, Streams};
use super::{BatchLoss, Student, WindowTerm, Windows};

/// How a sequential model is trained. RD's values for Gowalla stand in parentheses [code].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// L: items that a window reads (5).
    pub length: Count,
    /// T: items that it is to predict (1).
    pub targets: Count,
    /// Per window, not per target (3).
    pub negatives: Count,
    pub learning_rate: Rate,
    /// L2 in the gradient, on all parameters and all rows at every step (1e-6).
    pub weight_decay: Weight,
    /// Windows (512).
    pub batch: Count,
    pub epochs: Count,
    /// `"none"` in the code: the last epoch has the model.
    pub stopping: Ending,
}

/// Trains `student` on the windows of the run's split. `term`, which may need the windows, is added to the loss.
///
/// # Errors
/// Those of the data, the device and the term; divergence; interruption.
pub fn train(
    cx: &mut Context<'_>,
    student: &Student,
    windows: &Windows,
    mut term: Option<&mut dyn WindowTerm>,
) -> Result<Trained> {
    let hyper = student.training();
    if let Some(user) = (0..cx.split.n_users as u32).find(|&user| cx.seen.of(user).len() >= cx.split.n_items) {
        return Err(Error::new(
            Kind::Data,
            format!("{} has every item: no negative can be drawn", numbered("user", user)),
        )
        .expected(format!("fewer than {} training items", cx.split.n_items))
        .got(cx.seen.of(user).len().to_string()));
    }
    let adam = Adam { learning_rate: hyper.learning_rate.get(), weight_decay: hyper.weight_decay.get() };
    let (targets, negatives) = (hyper.targets.get(), hyper.negatives.get());
    let (split, seen) = (cx.split, cx.seen);
    let (train, n_items, length) = (&split.train, split.n_items, hyper.length.get());
    let source = Source { train, seen, n_items, length, targets, negatives };
    let mut model = student.model(cx, Arc::new(train.clone()))?;
    let mut epochs = Epochs::start(cx, hyper.epochs.get(), hyper.stopping.clone(), &mut *model)?;
    let mut drawn = Drawn::default();
    while let Some(epoch) = epochs.next() {
        let start = Instant::now();
        let order = cx.stream("order", epoch).permutation(windows.len());
        if let Some(term) = &mut term {
            term.begin_epoch(cx, epoch)?;
        }
        let term = term.as_deref();
        let [listed, _] = term.map_or([0; 2], WindowTerm::columns);
        let (mut dropout, mut streams) = (
            cx.stream("dropout", epoch),
            Streams { negatives: cx.stream("negatives", epoch), term: cx.stream("term", epoch) },
        );
        cx.meter.since(start, Phase::Sample);
        let mut losses = Vec::with_capacity(order.len() / hyper.batch.get() + 1);
        for numbers in order.chunks(hyper.batch.get()) {
            cx.meter.time(Phase::Sample, || drawn.draw(&source, windows.as_slice(), numbers, &mut streams, term));
            let batch = drawn.batch(targets + negatives + listed);
            let loss = BatchLoss::new(batch.windows, targets, negatives, term);
            let loss = |k: usize, scores: &[f32], gradients: &mut [f32]| loss.of(k, scores, gradients);
            losses.push(cx.meter.time(Phase::ForwardBackward, || model.forward_backward(&batch, &mut dropout, &loss))?);
            cx.meter.time(Phase::Step, || model.step(&adam))?;
        }
        cx.meter.time(Phase::Step, || model.settle());
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        epochs.end(cx, mean, &mut *model)?;
    }
    let selected = epochs.finish(&mut *model)?;
    let parameters = model.parameters()?;
    Ok(Trained {
        scorer: student.base().scorer(&parameters, split)?,
        parameters,
        selected: Some(selected),
        periods: Vec::new(),
    })
}
