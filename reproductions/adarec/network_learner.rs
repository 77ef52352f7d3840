//! Training of a network over pieces as a student of another one.
//!
//! ```text
//! each epoch:  pieces shuffled
//!   each batch:  L = (1 − γ)·CE + γ·(L_emb + L_hid + L_out)
//!                gradients clipped together, one step of the optimiser on network and projections
//!   evaluate, select, save
//! ```

use std::time::Instant;

use harness::error::Result;
use harness::meter::Phase;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Trainable};
use harness::queries::Queries;
use harness::train::{Context, Epochs, Model, Selected};
use harness::weights::{Settings, State, Weights};

use super::distiller::{Distiller, StudentLosses};
use super::search_loss::LossSums;
use crate::models::pieces::{PieceBatch, PieceModel, PieceTraining};

/// A network over pieces that learns from a teacher.
pub struct NetworkLearner {
    network: Box<dyn PieceModel>,
    distiller: Distiller,
    losses: StudentLosses,
}

impl NetworkLearner {
    pub fn new(network: Box<dyn PieceModel>, distiller: Distiller) -> Self {
        Self { network, distiller, losses: StudentLosses::default() }
    }

    /// Trains until the end, and goes back to the selected epoch.
    ///
    /// # Errors
    /// Divergence, interruption; a training sequence of fewer than two items.
    pub fn train(&mut self, cx: &mut Context<'_>, training: &PieceTraining) -> Result<Selected> {
        let (split, gamma) = (cx.split(), self.distiller.gamma());
        let mut batch = PieceBatch::new(training.length.get());
        let mut epochs = Epochs::start(cx, training.epochs.get(), training.stopping.clone(), self)?;
        while let Some(epoch) = epochs.next() {
            let start = Instant::now();
            let order = cx.stream("order", epoch).permutation(split.train.n_users());
            let mut dropout = cx.stream("dropout", epoch);
            cx.meter.since(start, Phase::Sample);
            let mut sums = LossSums::default();
            for pieces in order.chunks(training.batch.get()) {
                cx.meter.time(Phase::Sample, || batch.set(pieces.iter().map(|&piece| split.train.of(piece))))?;
                let start = Instant::now();
                let Self { network, distiller, losses } = self;
                network.forward(&batch, &mut dropout)?;
                let features = network.features_and_output_mut();
                let (step, gradients) = losses.step(features, (pieces, &batch), Some(distiller))?;
                network.backward(gradients)?;
                sums.add(step, step.total(gamma, 0.0));
                cx.meter.since(start, Phase::ForwardBackward);
                cx.meter.time(Phase::Step, || training.step(&mut self.parameters_mut(), epoch));
            }
            epochs.end_with_parts(cx, sums.mean(), &sums.terms().parts(true), self)?;
        }
        epochs.finish(self)
    }

    fn parameters_mut(&mut self) -> Vec<&mut DenseParameter> {
        self.network.parameters_mut().into_iter().chain(self.distiller.dense_mut()).collect()
    }
}

impl Model for NetworkLearner {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        [self.network.tensors(), self.distiller.tensors()].concat()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.network.tensors_mut().into_iter().chain(self.distiller.tensors_mut()).collect()
    }

    fn settings(&self) -> Settings {
        self.network.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        self.network.scorer(queries)
    }

    /// Those of the network, without the projections.
    fn weights(&self) -> Result<Weights> {
        self.network.weights()
    }

    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        self.network.set_weights(weights)
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.distiller.hidden().layer_flow().save(state);
        self.tensors().into_iter().try_for_each(|tensor| tensor.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.distiller.hidden_mut().layer_flow_mut().restore(state)?;
        self.tensors_mut().into_iter().try_for_each(|tensor| tensor.restore(state))
    }
}
