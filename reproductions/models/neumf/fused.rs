//! NeuMF's step by hand, on the CPU.
//!
//! The hidden layer reads [user, item], so its input splits into a user's half and an item's half,
//! each made once per entity of the step by a GEMM. A pair then costs O(d), forwards and backwards; and
//! the gradients of its halves are summed per entity before they meet the weights again, in a GEMM.
//! It equals [`GraphNeuMf`](super::GraphNeuMf) (a test proves it).

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, EmbeddingTable, Trainable, sigmoid, softplus};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::train::Model;
use harness::weights::Weights;
use rayon::prelude::*;

use super::kernel::{Head, logits};
use super::scorer::MlpScorer;
use super::side::SideTables;
use super::weights::dim;
use crate::models::{ListLoss, Lists, Recommender, Side};

/// Triples per task; fixed, so that the sum of losses does not depend on threads.
const CHUNK: usize = 64;
/// Lists per task.
const LISTS: usize = 16;

/// Pairs of a step as slots, and ∂loss/∂logit of each.
#[derive(Default)]
struct Pairs {
    users: Vec<u32>,
    items: Vec<u32>,
    coefficients: Vec<f32>,
}

/// A NeuMF in training on the CPU, by hand-written gradients.
pub struct FusedNeuMf {
    user: SideTables,
    item: SideTables,
    hidden: DenseParameter,
    hidden_bias: DenseParameter,
    output: DenseParameter,
    output_bias: DenseParameter,
    pairs: Pairs,
}

impl FusedNeuMf {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [NeuMF's](super::layout).
    pub fn new(weights: Weights) -> Result<Self> {
        dim(&weights)?;
        let mut parameters = weights.parameters.into_iter();
        let mut next = || parameters.next().expect("as many as in the layout");
        let [user_product, item_product, user_mlp, item_mlp] = std::array::from_fn(|_| EmbeddingTable::from(next()));
        let [hidden, hidden_bias, output, output_bias] = std::array::from_fn(|_| DenseParameter::new(next()));
        Ok(Self {
            user: SideTables::new(Side::User, user_product, user_mlp),
            item: SideTables::new(Side::Item, item_product, item_mlp),
            hidden,
            hidden_bias,
            output,
            output_bias,
            pairs: Pairs::default(),
        })
    }

    /// In the order of the layout; the layers come after.
    fn tables(&self) -> [&EmbeddingTable; 4] {
        [&self.user.product, &self.item.product, &self.user.mlp, &self.item.mlp]
    }

    fn layers(&self) -> [&DenseParameter; 4] {
        [&self.hidden, &self.hidden_bias, &self.output, &self.output_bias]
    }

    fn parts_mut(&mut self) -> ([&mut EmbeddingTable; 4], [&mut DenseParameter; 4]) {
        (
            [&mut self.user.product, &mut self.item.product, &mut self.user.mlp, &mut self.item.mlp],
            [&mut self.hidden, &mut self.hidden_bias, &mut self.output, &mut self.output_bias],
        )
    }

    fn head(&self) -> Head<'_> {
        Head { weights: &self.output.weights, bias: self.output_bias.weights[0] }
    }

    /// Gives slots to users and items.
    fn name(&mut self, users: &[u32], items: &[u32]) {
        let hidden = [&self.hidden.weights[..], &self.hidden_bias.weights];
        self.user.name(users, hidden);
        self.item.name(items, hidden);
    }

    /// Gives slots to all members of `lists`; returns those of the partners.
    fn name_lists(&mut self, side: Side, lists: &Lists) -> Vec<u32> {
        let (users, items) = match side {
            Side::User => (lists.owners(), lists.partners()),
            Side::Item => (lists.partners(), lists.owners()),
        };
        self.name(users, items);
        let partners = self.entities(side).1;
        lists.partners().iter().map(|&partner| partners.slot(partner)).collect()
    }

    /// The entities of a side and of the other.
    fn entities(&self, side: Side) -> (&SideTables, &SideTables) {
        match side {
            Side::User => (&self.user, &self.item),
            Side::Item => (&self.item, &self.user),
        }
    }

    /// Forgets the step.
    fn clear(&mut self) {
        self.user.clear();
        self.item.clear();
        self.pairs.users.clear();
        self.pairs.items.clear();
        self.pairs.coefficients.clear();
    }
}

