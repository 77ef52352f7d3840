//! BPR's step by hand, on the CPU: gather, dot, log-sigmoid, row gradients, fused Adam.
//!
//! No graph, no dense gradient, no allocation after the first batch of plain training. It equals
//! [`GraphBpr`](super::GraphBpr) (a test proves it) at several times the speed.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{EmbeddingTable, Occurrences, Trainable, sigmoid, softplus};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::simd;
use harness::train::Model;
use harness::weights::Weights;
use rayon::prelude::*;

use super::weights::dim;
use crate::models::spread::Spread;
use crate::models::{Factors, ListLoss, Lists, Recommender, Side};

/// Triples per task; fixed, so that the sum of losses does not depend on threads.
const CHUNK: usize = 64;
/// Lists per task.
const LISTS: usize = 16;

/// A BPR in training on the CPU, by hand-written gradients.
pub struct FusedBpr {
    user: EmbeddingTable,
    item: EmbeddingTable,
    /// Rows of the batch as they were before the step, `[batch, d]`: p_u …
    user_rows: Vec<f32>,
    /// … and q_i − q_j.
    differences: Vec<f32>,
    /// ∂loss/∂(s_ui − s_uj) per triple: −σ(s_uj − s_ui).
    coefficients: Vec<f32>,
    /// Positions of the batch by the row that they name; of items positives first, then negatives.
    users: Occurrences,
    items: Occurrences,
    /// Gradients that were added to the step.
    terms: Vec<Gradient>,
}

/// Gradients of one added term.
struct Gradient {
    side: Side,
    /// Of rows of the table of `side`, …
    own: Spread,
    /// … `[owners, d]`.
    gradients: Vec<f32>,
    /// Of lists also those of the partners, in the other table, as coefficients of …
    partners: Option<Spread>,
    /// … the owners' rows before the step, `[owners, d]`.
    owner_rows: Vec<f32>,
}

impl Gradient {
    /// The pairs that move the table of a side, and the vectors that they are of.
    #[inline]
    fn of(&self, side: Side) -> Option<(&Spread, &[f32])> {
        if side == self.side {
            Some((&self.own, &self.gradients))
        } else {
            self.partners.as_ref().map(|partners| (partners, &self.owner_rows[..]))
        }
    }
}

