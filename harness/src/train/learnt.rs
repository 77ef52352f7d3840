//! Results of finished periods, and how a resumed run reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sound::{self, require, unsound};
use super::{Checkpoint, Context, Curve};
use crate::error::{Error, Kind, Result};
use crate::meter::{Phase, Seconds};
use crate::metrics::Metric;
use crate::rank::Evaluation;
use crate::split::periods::{Periods, Roles};
use crate::weights::State;

/// The result of one period.
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
    /// Wall-clock seconds, until the state was saved.
    pub seconds: f64,
    /// The same without evaluation and saved states; none in what an earlier program saved.
    pub training_seconds: Option<f64>,
}

/// The text part of what is carried.
#[derive(Serialize, Deserialize)]
struct SavedPeriods {
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
    /// Labelled pairs that were scored; 0 where queries were ranked.
    #[serde(default)]
    pairs: usize,
    values: BTreeMap<Metric, f64>,
    pessimistic: BTreeMap<Metric, f64>,
    seconds: f64,
    #[serde(default)]
    training_seconds: Option<f64>,
}

const RANKS: [&str; 3] = ["targets", "ranks", "pessimistic-ranks"];

fn name_of(period: usize, what: &str) -> String {
    format!("learnt.{period}.{what}")
}

/// Saves the results of the finished periods, and what `carried` adds for the next one.
///
/// # Errors
/// Errors of `carried` and the disk.
pub(super) fn save<'l>(
    cx: &mut Context<'_>,
    learnt: &'l [Learnt],
    carried: impl FnOnce(&mut State<'l>) -> Result<()>,
) -> Result<()> {
    let saved = SavedPeriods {
        learnt: learnt
            .iter()
            .map(|l| SavedPeriod {
                items: l.items,
                facts: l.facts.clone(),
                epochs_run: l.epochs_run,
                selected: l.selected.clone(),
                curve: l.curve.clone(),
                queries: l.test.queries.len(),
                pairs: l.test.pairs,
                values: l.test.values.clone(),
                pessimistic: l.test.pessimistic.clone(),
                seconds: l.seconds,
                training_seconds: l.training_seconds,
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
    carried(&mut state)?;
    let checkpoint = &mut cx.checkpoint;
    cx.meter.time(Phase::Checkpoint, || checkpoint.write(state))
}

/// The periods learnt before, if the run was stopped after one; `carried` takes back what it added. An unreadable state is
/// reported and discarded.
///
/// # Errors
/// If the state is not of this learner.
pub(super) fn resume(cx: &mut Context<'_>, carried: impl FnOnce(&mut State<'_>) -> Result<()>) -> Result<Vec<Learnt>> {
    let mut state = match cx.checkpoint.read() {
        Ok(None) => return Ok(Vec::new()),
        Ok(Some(state)) => state,
        Err(error) => {
            cx.observer.note(&format!("{error}\nthe saved state is removed; this run starts over"));
            forget(cx);
            return Ok(Vec::new());
        }
    };
    let roles = cx.task.periods().map_or(Roles::after_the_first(0), Periods::roles);
    let restored = restore(&mut state, roles);
    // Another run asks for the models of all periods, and this one began without being asked.
    let without_model = |learnt: &Learnt| {
        cx.tested_models.filter(|kept| !matches!(kept.read(learnt.period), Ok(Some(_)))).map(|_| learnt.period)
    };
    if let Some(period) = restored.iter().flat_map(|(learnt, _)| learnt).find_map(without_model) {
        let what =
            format!("the model that was tested on period {period}, from which another trial learns, was not kept");
        cx.observer.note(&format!("{what}\nthe saved state is removed; this run starts over"));
        forget(cx);
        return Ok(Vec::new());
    }
    let restored = restored.and_then(|(learnt, seconds)| {
        carried(&mut state)?;
        Ok((learnt, seconds))
    });
    match restored {
        Ok((learnt, seconds)) => {
            cx.meter.seconds = seconds;
            // A state within another period is of an attempt before: it was left by a kill while it was removed.
            let next = learnt.last().map_or(*roles.evaluated().start(), |last| last.period + 1);
            forget_within(cx, Some(next));
            cx.observer.note(&format!("going on after period {}", next - 1));
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
    let last = cx.task.periods().map_or(0, Periods::last);
    (1..=last).filter(|period| but != Some(*period)).for_each(|period| within(cx, period).remove());
}

/// Where the state within a period is kept.
pub(super) fn within(cx: &Context<'_>, period: usize) -> Checkpoint {
    cx.checkpoint.beside(&format!("{WITHIN}{period}.safetensors"))
}

/// Prefix of the names of states that are saved within a period.
pub const WITHIN: &str = "period-";

fn restore(state: &mut State<'_>, roles: Roles) -> Result<(Vec<Learnt>, Seconds)> {
    let broken = unsound;
    let saved: SavedPeriods = serde_json::from_str(&state.text).map_err(|e| broken(e.to_string()))?;
    sound::seconds(&saved.seconds)?;
    let most = roles.evaluated().count();
    require(saved.learnt.len() <= most, || format!("{} periods of {most}", saved.learnt.len()))?;
    let mut learnt = Vec::with_capacity(saved.learnt.len());
    for (index, l) in saved.learnt.into_iter().enumerate() {
        let period = roles.evaluated().start() + index;
        let [targets, ranks, pessimistic_ranks] = RANKS.map(|what| state.ids.remove(&name_of(period, what)));
        let (Some(targets), Some(ranks), Some(pessimistic_ranks)) = (targets, ranks, pessimistic_ranks) else {
            return Err(broken(format!("no ranks of period {period}")));
        };
        require(l.queries == targets.len(), || format!("ranks of period {period} that are not its queries'"))?;
        let test = Evaluation {
            queries: (0..targets.len() as u32).collect(),
            targets: targets.into_owned(),
            ranks: ranks.into_owned(),
            pessimistic_ranks: pessimistic_ranks.into_owned(),
            pairs: l.pairs,
            values: l.values,
            pessimistic: l.pessimistic,
        };
        sound::evaluation(&format!("period {period}"), &test)?;
        require(l.seconds.is_finite() && l.seconds >= 0.0, || format!("{} seconds of period {period}", l.seconds))?;
        let SavedPeriod { items, facts, epochs_run, selected, curve, seconds, training_seconds, .. } = l;
        learnt.push(Learnt { period, items, facts, epochs_run, selected, curve, test, seconds, training_seconds });
    }
    Ok((learnt, saved.seconds))
}
