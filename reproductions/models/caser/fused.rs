//! Caser's step by hand, on the CPU: gather, one small product per height and place, dropout, scores, and back.
//!
//! No graph. Rows of the output table are read where they lie, and their gradients never made: the step of
//! Adam adds coefficient · representation. It equals [`GraphCaser`](super::GraphCaser) (a test proves it).

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Dropout, EmbeddingTable, Trainable};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::block::{Buffers, CaserStep, Tables};
use super::encoder::CaserEncoder;
use super::layers::CaserLayers;
use super::sizes::CaserSizes;
use crate::models::sequence::{SequentialModel, WindowBatch, WindowLoss, WindowScorer, check_sequences};

/// Elements of the layers' gradients that one task adds up.
const PIECE: usize = 4096;

/// A Caser in training on the CPU, by hand-written gradients.
pub struct FusedCaser {
    sizes: CaserSizes,
    dropout: Dropout,
    pub(super) tables: Tables,
    /// Vertical weight and bias, horizontal weight and bias, hidden weight and bias.
    layers: [DenseParameter; 6],
    step: CaserStep,
}

impl FusedCaser {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [Caser's](CaserSizes::layout).
    pub fn new(weights: Weights, dropout: Dropout) -> Result<Self> {
        let sizes = CaserSizes::of(&weights)?;
        let mut parameters = weights.parameters.into_iter();
        let mut next = || parameters.next().expect("as many as in the layout");
        let [user, item] = std::array::from_fn(|_| EmbeddingTable::from(next()));
        let layers = std::array::from_fn(|_| DenseParameter::new(next()));
        let [output, bias] = std::array::from_fn(|_| EmbeddingTable::from(next()));
        let tables = Tables { user, item, output, bias };
        Ok(Self { sizes, dropout, tables, layers, step: CaserStep::new(&sizes) })
    }

    fn packed(&self) -> CaserLayers {
        CaserLayers::new(self.sizes, self.layers.each_ref().map(|layer| &layer.weights[..]))
    }
}

impl SequentialModel for FusedCaser {
    fn forward_backward(
        &mut self,
        batch: &WindowBatch<'_>,
        dropout: &mut Stream,
        loss: &WindowLoss<'_>,
    ) -> Result<f64> {
        let layers = self.packed();
        let Self { sizes, tables, step, .. } = self;
        step.set(sizes, batch);
        tables.catch_up(batch, step);
        self.dropout.draw(dropout, sizes.features(), &mut step.masks);
        let tables = &*tables;
        let losses: Vec<f64> = step
            .blocks(sizes, batch)
            .into_par_iter()
            .map_init(Buffers::default, |buffers, block| tables.pass(&layers, block, buffers, loss))
            .collect();
        Ok(losses.iter().sum())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let dim = self.sizes.dim;
        let CaserStep { x, x_gradients, coefficients, rows, layers, users, inputs, scored, graded, .. } =
            &mut self.step;
        let (x, x_gradients, coefficients, rows, graded) = (&*x, &*x_gradients, &*coefficients, &*rows, *graded);
        self.tables.user.step(adam, users, |k| (1.0, &x_gradients[k * 2 * dim + dim..][..dim]));
        self.tables.item.step(adam, inputs, |k| (1.0, &rows[k * dim..][..dim]));
        self.tables.output.step(adam, scored, |k| (coefficients[k], &x[k / graded * 2 * dim..][..2 * dim]));
        self.tables.bias.step(adam, scored, |k| (coefficients[k], &[1.0]));
        if let Some((sum, others)) = layers.split_first_mut() {
            sum.values_mut().par_chunks_mut(PIECE).enumerate().for_each(|(piece, sum)| {
                for other in &*others {
                    let other = &other.values()[piece * PIECE..];
                    sum.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
                }
            });
            sum.write(self.layers.each_mut().map(|layer| &mut layer.gradient[..]));
        }
        self.layers.iter_mut().for_each(|layer| layer.step(adam));
        Ok(())
    }

    fn settle(&mut self) {
        self.tables.all_mut().into_iter().for_each(EmbeddingTable::settle);
    }
}

impl Model for FusedCaser {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let [user, item, output, bias] = self.tables.all();
        let mut tensors: Vec<&dyn Trainable> = vec![user, item];
        tensors.extend(self.layers.iter().map(|layer| layer as &dyn Trainable));
        tensors.extend([output as &dyn Trainable, bias]);
        tensors
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let [user, item, output, bias] = self.tables.all_mut();
        let mut tensors: Vec<&mut dyn Trainable> = vec![user, item];
        tensors.extend(self.layers.iter_mut().map(|layer| layer as &mut dyn Trainable));
        tensors.extend([output as &mut dyn Trainable, bias]);
        tensors
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let inputs = queries.inputs();
        check_sequences(inputs, self.sizes.users, self.sizes.ids - 1)?;
        let [user, item, output, bias] = self.tables.all().map(|table| table.weights().into());
        let encoder = CaserEncoder { layers: self.packed(), user, item, output, bias, train: inputs.clone() };
        Ok(Box::new(WindowScorer::after_all(Box::new(encoder), inputs)))
    }
}
