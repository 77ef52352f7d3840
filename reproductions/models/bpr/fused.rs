//! BPR's step by hand, on the CPU: gather, dot, log-sigmoid, row gradients, fused Adam.
//!
//! No graph, no dense gradient, no allocation after the first batch. It equals
//! [`GraphBpr`](super::GraphBpr) (a test proves it) at several times the speed.

use harness::error::Result;
use harness::method::Parameter;
use harness::metrics::Scorer;
use harness::nn::{EmbeddingTable, Occurrences, sigmoid, softplus};
use harness::optim::Adam;
use harness::simd;
use harness::train::{Model, State};
use rayon::prelude::*;

use super::Bprs;
use crate::models::Factors;

/// Triples per task; fixed, so that the sum of losses does not depend on threads.
const CHUNK: usize = 64;

/// See the module's head.
pub struct FusedBpr {
    user: EmbeddingTable,
    item: EmbeddingTable,
    /// Batch positions by user, and by item (positives first, then negatives).
    users: Occurrences,
    items: Occurrences,
    /// Rows of the batch as they were before the step, `[batch, d]`: p_u …
    user_rows: Vec<f32>,
    /// … and q_i − q_j.
    differences: Vec<f32>,
    /// ∂loss/∂(s_ui − s_uj) per triple: −σ(s_uj − s_ui).
    coefficients: Vec<f32>,
}

impl FusedBpr {
    /// Tables `[n_users, dim]` and `[n_items, dim]` with their initial values.
    pub fn new(dim: usize, users: Vec<f32>, items: Vec<f32>) -> Self {
        let (n_users, n_items) = (users.len() / dim, items.len() / dim);
        Self {
            user: EmbeddingTable::new("user", n_users, dim, users),
            item: EmbeddingTable::new("item", n_items, dim, items),
            users: Occurrences::new(n_users),
            items: Occurrences::new(n_items),
            user_rows: Vec::new(),
            differences: Vec::new(),
            coefficients: Vec::new(),
        }
    }
}

impl Bprs for FusedBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        let dim = self.user.dim();
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

    fn settle(&mut self) {
        self.user.settle();
        self.item.settle();
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let dim = self.user.dim();
        let (user_rows, differences, coefficients) = (&self.user_rows, &self.differences, &self.coefficients);
        let batch = coefficients.len();
        let (users, items) = (&self.users, &self.items);
        // ∂/∂p_u = c (q_i − q_j), ∂/∂q_i = c p_u, ∂/∂q_j = −c p_u.
        self.user.step(adam, users, |k| (coefficients[k], &differences[k * dim..][..dim]));
        self.item.step(adam, items, |k| {
            let (sign, k) = if k < batch { (1.0, k) } else { (-1.0, k - batch) };
            (sign * coefficients[k], &user_rows[k * dim..][..dim])
        });
        Ok(())
    }
}

impl Model for FusedBpr {
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let (users, items) = (self.user.weights().into(), self.item.weights().into());
        Ok(Box::new(Factors { dim: self.user.dim(), users, items }))
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        Ok(vec![self.user.parameter(), self.item.parameter()])
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        for (table, parameter) in [&mut self.user, &mut self.item].into_iter().zip(parameters) {
            table.set_weights(parameter.values);
        }
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.user.save(state);
        self.item.save(state);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.user.restore(state)?;
        self.item.restore(state)
    }
}
