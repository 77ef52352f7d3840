//! The data and the models of a generator, period by period.

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::split::SampleRange;
use harness::split::periods::Periods;
use harness::train::Task;
use harness::value::Limit;

use super::chunks::{Chunks, equal, plain};
use super::options::{GeneratorTraining, TrainUntil};
use super::sequence_loss::SequenceLoss;
use crate::asmg::stream::labelled_stream;
use crate::models::embedding_mlp::EmbeddingMlpSizes;

/// A data set of a sequence's loss.
pub struct Set<'p> {
    /// The period that it is of.
    pub period: usize,
    pub samples: SampleRange<'p>,
    pub chunks: Chunks,
    /// λ
    pub weight: f64,
}

/// What a generator trains on, and what it reads, in each period.
pub struct SequencePlan<'p> {
    pub training: GeneratorTraining,
    pub periods: &'p Periods,
}

impl<'p> SequencePlan<'p> {
    /// Refuses what would fail in some period.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there are too few periods before the first tested one, or the samples of a period do not make
    /// the batches; [`Missing`](Kind::Missing) for a device other than the CPU.
    pub fn new(training: GeneratorTraining, task: &'p Task, device: &Device) -> Result<Self> {
        let periods = labelled_stream("ASMG's generator", task, device, training.batch.get())?;
        let plan = Self { training, periods };
        plan.check_periods()?;
        Ok(plan)
    }

    fn check_periods(&self) -> Result<()> {
        let (first, roles) = (self.first(), self.periods.roles());
        let tested = *roles.tested().start();
        if first >= tested {
            let most = tested - *roles.evaluated().start();
            return Err(Error::new(Kind::Input, "a generator needs a period to learn from before the first that is tested")
                .expected(match most {
                    0 | 1 => "two periods of warm-up at least".to_string(),
                    _ => format!("`length` of at most {}", most - 1),
                })
                .got(format!("its first model would be that of period {first}; {}", roles.describe()))
                .hint("the model of the pre-training is not read: `length` models come after it; give the stream a longer warm-up"));
        }
        if let TrainUntil::Period(until) = self.training.train_until
            && !(first + 1..=roles.last()).contains(&until)
        {
            return Err(Error::new(Kind::Input, "`train_until` leaves the generator as it began, or means the end")
                .expected(format!("a period from {} to {}, or \"end\"", first + 1, roles.last()))
                .got(until.to_string())
                .hint(format!("the generator first trains before the test on period {}", first + 1)));
        }
        for period in first + 1..=roles.last() {
            self.sets_before(period)?;
        }
        Ok(())
    }

    /// Refuses models that do not fit into memory. `states`: hidden numbers of each coordinate that are kept from period to
    /// period.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    pub fn check_memory(&self, sizes: &EmbeddingMlpSizes, states: usize) -> Result<()> {
        let length = self.sequence(self.periods.last()).count() + 1;
        // Models, and hidden states twice; what a batch needs is small beside them.
        check_fits("the models that the generator reads", [sizes.layout().count(), length + 2 * states], 4)
            .map_err(|error| error.hint("use a smaller `length`"))
    }

    /// The first period that is tested with a generated model: that of the k-th model after the pre-trained one.
    pub fn first(&self) -> usize {
        let start = *self.periods.roles().evaluated().start();
        match self.training.length {
            Limit::All => start + 1,
            Limit::At(length) => start + length,
        }
    }

    /// Numbers of the models from which that of `period` is generated.
    pub fn sequence(&self, period: usize) -> std::ops::RangeInclusive<usize> {
        match self.training.length {
            Limit::All => self.first()..=period,
            Limit::At(length) => period + 1 - length..=period,
        }
    }

    /// The data sets of the training before the test on `period`, newest first.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if they do not make equal numbers of batches.
    pub fn sets_before(&self, period: usize) -> Result<Vec<Set<'p>>> {
        let GeneratorTraining { loss, batch, train_until, .. } = &self.training;
        if period <= self.first() || !train_until.trains(period) {
            return Ok(Vec::new());
        }
        let sequence = self.sequence(period - 1);
        let weights = loss.weights(sequence.clone().count());
        let with_loss = sequence.zip(weights).filter(|(_, weight)| *weight > 0.0);
        let samples = |period: usize| self.periods.samples(period..period + 1).expect("a stream of samples");
        let sets: Vec<_> = with_loss.map(|(period, weight)| (period, samples(period), weight)).collect();
        let sizes: Vec<usize> = sets.iter().map(|(_, samples, _)| samples.len()).collect();
        let chunks = match loss {
            SequenceLoss::Last => vec![plain(sizes[0], batch.get())],
            _ => equal(&sizes, batch.get())
                .map_err(|error| error.hint(format!("the sets are those of the training before period {period}")))?,
        };
        let sets = sets.into_iter().zip(chunks);
        Ok(sets.map(|((period, samples, weight), chunks)| Set { period, samples, chunks, weight }).rev().collect())
    }
}