impl Recommender for FusedNeuMf {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        self.clear();
        let users: Vec<u32> = batch.iter().map(|t| t[0]).collect();
        let items: Vec<u32> = batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])).collect();
        self.name(&users, &items);
        let mut pairs = std::mem::take(&mut self.pairs);
        for &[u, i, j] in batch {
            pairs.users.extend([self.user.slot(u); 2]);
            pairs.items.extend([self.item.slot(i), self.item.slot(j)]);
        }
        pairs.coefficients.resize(2 * batch.len(), 0.0);
        let head = self.head();
        let losses: Vec<f64> = pairs
            .coefficients
            .par_chunks_mut(2 * CHUNK)
            .zip(pairs.users.par_chunks(2 * CHUNK))
            .zip(pairs.items.par_chunks(2 * CHUNK))
            .map(|((coefficients, users), items)| {
                let mut loss = 0.0;
                for k in (0..users.len()).step_by(2) {
                    let pair = &mut coefficients[k..k + 2];
                    let row_of = |r: usize| items[k + r] as usize;
                    logits(head, self.user.face(users[k]), self.item.faces(), row_of, pair);
                    let (positive, negative) = (pair[0], pair[1]);
                    loss += f64::from(softplus(-positive)) + f64::from(softplus(negative));
                    pair.copy_from_slice(&[-sigmoid(-positive), sigmoid(negative)]);
                }
                loss
            })
            .collect();
        self.pairs = pairs;
        Ok(losses.iter().sum())
    }

    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>> {
        let partners = self.name_lists(side, lists);
        let (own, other) = self.entities(side);
        let head = self.head();
        let mut scores = vec![0.0; partners.len()];
        lists.blocks(LISTS, &mut scores).into_par_iter().for_each(|(block, mut scores)| {
            for k in block {
                let of_list = &partners[lists.range(k)];
                let (out, rest) = scores.split_at_mut(of_list.len());
                let owner = own.face(own.slot(lists.owners()[k]));
                logits(head, owner, other.faces(), |r| of_list[r] as usize, out);
                scores = rest;
            }
        });
        Ok(scores)
    }

    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64> {
        let partners = self.name_lists(side, &lists);
        let (own, other) = self.entities(side);
        let head = self.head();
        let mut coefficients = vec![0.0; partners.len()];
        let losses: Vec<f64> = lists
            .blocks(LISTS, &mut coefficients)
            .into_par_iter()
            .map_init(Vec::new, |scores, (block, mut coefficients)| {
                let mut sum = 0.0;
                for k in block {
                    let of_list = &partners[lists.range(k)];
                    scores.resize(of_list.len(), 0.0);
                    let owner = own.face(own.slot(lists.owners()[k]));
                    logits(head, owner, other.faces(), |r| of_list[r] as usize, scores);
                    let (out, rest) = coefficients.split_at_mut(of_list.len());
                    sum += loss(k, scores, out);
                    coefficients = rest;
                }
                sum
            })
            .collect();
        let owners = (0..lists.len()).flat_map(|k| {
            let slot = own.slot(lists.owners()[k]);
            lists.range(k).map(move |_| slot)
        });
        let owners: Vec<u32> = owners.collect();
        let (users, items) = match side {
            Side::User => (owners, partners),
            Side::Item => (partners, owners),
        };
        self.pairs.users.extend(users);
        self.pairs.items.extend(items);
        self.pairs.coefficients.extend(coefficients);
        Ok(losses.iter().sum())
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        Ok(match side {
            Side::User => self.user.representations(ids),
            Side::Item => self.item.representations(ids),
        })
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        match side {
            Side::User => self.user.add_representations(ids, &gradients),
            Side::Item => self.item.add_representations(ids, &gradients),
        }
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let dim = self.user.product.dim();
        let weights = &self.output.weights;
        let Pairs { users, items, coefficients } = &self.pairs;
        let of_users = self.user.back(users, self.item.faces(), items, coefficients, weights);
        let of_items = self.item.back(items, self.user.faces(), users, coefficients, weights);
        self.hidden.gradient.fill(0.0);
        self.user.write_hidden_weight(&mut self.hidden.gradient);
        self.item.write_hidden_weight(&mut self.hidden.gradient);
        self.hidden_bias.gradient = of_users.open.iter().zip(&weights[dim..]).map(|(open, w)| open * w).collect();
        // Σ c relu(a + b) = Σ c a + Σ c b over the open ones: each side brings its share.
        let mut output = of_users.output;
        output[dim..].iter_mut().zip(&of_items.output[dim..]).for_each(|(sum, share)| *sum += share);
        self.output.gradient = output;
        let output_bias: f64 = coefficients.iter().map(|&c| f64::from(c)).sum();
        self.output_bias.gradient[0] = output_bias as f32;
        self.user.step(adam, &self.hidden.weights);
        self.item.step(adam, &self.hidden.weights);
        for layer in self.parts_mut().1 {
            layer.step(adam);
        }
        self.clear();
        Ok(())
    }

    fn settle(&mut self) {
        self.user.settle();
        self.item.settle();
    }
}

impl Model for FusedNeuMf {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let tables = self.tables().into_iter().map(|table| table as &dyn Trainable);
        tables.chain(self.layers().into_iter().map(|layer| layer as &dyn Trainable)).collect()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.clear();
        let (tables, layers) = self.parts_mut();
        let tables = tables.into_iter().map(|table| table as &mut dyn Trainable);
        tables.chain(layers.into_iter().map(|layer| layer as &mut dyn Trainable)).collect()
    }

    fn scorer(&self, _: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let [user_product, item_product, user_mlp, item_mlp] = self.tables().map(EmbeddingTable::weights);
        let [hidden, hidden_bias, output, output_bias] = self.layers().map(|layer| &layer.weights[..]);
        let values = [user_product, item_product, user_mlp, item_mlp, hidden, hidden_bias, output, output_bias];
        Ok(Box::new(MlpScorer::new(self.user.product.dim(), values, Side::User)))
    }
}