impl FusedBpr {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [BPR's](super::layout).
    pub fn new(weights: Weights) -> Result<Self> {
        dim(&weights)?;
        let mut tables = weights.parameters.into_iter().map(EmbeddingTable::from);
        let [user, item] = std::array::from_fn(|_| tables.next().expect("two tables"));
        Ok(Self {
            users: Occurrences::new(user.rows()),
            items: Occurrences::new(item.rows()),
            user,
            item,
            user_rows: Vec::new(),
            differences: Vec::new(),
            coefficients: Vec::new(),
            terms: Vec::new(),
        })
    }

    /// Brings the rows that lists name up to date, where rows fall behind at all.
    fn catch_up(&mut self, side: Side, owners: &[u32], partners: &[u32]) {
        let (users, items) = match side {
            Side::User => (owners, partners),
            Side::Item => (partners, owners),
        };
        for (table, ids) in [(&mut self.user, users), (&mut self.item, items)] {
            if table.is_behind() {
                let mut occurrences = Occurrences::new(table.rows());
                occurrences.set(ids.iter().copied());
                table.catch_up(&occurrences);
            }
        }
    }

    fn tables(&self, side: Side) -> (&EmbeddingTable, &EmbeddingTable) {
        match side {
            Side::User => (&self.user, &self.item),
            Side::Item => (&self.item, &self.user),
        }
    }
}

/// One vector for each of `ids`.
fn each_row(rows: usize, ids: &[u32]) -> Spread {
    Spread::new(rows, ids, &vec![1.0; ids.len()], 0..ids.len() as u32)
}

impl Recommender for FusedBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        let dim = self.user.dim();
        self.terms.clear();
        self.users.set(batch.iter().map(|t| t[0]));
        self.items.set(batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])));
        self.user.catch_up(&self.users);
        self.item.catch_up(&self.items);
        self.user_rows.resize(batch.len() * dim, 0.0);
        self.differences.resize(batch.len() * dim, 0.0);
        self.coefficients.resize(batch.len(), 0.0);
        let (user, item) = (&self.user, &self.item);
        let losses: Vec<f64> = batch
            .par_chunks(CHUNK)
            .zip(self.user_rows.par_chunks_mut(CHUNK * dim))
            .zip(self.differences.par_chunks_mut(CHUNK * dim))
            .zip(self.coefficients.par_chunks_mut(CHUNK))
            .map(|(((triples, user_rows), differences), coefficients)| {
                let mut loss = 0.0;
                for (k, &[u, i, j]) in triples.iter().enumerate() {
                    let user_row = &mut user_rows[k * dim..][..dim];
                    let difference = &mut differences[k * dim..][..dim];
                    user_row.copy_from_slice(user.row(u));
                    simd::subtract(difference, item.row(i), item.row(j));
                    let margin = simd::dot(difference, user_row);
                    loss += f64::from(softplus(-margin));
                    coefficients[k] = -sigmoid(-margin);
                }
                loss
            })
            .collect();
        Ok(losses.iter().sum())
    }

    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>> {
        self.catch_up(side, lists.owners(), lists.partners());
        let (own, other) = self.tables(side);
        let mut scores = vec![0.0; lists.partners().len()];
        lists.blocks(LISTS, &mut scores).into_par_iter().for_each(|(block, mut scores)| {
            for k in block {
                let (owner, partners) = lists.of(k);
                let (out, rest) = scores.split_at_mut(partners.len());
                other.dots(partners, own.row(owner), out);
                scores = rest;
            }
        });
        Ok(scores)
    }

    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64> {
        self.catch_up(side, lists.owners(), lists.partners());
        let (own, other) = self.tables(side);
        let dim = own.dim();
        let mut coefficients = vec![0.0; lists.partners().len()];
        let mut owner_rows = vec![0.0; lists.len() * dim];
        let mut gradients = vec![0.0; lists.len() * dim];
        let losses: Vec<f64> = lists
            .blocks(LISTS, &mut coefficients)
            .into_par_iter()
            .zip(owner_rows.par_chunks_mut(LISTS * dim))
            .zip(gradients.par_chunks_mut(LISTS * dim))
            .map_init(Vec::new, |scores, (((block, mut coefficients), rows), gradients)| {
                let mut sum = 0.0;
                let rows = rows.chunks_exact_mut(dim).zip(gradients.chunks_exact_mut(dim));
                for (k, (row, gradient)) in block.zip(rows) {
                    let (owner, partners) = lists.of(k);
                    row.copy_from_slice(own.row(owner));
                    scores.resize(partners.len(), 0.0);
                    other.dots(partners, row, scores);
                    let (of_list, rest) = coefficients.split_at_mut(partners.len());
                    sum += loss(k, scores, of_list);
                    other.weighted_sum(partners, of_list, gradient);
                    coefficients = rest;
                }
                sum
            })
            .collect();
        let partners = Spread::new(other.rows(), lists.partners(), &coefficients, lists.list_of_each());
        let own = each_row(own.rows(), lists.owners());
        self.terms.push(Gradient { side, own, gradients, partners: Some(partners), owner_rows });
        Ok(losses.iter().sum())
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        self.catch_up(side, ids, &[]);
        let table = self.tables(side).0;
        Ok(ids.iter().flat_map(|&id| table.row(id)).copied().collect())
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        let own = each_row(self.tables(side).0.rows(), ids);
        self.terms.push(Gradient { side, own, gradients, partners: None, owner_rows: Vec::new() });
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let dim = self.user.dim();
        let (user_rows, differences, coefficients) = (&self.user_rows, &self.differences, &self.coefficients);
        let batch = coefficients.len();
        // ∂/∂p_u = c (q_i − q_j), ∂/∂q_i = c p_u, ∂/∂q_j = −c p_u; then the terms, one after the other.
        let of_user = |k: usize| (coefficients[k], &differences[k * dim..][..dim]);
        let of_item = |k: usize| {
            let (sign, k) = if k < batch { (1.0, k) } else { (-1.0, k - batch) };
            (sign * coefficients[k], &user_rows[k * dim..][..dim])
        };
        let (users, items) = (&self.users, &self.items);
        let [of_users, of_items] =
            [Side::User, Side::Item].map(|side| self.terms.iter().filter_map(|t| t.of(side)).collect::<Vec<_>>());
        let add_terms = |terms: &[(&Spread, &[f32])], row: usize, sum: &mut [f32]| {
            terms.iter().for_each(|(spread, vectors)| spread.add(row, vectors, sum));
        };
        self.user.step_rows(
            adam,
            |rows| users.any(rows.clone()) || of_users.iter().any(|(spread, _)| spread.any(rows.clone())),
            |row, sum| {
                users.of(row).map(of_user).for_each(|(c, vector)| simd::add_scaled(sum, c, vector));
                add_terms(&of_users, row, sum);
            },
        );
        self.item.step_rows(
            adam,
            |rows| items.any(rows.clone()) || of_items.iter().any(|(spread, _)| spread.any(rows.clone())),
            |row, sum| {
                items.of(row).map(of_item).for_each(|(c, vector)| simd::add_scaled(sum, c, vector));
                add_terms(&of_items, row, sum);
            },
        );
        Ok(())
    }

    fn settle(&mut self) {
        self.user.settle();
        self.item.settle();
    }
}

impl Model for FusedBpr {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        vec![&self.user, &self.item]
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        vec![&mut self.user, &mut self.item]
    }

    fn scorer(&self, _: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let (users, items) = (self.user.weights().into(), self.item.weights().into());
        Ok(Box::new(Factors { dim: self.user.dim(), users, items }))
    }
}
