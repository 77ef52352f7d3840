//! Training of a student over pieces: searched or of one architecture, with a teacher or by cross entropy alone.
//!
//! ```text
//! each epoch:  pieces shuffled; τ by the epoch
//!   each batch:  an architecture is drawn, where one is searched
//!                L = (1 − γ)·CE + γ·(L_emb + L_hid + L_out) + β·L_eff
//!                gradients clipped together, one step of AdamW on the network, another on α
//!   evaluate, select, save
//! ```

use std::cell::RefCell;
use std::time::Instant;

use harness::error::Result;
use harness::meter::Phase;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Trainable, set_weights};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::train::{Context, Epochs, Model, Selected};
use harness::weights::{State, Weights};

use super::architecture::Architecture;
use super::distiller::{Distiller, StudentLosses};
use super::options::{SearchHyper, ValidatedArchitecture};
use super::relaxation::{ArchitectureParameters, add_efficiency_gradient, efficiency_loss};
use super::search_loss::LossSums;
use super::serve::{Answering, of_searched, searched};
use super::student::Student;
use crate::models::pieces::training::PieceOptimiser;
use crate::models::pieces::{PADDING, PieceBatch, PieceTraining};

/// A student in training.
pub struct StudentLearner<'h> {
    student: Student,
    network: Learnt<'h>,
    distiller: Option<Distiller>,
    losses: StudentLosses,
    /// Draws the architectures of the next validation.
    validation: RefCell<Option<Stream>>,
}

/// What is learnt besides the weights of the network.
pub enum Learnt<'h> {
    Weights(Architecture),
    /// α, too.
    Search(&'h SearchHyper, Box<ArchitectureParameters>),
}

/// Sums over the batches of an epoch.
#[derive(Default)]
struct EpochSums {
    losses: LossSums,
    /// By whether the position could see its label: cross entropies, and their number.
    seen: [(f64, u64); 2],
}

impl<'h> StudentLearner<'h> {
    pub fn new(student: Student, network: Learnt<'h>, distiller: Option<Distiller>) -> Self {
        Self { student, network, distiller, losses: StudentLosses::default(), validation: RefCell::new(None) }
    }

    /// The architecture of the student, or the one that α stands for.
    ///
    /// # Errors
    /// [`Diverged`](harness::error::Kind::Diverged) if α is not finite.
    pub fn architecture(&self) -> Result<Architecture> {
        match &self.network {
            Learnt::Weights(architecture) => Ok(*architecture),
            Learnt::Search(_, alpha) => alpha.derive(),
        }
    }

    /// Trains until the end, and goes back to the selected epoch.
    ///
    /// # Errors
    /// Divergence, interruption; a training sequence of fewer than two items; a temperature that leaves the range of numbers.
    pub fn train(&mut self, cx: &mut Context<'_>, training: &PieceTraining) -> Result<Selected> {
        let (split, count) = (cx.split(), training.epochs.get());
        let mut batch = PieceBatch::new(training.length.get());
        let mut epochs = Epochs::start(cx, count, training.stopping.clone(), self)?;
        while let Some(epoch) = epochs.next() {
            let start = Instant::now();
            let order = cx.stream("order", epoch).permutation(split.train.n_users());
            let (mut dropout, mut draws) = (cx.stream("dropout", epoch), cx.stream("architectures", epoch));
            cx.meter.since(start, Phase::Sample);
            let mut sums = EpochSums::default();
            for pieces in order.chunks(training.batch.get()) {
                cx.meter.time(Phase::Sample, || batch.set(pieces.iter().map(|&piece| split.train.of(piece))))?;
                let start = Instant::now();
                self.forward_backward(epoch, (pieces, &batch), (&mut dropout, &mut draws), &mut sums)?;
                cx.meter.since(start, Phase::ForwardBackward);
                cx.meter.time(Phase::Step, || self.step(training, epoch));
            }
            let mean = sums.losses.mean();
            *self.validation.borrow_mut() = Some(cx.stream("validation", epoch));
            let parts = self.parts(&sums, epoch)?;
            epochs.end_with_parts(cx, mean, &parts, self)?;
        }
        epochs.finish(self)
    }

    fn forward_backward(
        &mut self,
        epoch: usize,
        (pieces, batch): (&[u32], &PieceBatch),
        (dropout, draws): (&mut Stream, &mut Stream),
        sums: &mut EpochSums,
    ) -> Result<()> {
        let Self { student, network, distiller, losses, .. } = self;
        let drawn = match network {
            Learnt::Weights(_) => None,
            Learnt::Search(hyper, alpha) => Some(alpha.draw(hyper.temperature.after(epoch)?, draws)?),
        };
        let architecture = match (&drawn, &*network) {
            (Some(drawn), _) => drawn.architecture,
            (None, Learnt::Weights(architecture)) => *architecture,
            (None, Learnt::Search(..)) => unreachable!("a search draws"),
        };
        student.forward(batch.inputs(), &architecture, dropout)?;
        let gamma = distiller.as_ref().map_or(0.0, Distiller::gamma);
        let (mut step, gradients) =
            losses.step(student.features_and_output_mut(), (pieces, batch), distiller.as_mut())?;
        let upstream = student.backward(gradients, drawn.is_some())?;
        let mut beta = 0.0;
        if let (Learnt::Search(hyper, alpha), Some(drawn), Some(mut upstream)) = (network, drawn, upstream) {
            beta = hyper.efficiency.get();
            step.efficiency = efficiency_loss(&architecture);
            add_efficiency_gradient(alpha.space(), beta, &mut upstream);
            alpha.backward(&drawn, &upstream);
        }
        sums.losses.add(step, step.total(gamma, beta));
        let sees = architecture.sees_label(student.sizes().cells, batch.length());
        let rows = batch.labels().iter().zip(losses.cross_entropies()).zip(sees.iter().cycle());
        for ((_, &entropy), &sees) in rows.filter(|((label, _), _)| **label != PADDING) {
            let (sum, count) = &mut sums.seen[usize::from(sees)];
            *sum += f64::from(entropy);
            *count += 1;
        }
        Ok(())
    }

