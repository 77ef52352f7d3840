//! Matrix factorisation as it is served: score(u, i) = ⟨p_u, q_i⟩.

use std::borrow::Cow;

use harness::metrics::{Dot, Scorer};
use harness::simd;

/// Two tables of factors, borrowed during training or owned afterwards.
pub struct Factors<'a> {
    pub dim: usize,
    /// `[n_users, dim]`, row-major.
    pub users: Cow<'a, [f32]>,
    /// `[n_items, dim]`, row-major.
    pub items: Cow<'a, [f32]>,
}

impl Factors<'_> {
    fn user(&self, user: u32) -> &[f32] {
        &self.users[user as usize * self.dim..][..self.dim]
    }
}

impl Scorer for Factors<'_> {
    fn n_items(&self) -> usize {
        self.items.len() / self.dim
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        simd::gathered_dots(&self.items, items, self.user(query), out);
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        simd::dots(&self.items, self.user(query), out);
    }

    fn dot(&self) -> Option<Dot<'_>> {
        Some(Dot {
            dim: self.dim,
            items: &self.items,
            bias: None,
            encode: Box::new(|queries, out| {
                for (&query, row) in queries.iter().zip(out.chunks_exact_mut(self.dim)) {
                    row.copy_from_slice(self.user(query));
                }
            }),
        })
    }
}
