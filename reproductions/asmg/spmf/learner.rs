//! An Embedding&MLP that learns periods together with what its reservoirs give.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::error::{Error, Kind, Result};
use harness::meter::Phase;
use harness::metrics::Scorer;
use harness::nn::Trainable;
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::split::SampleRange;
use harness::split::periods::{Period, Periods};
use harness::train::{Context, Ending, Learner, Model, PeriodData};
use harness::weights::{Artefact, State, Weights};

use super::Spmf;
use super::draw::{ByClass, draw};
use super::reservoir::Reservoir;
use crate::asmg::stream::stream;
use crate::models::embedding_mlp::{self, EmbeddingMlp, LocalBatch};

/// Names of the classes.
const CLASSES: ByClass<&str> = ["positives", "negatives"];

/// Samples that are scored together.
const BLOCK: usize = 1024;

/// The model, and the reservoirs that it carries from period to period. Samples are numbered through the whole stream.
pub struct SpmfLearner<'m, 'p> {
    method: &'m Spmf,
    periods: &'p Periods,
    all: SampleRange<'p>,
    model: EmbeddingMlp,
    batch: LocalBatch,
    pub(super) reservoirs: ByClass<Reservoir>,
    /// What is learnt in the current period, in the order of time.
    pub(super) training: Vec<u32>,
    /// The reservoirs after the current period.
    next: ByClass<Reservoir>,
}

impl<'m, 'p> SpmfLearner<'m, 'p> {
    /// A learner that starts from the teacher's pre-trained model.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the reservoirs do not fit the stream, or there are no samples; as
    /// [`Teacher::tested_on`](harness::train::Teacher::tested_on).
    pub fn new(method: &'m Spmf, cx: &Context<'p>) -> Result<Self> {
        let periods = stream("SPMF", cx, method.training.batch.get())?;
        let all = periods.samples(0..periods.last() + 1).expect("a stream of samples, which was checked");
        let first = *periods.roles().evaluated().start();
        let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "SPMF goes on from its teacher"))?;
        let model = EmbeddingMlp::new(teacher.tested_on(first)?)?;
        let batch = LocalBatch::new(&model.sizes());
        let (reservoirs, next) = Default::default();
        let new = Self { method, periods, all, model, batch, reservoirs, training: Vec::new(), next };
        for (size, class) in new.sizes(first).into_iter().zip([0, 1]) {
            if size == 0 {
                return Err(Error::new(Kind::Input, format!("the reservoir of {} is empty", CLASSES[class]))
                    .expected("a `fraction` of the pre-training samples that is at least one sample")
                    .got(method.fraction.get().to_string()));
            }
            for number in first..periods.last() {
                let count = new.of_classes(number)[class].len();
                method.drawing.check(size, count, CLASSES[class], number)?;
            }
        }
        Ok(new)
    }

    /// The model after the last period.
    pub fn into_model(self) -> EmbeddingMlp {
        self.model
    }

    /// Number of the first sample of a period.
    fn start(&self, period: usize) -> usize {
        if period == 0 { 0 } else { self.periods.samples(0..period).map_or(0, SampleRange::len) }
    }

    /// The samples of a period by class, in their order.
    fn of_classes(&self, period: usize) -> ByClass<Vec<u32>> {
        let range = self.start(period) as u32..self.start(period + 1) as u32;
        let (positives, negatives) = range.partition(|&number| self.all.get(number as usize).label);
        [positives, negatives]
    }

    /// Numbers of samples of each class before a period.
    fn before(&self, period: usize) -> ByClass<usize> {
        let before = self.periods.samples(0..period);
        let (all, positives) = before.map_or((0, 0), |samples| (samples.len(), samples.positives()));
        [positives, all - positives]
    }

    /// Sizes of the reservoirs, where `first` is the first period after the pre-training.
    fn sizes(&self, first: usize) -> ByClass<usize> {
        self.before(first).map(|count| (self.method.fraction.get() * count as f64).floor() as usize)
    }

    /// The logits of some samples.
    fn scores(&mut self, samples: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; samples.len()];
        for (samples, scores) in samples.chunks(BLOCK).zip(scores.chunks_mut(BLOCK)) {
            self.batch.clear();
            self.batch.push(self.all, samples, self.periods.categories());
            self.model.logits(&self.batch, scores);
        }
        scores
    }

    /// Fills the reservoirs with samples of the pre-training.
    fn fill(&mut self, cx: &Context<'_>, first: usize) {
        let sizes = self.sizes(first);
        let all = (0..first).map(|period| self.of_classes(period));
        let [positives, negatives]: ByClass<Vec<u32>> = all.fold(Default::default(), |[mut p, mut n], [q, m]| {
            p.extend(q);
            n.extend(m);
            [p, n]
        });
        self.reservoirs = [(positives, 0), (negatives, 1)].map(|(samples, class)| {
            let mut stream = cx.stream(&format!("reservoir-{}", CLASSES[class]), 0);
            Reservoir::new(&samples, sizes[class], &mut stream)
        });
    }
}

