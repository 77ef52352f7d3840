//! The frame of an epoch loop: where it starts, when it ends, what is kept.
//!
//! ```text
//! let mut epochs = Epochs::start(cx, most, ending, &mut model)?;   // goes on where a checkpoint ends
//! while let Some(epoch) = epochs.next() {
//!     …the method's own epoch…
//!     epochs.end(cx, loss, &mut model)?;                             // evaluates, selects, saves
//! }
//! let selected = epochs.finish(&mut model);                          // the model has the selected weights
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sound::{self, require, unsound};
use super::{Context, Curve, Ending, Epoch, Model, Selected, Selection, SoFar};
use crate::error::{Error, Kind, Result};
use crate::metrics::Metric;
use crate::rank::{Evaluation, Ranker};
use crate::weights::{Parameter, Settings, State, Weights};

/// The loop over epochs: which epoch is next, what validation said so far, and the weights of the best epoch.
pub struct Epochs<'r> {
    most: usize,
    next: usize,
    /// Ranks validation items.
    valid: Option<&'r Ranker>,
    /// Ranks the test items at each epoch that improves; none within a stream, which tests a period when it is learnt.
    test: Option<&'r Ranker>,
    /// None where the last epoch has the model.
    selection: Option<Selection>,
    /// Weights of the last epoch that improved.
    kept: Weights,
    curve: Curve,
}

/// The text part of a checkpoint.
#[derive(Serialize, Deserialize)]
struct SavedEpochs {
    next: usize,
    selection: Option<SoFar>,
    curve: Curve,
    /// Names and shapes.
    kept: Vec<(String, Vec<usize>)>,
    settings: Settings,
    seconds: crate::meter::Seconds,
}

impl<'r> Epochs<'r> {
    /// Starts a run on a single split at epoch 0, or where a checkpoint ends. An unreadable checkpoint is reported and
    /// discarded.
    ///
    /// # Errors
    /// If an epoch is to be selected without validation items; if the checkpoint is whole and does not fit
    /// the model: it is removed.
    pub fn start(cx: &mut Context<'r>, most: usize, ending: Ending, model: &mut dyn Model) -> Result<Self> {
        let task = cx.task;
        Self::by(cx, [task.valid.as_ref(), Some(&task.test)], most, ending, model)
    }

