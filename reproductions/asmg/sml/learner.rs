//! A base model and its transfers through a stream of periods.
//!
//! ```text
//! period t:  prev = the base tensors, as the last period left them
//!            epochs: train the base on period t − 1 through the transfers, whose result is what a batch computes with
//!            test the transferred model on t
//!            end: train the transfers on t, and write their result into the base after each epoch
//! ```
//!
//! In the first period the base model is pre-trained without transfers, here or by the teacher.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::error::{Error, Kind, Result};
use harness::meter::Phase;
use harness::metrics::{Metric, Scorer};
use harness::nn::Trainable;
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::rank::Ranker;
use harness::split::periods::Period;
use harness::split::{HeldOut, SampleRange};
use harness::train::{Context, Ending, EpochTies, Learner, Model, PeriodData, Stopping};
use harness::value::{Count, Decimals, Limit};
use harness::weights::{Artefact, Parameter, State, Weights};

use super::base::BaseModel;
use super::options::{KeptTransfer, MfPretraining, PartTraining, ReportedEpoch, SmlTraining};
use super::tensor::{Through, TransferredTensor};

/// Decimals of an AUC that is compared between transfer epochs, those of a checkpoint's name (code).
const DECIMALS: f64 = 1e4;

/// A base model with its transfers, and where in the stream they are.
pub struct TransferLearner<'m, 'p, B> {
    training: &'m SmlTraining,
    /// None where the tensors start pre-trained.
    pretraining: Option<&'m MfPretraining>,
    base: B,
    tensors: Vec<TransferredTensor>,
    /// What is learnt in the current period.
    samples: Option<SampleRange<'p>>,
    through: Through,
    /// The weights of the epoch that was selected to be tested, where that was a choice.
    tested: Option<Weights>,
}

impl<'m, 'p, B: BaseModel> TransferLearner<'m, 'p, B> {
    /// A learner whose tensors are all of the base model's, in their order.
    pub fn new(
        training: &'m SmlTraining,
        pretraining: Option<&'m MfPretraining>,
        base: B,
        tensors: Vec<TransferredTensor>,
    ) -> Self {
        Self { training, pretraining, base, tensors, samples: None, through: Through::Nothing, tested: None }
    }

    pub fn base(&self) -> &B {
        &self.base
    }

    /// The transferred tensors with which the last period was tested, or the pre-trained ones.
    pub fn served(&self) -> Weights {
        match &self.tested {
            Some(tested) => tested.clone(),
            None => self.tensors.iter().map(|tensor| tensor.served(self.through)).collect::<Vec<_>>().into(),
        }
    }

    /// The weights of the transfers.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn transfer_weights(&self) -> Result<Weights> {
        let all = self.tensors.iter().flat_map(|tensor| tensor.transfer().tensors());
        Ok(all.map(Trainable::parameter).collect::<Result<Vec<_>>>()?.into())
    }

    /// The loss of a batch; its gradients are with the tensors.
    fn forward_backward(&mut self, samples: SampleRange<'_>, positions: &[u32]) -> f64 {
        let Self { base, tensors, through, .. } = self;
        base.take(samples, positions);
        for (number, tensor) in tensors.iter_mut().enumerate() {
            tensor.forward(base.rows(number), *through);
        }
        let (values, gradients): (Vec<&[f32]>, Vec<&mut [f32]>) =
            tensors.iter_mut().map(TransferredTensor::batch).unzip();
        base.forward_backward(&values, gradients)
    }

    /// One epoch over `samples` in the order of the stream `order`; `step` moves what is trained. The mean loss per batch.
    fn train(
        &mut self,
        cx: &mut Context<'_>,
        samples: SampleRange<'_>,
        (order, epoch): (&str, usize),
        part: PartTraining,
        step: impl Fn(&mut TransferredTensor, Option<&[u32]>, &TfAdam),
    ) -> f64 {
        let adam = TfAdam { learning_rate: part.learning_rate.get() };
        let start = Instant::now();
        let order = cx.stream(order, epoch).permutation(samples.len());
        cx.meter.since(start, Phase::Sample);
        let (mut sum, mut batches) = (0.0, 0);
        for positions in order.chunks(part.batch.get()) {
            sum += cx.meter.time(Phase::ForwardBackward, || self.forward_backward(samples, positions));
            let start = Instant::now();
            for (number, tensor) in self.tensors.iter_mut().enumerate() {
                step(tensor, self.base.rows(number), &adam);
            }
            cx.meter.since(start, Phase::Step);
            batches += 1;
        }
        self.tensors.iter_mut().for_each(TransferredTensor::settle);
        sum / f64::from(batches)
    }

    /// The transfers' weights and moments and the base tensors, as a transfer epoch left them.
    fn snapshot(&self) -> Result<Snapshot> {
        let mut state = State::default();
        self.tensors.iter().try_for_each(|tensor| tensor.save_transfer(&mut state))?;
        let State { arrays, counts, .. } = state;
        let arrays = arrays.into_iter().map(|(name, values)| (name, values.into_owned().into())).collect();
        let base = self.tensors.iter().map(|tensor| Ok(tensor.base().parameter()?.values));
        Ok(Snapshot { base: base.collect::<Result<_>>()?, transfers: State { arrays, counts, ..State::default() } })
    }

    fn write_back(&mut self, values: impl IntoIterator<Item = Vec<f32>>) -> Result<()> {
        self.tensors.iter_mut().zip(values).try_for_each(|(tensor, values)| tensor.base_mut().set_weights(values))
    }
}