impl<'p> Learner<'p> for SpmfLearner<'_, 'p> {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        let start = Instant::now();
        self.training.clear();
        let mut facts = BTreeMap::new();
        if period.is_first() {
            self.fill(cx, period.number());
        } else {
            let learnt = period.number() - 1;
            let (of_period, before) = (self.of_classes(learnt), self.before(learnt));
            let drawing = self.method.drawing;
            let pools = [0, 1].map(|class| drawing.pool(&self.reservoirs[class], &of_period[class]));
            let counts = of_period.each_ref().map(|samples| drawing.count(samples.len()));
            let scores = self.scores(&pools[0]);
            self.training = draw(&pools, &scores, counts, |class| cx.stream(&format!("draw-{class}"), 0));
            facts.insert("drawn".into(), self.training.len() as f64);
            if drawing.keeps_period() {
                self.training.extend(of_period.iter().flatten());
            }
            // The oldest first, as the authors sort by period; within one, by time.
            self.training.sort_unstable();
            self.next = self.reservoirs.clone();
            for (class, reservoir) in self.next.iter_mut().enumerate() {
                let mut stream = cx.stream(&format!("update-{}", CLASSES[class]), 0);
                reservoir.update(&of_period[class], before[class], &mut stream);
            }
            facts.insert("samples".into(), self.training.len() as f64);
        }
        for (class, reservoir) in CLASSES.into_iter().zip(&self.reservoirs) {
            facts.insert(format!("reservoir_{class}"), reservoir.samples().len() as f64);
        }
        let epochs = if period.is_first() { 0 } else { self.method.training.epochs.get() };
        cx.meter.since(start, Phase::Prepare);
        Ok(PeriodData { valid: None, epochs, ending: Ending::LastEpoch, facts })
    }

    fn epoch(&mut self, cx: &mut Context<'_>, _: usize) -> Result<f64> {
        let part = self.method.training;
        let adam = TfAdam { learning_rate: part.learning_rate.get() };
        let (mut sum, mut batches) = (0.0, 0);
        for samples in self.training.chunks(part.batch.get()) {
            let start = Instant::now();
            self.batch.clear();
            self.batch.push(self.all, samples, self.periods.categories());
            cx.meter.since(start, Phase::Sample);
            sum += cx.meter.time(Phase::ForwardBackward, || self.model.train(&self.batch, &adam));
            batches += 1;
        }
        self.model.settle();
        Ok(sum / f64::from(batches))
    }

    fn end(&mut self, _: &mut Context<'_>, period: Period<'p>) -> Result<()> {
        if !period.is_first() {
            self.reservoirs = std::mem::take(&mut self.next);
        }
        Ok(())
    }

    fn artefact(&self) -> Result<Artefact> {
        Ok(Artefact { kind: Some(embedding_mlp::NAME.into()), weights: self.model.weights()? })
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        for (class, reservoir) in CLASSES.into_iter().zip(&self.reservoirs) {
            state.ids.insert(format!("{RESERVOIR}{class}"), reservoir.samples().into());
        }
        Ok(())
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        let sizes = self.sizes(*self.periods.roles().evaluated().start());
        for (class, (reservoir, size)) in self.reservoirs.iter_mut().zip(sizes).enumerate() {
            let samples = state.ids.remove(&format!("{RESERVOIR}{}", CLASSES[class])).unwrap_or_default();
            let sound = samples.len() == size
                && samples.is_sorted_by(|a, b| a < b)
                && samples.last().is_none_or(|&last| (last as usize) < self.all.len());
            if !sound {
                let what = format!("the saved reservoir of {} cannot be used", CLASSES[class]);
                return Err(Error::new(Kind::Data, what)
                    .expected(format!("{size} samples of the stream, ascending"))
                    .got(format!("{} of them", samples.len())));
            }
            *reservoir = Reservoir::of(samples.into_owned());
        }
        Ok(())
    }
}

/// Prefix of the names of reservoirs in a saved state.
const RESERVOIR: &str = "reservoir.";

impl Model for SpmfLearner<'_, '_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.model.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.model.tensors_mut()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let weights: Weights = self.model.weights()?;
        embedding_mlp::scorer(&weights, queries)
    }
}
