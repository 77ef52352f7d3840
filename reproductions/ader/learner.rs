//! SASRec through a stream of periods, with what it carries: weights, the optimiser's state, exemplars.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::error::{Error, Kind, Result};
use harness::meter::{Phase, check_fits};
use harness::metrics::Scorer;
use harness::nn::Trainable;
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::split::HeldOut;
use harness::split::periods::sessions::sub_sequences;
use harness::split::periods::{Period, Start};
use harness::train::{Context, Ending, Learner, Model, PeriodData};
use harness::weights::{Artefact, State, Weights};

use super::batches::{Cycle, Plan};
use super::ewc::Penalty;
use super::memory::Memory;
use super::options::{AgainstForgetting, Continual, ReplayLoss};
use super::sample::{Sample, sample};
use super::split::split;
use super::weight::Growth;
use crate::models::sasrec::{self, BatchPart, SasRec, Sequences};
use harness::nn::Dropout;
use harness::nn::softmax::Target;

/// SASRec as it learns period after period, with the exemplars that it carries.
pub struct ContinualSasRec<'m, 'p> {
    method: &'m Continual,
    pub(super) model: SasRec,
    /// Exemplars of the periods before; none in store in the first period, and where none are kept.
    memory: Memory,
    pub(super) material: Material<'p>,
}

/// The training data of the current period.
#[derive(Default)]
pub(super) struct Material<'p> {
    /// To train and to validate.
    sub_sequences: Vec<&'p [u32]>,
    /// Positions of those that train.
    train: Vec<u32>,
    /// Seen so far.
    items: usize,
    plan: Option<Plan>,
    /// λ_t.
    weight: f64,
    pub(super) penalty: Option<Penalty>,
}

impl<'m, 'p> ContinualSasRec<'m, 'p> {
    /// # Errors
    /// If the model does not fit into memory.
    pub fn new(method: &'m Continual, cx: &Context<'p>) -> Result<Self> {
        let periods = cx.task.periods().ok_or_else(|| Error::new(Kind::Internal, "ADER learns from periods"))?;
        if !cx.device.is_cpu() {
            return Err(Error::new(Kind::Missing, "SASRec through a stream of periods trains on the CPU alone")
                .expected("`--device cpu`")
                .hint("its step is written by hand for the CPU; there is none for CUDA yet"));
        }
        let hyper = &method.training.model;
        // Weights, gradient, two moments; the selected copy without a gradient, while the one before is still there;
        // a teacher's table, or an anchor and the Fisher information: 4 bytes each.
        check_fits("the model", [hyper.sizes(periods.n_items()).count()], 48)
            .map_err(|error| error.hint("use a smaller `dim` or `length`, or fewer `blocks`"))?;
        Ok(Self {
            method,
            model: fresh(method, cx, periods.n_items())?,
            memory: Memory::default(),
            material: Material::default(),
        })
    }

    /// The model after the last period.
    pub fn into_model(self) -> SasRec {
        self.model
    }

    fn length(&self) -> usize {
        self.method.training.model.length.get()
    }

    /// Whether exemplars are replayed with the last period's model as their teacher.
    fn distils(&self) -> bool {
        matches!(&self.method.against_forgetting, Some(AgainstForgetting::Replay(replay)) if replay.loss.distils())
    }

    /// Anchors the model as the last period left it, where EWC is to hold it there.
    fn penalty(&mut self, cx: &Context<'_>, items: usize) -> Result<Option<Penalty>> {
        let Some(AgainstForgetting::Ewc(ewc)) = &self.method.against_forgetting else { return Ok(None) };
        if self.memory.is_empty() {
            return Ok(None);
        }
        let count = ewc.samples.get().min(self.memory.len());
        let positions = cx.stream("fisher", 0).without_replacement(self.memory.len() as u32, count);
        let samples: Vec<Sample<'_>> = self.memory.samples(&positions).collect();
        let labels: Vec<u32> = samples.iter().map(|sample| sample.label).collect();
        let sequences = sequences(&samples, self.length(), items)?;
        Penalty::new(ewc.weight.get(), &mut self.model, &sequences, &labels, items).map(Some)
    }
}

