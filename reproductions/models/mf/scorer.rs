//! A matrix factorisation as it is served.

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::weights::Weights;

use super::MfSizes;
use super::kernel::logit;

struct MfScorer {
    width: usize,
    /// By asker: the user.
    users: Vec<u32>,
    user_rows: Vec<f32>,
    item_rows: Vec<f32>,
}

/// A trained model, which answers the users of impressions.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the weights are not a matrix factorisation's; [`Input`](Kind::Input) if users are not
/// known, or not rows of its table.
pub fn scorer(weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    let sizes = MfSizes::of(weights)?;
    let Some(users) = queries.users() else {
        return Err(Error::new(Kind::Input, "a matrix factorisation of a stream answers users at their impressions")
            .expected("labelled samples")
            .got("queries of sessions or of a single split"));
    };
    if queries.n_items() > sizes.items || users.iter().any(|&user| user as usize >= sizes.users) {
        return Err(Error::new(Kind::Input, "a matrix factorisation is asked for what it has no rows for")
            .expected(format!("users below {} and items below {}", sizes.users, sizes.items))
            .got(format!("users to {:?} and items below {}", users.iter().max(), queries.n_items())));
    }
    let table = |tensor: usize| weights.parameters[tensor].values.clone();
    let users = users.to_vec();
    Ok(Box::new(MfScorer { width: sizes.dim + 1, users, user_rows: table(0), item_rows: table(1) }))
}

impl MfScorer {
    fn user(&self, query: u32) -> &[f32] {
        &self.user_rows[self.users[query as usize] as usize * self.width..][..self.width]
    }
}

impl Scorer for MfScorer {
    fn n_items(&self) -> usize {
        self.item_rows.len() / self.width
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        let user = self.user(query);
        for (out, &item) in out.iter_mut().zip(items) {
            *out = logit(user, &self.item_rows[item as usize * self.width..][..self.width]);
        }
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        let user = self.user(query);
        for (out, item) in out.iter_mut().zip(self.item_rows.chunks_exact(self.width)) {
            *out = logit(user, item);
        }
    }
}
