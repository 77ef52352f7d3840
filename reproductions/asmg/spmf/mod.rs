//! SPMF: the base model trains on each period and on samples of a reservoir, those that it scores low more often (Wang et al.,
//! "Streaming ranking based recommender systems", SIGIR 2018), as ASMG's authors have it on Embedding&MLP (code).
//!
//! ```text
//! before the first update:  reservoirs R⁺, R⁻ = uniform samples of the pre-training periods' positives and negatives
//! period D:  score R⁺; draw positives by e^(rank/|R⁺|) and negatives uniformly, without replacement
//!            one pass over the drawn ones and D, the oldest first
//!            reservoirs take in samples of D by chance, and lose as many old ones
//! ```

mod draw;
mod reservoir;

use std::collections::BTreeMap;

use harness::error::{Error, Kind, Result};
use harness::split::SampleRange;
use harness::split::periods::{Period, Periods};
use harness::train::Context;
use harness::value::{Limit, Rate};
use harness::weights::State;

pub use self::draw::Drawing;
use self::draw::{ByClass, draw};
use self::reservoir::Reservoir;
use super::strategy::{Order, Strategy, TrainingSet, logits, no_samples};
use crate::models::embedding_mlp::EmbeddingMlp;

/// Trains on the last period and on samples of the reservoirs.
pub struct Spmf {
    /// Of each class of the pre-training samples: the size of its reservoir.
    fraction: Rate,
    drawing: Drawing,
    /// Samples are numbered through the whole stream.
    reservoirs: ByClass<Reservoir>,
    /// The reservoirs after the current period.
    next: ByClass<Reservoir>,
}

/// Names of the classes.
const CLASSES: ByClass<&str> = ["positives", "negatives"];

/// Prefix of the names of reservoirs in a saved state.
const RESERVOIR: &str = "reservoir.";

/// Refuses a share of the pre-training samples that is more than all of them.
///
/// # Errors
/// [`Input`](Kind::Input)
pub fn check_fraction(fraction: Rate) -> Result<()> {
    if fraction.get() <= 1.0 {
        return Ok(());
    }
    Err(Error::new(Kind::Input, "a reservoir is a part of the pre-training samples")
        .expected("`fraction` above 0 and at most 1")
        .got(fraction.get().to_string()))
}

impl Spmf {
    /// With reservoirs that are still empty.
    pub fn new(fraction: Rate, drawing: Drawing) -> Self {
        let (reservoirs, next) = Default::default();
        Self { fraction, drawing, reservoirs, next }
    }

    /// Number of samples in the reservoir of a class, of which the pre-training has `count`.
    fn size(&self, count: usize) -> usize {
        (self.fraction.get() * count as f64).floor() as usize
    }

    /// Fills the reservoirs with samples of the pre-training periods.
    fn fill(&mut self, cx: &Context<'_>, samples: SampleRange<'_>) {
        let of_classes = by_class(samples, 0);
        for (class, name) in CLASSES.into_iter().enumerate() {
            let mut stream = cx.stream(&format!("reservoir-{name}"), 0);
            let size = self.size(of_classes[class].len());
            self.reservoirs[class] = Reservoir::new(&of_classes[class], size, &mut stream);
        }
    }
}

/// The numbers from `start` on of the samples of a range, by class.
fn by_class(samples: SampleRange<'_>, start: usize) -> ByClass<Vec<u32>> {
    let labels = &samples.labels()[start..];
    let (positives, negatives) = (start as u32..samples.len() as u32).partition(|&at| labels[at as usize - start]);
    [positives, negatives]
}

/// Numbers of samples by class.
fn counts(samples: SampleRange<'_>) -> ByClass<usize> {
    [samples.positives(), samples.len() - samples.positives()]
}

impl Strategy for Spmf {
    /// Refuses an empty reservoir, and one that is too small for a period.
    fn check(&self, periods: &Periods) -> Result<()> {
        let samples = |numbers| periods.samples(numbers).ok_or_else(no_samples);
        let first = *periods.roles().evaluated().start();
        let pretraining = counts(samples(0..first)?);
        for (class, name) in CLASSES.into_iter().enumerate() {
            let size = self.size(pretraining[class]);
            if size == 0 {
                return Err(Error::new(Kind::Input, format!("the reservoir of {name} is empty"))
                    .expected("a `fraction` of the pre-training samples that is at least one of them")
                    .got(format!("{} of {}", self.fraction.get(), pretraining[class])));
            }
            for number in first..periods.last() {
                self.drawing.check(size, counts(samples(number..number + 1)?)[class], name, number)?;
            }
        }
        Ok(())
    }

    fn training_set<'p>(
        &mut self,
        cx: &mut Context<'_>,
        period: Period<'p>,
        model: &mut EmbeddingMlp,
    ) -> Result<TrainingSet<'p>> {
        let samples = period.samples_before(Limit::All).ok_or_else(no_samples)?;
        let learnt = period.samples_before(Limit::At(1)).ok_or_else(no_samples)?;
        let start = samples.len() - learnt.len();
        let of_period = by_class(samples, start);
        let pools = [0, 1].map(|class| self.drawing.pool(&self.reservoirs[class], &of_period[class]));
        let counts = of_period.each_ref().map(|samples| self.drawing.count(samples.len()));
        let scores = logits(model, samples, &pools[0], period.categories());
        let mut positions = draw(&pools, &scores, counts, |class| cx.stream(&format!("draw-{class}"), 0));
        let mut facts = BTreeMap::from([("drawn".to_string(), positions.len() as f64)]);
        if self.drawing.keeps_period() {
            positions.extend(of_period.iter().flatten());
        }
        // The oldest first, as the authors sort by period; within one, by time.
        positions.sort_unstable();
        self.next = self.reservoirs.clone();
        let positives = samples.labels()[..start].iter().filter(|label| **label).count();
        for (class, before) in [positives, start - positives].into_iter().enumerate() {
            let mut stream = cx.stream(&format!("update-{}", CLASSES[class]), 0);
            facts.insert(format!("reservoir_{}", CLASSES[class]), self.next[class].samples().len() as f64);
            self.next[class].update(&of_period[class], before, &mut stream);
        }
        Ok(TrainingSet { samples, positions, labels: None, order: Order::AsGiven, facts })
    }

    fn end(&mut self, cx: &mut Context<'_>, period: Period<'_>) -> Result<()> {
        if period.is_first() {
            self.fill(cx, period.samples_before(Limit::All).ok_or_else(no_samples)?);
            return Ok(());
        }
        self.reservoirs = std::mem::take(&mut self.next);
        Ok(())
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        for (name, reservoir) in CLASSES.into_iter().zip(&self.reservoirs) {
            state.ids.insert(format!("{RESERVOIR}{name}"), reservoir.samples().into());
        }
        Ok(())
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        for (name, reservoir) in CLASSES.into_iter().zip(&mut self.reservoirs) {
            let samples = state.ids.remove(&format!("{RESERVOIR}{name}"));
            let samples = samples.filter(|samples| samples.is_sorted_by(|a, b| a < b)).ok_or_else(|| {
                Error::new(Kind::Data, format!("the saved reservoir of {name} cannot be used"))
                    .expected("numbers of samples, ascending")
            })?;
            *reservoir = Reservoir::of(samples.into_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
