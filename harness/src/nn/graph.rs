//! A model whose step is candle's autograd: its tables on a device, and the gradients of the step in progress.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};

use super::{DeviceTable, Trainable};
use crate::error::Result;
use crate::optim::Adam;
use crate::weights::Parameter;

/// The tables of a model, by number in the model's own order. The model writes its forward pass over
/// [`leaves`](Self::leaves); gradients, the step of Adam and what is saved are here. A layer's weights or bias is a table
/// of which every pass reads all rows.
///
/// Methods fail as [`Internal`](crate::error::Kind::Internal) where the device does.
pub struct Graph {
    device: Device,
    tables: Vec<DeviceTable>,
    /// By table: rows that parts of the step read, and their gradients.
    gradients: Vec<Vec<(Tensor, Tensor)>>,
}

/// Rows of tables that one pass reads, as variables of autograd.
pub struct Leaves {
    /// The table and the ids of each leaf.
    of: Vec<(usize, Tensor)>,
    pub rows: Vec<Var>,
}

impl Leaves {
    /// The rows of each of `N` leaves.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn tensors<const N: usize>(&self) -> [&Tensor; N] {
        assert_eq!(self.rows.len(), N, "leaves of a pass");
        std::array::from_fn(|k| self.rows[k].as_tensor())
    }
}

impl Graph {
    /// Tables that start at these values, each of them a matrix.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn new(parameters: Vec<Parameter>, device: &Device) -> Result<Self> {
        let tables: Vec<_> =
            parameters.into_iter().map(|parameter| DeviceTable::new(parameter, device)).collect::<Result<_>>()?;
        let gradients = tables.iter().map(|_| Vec::new()).collect();
        Ok(Self { device: device.clone(), tables, gradients })
    }

    /// The device of the tables.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Ids as a tensor, `[n]`.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn ids(&self, ids: impl IntoIterator<Item = u32>) -> Result<Tensor> {
        Ok(Tensor::new(ids.into_iter().collect::<Vec<_>>(), &self.device)?)
    }

    /// The ids of all rows of a table.
    ///
    /// # Errors
    /// Errors of the device.
    pub fn all(&self, table: usize) -> Result<Tensor> {
        self.ids(0..self.tables[table].len() as u32)
    }

    /// Rows of a table without a gradient, `[ids, dim]`.
    ///
    /// # Errors
    /// If an id is not a row; errors of the device.
    pub fn rows(&self, table: usize, ids: &Tensor) -> Result<Tensor> {
        self.tables[table].rows(ids)
    }

    /// Begins a step: gradients that were added before are forgotten.
    pub fn begin(&mut self) {
        self.gradients.iter_mut().for_each(Vec::clear);
    }

    /// Rows of tables as variables: one leaf for each (table, ids). A table may come several times. One gather per leaf:
    /// the backward pass of a gather is the costly part of a step.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn leaves(&self, of: impl IntoIterator<Item = (usize, Tensor)>) -> Result<Leaves> {
        let of: Vec<(usize, Tensor)> = of.into_iter().collect();
        let rows = of.iter().map(|(table, ids)| self.tables[*table].leaf(ids)).collect::<Result<_>>()?;
        Ok(Leaves { of, rows })
    }

    /// Adds the gradients of a loss with respect to these leaves to the step.
    ///
    /// # Panics
    /// If the loss does not depend on all of them: a parameter that never learns is a mistake.
    pub fn add(&mut self, leaves: Leaves, gradients: &GradStore) {
        for ((table, ids), leaf) in leaves.of.into_iter().zip(&leaves.rows) {
            let gradient = gradients.get(leaf.as_tensor()).expect("the loss depends on every leaf");
            self.gradients[table].push((ids, gradient.clone()));
        }
    }

    /// Adds a gradient `[ids, dim]` of rows of a table to the step; rows named twice are summed.
    pub fn add_rows(&mut self, table: usize, ids: Tensor, gradient: Tensor) {
        self.gradients[table].push((ids, gradient));
    }

    /// One step of Adam over all rows of all tables, by what was added since [`begin`](Self::begin).
    ///
    /// # Errors
    /// If shapes disagree, or a table has no gradient; errors of the device.
    pub fn step(&mut self, adam: &Adam) -> Result<()> {
        for (table, parts) in self.tables.iter_mut().zip(&mut self.gradients) {
            table.step_parts(adam, std::mem::take(parts))?;
        }
        Ok(())
    }

    /// The tables, in the model's order.
    pub fn tables(&self) -> Vec<&dyn Trainable> {
        self.tables.iter().map(|table| table as &dyn Trainable).collect()
    }

    /// The tables, in the model's order.
    pub fn tables_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.tables.iter_mut().map(|table| table as &mut dyn Trainable).collect()
    }
}
