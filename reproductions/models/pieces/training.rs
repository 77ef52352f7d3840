//! Training of a network over pieces by cross entropy: next items at every position, or masked items.
//!
//! ```text
//! each epoch:  pieces shuffled
//!   each batch:  L = mean over positions with a label of the cross entropy over all classes
//!                gradients clipped together, one step of the optimiser on all rows
//!   evaluate, select, save
//! ```

use std::fmt;
use std::time::Instant;

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::meter::{Phase, check_fits};
use harness::method::Trained;
use harness::nn::{DenseParameter, clip_gradients};
use harness::optim::{Adam, AdamW, Lamb};
use harness::rng::Stream;
use harness::train::{Context, Ending, Epochs, Model, Selected};
use harness::value::{Count, Rate, Weight};
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{FeatureGradients, PADDING, PieceBatch, PieceKind, PieceOutputs, PieceScorer};

/// Hyper-parameters of training a network over pieces. AdaRec's for its teachers NextItNet, SASRec and BERT4Rec stand in
/// parentheses (code).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PieceTraining {
    /// L: positions of an input; the items before the last L are not read (10 to 50, by dataset).
    pub length: Count,
    /// Pieces; a short last batch is kept (128; BERT4Rec on next items 64).
    pub batch: Count,
    pub optimiser: PieceOptimiser,
    /// What the learning rate becomes in time (×0.9 every 10 epochs; `"constant"`).
    pub schedule: StepDecay,
    /// Norm to which all gradients are clipped together (5; SASRec `"none"`).
    pub clip: Clip,
    pub epochs: Count,
    /// At the validation metrics MRR@5 or HIT@5, of 4 decimals: an epoch that beats the best so far of either is kept.
    pub stopping: Ending,
}

/// An optimiser with its learning rate, in a spec a table of one key, such as `{ lamb = { … } }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PieceOptimiser {
    /// [`Adam`], whose decay is L2 in the gradient (NextItNet: 1e-3 and 1e-7).
    Adam(Rates),
    /// [`AdamW`], whose decay is decoupled.
    Adamw(Rates),
    /// [`Lamb`], whose decay is added before the trust ratio (SASRec, and BERT4Rec on masked items: 5e-3 and 0.01; BERT4Rec on
    /// next items: 2e-5 and 1e-7).
    Lamb(Rates),
}

/// The numbers of an optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    pub learning_rate: Rate,
    pub weight_decay: Weight,
}

/// What the learning rate becomes in time, in a spec `"constant"` or `{ factor = 0.9, every = 10 }`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `\"constant\"` or a table of `factor` and `every`")]
pub enum StepDecay {
    Constant(Constant),
    Steps(DecaySteps),
}

/// The word `"constant"`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Constant {
    Constant,
}

/// The learning rate is multiplied by `factor` after every so many epochs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecaySteps {
    pub factor: Rate,
    pub every: Count,
}

/// The largest norm of all gradients together, in a spec `"none"` or a number above 0.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `\"none\"` or a finite number above 0")]
pub enum Clip {
    None(Unclipped),
    At(Rate),
}

/// The word `"none"`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unclipped {
    None,
}

impl StepDecay {
    /// The factor of the learning rate in an epoch, counting from 0.
    pub fn factor(&self, epoch: usize) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            Self::Steps(DecaySteps { factor, every }) => (0..epoch / every.get()).map(|_| factor.get()).product(),
        }
    }
}

impl PieceOptimiser {
    /// One step of all parameters, with the learning rate times `factor`.
    pub fn step(&self, parameters: &mut [&mut DenseParameter], factor: f64) {
        let numbers = |rates: &Rates| (rates.learning_rate.get() * factor, rates.weight_decay.get());
        for parameter in parameters {
            match self {
                Self::Adam(rates) => {
                    let (learning_rate, weight_decay) = numbers(rates);
                    parameter.step(&Adam { learning_rate, weight_decay });
                }
                Self::Adamw(rates) => {
                    let (learning_rate, weight_decay) = numbers(rates);
                    parameter.step_adamw(&AdamW { learning_rate, weight_decay });
                }
                Self::Lamb(rates) => {
                    let (learning_rate, weight_decay) = numbers(rates);
                    parameter.step_lamb(&Lamb { learning_rate, weight_decay });
                }
            }
        }
    }
}