/// When the base epochs of a period end, and which of them is tested.
fn ending(report: ReportedEpoch, epochs: Count) -> Ending {
    match report {
        ReportedEpoch::LastEpoch => Ending::LastEpoch,
        // All are trained; of equal values the first counts, and all digits do (code).
        ReportedEpoch::BestEpoch => Ending::Early(Stopping {
            watch: vec![auc()],
            patience: epochs,
            every: Count::try_from(1).expect("a count"),
            decimals: Decimals::try_from(15).expect("as many as an f64 keeps"),
            ties: EpochTies::Earlier,
            from_start: false,
        }),
    }
}

/// The metric by which SML chooses epochs.
pub fn auc() -> Metric {
    "auc".parse().expect("a metric")
}

impl<'p, B: BaseModel> Learner<'p> for TransferLearner<'_, 'p, B> {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        let start = Instant::now();
        self.tested = None;
        self.through = if period.is_first() { Through::Nothing } else { Through::Transfer };
        let window = if period.is_first() { Limit::All } else { Limit::At(1) };
        let samples = period.samples_before(window).expect("a stream of samples, which was checked");
        let (epochs, ending) = match (self.pretraining, period.is_first()) {
            (Some(pretraining), true) => (pretraining.part().epochs.get(), pretraining.stopping.clone()),
            (None, true) => (0, Ending::LastEpoch),
            (_, false) => {
                self.tensors.iter_mut().for_each(TransferredTensor::begin);
                let epochs = self.training.base.epochs;
                (epochs.get(), ending(self.training.report, epochs))
            }
        };
        self.samples = Some(samples);
        let valid = (ending != Ending::LastEpoch).then(|| tested(period));
        let training = if epochs > 0 { samples.len() } else { 0 };
        let facts = BTreeMap::from([("training".to_string(), training as f64)]);
        cx.meter.since(start, Phase::Prepare);
        Ok(PeriodData { valid, epochs, ending, facts })
    }

    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        let samples = self.samples.expect("a period has begun");
        let part = match (self.pretraining, self.through) {
            (Some(pretraining), Through::Nothing) => pretraining.part(),
            _ => self.training.base,
        };
        let through = self.through;
        Ok(self.train(cx, samples, ("order", epoch), part, |tensor, rows, adam| {
            tensor.step_base(rows, adam, through);
        }))
    }

    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()> {
        self.tested = None;
        if period.is_first() {
            return Ok(());
        }
        let samples = period.tested_samples().expect("a stream of samples, which was checked");
        let training = self.training;
        let epochs = training.transfer.epochs.get();
        let chooses = epochs > 1 && training.checkpoint == KeptTransfer::BestTransferEpoch;
        let ranker = chooses.then(|| Ranker::new(&cx.task.protocol, tested(period))).transpose()?;
        let mut best: Option<(f64, Snapshot)> = None;
        for epoch in 0..epochs {
            let order = ("transfer-order", epoch);
            let loss = self.train(cx, samples, order, training.transfer, |tensor, _, adam| tensor.step_transfer(adam));
            if !loss.is_finite() {
                let what =
                    format!("the loss of transfer epoch {epoch} after period {} is not a number", period.number());
                return Err(Error::new(Kind::Diverged, what)
                    .expected("a finite loss")
                    .got(loss.to_string())
                    .hint("a smaller `transfer.learning_rate` usually helps"));
            }
            let start = Instant::now();
            let served = self.served();
            cx.meter.since(start, Phase::Prepare);
            let value = match &ranker {
                None => None,
                Some(ranker) => {
                    let scorer = self.base.scorer(&served, ranker.queries())?;
                    Some((cx.evaluate(ranker, &*scorer)?.values[&auc()] * DECIMALS).round())
                }
            };
            self.write_back(served.parameters.into_iter().map(|parameter| parameter.values))?;
            if let Some(value) = value
                && best.as_ref().is_none_or(|(best, _)| value >= *best)
            {
                best = Some((value, self.snapshot()?));
            }
        }
        if let Some((_, Snapshot { base, mut transfers })) = best {
            self.write_back(base)?;
            self.tensors.iter_mut().try_for_each(|tensor| tensor.restore_transfer(&mut transfers))?;
        }
        Ok(())
    }

    fn artefact(&self) -> Result<Artefact> {
        Ok(Artefact { kind: Some(self.base.kind().into()), weights: self.served() })
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        self.tensors.iter().try_for_each(|tensor| tensor.save_transfer(state))?;
        // What the tested model follows from, for a run that is stopped between the last period and its end.
        for tensor in &self.tensors {
            state.put(format!("{PREV}{}", tensor.base().name()), tensor.prev());
        }
        for Parameter { name, values, .. } in self.tested.iter().flat_map(|tested| &tested.parameters) {
            state.put(format!("{TESTED}{name}"), &values[..]);
        }
        state.counts.insert(TESTED.into(), self.tested.is_some().into());
        state.counts.insert(THROUGH.into(), (self.through == Through::Transfer).into());
        Ok(())
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        let mut tested = Vec::new();
        for tensor in &mut self.tensors {
            tensor.restore_transfer(state)?;
            let (name, shape) = (tensor.base().name().to_string(), tensor.base().shape());
            let len = shape.iter().product();
            tensor.set_prev(state.take(&format!("{PREV}{name}"), len)?);
            if state.count(TESTED)? == 1 {
                tested.push(Parameter { values: state.take(&format!("{TESTED}{name}"), len)?, name, shape });
            }
        }
        self.tested = (!tested.is_empty()).then(|| tested.into());
        self.through = if state.count(THROUGH)? == 1 { Through::Transfer } else { Through::Nothing };
        Ok(())
    }
}