    fn step(&mut self, training: &PieceTraining, epoch: usize) {
        let Self { student, network, distiller, .. } = self;
        let of_distiller = distiller.iter_mut().flat_map(Distiller::dense_mut);
        let mut parameters: Vec<&mut DenseParameter> = student.dense_mut().chain(of_distiller).collect();
        training.step(&mut parameters, epoch);
        if let Learnt::Search(hyper, alpha) = network {
            let mut alpha: Vec<&mut DenseParameter> = alpha.dense_mut().iter_mut().collect();
            PieceOptimiser::Adamw(hyper.alpha).step(&mut alpha, 1.0);
        }
    }

    /// What the learning curve shows besides the loss.
    fn parts(&self, sums: &EpochSums, epoch: usize) -> Result<Vec<(&'static str, Option<f64>)>> {
        let terms = sums.losses.terms();
        let mut parts = terms.parts(self.distiller.is_some());
        if let Learnt::Search(hyper, _) = &self.network {
            let temperature = hyper.temperature.after(epoch)?;
            parts.extend([("efficiency loss", Some(terms.efficiency)), ("temperature", Some(temperature))]);
        }
        let sizes = self.student.sizes();
        let may_see = match &self.network {
            Learnt::Weights(architecture) => architecture.labels_seen(sizes.cells, sizes.length) > 0,
            Learnt::Search(_, alpha) => alpha.space().labels_seen(sizes.cells, sizes.length) > 0,
        };
        // The last position never sees its label. Where a search may, an epoch can still draw no architecture that does.
        let of = |(sum, count): (f64, u64)| (count > 0).then(|| sum / count as f64);
        parts.push(("label not seen", of(sums.seen[0])));
        if may_see {
            parts.push(("label seen", of(sums.seen[1])));
        }
        Ok(parts)
    }
}

impl Model for StudentLearner<'_> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let mut tensors = self.student.tensors();
        tensors.extend(self.distiller.iter().flat_map(Distiller::tensors));
        if let Learnt::Search(_, alpha) = &self.network {
            tensors.extend(alpha.tensors());
        }
        tensors
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let Self { student, network, distiller, .. } = self;
        let mut tensors = student.tensors_mut();
        tensors.extend(distiller.iter_mut().flat_map(Distiller::tensors_mut));
        if let Learnt::Search(_, alpha) = network {
            tensors.extend(alpha.tensors_mut());
        }
        tensors
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let drawing = match &self.network {
            Learnt::Search(hyper, alpha) if hyper.validation == ValidatedArchitecture::Drawn => Some(alpha),
            _ => None,
        };
        let architecture = || match (drawing, &mut *self.validation.borrow_mut()) {
            (Some(alpha), Some(stream)) => Ok(alpha.draw(1.0, stream)?.architecture),
            _ => self.architecture(),
        };
        Ok(Box::new(Answering::new(&self.student, queries, architecture)?))
    }

    /// Those of the student, without the projections; of a search α and the architecture that it stands for, too.
    fn weights(&self) -> Result<Weights> {
        let parameters = self.student.tensors().into_iter().map(Trainable::parameter).collect::<Result<_>>()?;
        let network = Weights { parameters, settings: self.student.settings() };
        match &self.network {
            Learnt::Weights(_) => Ok(network),
            Learnt::Search(_, alpha) => {
                let tensors = alpha.tensors().into_iter().map(Trainable::parameter).collect::<Result<Vec<_>>>()?;
                Ok(searched(network, tensors, &alpha.derive()?))
            }
        }
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        match &mut self.network {
            Learnt::Weights(_) => set_weights(self.student.tensors_mut(), weights),
            Learnt::Search(_, alpha) => {
                let (network, parameters, _) = of_searched(weights)?;
                set_weights(alpha.tensors_mut(), parameters.into())?;
                set_weights(self.student.tensors_mut(), network)
            }
        }
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        if let Some(distiller) = &self.distiller {
            distiller.hidden().layer_flow().save(state);
        }
        self.tensors().into_iter().try_for_each(|tensor| tensor.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        if let Some(distiller) = &mut self.distiller {
            distiller.hidden_mut().layer_flow_mut().restore(state)?;
        }
        self.tensors_mut().into_iter().try_for_each(|tensor| tensor.restore(state))
    }
}