    /// Starts a period of a stream, as [`start`](Self::start) does a run; `valid` is what it is validated by.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn of_period(
        cx: &mut Context<'_>,
        valid: Option<&'r Ranker>,
        most: usize,
        ending: Ending,
        model: &mut dyn Model,
    ) -> Result<Self> {
        Self::by(cx, [valid, None], most, ending, model)
    }

    fn by(
        cx: &mut Context<'_>,
        [valid, test]: [Option<&'r Ranker>; 2],
        most: usize,
        ending: Ending,
        model: &mut dyn Model,
    ) -> Result<Self> {
        let selection = match ending {
            Ending::LastEpoch => None,
            Ending::Early(_) if valid.is_none() => return Err(nothing_to_select_by()),
            Ending::Early(stopping) => Some(Selection::new(stopping)),
        };
        let fresh = Self { most, next: 0, valid, test, selection, kept: Weights::default(), curve: Curve::default() };
        let what = if cx.period.is_some() { "period" } else { "run" };
        let mut state = match cx.checkpoint.read() {
            Ok(None) => return fresh.observe_start(cx, model),
            Ok(Some(state)) => state,
            Err(error) => {
                cx.observer.note(&format!("{error}\nthe saved state is removed; this {what} starts over"));
                cx.checkpoint.remove();
                return fresh.observe_start(cx, model);
            }
        };
        let (saved, kept) = match fresh.saved(&mut state, model) {
            Ok(saved) => saved,
            Err(error) => {
                cx.observer.note(&format!("{error}\nthe saved state is removed; this {what} starts over"));
                cx.checkpoint.remove();
                return fresh.observe_start(cx, model);
            }
        };
        match fresh.resume(cx, saved, kept, state, model) {
            Ok(epochs) => {
                let of = cx.period.map_or(String::new(), |period| format!(" of period {}", period.number));
                cx.observer.note(&format!("going on after epoch {}{of}", epochs.next));
                Ok(epochs)
            }
            Err(error) => {
                // Part of it may be in the model already, so this attempt is lost.
                cx.checkpoint.remove();
                Err(error.hint(format!("the saved state is removed: the same command starts this {what} over")))
            }
        }
    }

    /// What a state says beside the model, and the weights that it keeps, if a training like this could have saved it.
    fn saved(&self, state: &mut State<'_>, model: &dyn Model) -> Result<(SavedEpochs, Weights)> {
        let saved: SavedEpochs = serde_json::from_str(&state.text).map_err(|error| unsound(error.to_string()))?;
        let SavedEpochs { next, selection, curve, kept, settings, seconds } = &saved;
        let next = *next;
        require(next > 0 && next <= self.most, || format!("epoch {next} of {}", self.most))?;
        let of_epochs = |n: usize| n == next;
        require(
            of_epochs(curve.loss.len())
                && curve.parts.values().all(|values| of_epochs(values.len()))
                && curve.validation.values().all(|values| of_epochs(values.len())),
            || format!("a curve that is not of {next} epochs"),
        )?;
        sound::seconds(seconds)?;
        let chosen = match (&self.selection, selection) {
            (Some(fresh), Some(so_far)) => {
                let evaluated =
                    fresh.stopping().from_start || next >= fresh.stopping().every.get() || next == self.most;
                so_far.check(fresh.stopping(), next, evaluated, self.test.is_some())?
            }
            (None, None) => false,
            _ => return Err(unsound("a training that ends in another way")),
        };
        let keys = |settings: &Settings| settings.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
        let of_the_model = {
            let weights = if chosen { model.weights()? } else { Weights::default() };
            *kept == shapes(&weights) && keys(settings) == keys(&weights.settings)
        };
        require(of_the_model, || "weights that are not the model's".into())?;
        let parameters = kept.iter().map(|(name, shape)| {
            let values = state.take(&format!("kept.{name}"), sound::size(name, shape)?)?;
            Ok(Parameter { name: name.clone(), shape: shape.clone(), values })
        });
        let kept = Weights { parameters: parameters.collect::<Result<_>>()?, settings: settings.clone() };
        Ok((saved, kept))
    }

    fn resume(
        self,
        cx: &mut Context<'_>,
        saved: SavedEpochs,
        kept: Weights,
        mut state: State<'_>,
        model: &mut dyn Model,
    ) -> Result<Self> {
        model.restore(&mut state)?;
        cx.meter.seconds = saved.seconds;
        let so_far = saved.selection.unwrap_or_default();
        let selection = self.selection.as_ref().map(|fresh| Selection::resume(fresh.stopping().clone(), so_far));
        Ok(Self { next: saved.next, selection, kept, curve: saved.curve, ..self })
    }

    /// The epoch to train now, counting from 0; `None` when training is over.
    pub fn next(&self) -> Option<usize> {
        let exhausted = self.selection.as_ref().is_some_and(Selection::is_exhausted);
        (self.next < self.most && !exhausted).then_some(self.next)
    }

    /// Ends an epoch with its mean batch loss: evaluates if one is due, selects, tells, saves.
    ///
    /// # Errors
    /// Diverged if the loss or a score is not finite; Interrupted, after saving, if the person asked.
    pub fn end(&mut self, cx: &mut Context<'_>, loss: f64, model: &mut dyn Model) -> Result<()> {
        self.end_with_parts(cx, loss, &[], model)
    }

    /// The same, with parts of the loss and other numbers of the epoch for the curve, by name: the same names in each epoch, and
    /// none for a number that this epoch does not have.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn end_with_parts(
        &mut self,
        cx: &mut Context<'_>,
        loss: f64,
        parts: &[(&str, Option<f64>)],
        model: &mut dyn Model,
    ) -> Result<()> {
        let epoch = self.next;
        if !loss.is_finite() {
            return Err(Error::new(Kind::Diverged, format!("the loss of epoch {epoch} is not a number"))
                .expected("a finite loss")
                .got(loss.to_string())
                .hint("a smaller `learning_rate` usually helps; finished runs are kept"));
        }
        self.next += 1;
        self.curve.loss.push(loss);
        for (name, part) in parts {
            self.curve.parts.entry((*name).to_string()).or_default().push(*part);
        }
        let validation = self.validate(cx, epoch, model)?;
        let name = validation.map(|(metric, _)| metric.to_string());
        cx.observer.epoch(Epoch {
            period: cx.period.map(|period| (period.number, period.last)),
            done: self.next,
            most: self.most,
            loss,
            validation: name.as_deref().zip(validation.map(|(_, value)| value)),
            patience: self.selection.as_ref().map(Selection::patience),
            elapsed: cx.meter.elapsed().saturating_sub(cx.period.map_or(Duration::ZERO, |period| period.began)),
        });
        let over = self.next().is_none();
        let interrupted = cx.observer.interrupted();
        if !over && (interrupted || cx.checkpoint.is_due()) {
            self.save(cx, model)?;
        }
        if interrupted && !over {
            return Err(
                Error::new(Kind::Interrupted, format!("interrupted after epoch {epoch}")).hint("the state is saved")
            );
        }
        Ok(())
    }

    /// Evaluates and selects if both are due; the first watched metric and its value.
    fn validate(&mut self, cx: &mut Context<'_>, epoch: usize, model: &mut dyn Model) -> Result<Option<(Metric, f64)>> {
        let Some(selection) = &self.selection else { return Ok(None) };
        let due = self.next.is_multiple_of(selection.stopping().every.get()) || self.next == self.most;
        let watch = selection.stopping().watch.clone();
        let valid = due.then(|| self.observe(cx, Some(epoch), model)).transpose()?;
        for metric in &watch {
            let value = valid.as_ref().map(|v| v.values[metric]);
            self.curve.validation.entry(*metric).or_default().push(value);
        }
        let first = watch[0];
        Ok(valid.map(|v| (first, v.values[&first])))
    }

    /// Evaluates the weights that training starts from, where these may be kept, too.
    fn observe_start(mut self, cx: &mut Context<'_>, model: &mut dyn Model) -> Result<Self> {
        if let Some(stopping) = self.selection.as_ref().map(Selection::stopping).filter(|stopping| stopping.from_start)
        {
            let watch = stopping.watch.clone();
            let valid = self.observe(cx, None, model)?;
            self.curve.start = watch.into_iter().map(|metric| (metric, valid.values[&metric])).collect();
        }
        Ok(self)
    }

    /// Evaluates the model as it stands after an epoch, or at the start, and keeps it if it is the best so far.
    fn observe(&mut self, cx: &mut Context<'_>, epoch: Option<usize>, model: &mut dyn Model) -> Result<Evaluation> {
        let ranker = self.valid.expect("nothing is selected without validation items");
        let selection = self.selection.as_mut().expect("an epoch is selected");
        let scorer = model.scorer(ranker.queries())?;
        let valid = cx.evaluate(ranker, &*scorer)?;
        let test = |test: &Ranker| match test.queries().asks_as(ranker.queries()) {
            true => cx.evaluate(test, &*scorer),
            false => cx.evaluate(test, &*model.scorer(test.queries())?),
        };
        let improved = selection.observe(epoch, &valid, || self.test.map(test).transpose())?;
        drop(scorer);
        if improved {
            self.kept = model.weights()?;
        }
        Ok(valid)
    }

    fn save(&self, cx: &mut Context<'_>, model: &dyn Model) -> Result<()> {
        let saved = SavedEpochs {
            next: self.next,
            selection: self.selection.as_ref().map(|selection| selection.so_far().clone()),
            curve: self.curve.clone(),
            kept: shapes(&self.kept),
            settings: self.kept.settings.clone(),
            seconds: cx.meter.seconds.clone(),
        };
        let text = serde_json::to_string(&saved)
            .map_err(|e| Error::new(Kind::Internal, "cannot save the state").got(e.to_string()))?;
        let mut state = State { text, ..State::default() };
        for parameter in &self.kept.parameters {
            state.put(format!("kept.{}", parameter.name), &parameter.values);
        }
        model.save(&mut state)?;
        let checkpoint = &mut cx.checkpoint;
        cx.meter.time(crate::meter::Phase::Checkpoint, || checkpoint.write(state))
    }

    /// Gives the selected weights back to the model, if there was a choice.
    ///
    /// # Errors
    /// If the model does not take them.
    pub fn finish(self, model: &mut dyn Model) -> Result<Selected> {
        let Some(selection) = self.selection else { return Ok(Selected::last(self.next, self.curve)) };
        model.set_weights(self.kept)?;
        Ok(Selected::new(selection, self.next, self.curve))
    }
}

fn shapes(weights: &Weights) -> Vec<(String, Vec<usize>)> {
    weights.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.shape.clone())).collect()
}

fn nothing_to_select_by() -> Error {
    Error::new(Kind::Input, "there are no validation items to select an epoch by")
        .expected("a split with a validation part, or `stopping = \"none\"`")
        .got("a split without one")
        .hint("under the rule `70-10-20` only the phase `tune` has a validation part")
}
