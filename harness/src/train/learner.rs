//! The loop over a stream of periods.
//!
//! ```text
//! for t = 1, 2, …:  begin: data of the periods before t, and what was carried
//!                   epochs on it, with early stopping; the selected epoch's model stays
//!                   test on period t
//!                   end: what the next period needs;  all of it is saved
//! ```
//!
//! An interrupted run resumes in the same period at the last saved epoch: the carried state is saved when a period ends, and
//! [`Epochs`] saves its state within one.

use std::collections::BTreeMap;

use super::learnt::{Learnt, resume, save, within};
use super::{Context, CurrentPeriod, Ending, Epochs, Model, Selected};
use crate::error::{Error, Kind, Result};
use crate::meter::Phase;
use crate::metrics::Metric;
use crate::queries::Queries;
use crate::rank::{Evaluation, Ranker};
use crate::split::periods::{Period, Periods};
use crate::weights::{Artefact, State};

/// A model that learns period after period, and carries its state from one to the next. [`Model::weights`] is restored at the
/// selected epoch; it includes the state of the optimiser if the next period continues with it.
pub trait Learner<'p>: Model {
    /// Prepares the training data of `period`: what the stream has before it. Called again when a run is resumed within
    /// the period, so it may depend on the carried state and on the run's streams alone.
    ///
    /// # Errors
    /// Errors of the data and of the model.
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData>;

    /// Trains one epoch and returns its mean loss per batch.
    ///
    /// # Errors
    /// Errors of the model.
    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64>;

    /// Prepares what the next period needs; called after the test, with the selected epoch's model, but not in the last period.
    ///
    /// # Errors
    /// Errors of the model.
    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()>;

    /// The model that was tested, as a teacher for other runs.
    ///
    /// # Errors
    /// Errors of the model.
    fn artefact(&self) -> Result<Artefact>;

    /// Adds the state that the next period starts from.
    ///
    /// # Errors
    /// Errors of the model.
    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()>;

    /// Restores the state that [`save_carried`](Self::save_carried) added.
    ///
    /// # Errors
    /// If the state is of another learner.
    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()>;
}

/// The data of a period as its learner prepared it.
pub struct PeriodData {
    /// Validation queries, by which an epoch is selected; none where the last epoch is kept.
    pub valid: Option<Queries>,
    /// Epochs to train, at most.
    pub epochs: usize,
    /// When training ends, and which epoch has the model.
    pub ending: Ending,
    /// Numbers for the record by name, such as `training`, the number of training samples.
    pub facts: BTreeMap<String, f64>,
}

/// Takes `learner` through the run's periods.
///
/// # Errors
/// Errors of the learner; divergence; interruption; a protocol that does not fit the queries.
pub fn learn<'p>(cx: &mut Context<'p>, learner: &mut dyn Learner<'p>) -> Result<Vec<Learnt>> {
    let periods: &'p Periods =
        cx.task.periods().ok_or_else(|| Error::new(Kind::Internal, "a method of periods on a single split"))?;
    let mut learnt = resume(cx, |state| learner.restore_carried(state))?;
    let first = *periods.roles().evaluated().start();
    for number in first + learnt.len()..=periods.last() {
        let began = cx.meter.elapsed();
        let trained_before = cx.meter.training_seconds();
        let period = periods.period(number);
        let checkpoint = within(cx, number);
        let state_within = checkpoint.clone();
        let current = CurrentPeriod { number, last: periods.last(), began };
        let (facts, selected, test) = cx.in_period(current, checkpoint, |cx| {
            let PeriodData { valid, epochs: most, ending, facts } = learner.begin(cx, period)?;
            let selected = epochs(cx, learner, valid, most, ending)?;
            let test = test(cx, learner, period)?;
            if let Some(kept) = cx.tested_models {
                kept.write(number, &learner.artefact()?)?;
            }
            if number < periods.last() {
                learner.end(cx, period)?;
            }
            Ok((facts, selected, test))
        })?;
        learnt.push(Learnt {
            period: number,
            items: period.items(),
            facts,
            epochs_run: selected.epochs_run,
            selected: kept(&selected),
            curve: selected.curve,
            test,
            seconds: cx.meter.elapsed().saturating_sub(began).as_secs_f64(),
            training_seconds: Some(cx.meter.training_seconds() - trained_before),
        });
        tell(cx, &learnt[number - first]);
        save(cx, &learnt, |state| learner.save_carried(state))?;
        state_within.remove();
        if number < periods.last() && cx.observer.interrupted() {
            let what = format!("interrupted after period {number}");
            return Err(Error::new(Kind::Interrupted, what).hint("the state is saved"));
        }
    }
    Ok(learnt)
}

/// Learns one period; the learner has the selected epoch's model afterwards.
fn epochs<'p>(
    cx: &mut Context<'_>,
    learner: &mut dyn Learner<'p>,
    valid: Option<Queries>,
    most: usize,
    ending: Ending,
) -> Result<Selected> {
    let valid = valid.map(|valid| Ranker::new(&cx.task.protocol, valid)).transpose()?;
    let mut epochs = Epochs::of_period(cx, valid.as_ref(), most, ending, learner)?;
    while let Some(epoch) = epochs.next() {
        let loss = learner.epoch(cx, epoch)?;
        epochs.end(cx, loss, learner)?;
    }
    epochs.finish(learner)
}

/// The epoch whose weights were kept, with its own values: all metrics of a period are reported from it.
fn kept(selected: &Selected) -> Option<(usize, BTreeMap<Metric, f64>)> {
    let best = selected.best().iter().find(|best| best.epoch == selected.epoch)?;
    Some((selected.epoch?, best.valid.values.clone()))
}

fn test<'p>(cx: &mut Context<'_>, learner: &dyn Learner<'p>, period: Period<'p>) -> Result<Evaluation> {
    let ranker = Ranker::new(&cx.task.protocol, Queries::of_period(period))?;
    let scorer = cx.meter.time(Phase::Evaluate, || learner.scorer(ranker.queries()))?;
    cx.evaluate(&ranker, &*scorer)
}

fn tell(cx: &Context<'_>, learnt: &Learnt) {
    let first = cx.task.protocol.metrics[0];
    let epoch = learnt.selected.as_ref().map_or(String::new(), |(epoch, _)| format!(", of epoch {}", epoch + 1));
    let value = learnt.test.values[&first];
    cx.observer.note(&format!("period {}: test {first} {value:.4}{epoch} of {}", learnt.period, learnt.epochs_run));
}

#[cfg(test)]
mod tests;
