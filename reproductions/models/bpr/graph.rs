//! BPR's step through candle's autograd, on any device.

use candle_core::{Device, Tensor, Var};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DeviceTable, softplus_neg_sum};
use harness::optim::Adam;
use harness::train::{Model, State};
use harness::weights::Parameter;

use super::NAMES;
use crate::models::{Factors, ListLoss, Lists, Recommender, Side};

/// See the module's head.
pub struct GraphBpr {
    dim: usize,
    user: DeviceTable,
    item: DeviceTable,
    /// Per table (users, items), the rows of this step and their gradients, part by part.
    gradients: [Vec<(Tensor, Tensor)>; 2],
}

impl GraphBpr {
    /// Tables `[n_users, dim]` and `[n_items, dim]` with their initial values.
    pub fn new(dim: usize, users: Vec<f32>, items: Vec<f32>, device: &Device) -> Result<Self> {
        let [user, item] = NAMES;
        Ok(Self {
            dim,
            user: DeviceTable::new(user, users.len() / dim, dim, users, device)?,
            item: DeviceTable::new(item, items.len() / dim, dim, items, device)?,
            gradients: Default::default(),
        })
    }

    fn table(&self, side: Side) -> &DeviceTable {
        match side {
            Side::User => &self.user,
            Side::Item => &self.item,
        }
    }

    fn ids(&self, ids: impl IntoIterator<Item = u32>) -> Result<Tensor> {
        Ok(Tensor::new(ids.into_iter().collect::<Vec<_>>(), &self.user.device())?)
    }

    /// Ids and rows `[pairs, d]` of both members of every pair.
    fn pairs(&self, side: Side, lists: &Lists) -> Result<[(Tensor, Tensor); 2]> {
        let owners = self.ids(lists.list_of_each().map(|k| lists.owners()[k as usize]))?;
        let partners = self.ids(lists.partners().iter().copied())?;
        let owner_rows = self.table(side).rows(&owners)?;
        let partner_rows = self.table(side.other()).rows(&partners)?;
        Ok([(owners, owner_rows), (partners, partner_rows)])
    }
}

/// Σ ln(1 + e^−(s_ui − s_uj)) from the rows of a batch, `[b, d]` users and `[2b, d]` items
/// (positives, then negatives).
fn loss(user: &Var, item: &Var, batch: usize) -> Result<Tensor> {
    let difference = (item.narrow(0, 0, batch)? - item.narrow(0, batch, batch)?)?;
    softplus_neg_sum(&(user.as_tensor() * difference)?.sum(1)?)
}

impl Recommender for GraphBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        let users = self.ids(batch.iter().map(|t| t[0]))?;
        let items = self.ids(batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])))?;
        // One gather per table and step: the backward of a gather is the dear part.
        let (user, item) = (self.user.leaf(&users)?, self.item.leaf(&items)?);
        let loss = loss(&user, &item, batch.len())?;
        let gradients = loss.backward()?;
        let of = |leaf: &Var| gradients.get(leaf.as_tensor()).cloned().expect("the loss depends on every leaf");
        self.gradients = [vec![(users, of(&user))], vec![(items, of(&item))]];
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>> {
        let [(_, owners), (_, partners)] = self.pairs(side, lists)?;
        Ok((owners * partners)?.sum(1)?.to_vec1()?)
    }

    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64> {
        let [(owners, owner_rows), (partners, partner_rows)] = self.pairs(side, &lists)?;
        let scores: Vec<f32> = (&owner_rows * &partner_rows)?.sum(1)?.to_vec1()?;
        let (sum, coefficients) = lists.losses(&scores, loss);
        let coefficients = Tensor::from_vec(coefficients, (scores.len(), 1), owner_rows.device())?;
        self.gradients[side as usize].push((owners, partner_rows.broadcast_mul(&coefficients)?));
        self.gradients[side.other() as usize].push((partners, owner_rows.broadcast_mul(&coefficients)?));
        Ok(sum)
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        Ok(self.table(side).rows(&self.ids(ids.iter().copied())?)?.flatten_all()?.to_vec1()?)
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        let rows = Tensor::from_vec(gradients, (ids.len(), self.dim), &self.user.device())?;
        let ids = self.ids(ids.iter().copied())?;
        self.gradients[side as usize].push((ids, rows));
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        for (table, parts) in [&mut self.user, &mut self.item].into_iter().zip(std::mem::take(&mut self.gradients)) {
            table.step_parts(adam, parts)?;
        }
        Ok(())
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
