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
use super::{Context, Curve, Ending, Epoch, Selected, Selection, SoFar, State};
use crate::error::{Error, Kind, Result};
use crate::metrics::{Metric, Scorer};
use crate::split::HeldOut;
use crate::weights::Parameter;

/// A model in training. Its methods fail where its device does, and `restore` on a state of another model.
pub trait Model {
    /// The model as it stands, for ranking. May copy weights from a device.
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>>;

    /// The weights as they stand, and what else a selected epoch brings back.
    fn parameters(&self) -> Result<Vec<Parameter>>;

    /// Puts back what was selected.
    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()>;

    /// Adds everything that the next epoch depends on.
    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()>;

    /// Takes back what `save` put.
    fn restore(&mut self, state: &mut State<'_>) -> Result<()>;
}

/// See the module's head.
pub struct Epochs {
    most: usize,
    next: usize,
    /// None where the last epoch has the model.
    selection: Option<Selection>,
    /// Weights of the last epoch that improved.
    kept: Vec<Parameter>,
    curve: Curve,
}

/// The text part of a checkpoint.
#[derive(Serialize, Deserialize)]
struct Saved {
    next: usize,
    selection: Option<SoFar>,
    curve: Curve,
    kept: Vec<(String, Vec<usize>)>,
    seconds: crate::meter::Seconds,
}

impl Epochs {
    /// Starts at epoch 0, or where a checkpoint ends. An unreadable checkpoint is told and forgotten.
    ///
    /// # Errors
    /// If an epoch is to be selected without validation items; if the checkpoint is whole and does not fit
    /// the model: it is removed.
    pub fn start(cx: &mut Context<'_>, most: usize, ending: Ending, model: &mut dyn Model) -> Result<Self> {
        let selection = match ending {
            Ending::LastEpoch => None,
            Ending::Early(_) if cx.split.valid.is_empty() => return Err(nothing_to_select_by()),
            Ending::Early(stopping) => Some(Selection::new(stopping)),
        };
        let fresh = Self { most, next: 0, selection, kept: Vec::new(), curve: Curve::default() };
        let what = if cx.period.is_some() { "period" } else { "run" };
        let state = match cx.checkpoint.read() {
            Ok(None) => return Ok(fresh),
            Ok(Some(state)) => state,
            Err(error) => {
                cx.observer.note(&format!("{error}\nthe saved state is removed; this {what} starts over"));
                cx.checkpoint.remove();
                return Ok(fresh);
            }
        };
        let mut state = state;
        let (saved, kept) = match fresh.saved(&mut state, model, cx.period.is_none()) {
            Ok(saved) => saved,
            Err(error) => {
                cx.observer.note(&format!("{error}\nthe saved state is removed; this {what} starts over"));
                cx.checkpoint.remove();
                return Ok(fresh);
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
    fn saved(&self, state: &mut State<'_>, model: &dyn Model, tests: bool) -> Result<(Saved, Vec<Parameter>)> {
        let saved: Saved = serde_json::from_str(&state.text).map_err(|error| unsound(error.to_string()))?;
        let Saved { next, selection, curve, kept, seconds } = &saved;
        let next = *next;
        require(next > 0 && next <= self.most, || format!("epoch {next} of {}", self.most))?;
        let of_epochs = |n: usize| n == next;
        require(
            of_epochs(curve.loss.len()) && curve.validation.values().all(|values| of_epochs(values.len())),
            || format!("a curve that is not of {next} epochs"),
        )?;
        sound::seconds(seconds)?;
        let chosen = match (&self.selection, selection) {
            (Some(fresh), Some(so_far)) => {
                let evaluated = next >= fresh.stopping().every.get() || next == self.most;
                so_far.check(fresh.stopping(), next, evaluated, tests)?
            }
            (None, None) => false,
            _ => return Err(unsound("a training that ends in another way")),
        };
        let shapes: Vec<_> =
            if chosen { model.parameters()?.into_iter().map(|p| (p.name, p.shape)).collect() } else { vec![] };
        require(*kept == shapes, || "weights that are not the model's".into())?;
        let kept = shapes.into_iter().map(|(name, shape)| {
            let values = state.take(&format!("kept.{name}"), sound::size(&name, &shape)?)?;
            Ok(Parameter { name, shape, values })
        });
        let kept = kept.collect::<Result<Vec<_>>>()?;
        Ok((saved, kept))
    }

    fn resume(
        self,
        cx: &mut Context<'_>,
        saved: Saved,
        kept: Vec<Parameter>,
        mut state: State<'_>,
        model: &mut dyn Model,
    ) -> Result<Self> {
        model.restore(&mut state)?;
        cx.meter.seconds = saved.seconds;
        let so_far = saved.selection.unwrap_or_default();
        let selection = self.selection.map(|fresh| Selection::resume(fresh.stopping().clone(), so_far));
        Ok(Self { most: self.most, next: saved.next, selection, kept, curve: saved.curve })
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
        let epoch = self.next;
        if !loss.is_finite() {
            return Err(Error::new(Kind::Diverged, format!("the loss of epoch {epoch} is not a number"))
                .expected("a finite loss")
                .got(loss.to_string())
                .hint("a smaller `learning_rate` usually helps; finished runs are kept"));
        }
        self.next += 1;
        self.curve.loss.push(loss);
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
        let Some(selection) = &mut self.selection else { return Ok(None) };
        let due = self.next.is_multiple_of(selection.stopping().every.get()) || self.next == self.most;
        let valid = if due {
            let scorer = model.scorer()?;
            let valid = cx.evaluate(&*scorer, HeldOut::Valid)?;
            // Of a stream, a period is tested when it is learnt: its test items are not at hand before.
            let tests = !cx.split.test.is_empty();
            let test = || tests.then(|| cx.evaluate(&*scorer, HeldOut::Test)).transpose();
            let improved = selection.observe(epoch, &valid, test)?;
            drop(scorer);
            if improved {
                self.kept = model.parameters()?;
            }
            Some(valid)
        } else {
            None
        };
        for metric in &selection.stopping().watch {
            let value = valid.as_ref().map(|v| v.values[metric]);
            self.curve.validation.entry(*metric).or_default().push(value);
        }
        let first = selection.stopping().watch[0];
        Ok(valid.map(|v| (first, v.values[&first])))
    }

    fn save(&self, cx: &mut Context<'_>, model: &dyn Model) -> Result<()> {
        let saved = Saved {
            next: self.next,
            selection: self.selection.as_ref().map(|selection| selection.so_far().clone()),
            curve: self.curve.clone(),
            kept: self.kept.iter().map(|p| (p.name.clone(), p.shape.clone())).collect(),
            seconds: cx.meter.seconds.clone(),
        };
        let text = serde_json::to_string(&saved)
            .map_err(|e| Error::new(Kind::Internal, "cannot save the state").got(e.to_string()))?;
        let mut state = State { text, ..State::default() };
        for parameter in &self.kept {
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
        model.set_parameters(self.kept)?;
        Ok(Selected::new(selection, self.next, self.curve))
    }
}

fn nothing_to_select_by() -> Error {
    Error::new(Kind::Input, "there are no validation items to select an epoch by")
        .expected("a split with a validation part, or `stopping = \"none\"`")
        .got("a split without one")
        .hint("under the rule `70-10-20` only the phase `tune` has a validation part")
}
