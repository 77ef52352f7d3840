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

use serde::{Deserialize, Serialize};

use super::{Period, Periods};
use crate::error::{Error, Kind, Result};
use crate::meter::{Meter, Phase, Seconds};
use crate::metrics::Metric;
use crate::rank::{Evaluation, Ranker};
use crate::split::{HeldOut, Split, UserItems};
use crate::train::{Checkpoint, Context, Curve, Ending, Epochs, InHand, Model, Selected, State};

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

    /// After the test, with the selected epoch's model: gets ready what the next period needs.
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
    /// Queries that an epoch is selected by; see [`queries`](super::queries). Empty where none is selected.
    pub valid: Split,
    /// For the record, such as the number of training samples.
    pub facts: BTreeMap<String, f64>,
}

/// What one period came to.
#[derive(Clone, Debug)]
pub struct Learnt {
    pub period: usize,
    /// Candidates.
    pub items: usize,
    pub facts: BTreeMap<String, f64>,
    pub epochs_run: usize,
    /// The epoch that was selected, and its values on validation queries.
    pub selected: Option<(usize, BTreeMap<Metric, f64>)>,
    pub curve: Curve,
    pub test: Evaluation,
    pub seconds: f64,
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
    for number in learnt.len() + 1..=periods.last() {
        let began = cx.meter.elapsed();
        cx.period = Some(InHand { number, last: periods.last(), began });
        let period = periods.period(number);
        let Lesson { valid, facts } = learner.begin(cx, period)?;
        let selected = epochs(cx, learner, valid, most, ending)?;
        let test = test(cx, learner, period)?;
        learner.end(cx, period)?;
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
        within(cx, number).remove();
    }
    Ok(learnt)
}

/// Learns one period; the learner has the selected epoch's model afterwards. What is to be tested is not at hand here.
fn epochs<'p>(
    cx: &mut Context<'p>,
    learner: &mut dyn Learner<'p>,
    valid: Split,
    most: usize,
    ending: &Ending,
) -> Result<Selected> {
    let seen = valid.train.sorted();
    // Without anything to validate by nothing is selected, and nothing is ranked here.
    let ranker = (!valid.valid.is_empty()).then(|| Ranker::new(cx.ranker.protocol(), &valid)).transpose()?;
    learner.ask(Arc::new(valid.train.clone()), valid.n_items);
    let InHand { number, .. } = cx.period.expect("a period has begun");
    let mut within = Context {
        split: &valid,
        seen: &seen,
        ranker: ranker.as_ref().unwrap_or(cx.ranker),
        checkpoint: within(cx, number),
        meter: std::mem::replace(&mut cx.meter, Meter::new(cx.device)),
        ..*cx
    };
    let mut epochs = Epochs::start(&mut within, most, ending.clone(), learner)?;
    while let Some(epoch) = epochs.next() {
        let loss = learner.epoch(&mut within, epoch)?;
        epochs.end(&mut within, loss, learner)?;
    }
    cx.meter = within.meter;
    epochs.finish(learner)
}

/// The epoch whose weights were kept, with its own values: all metrics of a period are reported from it.
fn kept(selected: &Selected) -> Option<(usize, BTreeMap<Metric, f64>)> {
    let best = selected.best().iter().find(|best| best.epoch == selected.epoch)?;
    Some((selected.epoch, best.valid.values.clone()))
}

