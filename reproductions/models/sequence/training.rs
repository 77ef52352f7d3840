//! Training of a sequential model on windows, plain or with a term of a distillation loss (code).
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
use harness::meter::{Phase, check_fits};
use harness::method::Trained;
use harness::optim::Adam;
use harness::split::{UserItems, numbered};
use harness::train::{Context, Epochs};

use super::draw::{DrawnBatch, Source, Streams};
use super::scorer::scorer;
use super::{BatchLoss, SequentialHyper, SequentialModel, WindowTerm, Windows};

/// The training windows of a split.
///
/// # Errors
/// As [`Windows::new`].
pub fn windows(hyper: &dyn SequentialHyper, train: &UserItems) -> Result<Windows> {
    Windows::new(train, hyper.training().length.get(), hyper.training().targets.get())
}

/// Refuses batches that cannot be scored at once: an id, a score and its gradient for each column of a window.
///
/// # Errors
/// [`Input`](Kind::Input)
pub fn check_scored(batch: usize, columns: usize) -> Result<()> {
    check_fits("what a batch scores", [batch, columns], 12)
}

/// A fresh model on the run's device, if it and its batches fit into memory.
fn fresh(cx: &Context<'_>, hyper: &dyn SequentialHyper, train: Arc<UserItems>) -> Result<Box<dyn SequentialModel>> {
    // Weights, two moments and the selected copy, 4 bytes each.
    check_fits("the model", [hyper.layout(cx.split().n_users, cx.split().n_items).count()], 16)
        .map_err(|error| error.hint("use a smaller `dim`, `length` or number of filters"))?;
    let training = hyper.training();
    // What a step computes for each window, and its gradients.
    check_fits("what a batch computes", [training.batch.get(), hyper.features()], 8)
        .map_err(|error| error.hint("use a smaller `batch`, `dim`, or number of filters"))?;
    check_scored(training.batch.get(), training.targets.get().saturating_add(training.negatives.get()))
        .map_err(|error| error.hint("use a smaller `batch`, or fewer `negatives`"))?;
    hyper.model(cx, train)
}

/// Trains a model on the windows of the run's split. `term`, which may need the windows, is added to the loss.
///
/// # Errors
/// Errors of the data, the device and the term; divergence; interruption.
pub fn train(
    cx: &mut Context<'_>,
    hyper: &dyn SequentialHyper,
    windows: &Windows,
    mut term: Option<&mut dyn WindowTerm>,
) -> Result<Trained> {
    let (split, seen, training) = (cx.split(), cx.seen(), hyper.training());
    if let Some(user) = (0..split.n_users as u32).find(|&user| seen.of(user).len() >= split.n_items) {
        return Err(Error::new(
            Kind::Data,
            format!("{} has every item: no negative can be drawn", numbered("user", user)),
        )
        .expected(format!("fewer than {} training items", split.n_items))
        .got(seen.of(user).len().to_string()));
    }
    let adam = Adam { learning_rate: training.learning_rate.get(), weight_decay: training.weight_decay.get() };
    let (targets, negatives) = (training.targets.get(), training.negatives.get());
    let (train, n_items, length) = (&split.train, split.n_items, training.length.get());
    let source = Source { train, seen, n_items, length, targets, negatives };
    let mut model = fresh(cx, hyper, Arc::new(train.clone()))?;
    let mut epochs = Epochs::start(cx, training.epochs.get(), training.stopping.clone(), &mut *model)?;
    let mut drawn = DrawnBatch::default();
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
        let mut losses = Vec::with_capacity(order.len() / training.batch.get() + 1);
        for numbers in order.chunks(training.batch.get()) {
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
    let weights = model.weights()?;
    Ok(Trained {
        scorer: scorer(hyper.kind(), &weights, cx.task.test.queries())?,
        weights,
        meta: None,
        selected: Some(selected),
        periods: Vec::new(),
    })
}