/// A new model with initial values of the run, or of the current period.
fn fresh(method: &Continual, cx: &Context<'_>, items: usize) -> Result<SasRec> {
    let hyper = &method.training.model;
    let initial = hyper.sizes(items).initial(|purpose| cx.stream(purpose, 0));
    SasRec::new(initial, Dropout::new(hyper.dropout.get()))
}

fn sequences(samples: &[Sample<'_>], length: usize, items: usize) -> Result<Sequences> {
    Sequences::new(samples.iter().map(|sample| sample.input), length, items)
}

impl<'p> Learner<'p> for ContinualSasRec<'_, 'p> {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<PeriodData> {
        let start = Instant::now();
        let training = &self.method.training;
        if training.schedule.start == Start::Fresh && !period.is_first() {
            self.model = fresh(self.method, cx, self.model.sizes().items)?;
        }
        let sub_sequences: Vec<&[u32]> = period.sessions(training.schedule.window).flat_map(sub_sequences).collect();
        let parts = split(sub_sequences.len(), training.validation.get(), &mut cx.stream("split", 0));
        let asks = |part: &[u32]| part.iter().any(|&k| sub_sequences[k as usize].len() > 1);
        let selects = matches!(training.stopping, Ending::Early(_));
        if !asks(&parts.train) || (selects && !asks(&parts.valid)) {
            return Err(Error::new(Kind::Data, format!("too little to learn from before period {}", period.number()))
                .expected("sub-sequences of two items both to train and to validate")
                .got(format!("{} to train and {} to validate, of all lengths", parts.train.len(), parts.valid.len()))
                .hint(
                    "use longer periods, another share for `validation`, or `stopping = \"none\"`, which needs none",
                ));
        }
        let valid = parts.valid.iter().map(|&k| sub_sequences[k as usize]);
        let valid = selects.then(|| Queries::of_sub_sequences(valid, period.items(), HeldOut::Valid));
        let plan = Plan::new(parts.train.len(), training.batch.get(), self.memory.len());
        let growth = Growth {
            items_before: period.items_before(),
            items: period.items(),
            exemplars: self.memory.len(),
            train: parts.train.len(),
        };
        let weight = match &self.method.against_forgetting {
            Some(AgainstForgetting::Replay(replay)) => replay.weighting.weight(replay.weight.get(), &growth),
            _ => 0.0,
        };
        let penalty = self.penalty(cx, period.items_before())?;
        let mut facts = BTreeMap::from([
            ("sub_sequences".to_string(), sub_sequences.len() as f64),
            ("training".to_string(), parts.train.len() as f64),
        ]);
        if self.method.kept.is_some() {
            facts.insert("exemplars".into(), self.memory.len() as f64);
        }
        if let Some(AgainstForgetting::Replay(_)) = self.method.against_forgetting
            && !self.memory.is_empty()
        {
            facts.insert("lambda".into(), weight);
        }
        let (train, items) = (parts.train, period.items());
        self.material = Material { sub_sequences, train, items, plan: Some(plan), weight, penalty };
        cx.meter.since(start, Phase::Prepare);
        Ok(PeriodData { valid, epochs: training.epochs.get(), ending: training.stopping.clone(), facts })
    }

    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        let (length, material) = (self.length(), &self.material);
        let plan = material.plan.expect("a period has begun");
        let optimiser = TfAdam { learning_rate: self.method.training.learning_rate.get() };
        let replay = match &self.method.against_forgetting {
            Some(AgainstForgetting::Replay(replay)) if !self.memory.is_empty() => {
                Some((replay.loss, Cycle::new(self.memory.len(), plan.exemplars)))
            }
            _ => None,
        };
        let (loss_of_replay, mut cycle) = replay.unzip();
        let order = cx.stream("order", epoch).permutation(material.train.len());
        let mut dropout = cx.stream("dropout", epoch);
        let mut sum = 0.0;
        for (number, batch) in order.chunks(self.method.training.batch.get()).enumerate() {
            let start = Instant::now();
            let of = |&k: &u32| sample(material.sub_sequences[material.train[k as usize] as usize], length);
            let mut samples: Vec<Sample<'_>> = batch.iter().filter_map(of).collect();
            let new = samples.len();
            let k = (epoch * plan.batches + number) as u64;
            let drawn = cycle.as_mut().map(|cycle| cycle.batch(k, |pass| cx.stream("exemplars", pass as usize)));
            samples.extend(drawn.into_iter().flat_map(|positions| self.memory.samples(positions)));
            if samples.is_empty() {
                continue; // A batch of pieces of one item.
            }
            let labels: Vec<u32> = samples.iter().map(|sample| sample.label).collect();
            let sequences = sequences(&samples, length, material.items)?;
            let mut parts = Vec::with_capacity(2);
            if new > 0 {
                let target = Target::Items(&labels[..new]);
                parts.push(BatchPart { rows: new, items: material.items, target, weight: 1.0 });
            }
            let answers = drawn.and_then(|positions| self.memory.answers(positions));
            if let Some(loss) = loss_of_replay {
                let target = match &answers {
                    Some(answers) => Target::Teacher(answers.teacher()),
                    None => Target::Items(&labels[new..]),
                };
                let items = if loss == ReplayLoss::DistilOverOldItems { self.memory.items() } else { material.items };
                parts.push(BatchPart { rows: labels.len() - new, items, target, weight: material.weight });
            }
            cx.meter.since(start, Phase::Sample);
            let model = &mut self.model;
            sum += cx.meter.time(Phase::ForwardBackward, || -> Result<f64> {
                let losses = model.forward_backward(&sequences, &parts, &mut dropout)?;
                let weighted = losses.iter().zip(&parts).map(|(loss, part)| part.weight * loss).sum::<f64>();
                Ok(weighted + material.penalty.as_ref().map_or(Ok(0.0), |penalty| penalty.add(model))?)
            })?;
            cx.meter.time(Phase::Step, || model.step(&optimiser));
        }
        Ok(sum / plan.batches as f64)
    }

    fn end(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<()> {
        let Some(kept) = &self.method.kept else { return Ok(()) };
        let start = Instant::now();
        let old: Vec<Vec<u32>> = self.memory.lists().map(<[u32]>::to_vec).collect();
        let lists =
            self.material.sub_sequences.iter().copied().chain(old.iter().map(Vec::as_slice)).collect::<Vec<_>>();
        let encoder = self.model.encoder();
        self.memory =
            Memory::choose(&encoder, period.items(), &lists, kept, self.distils(), |purpose| cx.stream(purpose, 0))?;
        cx.meter.since(start, Phase::Prepare);
        Ok(())
    }

    fn artefact(&self) -> Result<Artefact> {
        Ok(Artefact { kind: Some(sasrec::NAME.into()), weights: self.model.weights()? })
    }

    fn save_carried<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.model.save(state)?;
        self.memory.save(state);
        Ok(())
    }

    fn restore_carried(&mut self, state: &mut State<'_>) -> Result<()> {
        self.model.restore(state)?;
        self.memory = Memory::restore(&self.model.encoder(), self.distils(), state)?;
        Ok(())
    }
}

impl Model for ContinualSasRec<'_, '_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.model.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.model.tensors_mut()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        self.model.scorer(queries)
    }

    /// Weights, moments and step counts: the authors restore all of a checkpoint at its best epoch, and go on from
    /// there in the next period (code).
    fn weights(&self) -> Result<Weights> {
        let mut state = State::default();
        self.model.save(&mut state)?;
        Ok(state.into_weights())
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        self.model.restore(&mut State::of_weights(weights)?)
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.model.save(state)
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.model.restore(state)
    }
}

#[cfg(test)]
mod tests;
