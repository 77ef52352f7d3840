//! A generator through a stream of periods.
//!
//! ```text
//! before the test on t:   train on Θ_{t−k} … Θ_{t−1}, each output on the data that its input was tested on
//!                         generate the model to be tested from Θ_{t−k+1} … Θ_t
//! ```
//!
//! Θ_t is the teacher's model that was tested on period t. The authors test first and then train, of one period number; that
//! is the training before the next test.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::error::{Error, Kind, Result};
use harness::meter::Phase;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Trainable};
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::split::periods::Period;
use harness::train::{Context, Ending, Learner, Model, PeriodData, Teacher};
use harness::value::Limit;
use harness::weights::{Artefact, Parameter, State, Weights};

use super::model_generator::ModelGenerator;
use super::options::GeneratorTraining;
use super::past_models::{Coordinates, PastModel};
use super::sequence_batch::SequenceBatch;
use super::sequence_plan::{SequencePlan, Set};
use crate::asmg::learner::must_fit;
use crate::models::embedding_mlp::{self, EmbeddingMlpSizes, without_moments};

/// A generator that learns period after period, with the past models that it reads.
pub struct GeneratorLearner<'p> {
    plan: SequencePlan<'p>,
    generator: Box<dyn ModelGenerator>,
    teacher: &'p Teacher,
    sizes: EmbeddingMlpSizes,
    /// Names and shapes of the base model's tensors.
    layout: Vec<(String, Vec<usize>)>,
    /// What training before the current period reads, and the model of the current period; oldest first.
    models: Vec<PastModel>,
    /// Of the current period, newest first; none where the generator does not train.
    sets: Vec<Set<'p>>,
    batch: SequenceBatch,
    /// The model that is tested.
    served: Weights,
}

impl<'p> GeneratorLearner<'p> {
    /// A learner with the generator that `new` makes for base models with the teacher's sizes, and that keeps `states` hidden
    /// numbers of each coordinate from period to period.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there are too few periods before the first tested one, the samples of a period do not make
    /// the batches, or the models do not fit into memory; [`Missing`](Kind::Missing) for a device other than the CPU.
    pub fn new(
        training: GeneratorTraining,
        states: usize,
        cx: &Context<'p>,
        new: impl FnOnce(EmbeddingMlpSizes) -> Box<dyn ModelGenerator>,
    ) -> Result<Self> {
        let plan = SequencePlan::new(training, cx.task, cx.device)?;
        let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "ASMG's generator has no teacher"))?;
        let base = without_moments(teacher.weights.clone())?;
        let sizes = EmbeddingMlpSizes::of(&base)?;
        must_fit(&sizes, plan.periods)?;
        let layout = base.parameters.into_iter().map(|parameter| (parameter.name, parameter.shape)).collect();
        let batch = SequenceBatch::new(sizes);
        plan.check_memory(&sizes, states)?;
        Ok(Self {
            plan,
            generator: new(sizes),
            teacher,
            sizes,
            layout,
            models: Vec::new(),
            sets: Vec::new(),
            batch,
            served: Weights::default(),
        })
    }

    /// The teacher's model that was tested on a period.
    fn model(&self, period: usize) -> Result<Weights> {
        let weights = without_moments(self.teacher.tested_on(period)?)?;
        if EmbeddingMlpSizes::of(&weights)? != self.sizes {
            return Err(Error::new(Kind::Internal, format!("the teacher's model of period {period} has other sizes")));
        }
        Ok(weights)
    }

    /// Reads the models that are wanted and not there.
    fn read_models(&mut self, wanted: std::ops::RangeInclusive<usize>) -> Result<()> {
        let coordinates = Coordinates::of(&self.sizes);
        self.models.retain(|model| wanted.contains(&model.period));
        for period in wanted {
            if self.models.iter().all(|model| model.period != period) {
                let weights = self.model(period)?;
                let tensors = weights.parameters.iter().map(|parameter| &parameter.values[..]);
                self.models.push(PastModel::new(period, &coordinates, tensors));
            }
        }
        self.models.sort_by_key(|model| model.period);
        Ok(())
    }

    /// Generates the model that is tested on `period`.
    fn serve(&mut self, period: usize) {
        let from = if self.generator.continues() { 0 } else { self.models.len() - self.plan.sequence(period).count() };
        let values = self.generator.whole(&self.models[from..]);
        let parameters = self.layout.iter().zip(values).map(|((name, shape), values)| Parameter {
            name: name.clone(),
            shape: shape.clone(),
            values,
        });
        self.served = parameters.collect::<Vec<_>>().into();
    }

    /// Reads the models from which that of `number` is generated, and those that training before it reads.
    fn read_models_of(&mut self, number: usize) -> Result<()> {
        let before = if number > self.plan.first() { *self.plan.sequence(number - 1).start() } else { number };
        self.read_models(before.min(*self.plan.sequence(number).start())..=number)
    }

    /// The model that was tested last, and the weights of the generator.
    ///
    /// # Errors
    /// A model of the teacher that cannot be read.
    pub fn into_weights(mut self) -> Result<(Weights, Weights)> {
        if self.served.parameters.is_empty() {
            // A run that was killed after its last period, and has only its record to write.
            let last = self.plan.periods.last();
            self.read_models_of(last)?;
            self.serve(last);
        }
        let generator = self.weights()?;
        Ok((self.served, generator))
    }
}