impl PieceTraining {
    /// Clips the gradients of a step and makes it.
    pub fn step(&self, parameters: &mut [&mut DenseParameter], epoch: usize) {
        if let Clip::At(most) = self.clip {
            clip_gradients(parameters, most.get());
        }
        self.optimiser.step(parameters, self.schedule.factor(epoch));
    }
}

/// The weights at which a model starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Those of the trial's teacher, running statistics included.
    Inherited,
    /// New ones.
    Fresh,
}

/// A network over pieces in training, on the CPU, by hand-written gradients.
///
/// One step by cross entropy is [`forward_backward`](Self::forward_backward), with other losses
/// [`forward`](Self::forward), the losses and [`backward`](Self::backward); then one of an optimiser over all
/// [parameters](Self::parameters_mut).
pub trait PieceModel: Model {
    /// The mean cross entropy over the labelled positions of a batch; leaves the gradients in the parameters. What is
    /// dropped is drawn from `dropout`.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if an id of the batch has no row, or its length is not the model's.
    fn forward_backward(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<f64>;

    /// Begins a step whose losses are made elsewhere: a pass in training mode, what is dropped drawn from `dropout`.
    ///
    /// # Errors
    /// As [`forward_backward`](Self::forward_backward).
    fn forward(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<()>;

    /// What losses read of the pass that [`forward`](Self::forward) made, and weight and bias of the output layer, whose gradients
    /// whoever makes the losses fills.
    fn features_and_output_mut(&mut self) -> (&PieceOutputs, [&mut DenseParameter; 2]);

    /// Ends a step: leaves the gradients in all parameters but those of the output layer.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if no pass is in progress, or a gradient has another size than its feature.
    fn backward(&mut self, gradients: FeatureGradients<'_>) -> Result<()>;

    /// All parameters, in the model's order.
    fn parameters_mut(&mut self) -> Vec<&mut DenseParameter>;
}

/// Hyper-parameters of a network over pieces, its training included.
pub trait PieceHyper: fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static PieceKind;

    fn training(&self) -> &PieceTraining;

    /// Values that a model of so many items has.
    fn count(&self, items: usize) -> usize;

    /// Values that a step keeps for each position.
    fn kept(&self) -> usize;

    /// The weights at which the model starts.
    fn start(&self) -> Start {
        Start::Fresh
    }

    /// The kinds of models whose weights it may inherit; none if it starts fresh.
    fn learns_from(&self) -> &'static [&'static str] {
        &[]
    }

    /// A model whose initial values are inherited, or else come from these streams.
    ///
    /// # Errors
    /// Of the model; [`Input`](Kind::Input) if what is inherited is of another size.
    fn model(
        &self,
        items: usize,
        inherited: Option<&Weights>,
        stream: &dyn Fn(&str) -> Stream,
    ) -> Result<Box<dyn PieceModel>>;

    /// Replaces the pieces of a batch by these training sequences, oldest item first, as the network learns from them. What is
    /// random is drawn from `draws`.
    ///
    /// # Errors
    /// Of [`PieceBatch::set`].
    fn fill(
        &self,
        batch: &mut PieceBatch,
        pieces: &mut dyn Iterator<Item = &[u32]>,
        _items: usize,
        _draws: &mut Stream,
    ) -> Result<()> {
        batch.set(pieces)
    }

    /// Whether a piece has the same inputs in every epoch, so that a teacher's answers to it can be kept.
    fn keeps_inputs(&self) -> bool {
        true
    }

    /// Labels of a whole piece that the network sees at training, where that is known and not always none.
    fn labels_seen(&self) -> Option<usize> {
        None
    }
}

/// Refuses a batch that does not fit a model that reads so many ids and positions, and predicts so many items.
///
/// # Errors
/// [`Internal`](Kind::Internal)
pub fn check_batch(batch: &PieceBatch, ids: usize, items: usize, length: usize) -> Result<()> {
    let known = |values: &[u32], ids: usize| values.iter().all(|&id| (id as usize) < ids);
    let known = known(batch.inputs(), ids) && known(batch.labels(), items + 1);
    if batch.length() == length && batch.pieces() > 0 && known {
        return Ok(());
    }
    Err(Error::new(Kind::Internal, "a batch of pieces does not fit its network")
        .expected(format!("pieces of {length} positions over {items} items"))
        .got(format!("{} pieces of {} positions", batch.pieces(), batch.length())))
}

/// Refuses a device that networks over pieces have no code for, and a model of so many items that does not fit into memory.
///
/// # Errors
/// [`Missing`](Kind::Missing), or those of [`check_fits`].
pub fn check_fit(hyper: &dyn PieceHyper, items: usize, device: &Device) -> Result<()> {
    if !device.is_cpu() {
        let what = format!("`{}` trains on the CPU alone", hyper.kind().name);
        return Err(Error::new(Kind::Missing, what)
            .expected("`--device cpu`")
            .hint("its step is written by hand for the CPU; there is none for CUDA yet"));
    }
    let training = hyper.training();
    // Weights, gradient, two moments and the selected copy, 4 bytes each.
    check_fits("the model", [hyper.count(items)], 20).map_err(|error| error.hint("use a smaller width"))?;
    check_fits("what a batch computes", [training.batch.get(), training.length.get(), hyper.kept()], 4)
        .map_err(|error| error.hint("use a smaller `batch`, `length` or width"))
}

/// Tells the record how many labels of a piece the network sees, where it says so.
pub fn tell_labels_seen(cx: &mut Context<'_>, hyper: &dyn PieceHyper) {
    if let Some(seen) = hyper.labels_seen() {
        cx.facts.insert("labels seen".into(), (seen as f64).into());
    }
}

/// What a run ends with, of a model that stands at its selected epoch.
///
/// # Errors
/// If the weights are not of the kind, or do not fit the queries.
pub fn trained(cx: &Context<'_>, hyper: &dyn PieceHyper, model: &dyn Model, selected: Selected) -> Result<Trained> {
    let weights: Weights = model.weights()?;
    let encoder = (hyper.kind().encoder)(&weights)?;
    Ok(Trained {
        scorer: Box::new(PieceScorer::new(encoder, cx.task.test.queries())?),
        weights,
        meta: None,
        selected: Some(selected),
        periods: Vec::new(),
    })
}

/// Trains a network on the pieces of the run's split, each of which is a user of it.
///
/// # Errors
/// Errors of the data; divergence; interruption.
pub fn train(cx: &mut Context<'_>, hyper: &dyn PieceHyper) -> Result<Trained> {
    let (split, training) = (cx.split(), hyper.training());
    let inherited = match (hyper.start(), cx.teacher) {
        (Start::Fresh, _) => None,
        (Start::Inherited, Some(teacher)) => Some(&teacher.weights),
        (Start::Inherited, None) => return Err(Error::new(Kind::Internal, "nothing to inherit from")),
    };
    let mut model = hyper.model(split.n_items, inherited, &|purpose| cx.stream(purpose, 0))?;
    tell_labels_seen(cx, hyper);
    let mut epochs = Epochs::start(cx, training.epochs.get(), training.stopping.clone(), &mut *model)?;
    let mut batch = PieceBatch::new(training.length.get());
    while let Some(epoch) = epochs.next() {
        let start = Instant::now();
        let order = cx.stream("order", epoch).permutation(split.train.n_users());
        let (mut dropout, mut draws) = (cx.stream("dropout", epoch), cx.stream("mask", epoch));
        cx.meter.since(start, Phase::Sample);
        let mut losses = Vec::with_capacity(order.len() / training.batch.get() + 1);
        for pieces in order.chunks(training.batch.get()) {
            let mut sequences = pieces.iter().map(|&piece| split.train.of(piece));
            cx.meter.time(Phase::Sample, || hyper.fill(&mut batch, &mut sequences, split.n_items, &mut draws))?;
            // Where nothing of a batch is masked, there is nothing to learn.
            if batch.labels().iter().all(|&label| label == PADDING) {
                continue;
            }
            losses.push(cx.meter.time(Phase::ForwardBackward, || model.forward_backward(&batch, &mut dropout))?);
            cx.meter.time(Phase::Step, || training.step(&mut model.parameters_mut(), epoch));
        }
        let mean = losses.iter().sum::<f64>() / losses.len() as f64;
        epochs.end(cx, mean, &mut *model)?;
    }
    let selected = epochs.finish(&mut *model)?;
    trained(cx, hyper, &*model, selected)
}