// Names in a saved state; two are prefixes of a tensor's.
const PREV: &str = "prev.";
const TESTED: &str = "tested.";
const THROUGH: &str = "through-transfer";

/// What a transfer epoch left.
struct Snapshot {
    /// Values of the base tensors.
    base: Vec<Vec<f32>>,
    /// Weights and moments of the transfers.
    transfers: State<'static>,
}

/// What a period is tested on, to choose an epoch by.
fn tested(period: Period<'_>) -> Queries {
    let samples = period.tested_samples().expect("a stream of samples, which was checked");
    Queries::of_samples(samples, period.items(), HeldOut::Valid).with_categories(period.categories())
}

impl<B: BaseModel> Model for TransferLearner<'_, '_, B> {
    /// The base tensors. The transfers do not change within the epochs of a period.
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.tensors.iter().map(TransferredTensor::base).collect()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.tensors.iter_mut().map(TransferredTensor::base_mut).collect()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        self.base.scorer(&self.served(), queries)
    }

    /// In the first period the base tensors with their moments, because the authors restore all of a checkpoint; afterwards
    /// what is served, because training goes on from the last epoch, whichever is tested (code).
    fn weights(&self) -> Result<Weights> {
        match self.through {
            Through::Nothing => {
                let mut state = State::default();
                self.save(&mut state)?;
                Ok(state.into_weights())
            }
            Through::Transfer => Ok(self.served()),
        }
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        match self.through {
            Through::Nothing => self.restore(&mut State::of_weights(weights)?),
            Through::Transfer => {
                self.tested = Some(weights);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
