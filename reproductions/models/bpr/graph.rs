//! BPR's step through candle's autograd, on any device.

use candle_core::{Device, Tensor};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{Graph, softplus_neg_sum};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::train::GraphModel;
use harness::weights::Weights;

use super::weights::{dim, scorer};
use crate::models::{ListLoss, Lists, Recommender, Side};

/// A BPR in training on any device, by candle's autograd. The table of a side has the side's number.
pub struct GraphBpr {
    graph: Graph,
}

impl GraphBpr {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [BPR's](super::layout), or the device fails.
    pub fn new(weights: Weights, device: &Device) -> Result<Self> {
        dim(&weights)?;
        Ok(Self { graph: Graph::new(weights.parameters, device)? })
    }

    /// Ids and rows `[pairs, d]` of both members of every pair.
    fn pairs(&self, side: Side, lists: &Lists) -> Result<[(Tensor, Tensor); 2]> {
        let owners = self.graph.ids(lists.list_of_each().map(|k| lists.owners()[k as usize]))?;
        let partners = self.graph.ids(lists.partners().iter().copied())?;
        let owner_rows = self.graph.rows(side as usize, &owners)?;
        let partner_rows = self.graph.rows(side.other() as usize, &partners)?;
        Ok([(owners, owner_rows), (partners, partner_rows)])
    }
}

/// Σ ln(1 + e^−(s_ui − s_uj)) from the rows of a batch, `[b, d]` users and `[2b, d]` items
/// (positives, then negatives).
fn loss(user: &Tensor, item: &Tensor, batch: usize) -> Result<Tensor> {
    let difference = (item.narrow(0, 0, batch)? - item.narrow(0, batch, batch)?)?;
    softplus_neg_sum(&(user * difference)?.sum(1)?)
}

impl Recommender for GraphBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        self.graph.begin();
        let users = self.graph.ids(batch.iter().map(|t| t[0]))?;
        let items = self.graph.ids(batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])))?;
        let leaves = self.graph.leaves([(Side::User as usize, users), (Side::Item as usize, items)])?;
        let [user, item] = leaves.tensors();
        let loss = loss(user, item, batch.len())?;
        self.graph.add(leaves, &loss.backward()?);
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
        let coefficients = Tensor::from_vec(coefficients, (scores.len(), 1), self.graph.device())?;
        self.graph.add_rows(side as usize, owners, partner_rows.broadcast_mul(&coefficients)?);
        self.graph.add_rows(side.other() as usize, partners, owner_rows.broadcast_mul(&coefficients)?);
        Ok(sum)
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        let ids = self.graph.ids(ids.iter().copied())?;
        Ok(self.graph.rows(side as usize, &ids)?.flatten_all()?.to_vec1()?)
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        let rows = Tensor::from_vec(gradients, (ids.len(), ()), self.graph.device())?;
        let ids = self.graph.ids(ids.iter().copied())?;
        self.graph.add_rows(side as usize, ids, rows);
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        self.graph.step(adam)
    }
}

impl GraphModel for GraphBpr {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn graph_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }

    fn served(&self, weights: &Weights, _: &Queries) -> Result<Box<dyn Scorer>> {
        scorer(weights, Side::User)
    }
}
