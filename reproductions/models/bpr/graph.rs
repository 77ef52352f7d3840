//! BPR's step through candle's autograd, on any device.

use candle_core::{Device, Tensor, Var};
use harness::error::Result;
use harness::method::Parameter;
use harness::metrics::Scorer;
use harness::nn::{DeviceTable, softplus_neg_sum};
use harness::optim::Adam;
use harness::train::{Model, State};

use super::Bprs;
use crate::models::Factors;

/// See the module's head.
pub struct GraphBpr {
    dim: usize,
    user: DeviceTable,
    item: DeviceTable,
    /// Per table, the rows of the last batch and their gradient.
    gradients: Option<[(Tensor, Tensor); 2]>,
}

impl GraphBpr {
    /// Tables `[n_users, dim]` and `[n_items, dim]` with their initial values.
    pub fn new(dim: usize, users: Vec<f32>, items: Vec<f32>, device: &Device) -> Result<Self> {
        Ok(Self {
            dim,
            user: DeviceTable::new("user", users.len() / dim, dim, users, device)?,
            item: DeviceTable::new("item", items.len() / dim, dim, items, device)?,
            gradients: None,
        })
    }
}

/// Σ ln(1 + e^−(s_ui − s_uj)) from the rows of a batch, `[b, d]` users and `[2b, d]` items
/// (positives, then negatives).
fn loss(user: &Var, item: &Var, batch: usize) -> Result<Tensor> {
    let difference = (item.narrow(0, 0, batch)? - item.narrow(0, batch, batch)?)?;
    softplus_neg_sum(&(user.as_tensor() * difference)?.sum(1)?)
}

impl Bprs for GraphBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        let device = self.user.device();
        let ids = |ids: Vec<u32>| Tensor::new(ids, &device);
        let users = ids(batch.iter().map(|t| t[0]).collect())?;
        let items = ids(batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])).collect())?;
        // One gather per table and step: the backward of a gather is the dear part.
        let (user, item) = (self.user.leaf(&users)?, self.item.leaf(&items)?);
        let loss = loss(&user, &item, batch.len())?;
        let gradients = loss.backward()?;
        let of = |leaf: &Var| gradients.get(leaf.as_tensor()).cloned().expect("the loss depends on every leaf");
        self.gradients = Some([(users, of(&user)), (items, of(&item))]);
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let [(users, user_rows), (items, item_rows)] = self.gradients.take().expect("a backward pass came before");
        self.user.step(adam, &users, &user_rows)?;
        self.item.step(adam, &items, &item_rows)
    }

    /// No row of these tables is ever behind.
    fn settle(&mut self) {}
}

impl Model for GraphBpr {
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let (users, items) = (self.user.parameter()?.values, self.item.parameter()?.values);
        Ok(Box::new(Factors { dim: self.dim, users: users.into(), items: items.into() }))
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        Ok(vec![self.user.parameter()?, self.item.parameter()?])
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        for (table, parameter) in [&mut self.user, &mut self.item].into_iter().zip(parameters) {
            table.set_weights(parameter.values)?;
        }
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.user.save(state)?;
        self.item.save(state)
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.user.restore(state)?;
        self.item.restore(state)
    }
}
