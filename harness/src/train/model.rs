//! A model in training.

use crate::error::{Error, Kind, Result};
use crate::metrics::Scorer;
use crate::nn::{self, Graph, Trainable};
use crate::queries::Queries;
use crate::weights::{Settings, State, Weights};

/// A model in training: its tensors, and a scorer of queries. Methods fail where the device of the model does.
///
/// The model of a selected epoch is restored from its [weights](Self::weights), an interrupted run from everything that
/// [`save`](Self::save) adds. A model whose state is more than tensors and settings overrides both methods of the pair
/// (`weights` and `set_weights`, `save` and `restore`).
pub trait Model {
    /// The tensors, in the model's own order.
    fn tensors(&self) -> Vec<&dyn Trainable>;

    /// The tensors, in the model's own order. The caller may change them, so values derived from them must be dropped.
    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable>;

    /// Settings without which the tensors do not say what the model computes (an activation, an exponent).
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// A scorer of these queries with the current weights. May copy weights from a device.
    ///
    /// # Errors
    /// Errors of the device; queries of users or items that the model has no rows for.
    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>>;

    /// A copy of the weights, from which the model of a selected epoch is restored.
    ///
    /// # Errors
    /// Errors of the device.
    fn weights(&self) -> Result<Weights> {
        let parameters = self.tensors().into_iter().map(Trainable::parameter).collect::<Result<_>>()?;
        Ok(Weights { parameters, settings: self.settings() })
    }

    /// Puts back what [`weights`](Self::weights) gave.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if it is of another model; errors of the device.
    fn set_weights(&mut self, weights: Weights) -> Result<()> {
        if weights.settings != self.settings() {
            return Err(Error::new(Kind::Internal, "these are the weights of a model with other settings"));
        }
        nn::set_weights(self.tensors_mut(), weights)
    }

    /// Adds everything that the next epoch depends on.
    ///
    /// # Errors
    /// Errors of the device.
    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.tensors().into_iter().try_for_each(|tensor| tensor.save(state))
    }

    /// Takes back what [`save`](Self::save) put.
    ///
    /// # Errors
    /// If the state is of another model; errors of the device.
    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.tensors_mut().into_iter().try_for_each(|tensor| tensor.restore(state))
    }
}

/// A model in training whose tensors are the tables of a [`Graph`]: it says how it answers, and the rest of [`Model`]
/// follows.
pub trait GraphModel {
    fn graph(&self) -> &Graph;

    fn graph_mut(&mut self) -> &mut Graph;

    /// As [`Model::settings`].
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// These weights, a copy of the model's own, as they are served: on the CPU, whatever the device.
    ///
    /// # Errors
    /// Queries of users or items that the model has no rows for.
    fn served(&self, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>>;
}

impl<G: GraphModel> Model for G {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        self.graph().tables()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.graph_mut().tables_mut()
    }

    fn settings(&self) -> Settings {
        GraphModel::settings(self)
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        self.served(&self.weights()?, queries)
    }
}
