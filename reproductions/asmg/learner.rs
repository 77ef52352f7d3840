//! Embedding&MLP through a stream of periods: pre-trained, then updated from period to period.

use std::time::Instant;

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::meter::{Phase, check_fits};
use harness::method::{Method, Trained};
use harness::metrics::Scorer;
use harness::nn::Trainable;
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::split::HeldOut;
use harness::split::TrainingData;
use harness::split::periods::{Period, Periods};
use harness::train::{Context, Ending, Learner, Model, PeriodData, Task, learn};
use harness::value::{Count, Limit};
use harness::weights::{Artefact, State, Weights};

use super::options::{OptimiserState, Pretraining, Update};
use super::strategy::{Order, Strategy, TrainingSet, no_samples};
use super::stream::labelled_stream;
use crate::models::embedding_mlp::{
    self, EmbeddingMlp, EmbeddingMlpHyper, EmbeddingMlpScorer, EmbeddingMlpSizes, LocalBatch,
};

/// A method that updates an Embedding&MLP from period to period.
pub struct Incremental {
    pub start: Start,
    /// None where the model stays as it starts.
    pub update: Option<(Update, MakeStrategy)>,
}

/// Makes the strategy of a run.
pub type MakeStrategy = Box<dyn Fn() -> Box<dyn Strategy> + Send + Sync>;

/// Where the model of the first tested period comes from.
pub enum Start {
    /// It is trained on all periods before.
    Pretraining(Pretraining),
    /// It is the one that the teacher was tested with on that period, the optimiser's state included.
    Teacher,
}

impl Method for Incremental {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let mut learner = IncrementalLearner::new(self, cx)?;
        let periods = learn(cx, &mut learner)?;
        let weights = learner.model.weights()?;
        let scorer = embedding_mlp::scorer(&weights, cx.task.test.queries())?;
        Ok(Trained { scorer, weights, meta: None, selected: None, periods })
    }

    fn makes(&self) -> Option<&'static str> {
        Some(embedding_mlp::NAME)
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Samples
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        let periods = self.samples(task, device)?;
        if let Start::Pretraining(pretraining) = &self.start {
            // Weights and two moments; the selected copy, while the one before is still there: 4 bytes each.
            check_fits("the model", [sizes(&pretraining.model, periods).layout().count()], 36)
                .map_err(|error| error.hint("use a smaller `dim`"))?;
        }
        self.update.as_ref().map_or(Ok(()), |(_, make)| make().check(periods))
    }

    fn learns_from(&self) -> &'static [&'static str] {
        match self.start {
            Start::Pretraining(_) => &[],
            Start::Teacher => &[embedding_mlp::NAME],
        }
    }

    fn learns_from_periods(&self) -> bool {
        matches!(self.start, Start::Teacher)
    }
}

impl Incremental {
    /// The stream, whose periods have a batch at least.
    fn samples<'p>(&self, task: &'p Task, device: &Device) -> Result<&'p Periods> {
        let of_start = match &self.start {
            Start::Pretraining(pretraining) => Some(pretraining.batch),
            Start::Teacher => None,
        };
        let batches = of_start.into_iter().chain(self.update.as_ref().map(|(update, _)| update.batch));
        labelled_stream("Embedding&MLP", task, device, batches.max().map_or(0, Count::get))
    }
}

/// The model as it learns period after period.
pub struct IncrementalLearner<'m, 'p> {
    method: &'m Incremental,
    periods: &'p Periods,
    model: EmbeddingMlp,
    strategy: Option<Box<dyn Strategy>>,
    batch: LocalBatch,
    material: Option<Material<'p>>,
    /// Whether the current period is the first that is tested.
    first: bool,
}

/// What the current period trains on, and how.
struct Material<'p> {
    set: TrainingSet<'p>,
    batch: usize,
    optimiser: TfAdam,
}

impl<'m, 'p> IncrementalLearner<'m, 'p> {
    /// # Errors
    /// If the stream has no samples, the model does not fit into memory, or the teacher's does not fit the data.
    pub fn new(method: &'m Incremental, cx: &Context<'p>) -> Result<Self> {
        let periods = method.samples(cx.task, cx.device)?;
        let model = match &method.start {
            Start::Pretraining(Pretraining { model: hyper, .. }) => {
                EmbeddingMlp::new(sizes(hyper, periods).initial(|purpose| cx.stream(purpose, 0)).into())?
            }
            Start::Teacher => pretrained(cx, periods)?,
        };
        let strategy = method.update.as_ref().map(|(_, make)| make());
        let batch = LocalBatch::new(&model.sizes());
        Ok(Self { method, periods, model, strategy, batch, material: None, first: true })
    }
}

/// The sizes of a model of this data.
fn sizes(hyper: &EmbeddingMlpHyper, periods: &Periods) -> EmbeddingMlpSizes {
    let categories = periods.categories().map(|categories| categories.count());
    hyper.sizes(periods.n_users(), periods.n_items(), categories)
}

/// The model that the teacher was tested with on the first tested period.
///
/// # Errors
/// If it is not kept, is kept without the optimiser's state, or has tables of other sizes than the data.
pub fn pretrained(cx: &Context<'_>, periods: &Periods) -> Result<EmbeddingMlp> {
    let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "a method without its teacher"))?;
    let weights = teacher.tested_on(*periods.roles().evaluated().start())?;
    if !embedding_mlp::has_moments(&weights) {
        let what = format!("the first model of teacher `{}` is kept without the state of its optimiser", teacher.trial);
        return Err(Error::new(Kind::Input, what).expected("a trial of the method `iu` as the teacher"));
    }
    let model = EmbeddingMlp::new(weights)?;
    must_fit(&model.sizes(), periods)?;
    Ok(model)
}

