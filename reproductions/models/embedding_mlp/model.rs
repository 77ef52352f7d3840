//! An Embedding&MLP in training: tables whose rows make their steps when they are named, and the layers.

use harness::error::Result;
use harness::nn::{DeferredTable, DenseParameter, Trainable};
use harness::optim::Optimiser;
use harness::weights::{Layout, Parameter, Settings, State, Weights};
use rayon::prelude::*;

use super::batch::LocalBatch;
use super::kernel::EmbeddingMlpKernel;
use super::sizes::{EmbeddingMlpSizes, LAYER_NAMES};
use super::tensors::EmbeddingMlpTensors;

/// The model on the CPU, with the moments of Adam.
pub struct EmbeddingMlp {
    sizes: EmbeddingMlpSizes,
    /// Users, items, and categories where there are any.
    tables: Vec<DeferredTable>,
    /// In the order of [`LAYER_NAMES`].
    layers: Vec<DenseParameter>,
    kernel: EmbeddingMlpKernel,
    /// By table: the rows that the batch names, and their gradients.
    rows: [Vec<f32>; 3],
    gradients: [Vec<f32>; 3],
}

/// The moments of a tensor among weights that [keep them](EmbeddingMlp::with_moments).
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// The number of steps that the moments have seen.
const STEPS: &str = "steps";

impl EmbeddingMlp {
    /// A model that starts at these weights, with the optimiser's state if they [keep it](Self::with_moments), else with none.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not of an Embedding&MLP.
    pub fn new(weights: Weights) -> Result<Self> {
        let (weights, moments) = split(weights)?;
        let sizes = EmbeddingMlpSizes::of(&weights)?;
        let mut parameters = weights.parameters.into_iter();
        let tables = parameters.len() - LAYER_NAMES.len();
        let tables = parameters.by_ref().take(tables).map(DeferredTable::from).collect();
        let layers = parameters.map(DenseParameter::new).collect();
        let (rows, gradients) = Default::default();
        let mut model = Self { sizes, tables, layers, kernel: EmbeddingMlpKernel::new(sizes), rows, gradients };
        if let Some(moments) = moments {
            model.put_moments(moments)?;
        }
        Ok(model)
    }

    /// The sizes of the model.
    pub fn sizes(&self) -> EmbeddingMlpSizes {
        self.sizes
    }

    /// The rows that a batch names.
    fn gather(&mut self, batch: &LocalBatch) {
        let tables = self.tables.par_iter_mut().zip(named(batch)).zip(&mut self.rows);
        tables.for_each(|((table, ids), rows)| table.gather(ids, rows));
    }

    /// `out[k]` = logit of the k-th sample of a batch of one part.
    ///
    /// # Panics
    /// If there are more or fewer samples.
    pub fn logits(&mut self, batch: &LocalBatch, out: &mut [f32]) {
        self.gather(batch);
        let [user, item, category] = self.rows.each_ref().map(Vec::as_slice);
        let layers = std::array::from_fn(|layer| &self.layers[layer].weights[..]);
        self.kernel.logits(batch, 0, EmbeddingMlpTensors { user, item, category, layers }, out);
    }

    /// The mean loss over a batch of one part, whose gradients [`step`](Self::step) takes.
    ///
    /// # Panics
    /// If there is no sample.
    pub fn forward_backward(&mut self, batch: &LocalBatch) -> f64 {
        self.gather(batch);
        for (rows, gradients) in self.rows.iter().zip(&mut self.gradients) {
            gradients.clear();
            gradients.resize(rows.len(), 0.0);
        }
        let [user, item, category] = self.rows.each_ref().map(Vec::as_slice);
        let mut weights = [&[][..]; LAYER_NAMES.len()];
        let mut layers = self.layers.iter_mut();
        let onto: [&mut [f32]; LAYER_NAMES.len()] = std::array::from_fn(|layer| {
            let DenseParameter { weights: values, gradient, .. } = layers.next().expect("a tensor for each name");
            weights[layer] = values;
            gradient.fill(0.0);
            &mut gradient[..]
        });
        let weights = EmbeddingMlpTensors { user, item, category, layers: weights };
        let [user, item, category] = self.gradients.each_mut().map(Vec::as_mut_slice);
        let gradients = EmbeddingMlpTensors { user, item, category, layers: onto };
        self.kernel.forward_backward(batch, 0, weights, 1.0, gradients)
    }

    /// One step of the optimiser with the gradients of this batch.
    pub fn step(&mut self, batch: &LocalBatch, adam: &impl Optimiser) {
        for ((table, ids), gradients) in self.tables.iter_mut().zip(named(batch)).zip(&self.gradients) {
            table.step(adam, ids, gradients);
        }
        self.layers.iter_mut().for_each(|layer| layer.step(adam));
    }