fn test<'p>(cx: &mut Context<'p>, learner: &mut dyn Learner<'p>, period: Period<'p>) -> Result<Evaluation> {
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
fn within(cx: &Context<'_>, period: usize) -> Checkpoint {
    cx.checkpoint.beside(&format!("{WITHIN}{period}.safetensors"))
}

/// What the names of states within periods begin with.
pub const WITHIN: &str = "period-";

/// The text part of what is carried.
#[derive(Serialize, Deserialize)]
struct Saved {
    learnt: Vec<SavedPeriod>,
    seconds: Seconds,
}

/// [`Learnt`], but for its ranks, which are kept as ids: 12 bytes a query instead of a line of text.
#[derive(Serialize, Deserialize)]
struct SavedPeriod {
    items: usize,
    facts: BTreeMap<String, f64>,
    epochs_run: usize,
    selected: Option<(usize, BTreeMap<Metric, f64>)>,
    curve: Curve,
    queries: usize,
    values: BTreeMap<Metric, f64>,
    pessimistic: BTreeMap<Metric, f64>,
    seconds: f64,
}

const RANKS: [&str; 3] = ["targets", "ranks", "pessimistic-ranks"];

fn name_of(period: usize, what: &str) -> String {
    format!("learnt.{period}.{what}")
}

fn save<'p>(cx: &mut Context<'p>, learner: &dyn Learner<'p>, learnt: &[Learnt]) -> Result<()> {
    let saved = Saved {
        learnt: learnt
            .iter()
            .map(|l| SavedPeriod {
                items: l.items,
                facts: l.facts.clone(),
                epochs_run: l.epochs_run,
                selected: l.selected.clone(),
                curve: l.curve.clone(),
                queries: l.test.queries.len(),
                values: l.test.values.clone(),
                pessimistic: l.test.pessimistic.clone(),
                seconds: l.seconds,
            })
            .collect(),
        seconds: cx.meter.seconds.clone(),
    };
    let text = serde_json::to_string(&saved)
        .map_err(|e| Error::new(Kind::Internal, "cannot save the state").got(e.to_string()))?;
    let mut state = State { text, ..State::default() };
    for l in learnt {
        let arrays = [&l.test.targets, &l.test.ranks, &l.test.pessimistic_ranks];
        for (what, values) in RANKS.into_iter().zip(arrays) {
            state.ids.insert(name_of(l.period, what), values[..].into());
        }
    }
    learner.carry(&mut state)?;
    let checkpoint = &mut cx.checkpoint;
    cx.meter.time(Phase::Checkpoint, || checkpoint.write(&state))
}

/// The periods learnt before, if the run was stopped after one. An unreadable state is told and forgotten.
fn go_on<'p>(cx: &mut Context<'p>, learner: &mut dyn Learner<'p>) -> Result<Vec<Learnt>> {
    let mut state = match cx.checkpoint.read() {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(state)) => state,
        Err(error) => {
            cx.observer.note(&format!("{error}\nthe saved state is removed; this run starts over"));
            forget(cx);
            return Ok(Vec::new());
        }
    };
    let restored = restore(&mut state).and_then(|(learnt, seconds)| {
        learner.take_up(&mut state)?;
        Ok((learnt, seconds))
    });
    match restored {
        Ok((learnt, seconds)) => {
            cx.meter.seconds = seconds;
            // A state within another period is of an attempt before: it was left by a kill while it was removed.
            forget_within(cx, Some(learnt.len() + 1));
            cx.observer.note(&format!("going on after period {}", learnt.len()));
            Ok(learnt)
        }
        Err(error) => {
            // Part of it may be in the learner already, so this attempt is lost.
            forget(cx);
            Err(error.hint("the saved state is removed: the same command starts this run over"))
        }
    }
}

/// Removes what is carried and the states within periods, which are of the same attempt.
fn forget(cx: &Context<'_>) {
    cx.checkpoint.remove();
    forget_within(cx, None);
}

/// Removes the states within periods, but that of the period `but`.
fn forget_within(cx: &Context<'_>, but: Option<usize>) {
    let last = cx.periods.map_or(0, Periods::last);
    (1..=last).filter(|period| but != Some(*period)).for_each(|period| within(cx, period).remove());
}

fn restore(state: &mut State<'_>) -> Result<(Vec<Learnt>, Seconds)> {
    let broken = |what: String| Error::new(Kind::Data, "a saved state cannot be used").got(what);
    let saved: Saved = serde_json::from_str(&state.text).map_err(|e| broken(e.to_string()))?;
    let mut learnt = Vec::with_capacity(saved.learnt.len());
    for (index, l) in saved.learnt.into_iter().enumerate() {
        let period = index + 1;
        let [targets, ranks, pessimistic_ranks] = RANKS.map(|what| state.ids.remove(&name_of(period, what)));
        let (Some(targets), Some(ranks), Some(pessimistic_ranks)) = (targets, ranks, pessimistic_ranks) else {
            return Err(broken(format!("no ranks of period {period}")));
        };
        let test = Evaluation {
            queries: (0..l.queries as u32).collect(),
            targets: targets.into_owned(),
            ranks: ranks.into_owned(),
            pessimistic_ranks: pessimistic_ranks.into_owned(),
            values: l.values,
            pessimistic: l.pessimistic,
        };
        let SavedPeriod { items, facts, epochs_run, selected, curve, seconds, .. } = l;
        learnt.push(Learnt { period, items, facts, epochs_run, selected, curve, test, seconds });
    }
    Ok((learnt, saved.seconds))
}
