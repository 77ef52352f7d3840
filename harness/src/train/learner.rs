//! The way through a stream of periods.
//!
//! ```text
//! for t = 1, 2, …:  begin: data of the periods before t, and what was carried
//!                   epochs on it, until validation is content; the selected epoch's model stays
//!                   test on period t
//!                   end: what the next period needs;  all of it is saved
//! ```
//!
//! A run goes on at the epoch of the period where it was stopped: what is carried is saved when a period ends, and
//! [`Epochs`] saves its own state within one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::learnt::{Learnt, go_on, save};
use super::{Checkpoint, Context, Ending, Epochs, InHand, Model, Selected, State};
use crate::error::{Error, Kind, Result};
use crate::meter::{Meter, Phase};
use crate::metrics::Metric;
use crate::periods::{Period, Periods, queries};
use crate::rank::{Evaluation, Ranker};
use crate::split::{HeldOut, Split, UserItems};

/// What learns period after period, and carries its state from one to the next. [`Model::scorer`] answers the queries
/// that were last [asked](Self::ask); what [`Model::parameters`] has is what a selected epoch brings back, with the
/// state of the optimiser if that goes on to the next period.
pub trait Learner<'p>: Model {
    /// Takes up what is to be learnt before `period`. Must depend on what is carried and on the run's streams alone: a
    /// run that goes on within a period begins it again.
    ///
    /// # Errors
    /// Those of the data and the model.
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<Lesson>;

    /// From now on the scorer answers what follows each of these inputs, among the first `items` items.
    fn ask(&mut self, inputs: Arc<UserItems>, items: usize);

    /// Learns an epoch; its mean loss.
    ///
    /// # Errors
    /// Those of the model.
    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64>;

    /// After the test, with the selected epoch's model: gets ready what the next period needs. Not after the last.
    ///
    /// # Errors
    /// Those of the model.
    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()>;

    /// Adds everything that the next period depends on.
    ///
    /// # Errors
    /// Those of the model.
    fn carry<'a>(&'a self, state: &mut State<'a>) -> Result<()>;

    /// Takes back what [`carry`](Self::carry) put.
    ///
    /// # Errors
    /// If it is not of this learner.
    fn take_up(&mut self, state: &mut State<'_>) -> Result<()>;
}

/// A period as its learner prepared it.
pub struct Lesson {
    /// Queries that an epoch is selected by; see [`queries`](crate::periods::queries). Empty where none is selected.
    pub valid: Split,
    /// For the record, such as the number of training samples.
    pub facts: BTreeMap<String, f64>,
}

/// Takes `learner` through the run's periods, with at most `most` epochs in each.
///
/// # Errors
/// Those of the learner; divergence; interruption; a protocol that does not fit the queries.
pub fn learn<'p>(
    cx: &mut Context<'p>,
    learner: &mut dyn Learner<'p>,
    most: usize,
    ending: &Ending,
) -> Result<Vec<Learnt>> {
    let periods: &'p Periods =
        cx.periods.ok_or_else(|| Error::new(Kind::Internal, "a method of periods on a single split"))?;
    let mut learnt = go_on(cx, learner)?;
    let nothing = queries(std::iter::empty(), periods.n_items(), HeldOut::Valid);
    for number in learnt.len() + 1..=periods.last() {
        let began = cx.meter.elapsed();
        let period = periods.period(number);
        // The run's own split is the test of the last period, which nobody may learn from.
        let mut within = Context {
            period: Some(InHand { number, last: periods.last(), began }),
            split: &nothing,
            seen: &nothing.train,
            checkpoint: within(cx, number),
            meter: std::mem::replace(&mut cx.meter, Meter::new(cx.device)),
            ..*cx
        };
        let Lesson { valid, facts } = learner.begin(&mut within, period)?;
        let selected = epochs(&mut within, learner, valid, most, ending)?;
        let test = test(&mut within, learner, period)?;
        if number < periods.last() {
            learner.end(&mut within, period)?;
        }
        let state_within = within.checkpoint;
        cx.meter = within.meter;
        learnt.push(Learnt {
            period: number,
            items: period.items(),
            facts,
            epochs_run: selected.epochs_run,
            selected: kept(&selected),
            curve: selected.curve,
            test,
            seconds: cx.meter.elapsed().saturating_sub(began).as_secs_f64(),
        });
        tell(cx, &learnt[number - 1]);
        save(cx, learner, &learnt)?;
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
    valid: Split,
    most: usize,
    ending: &Ending,
) -> Result<Selected> {
    let seen = valid.train.sorted();
    // Without anything to validate by nothing is selected, and nothing is ranked here.
    let ranker = (!valid.valid.is_empty()).then(|| Ranker::new(cx.ranker.protocol(), &valid)).transpose()?;
    learner.ask(Arc::new(valid.train.clone()), valid.n_items);
    let mut validated = Context {
        split: &valid,
        seen: &seen,
        ranker: ranker.as_ref().unwrap_or(cx.ranker),
        checkpoint: cx.checkpoint.clone(),
        meter: std::mem::replace(&mut cx.meter, Meter::new(cx.device)),
        ..*cx
    };
    let mut epochs = Epochs::start(&mut validated, most, ending.clone(), learner)?;
    while let Some(epoch) = epochs.next() {
        let loss = learner.epoch(&mut validated, epoch)?;
        epochs.end(&mut validated, loss, learner)?;
    }
    cx.meter = validated.meter;
    epochs.finish(learner)
}

/// The epoch whose weights were kept, with its own values: all metrics of a period are reported from it.
fn kept(selected: &Selected) -> Option<(usize, BTreeMap<Metric, f64>)> {
    let best = selected.best().iter().find(|best| best.epoch == selected.epoch)?;
    Some((selected.epoch, best.valid.values.clone()))
}

fn test<'p>(cx: &mut Context<'_>, learner: &mut dyn Learner<'p>, period: Period<'p>) -> Result<Evaluation> {
    let test = period.test();
    let ranker = Ranker::new(cx.ranker.protocol(), &test)?;
    learner.ask(Arc::new(test.train), test.n_items);
    let scorer = learner.scorer()?;
    cx.meter.time(Phase::Evaluate, || ranker.evaluate(&*scorer, HeldOut::Test))
}

fn tell(cx: &Context<'_>, learnt: &Learnt) {
    let first = cx.ranker.protocol().metrics[0];
    let epoch = learnt.selected.as_ref().map_or(String::new(), |(epoch, _)| format!(", of epoch {}", epoch + 1));
    let value = learnt.test.values[&first];
    cx.observer.note(&format!("period {}: test {first} {value:.4}{epoch} of {}", learnt.period, learnt.epochs_run));
}

/// Where the state within a period is kept.
pub(super) fn within(cx: &Context<'_>, period: usize) -> Checkpoint {
    cx.checkpoint.beside(&format!("{WITHIN}{period}.safetensors"))
}

/// What the names of states within periods begin with.
pub const WITHIN: &str = "period-";