    /// Brings all rows up to date, after steps, before the [tensors](Self::tensors) are read.
    pub fn settle(&mut self) {
        self.tables.iter_mut().for_each(DeferredTable::settle);
    }

    /// The tensors, in the model's own order. Their methods panic before the model is [settled](Self::settle).
    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        let tables = self.tables.iter().map(|table| table as &dyn Trainable);
        tables.chain(self.layers.iter().map(|layer| layer as &dyn Trainable)).collect()
    }

    /// The tensors, in the model's own order, to be changed; see [`tensors`](Self::tensors).
    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let tables = self.tables.iter_mut().map(|table| table as &mut dyn Trainable);
        tables.chain(self.layers.iter_mut().map(|layer| layer as &mut dyn Trainable)).collect()
    }

    /// A copy of the weights alone.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn weights(&self) -> Result<Weights> {
        let parameters = self.tensors().into_iter().map(Trainable::parameter).collect::<Result<Vec<_>>>()?;
        Ok(parameters.into())
    }

    /// The weights, followed by the optimiser's moments (`user.first_moment`, `user.second_moment`, …) and the number of its
    /// steps: what a checkpoint of TensorFlow stores.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn with_moments(&self) -> Result<Weights> {
        let mut weights = self.weights()?;
        let mut state = State::default();
        self.tensors().into_iter().try_for_each(|tensor| tensor.save(&mut state))?;
        let steps = state.count(&format!("{}.{STEPS}", LAYER_NAMES[0]))?;
        for tensor in self.tensors() {
            let shape = tensor.shape();
            for moment in MOMENTS {
                let name = format!("{}.{moment}", tensor.name());
                let values = state.take(&name, shape.iter().product())?;
                weights.parameters.push(Parameter { name, shape: shape.clone(), values });
            }
        }
        weights.settings = Settings::default().with(STEPS, steps);
        Ok(weights)
    }

    /// Puts back what [`with_moments`](Self::with_moments) gave.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if it is of another model, or keeps no moments.
    pub fn set(&mut self, weights: Weights) -> Result<()> {
        let (weights, moments) = split(weights)?;
        harness::nn::set_weights(self.tensors_mut(), weights)?;
        self.put_moments(moments.unwrap_or_default())
    }

    /// Takes the moments and the number of steps from weights that keep them, split off from the model's own.
    fn put_moments(&mut self, moments: Weights) -> Result<()> {
        let shapes = self
            .tensors()
            .into_iter()
            .flat_map(|tensor| MOMENTS.map(|moment| (format!("{}.{moment}", tensor.name()), tensor.shape())));
        Layout::new("Embedding&MLP", shapes).check(&moments)?;
        let steps = moments.settings.get(STEPS)?;
        let mut moments = moments.parameters.into_iter().map(|parameter| parameter.values);
        for tensor in self.tensors_mut() {
            let [first, second] = [(); 2].map(|()| moments.next().expect("the layout is checked"));
            let mut state = State::default();
            state.put_trained(tensor.name(), [tensor.parameter()?.values, first, second], steps);
            tensor.restore(&mut state)?;
        }
        Ok(())
    }
}

/// By table: the rows that a batch names.
fn named(batch: &LocalBatch) -> [&[u32]; 3] {
    [batch.users(), batch.items(), batch.categories()]
}

/// The weights of a model alone, and what they [keep](EmbeddingMlp::with_moments) besides.
///
/// # Errors
/// [`Internal`](harness::error::Kind::Internal) if they are not of an Embedding&MLP.
fn split(mut weights: Weights) -> Result<(Weights, Option<Weights>)> {
    let last = LAYER_NAMES[LAYER_NAMES.len() - 1];
    let own = weights.parameters.iter().position(|parameter| parameter.name == last).map_or(0, |last| last + 1);
    let moments = weights.parameters.split_off(own.min(weights.parameters.len()));
    let settings = std::mem::take(&mut weights.settings);
    EmbeddingMlpSizes::of(&weights)?;
    Ok((weights, (!moments.is_empty()).then_some(Weights { parameters: moments, settings })))
}

/// Whether weights [keep](EmbeddingMlp::with_moments) the optimiser's state besides the model's own.
pub fn has_moments(weights: &Weights) -> bool {
    weights.settings.iter().any(|(key, _)| key == STEPS)
}

/// The weights of a model alone, from weights that may [keep](EmbeddingMlp::with_moments) the optimiser's state besides.
///
/// # Errors
/// [`Internal`](harness::error::Kind::Internal) if they are not of an Embedding&MLP.
pub fn without_moments(weights: Weights) -> Result<Weights> {
    split(weights).map(|(weights, _)| weights)
}
