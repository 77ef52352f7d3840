//! BPR's step by hand, on the CPU: gather, dot, log-sigmoid, row gradients, fused Adam.
//!
//! No graph, no dense gradient, no allocation after the first batch of plain training. It equals
//! [`GraphBpr`](super::GraphBpr) (a test proves it) at several times the speed.

use harness::error::Result;
use harness::method::Parameter;
use harness::metrics::Scorer;
use harness::nn::{EmbeddingTable, Occurrences, sigmoid, softplus};
use harness::optim::Adam;
use harness::simd;
use harness::train::{Model, State};
use rayon::prelude::*;

use super::NAMES;
use crate::models::{Factors, ListLoss, Lists, Recommender, Side};

/// Triples per task; fixed, so that the sum of losses does not depend on threads.
const CHUNK: usize = 64;
/// Lists per task.
const LISTS: usize = 16;

/// See the module's head.
pub struct FusedBpr {
    user: EmbeddingTable,
    item: EmbeddingTable,
    /// Rows of the batch as they were before the step, `[batch, d]`: p_u …
    user_rows: Vec<f32>,
    /// … and q_i − q_j.
    differences: Vec<f32>,
    /// ∂loss/∂(s_ui − s_uj) per triple: −σ(s_uj − s_ui).
    coefficients: Vec<f32>,
    /// What was added to the step.
    terms: Vec<Gradient>,
    /// Which positions of the step name which row: the batch (of items, positives first), then the terms.
    users: Occurrences,
    items: Occurrences,
    user_ids: Vec<u32>,
    item_ids: Vec<u32>,
}

/// Gradients of one added term, as rows of both tables.
enum Gradient {
    Lists {
        side: Side,
        lists: Lists,
        /// ∂loss/∂score of each partner.
        coefficients: Vec<f32>,
        /// The list of each partner.
        list_of: Vec<u32>,
        /// Rows of the owners as they were before the step, `[owners, d]`.
        owner_rows: Vec<f32>,
        /// Their gradients, `[owners, d]`.
        owner_gradients: Vec<f32>,
    },
    Rows {
        side: Side,
        ids: Vec<u32>,
        /// `[ids, d]`
        gradients: Vec<f32>,
    },
}

impl Gradient {
    /// Rows of the table of `side` that the term moves.
    fn ids(&self, of: Side) -> &[u32] {
        match self {
            Self::Lists { side, lists, .. } if *side == of => lists.owners(),
            Self::Lists { lists, .. } => lists.partners(),
            Self::Rows { side, ids, .. } if *side == of => ids,
            Self::Rows { .. } => &[],
        }
    }

    /// The gradient at a position of [`ids`](Self::ids).
    #[inline(always)]
    fn at(&self, of: Side, position: usize, dim: usize) -> (f32, &[f32]) {
        match self {
            Self::Lists { side, owner_gradients, .. } if *side == of => {
                (1.0, &owner_gradients[position * dim..][..dim])
            }
            Self::Lists { coefficients, list_of, owner_rows, .. } => {
                (coefficients[position], &owner_rows[list_of[position] as usize * dim..][..dim])
            }
            Self::Rows { gradients, .. } => (1.0, &gradients[position * dim..][..dim]),
        }
    }
}

impl FusedBpr {
    /// Tables `[n_users, dim]` and `[n_items, dim]` with their initial values.
    pub fn new(dim: usize, users: Vec<f32>, items: Vec<f32>) -> Self {
        let (n_users, n_items) = (users.len() / dim, items.len() / dim);
        let [user, item] = NAMES;
        Self {
            user: EmbeddingTable::new(user, n_users, dim, users),
            item: EmbeddingTable::new(item, n_items, dim, items),
            user_rows: Vec::new(),
            differences: Vec::new(),
            coefficients: Vec::new(),
            terms: Vec::new(),
            users: Occurrences::new(n_users),
            items: Occurrences::new(n_items),
            user_ids: Vec::new(),
            item_ids: Vec::new(),
        }
    }

    /// Brings the rows that `lists` names up to date, where rows fall behind at all.
    fn catch_up(&mut self, side: Side, owners: &[u32], partners: &[u32]) {
        let (users, items) = match side {
            Side::User => (owners, partners),
            Side::Item => (partners, owners),
        };
        for (table, occurrences, ids) in
            [(&mut self.user, &mut self.users, users), (&mut self.item, &mut self.items, items)]
        {
            if table.is_behind() {
                occurrences.set(ids.iter().copied());
                table.catch_up(occurrences);
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

impl Recommender for FusedBpr {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        let dim = self.user.dim();
        self.terms.clear();
        self.user_ids.clear();
        self.user_ids.extend(batch.iter().map(|t| t[0]));
        self.item_ids.clear();
        self.item_ids.extend(batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2])));
        self.users.set(self.user_ids.iter().copied());
        self.items.set(self.item_ids.iter().copied());
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
        let mut owner_gradients = vec![0.0; lists.len() * dim];
        let losses: Vec<f64> = lists
            .blocks(LISTS, &mut coefficients)
            .into_par_iter()
            .zip(owner_rows.par_chunks_mut(LISTS * dim))
            .zip(owner_gradients.par_chunks_mut(LISTS * dim))
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
        let list_of = (0..lists.len()).flat_map(|k| lists.range(k).map(move |_| k as u32)).collect();
        self.terms.push(Gradient::Lists { side, lists, coefficients, list_of, owner_rows, owner_gradients });
        Ok(losses.iter().sum())
    }

    fn representation_width(&self) -> usize {
        self.user.dim()
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        self.catch_up(side, ids, &[]);
        let table = self.tables(side).0;
        Ok(ids.iter().flat_map(|&id| table.row(id)).copied().collect())
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        self.terms.push(Gradient::Rows { side, ids: ids.to_vec(), gradients });
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let dim = self.user.dim();
        for (side, occurrences, ids) in
            [(Side::User, &mut self.users, &mut self.user_ids), (Side::Item, &mut self.items, &mut self.item_ids)]
        {
            for term in &self.terms {
                ids.extend_from_slice(term.ids(side));
            }
            // Catching up for a term may have used the lists of positions.
            if !self.terms.is_empty() {
                occurrences.set(ids.iter().copied());
            }
        }
        let (user_rows, differences, coefficients) = (&self.user_rows, &self.differences, &self.coefficients);
        let batch = coefficients.len();
        let terms = &self.terms;
        // ∂/∂p_u = c (q_i − q_j), ∂/∂q_i = c p_u, ∂/∂q_j = −c p_u; then the terms, one after the other.
        let of_terms = |side: Side, mut position: usize| {
            for term in terms {
                let len = term.ids(side).len();
                if position < len {
                    return term.at(side, position, dim);
                }
                position -= len;
            }
            unreachable!("a position beyond the step")
        };
        self.user.step(adam, &self.users, |k| match k {
            k if k < batch => (coefficients[k], &differences[k * dim..][..dim]),
            k => of_terms(Side::User, k - batch),
        });
        self.item.step(adam, &self.items, |k| match k {
            k if k < batch => (coefficients[k], &user_rows[k * dim..][..dim]),
            k if k < 2 * batch => (-coefficients[k - batch], &user_rows[(k - batch) * dim..][..dim]),
            k => of_terms(Side::Item, k - 2 * batch),
        });
        Ok(())
    }

    fn settle(&mut self) {
        self.user.settle();
        self.item.settle();
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
