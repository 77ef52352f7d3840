//! A tensor of the base model in training, and its transfer.

use harness::error::Result;
use harness::nn::{DeferredTable, DenseParameter, Trainable};
use harness::optim::TfAdam;
use harness::weights::{Parameter, State};

use super::transfer::{Tape, Transfer};

/// A tensor with all that a period needs of it.
pub struct TransferredTensor {
    /// The tensor served before, constant in a period.
    prev: Vec<f32>,
    base: BaseTensor,
    transfer: Transfer,
    tape: Tape,
    /// Of the batch: what the model computes with, and its gradient.
    values: Vec<f32>,
    gradient: Vec<f32>,
}

/// A tensor of the base model; upd in the terms of SML.
enum BaseTensor {
    /// A batch names some rows, each of which is transferred by itself.
    Table(DeferredTable),
    /// Every batch uses all of it, and it is transferred as one row.
    Whole(DenseParameter),
}

impl BaseTensor {
    fn trainable(&self) -> &dyn Trainable {
        match self {
            Self::Table(table) => table,
            Self::Whole(parameter) => parameter,
        }
    }

    fn trainable_mut(&mut self) -> &mut dyn Trainable {
        match self {
            Self::Table(table) => table,
            Self::Whole(parameter) => parameter,
        }
    }

    fn values(&self) -> &[f32] {
        match self {
            Self::Table(table) => table.weights(),
            Self::Whole(parameter) => &parameter.weights,
        }
    }
}

/// What a batch computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// The base tensors themselves.
    Nothing,
    /// What the transfers make of them.
    Transfer,
}

impl TransferredTensor {
    /// A tensor that starts at `base`, a table or a whole tensor.
    pub fn new(base: Parameter, is_table: bool, transfer: Transfer) -> Self {
        let prev = base.values.clone();
        let base = match is_table {
            true => BaseTensor::Table(base.into()),
            false => BaseTensor::Whole(DenseParameter::new(base)),
        };
        Self { prev, base, transfer, tape: Tape::default(), values: Vec::new(), gradient: Vec::new() }
    }

    /// The base tensor, with its moments.
    pub fn base(&self) -> &dyn Trainable {
        self.base.trainable()
    }

    pub fn base_mut(&mut self) -> &mut dyn Trainable {
        self.base.trainable_mut()
    }

    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// The tensor served before.
    pub fn prev(&self) -> &[f32] {
        &self.prev
    }

    /// Begins a period after the one that left `prev`.
    ///
    /// # Panics
    /// If it has another length.
    pub fn set_prev(&mut self, prev: Vec<f32>) {
        assert_eq!(prev.len(), self.prev.len(), "the tensor served before");
        self.prev = prev;
    }

    /// Begins a period in which the base tensor is what was served before.
    pub fn begin(&mut self) {
        let Self { prev, base, .. } = self;
        prev.copy_from_slice(base.values());
    }

    /// Makes what the model computes with for a batch of these rows, all of the tensor where there are none.
    pub fn forward(&mut self, rows: Option<&[u32]>, through: Through) {
        let Self { prev, base, transfer, tape, values, gradient } = self;
        tape.upd.clear();
        tape.prev.clear();
        match (base, rows) {
            (BaseTensor::Table(table), Some(rows)) => {
                table.gather(rows, &mut tape.upd);
                let dim = table.dim();
                let of_row = |row: u32| &prev[row as usize * dim..(row as usize + 1) * dim];
                rows.iter().for_each(|&row| tape.prev.extend_from_slice(of_row(row)));
            }
            (base, _) => {
                tape.upd.extend_from_slice(base.values());
                tape.prev.extend_from_slice(prev);
            }
        }
        values.clear();
        match through {
            Through::Nothing => values.extend_from_slice(&tape.upd),
            Through::Transfer => {
                values.resize(tape.upd.len(), 0.0);
                transfer.forward(tape, values);
            }
        }
        gradient.clear();
        gradient.resize(values.len(), 0.0);
    }

    /// What the model computes with, and where it adds the gradient.
    pub fn batch(&mut self) -> (&[f32], &mut [f32]) {
        (&self.values, &mut self.gradient)
    }

    /// Trains the base tensor by the gradient of the batch, whose rows are `rows`.
    pub fn step_base(&mut self, rows: Option<&[u32]>, adam: &TfAdam, through: Through) {
        let Self { base, transfer, tape, values, gradient, .. } = self;
        if through == Through::Transfer {
            // The values are not needed any more.
            transfer.backward_to_base(tape, gradient, values);
            std::mem::swap(values, gradient);
        }
        match (base, rows) {
            (BaseTensor::Table(table), Some(rows)) => table.step(adam, rows, gradient),
            (BaseTensor::Whole(parameter), None) => {
                parameter.gradient.copy_from_slice(gradient);
                parameter.step(adam);
            }
            _ => unreachable!("a batch names rows of tables, and of no other tensor"),
        }
    }

    /// Trains the transfer by the gradient of the batch.
    pub fn step_transfer(&mut self, adam: &TfAdam) {
        let Self { transfer, tape, gradient, .. } = self;
        transfer.backward_to_weights(tape, gradient);
        transfer.step(adam);
    }

    /// Brings every row up to date, before the tensor is read whole.
    pub fn settle(&mut self) {
        if let BaseTensor::Table(table) = &mut self.base {
            table.settle();
        }
    }

    /// The tensor that serves: the base tensor, or what the transfer makes of all of it.
    ///
    /// # Panics
    /// If it was not [settled](Self::settle).
    pub fn served(&self, through: Through) -> Parameter {
        let trainable = self.base.trainable();
        let values = match through {
            Through::Nothing => self.base.values().to_vec(),
            Through::Transfer => {
                let mut out = vec![0.0; self.prev.len()];
                self.transfer.transfer(&self.prev, self.base.values(), &mut out);
                out
            }
        };
        Parameter { name: trainable.name().into(), shape: trainable.shape(), values }
    }

    /// Adds the transfer's weights and moments to a state.
    ///
    /// # Errors
    /// None on the CPU.
    pub fn save_transfer<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.transfer.tensors().try_for_each(|tensor| tensor.save(state))
    }

    /// Takes back what [`save_transfer`](Self::save_transfer) put.
    ///
    /// # Errors
    /// If it is not there.
    pub fn restore_transfer(&mut self, state: &mut State<'_>) -> Result<()> {
        self.transfer.tensors_mut().try_for_each(|tensor| tensor.restore(state))
    }
}