impl<'p> Learner<'p> for GeneratorLearner<'p> {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        let start = Instant::now();
        let number = period.number();
        self.sets = self.plan.sets_before(number)?;
        let (epochs, facts) = if let Some(newest) = self.sets.first() {
            let samples: usize = self.sets.iter().map(|set| set.samples.len()).sum();
            let facts = [("training", samples), ("steps", newest.chunks.count() * self.plan.training.epochs.get())];
            (self.plan.training.epochs.get(), facts)
        } else {
            (0, [("training", 0), ("steps", 0)])
        };
        if number < self.plan.first() {
            self.served = self.model(number)?;
        } else {
            self.read_models_of(number)?;
        }
        cx.meter.since(start, Phase::Prepare);
        if number >= self.plan.first() && epochs == 0 {
            let start = Instant::now();
            self.serve(number);
            cx.meter.since(start, Phase::Evaluate);
        }
        let facts =
            facts.into_iter().map(|(name, number)| (name.to_string(), number as f64)).collect::<BTreeMap<_, _>>();
        Ok(PeriodData { valid: None, epochs, ending: Ending::LastEpoch, facts })
    }

    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        let start = Instant::now();
        let optimiser = TfAdam { learning_rate: self.plan.training.learning_rate.get() };
        let categories = self.plan.periods.categories();
        // Each set has an order of its own.
        let order = |set: &Set<'_>| cx.stream(&format!("order.{}", set.period), epoch).permutation(set.samples.len());
        let orders: Vec<Vec<u32>> = self.sets.iter().map(order).collect();
        let batches = self.sets[0].chunks.count();
        let current = self.models.last().expect("a period has begun").period;
        // The model of the current period is served, and has no data yet.
        let models = self.models.len() - 1;
        cx.meter.since(start, Phase::Sample);
        let mut sum = 0.0;
        for number in 0..batches {
            let start = Instant::now();
            self.batch.clear();
            for (set, order) in self.sets.iter().zip(&orders) {
                let chunk = order.chunks(set.chunks.size).nth(number).expect("as many chunks as of the newest");
                self.batch.push(set.samples, chunk, categories, set.weight);
            }
            cx.meter.since(start, Phase::Sample);
            let (batch, generator, models) = (&mut self.batch, &mut *self.generator, &self.models[..models]);
            let losses = cx.meter.time(Phase::ForwardBackward, || batch.forward_backward(generator, models));
            sum += losses.iter().zip(batch.weights()).map(|(loss, weight)| loss * weight).sum::<f64>();
            let step = || generator.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&optimiser));
            cx.meter.time(Phase::Step, step);
        }
        if epoch + 1 == self.plan.training.epochs.get() {
            let start = Instant::now();
            self.serve(current);
            cx.meter.since(start, Phase::Evaluate);
        }
        Ok(sum / batches as f64)
    }

    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()> {
        let start = Instant::now();
        let number = period.number();
        // The first sequence is that of the next training, too.
        if number > self.plan.first() && self.plan.training.length != Limit::All {
            let left = self.models.remove(0);
            self.generator.advance(&left);
        }
        cx.meter.since(start, Phase::Prepare);
        Ok(())
    }

    fn artefact(&self) -> Result<Artefact> {
        Ok(Artefact { kind: Some(embedding_mlp::NAME.into()), weights: self.served.clone() })
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        self.generator.save_past(state);
        Ok(())
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        self.generator.restore_past(state)
    }
}

/// The tensors are the generator's: the base models are constants.
impl Model for GeneratorLearner<'_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.generator.tensors().iter().map(|tensor: &DenseParameter| tensor as &dyn Trainable).collect()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.generator.tensors_mut().iter_mut().map(|tensor| tensor as &mut dyn Trainable).collect()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let scorer = embedding_mlp::scorer(&self.served, queries)?;
        Ok(scorer)
    }
}

#[cfg(test)]
mod tests;