/// Refuses a model whose tables are not of the data's sizes.
///
/// # Errors
/// [`Input`](Kind::Input)
pub fn must_fit(sizes: &EmbeddingMlpSizes, periods: &Periods) -> Result<()> {
    let describe = |users: usize, items: usize, categories: Option<usize>| {
        let categories = categories.map_or("no categories".into(), |n| format!("{n} categories"));
        format!("tables of {users} users, {items} items and {categories}")
    };
    let (users, items) = (periods.n_users(), periods.n_items());
    let categories = periods.categories().map(|categories| categories.count());
    if (sizes.users, sizes.items, sizes.categories) == (users, items, categories) {
        return Ok(());
    }
    Err(Error::new(Kind::Input, "the teacher's model is not one of this data")
        .expected(describe(users, items, categories))
        .got(describe(sizes.users, sizes.items, sizes.categories)))
}

impl<'p> Learner<'p> for IncrementalLearner<'_, 'p> {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        let start = Instant::now();
        self.first = period.is_first();
        let adam = |rate: f64| TfAdam { learning_rate: rate };
        let (material, data) = match (&self.method.start, &self.method.update) {
            (Start::Pretraining(pretraining), _) if self.first => {
                let set = TrainingSet::of(period.samples_before(Limit::All).ok_or_else(no_samples)?);
                let valid = matches!(pretraining.stopping, Ending::Early(_)).then(|| period.tested_samples()).flatten();
                let valid = valid.map(|samples| {
                    Queries::of_samples(samples, period.items(), HeldOut::Valid).with_categories(period.categories())
                });
                let Pretraining { batch, learning_rate, epochs, stopping, .. } = pretraining;
                let material = Material { set, batch: batch.get(), optimiser: adam(learning_rate.get()) };
                let (epochs, ending, facts) = (epochs.get(), stopping.clone(), material.facts());
                (Some(material), PeriodData { valid, epochs, ending, facts })
            }
            (_, Some((update, _))) if !self.first => {
                if update.optimiser == OptimiserState::Fresh {
                    self.model = EmbeddingMlp::new(self.model.weights()?)?;
                }
                let strategy = self.strategy.as_mut().expect("an update has a strategy");
                let set = strategy.training_set(cx, period, &mut self.model)?;
                let optimiser = adam(update.learning_rate.get());
                let material = Material { set, batch: update.batch.get(), optimiser };
                let (epochs, facts) = (update.epochs.get(), material.facts());
                (Some(material), PeriodData { valid: None, epochs, ending: Ending::LastEpoch, facts })
            }
            _ => {
                let facts = [("training".to_string(), 0.0)].into();
                (None, PeriodData { valid: None, epochs: 0, ending: Ending::LastEpoch, facts })
            }
        };
        self.material = material;
        cx.meter.since(start, Phase::Prepare);
        Ok(data)
    }

    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        let Self { periods, model, batch, material, .. } = self;
        let Material { set, batch: size, optimiser } = material.as_ref().expect("an epoch of a period that trains");
        let n = set.positions.len();
        let order = match set.order {
            Order::Shuffled => cx.stream("order", epoch).permutation(n),
            Order::AsGiven => (0..n as u32).collect(),
        };
        let mut positions = Vec::with_capacity(*size);
        let mut sum = 0.0;
        for places in order.chunks(*size) {
            cx.meter.time(Phase::Sample, || {
                positions.clear();
                positions.extend(places.iter().map(|&place| set.positions[place as usize]));
                batch.clear();
                batch.push(set.samples, &positions, periods.categories());
                if let Some(labels) = &set.labels {
                    for (label, &place) in batch.labels_mut().iter_mut().zip(places) {
                        *label = labels[place as usize];
                    }
                }
            });
            sum += cx.meter.time(Phase::ForwardBackward, || model.forward_backward(batch));
            cx.meter.time(Phase::Step, || model.step(batch, optimiser));
        }
        cx.meter.time(Phase::Step, || model.settle());
        Ok(sum / n.div_ceil(*size) as f64)
    }

    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()> {
        let start = Instant::now();
        if let Some(strategy) = &mut self.strategy {
            strategy.end(cx, period)?;
        }
        cx.meter.since(start, Phase::Prepare);
        Ok(())
    }

    fn artefact(&self) -> Result<Artefact> {
        // Others go on from the model of the first period.
        let weights = if self.first { self.model.with_moments()? } else { self.model.weights()? };
        Ok(Artefact { kind: Some(embedding_mlp::NAME.into()), weights })
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        self.strategy.as_ref().map_or(Ok(()), |strategy| strategy.save_carried(state))
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        self.strategy.as_mut().map_or(Ok(()), |strategy| strategy.restore_carried(state))
    }
}

impl Material<'_> {
    fn facts(&self) -> std::collections::BTreeMap<String, f64> {
        let mut facts = self.set.facts.clone();
        facts.insert("training".into(), self.set.positions.len() as f64);
        facts
    }
}

impl Model for IncrementalLearner<'_, '_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.model.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.model.tensors_mut()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        Ok(Box::new(EmbeddingMlpScorer::new(&self.model.weights()?, queries)?))
    }

    /// Weights, moments and step count: the authors restore all of a checkpoint at the best epoch, and go on from there
    /// (code).
    fn weights(&self) -> Result<Weights> {
        self.model.with_moments()
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        self.model.set(weights)
    }
}
