//! NeuMF's step through candle's autograd, on any device: pair by pair, layer by layer, as the model
//! is defined.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{Graph, Leaves, softplus_neg_sum};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::train::GraphModel;
use harness::weights::Weights;

use super::weights::{dim, scorer};
use crate::models::{ListLoss, Lists, Recommender, Side};

/// A NeuMF in training on any device, by candle's autograd. Tables are numbered as in its [layout](super::layout).
pub struct GraphNeuMf {
    dim: usize,
    graph: Graph,
}

/// Logits of some pairs, and what they depend on.
struct LogitPass {
    leaves: Leaves,
    /// `[pairs]`
    logits: Tensor,
}

impl GraphNeuMf {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [NeuMF's](super::layout), or the device fails.
    pub fn new(weights: Weights, device: &Device) -> Result<Self> {
        Ok(Self { dim: dim(&weights)?, graph: Graph::new(weights.parameters, device)? })
    }

    /// The pairs (`users[k]`, `items[k]`).
    fn pass(&self, users: Tensor, items: Tensor) -> Result<LogitPass> {
        let mut of = vec![(0, users.clone()), (1, items.clone()), (2, users), (3, items)];
        for layer in 4..8 {
            of.push((layer, self.graph.all(layer)?));
        }
        let leaves = self.graph.leaves(of)?;
        let [p, q, m, n, hidden, hidden_bias, output, output_bias] = leaves.tensors();
        let layer = |weight: &Tensor, bias: &Tensor| -> Result<Linear> {
            Ok(Linear::new(weight.clone(), Some(bias.squeeze(0)?)))
        };
        let input = layer(hidden, hidden_bias)?.forward(&Tensor::cat(&[m, n], 1)?)?;
        // Not `relu`, whose slope at 0 is 1 in candle.
        let open = input.gt(0f32)?.to_dtype(DType::F32)?.detach();
        let both = Tensor::cat(&[(p * q)?, (input * open)?], 1)?;
        let logits = layer(output, output_bias)?.forward(&both)?.squeeze(1)?;
        Ok(LogitPass { leaves, logits })
    }

    /// The pairs of owners of `side` with their partners.
    fn pass_lists(&self, side: Side, lists: &Lists) -> Result<LogitPass> {
        let owners = self.graph.ids(lists.list_of_each().map(|k| lists.owners()[k as usize]))?;
        let partners = self.graph.ids(lists.partners().iter().copied())?;
        match side {
            Side::User => self.pass(owners, partners),
            Side::Item => self.pass(partners, owners),
        }
    }

    /// Numbers of the tables of a side: product, perceptron.
    fn of_side(side: Side) -> [usize; 2] {
        [side as usize, 2 + side as usize]
    }
}

impl Recommender for GraphNeuMf {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        self.graph.begin();
        let users = batch.iter().chain(batch).map(|t| t[0]);
        let items = batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2]));
        let pass = self.pass(self.graph.ids(users)?, self.graph.ids(items)?)?;
        let n = batch.len();
        let (positive, negative) = (pass.logits.narrow(0, 0, n)?, pass.logits.narrow(0, n, n)?);
        let loss = softplus_neg_sum(&Tensor::cat(&[positive, negative.neg()?], 0)?)?;
        self.graph.add(pass.leaves, &loss.backward()?);
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>> {
        Ok(self.pass_lists(side, lists)?.logits.to_vec1()?)
    }

    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64> {
        let pass = self.pass_lists(side, &lists)?;
        let (sum, coefficients) = lists.losses(&pass.logits.to_vec1::<f32>()?, loss);
        let coefficients = Tensor::new(coefficients, self.graph.device())?;
        let weighted = (&pass.logits * coefficients)?.sum_all()?;
        self.graph.add(pass.leaves, &weighted.backward()?);
        Ok(sum)
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        let ids = self.graph.ids(ids.iter().copied())?;
        let [product, mlp] = Self::of_side(side).map(|table| self.graph.rows(table, &ids));
        Ok(Tensor::cat(&[product?, mlp?], 1)?.flatten_all()?.to_vec1()?)
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        let rows = Tensor::from_vec(gradients, (ids.len(), 2 * self.dim), self.graph.device())?;
        let ids = self.graph.ids(ids.iter().copied())?;
        for (part, table) in Self::of_side(side).into_iter().enumerate() {
            self.graph.add_rows(table, ids.clone(), rows.narrow(1, part * self.dim, self.dim)?.contiguous()?);
        }
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        self.graph.step(adam)
    }
}

impl GraphModel for GraphNeuMf {
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
