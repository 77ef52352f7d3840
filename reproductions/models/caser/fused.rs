//! Caser's step by hand, on the CPU: gather, one small product per height and place, dropout, scores, and back.
//!
//! No graph. Rows of the output table are read where they lie, and their gradients never made: the step of
//! Adam adds coefficient · representation. It equals [`GraphCaser`](super::GraphCaser) (a test proves it).

use std::sync::Arc;

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, EmbeddingTable};
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::{Model, State};
use harness::weights::Parameter;
use rayon::prelude::*;

use super::block::{Buffers, Step, Tables};
use super::encoder::CaserEncoder;
use super::layers::Layers;
use super::{NAMES, Sizes};
use crate::models::sequence::{Dropout, Queries, SequentialModel, WindowBatch, WindowLoss};

/// Elements of the layers' gradients that one task adds up.
const PIECE: usize = 4096;

/// See the module's head.
pub struct FusedCaser {
    sizes: Sizes,
    dropout: Dropout,
    train: Arc<UserItems>,
    pub(super) tables: Tables,
    /// Vertical weight and bias, horizontal weight and bias, hidden weight and bias.
    layers: [DenseParameter; 6],
    step: Step,
}

impl FusedCaser {
    /// A model that starts at these [parameters](NAMES), for users with these training sequences.
    ///
    /// # Errors
    /// If they are not this model's.
    pub fn new(parameters: Vec<Parameter>, dropout: Dropout, train: Arc<UserItems>) -> Result<Self> {
        let sizes = Sizes::of(&parameters)?.0;
        let mut values: Vec<Parameter> = parameters.into_iter().take(NAMES.len()).collect();
        let layers = values.drain(2..8).map(DenseParameter::new).collect::<Vec<_>>();
        let layers = layers.try_into().unwrap_or_else(|_| unreachable!("six of ten"));
        let mut tables = [NAMES[0], NAMES[1], NAMES[8], NAMES[9]]
            .into_iter()
            .zip(values)
            .map(|(name, p)| EmbeddingTable::new(name, p.shape[0], p.shape[1], p.values));
        let [user, item, output, bias] = std::array::from_fn(|_| tables.next().expect("four of ten"));
        let tables = Tables { user, item, output, bias };
        Ok(Self { sizes, dropout, train, tables, layers, step: Step::new(&sizes) })
    }

    fn packed(&self) -> Layers {
        Layers::new(self.sizes, self.layers.each_ref().map(|layer| &layer.weights[..]))
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
        let Step { x, x_gradients, coefficients, rows, layers, users, inputs, scored, graded, .. } = &mut self.step;
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
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let [user, item, output, bias] = self.tables.all().map(|table| table.weights().into());
        let encoder = CaserEncoder { layers: self.packed(), user, item, output, bias, train: self.train.clone() };
        Ok(Box::new(Queries::of_users(encoder, &self.train)))
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        let [user, item, output, bias] = self.tables.all().map(EmbeddingTable::parameter);
        let mut parameters = vec![user, item];
        parameters.extend(self.layers.iter().map(DenseParameter::parameter));
        parameters.extend([output, bias]);
        parameters.extend(self.sizes.settings());
        Ok(parameters)
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        Sizes::of(&parameters)?;
        let mut values: Vec<Vec<f32>> = parameters.into_iter().take(NAMES.len()).map(|p| p.values).collect();
        self.layers.iter_mut().zip(values.drain(2..8)).for_each(|(layer, values)| layer.set_weights(values));
        self.tables.all_mut().into_iter().zip(values).for_each(|(table, values)| table.set_weights(values));
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.tables.all().into_iter().for_each(|table| table.save(state));
        self.layers.iter().for_each(|layer| layer.save(state));
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.tables.all_mut().into_iter().try_for_each(|table| table.restore(state))?;
        self.layers.iter_mut().try_for_each(|layer| layer.restore(state))
    }
}
