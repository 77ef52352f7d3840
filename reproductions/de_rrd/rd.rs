//! RD as a baseline of DE-RRD: [Ranking Distillation](crate::rd) with one list per user.
//!
//! No code of DE-RRD's authors has it. The form is that of other people's re-implementations
//! (woriazzc/KDs, chengang95/UnKD): the list is the teacher's best items that are not a training pair
//! of the user, L = L_base + λ Σ_u Σ_r w_r ln(1 + e^−ŷ_ur), and the ε samples are drawn anew for every
//! user at every epoch. They sum over the rows of a batch; here, as in DE-RRD's own terms, each
//! distinct user of a batch counts once.

use harness::error::Result;
use harness::meter::check_fits;
use harness::method::{Built, Method, Params, Trained};
use harness::rng::{Rejection, Stream};
use harness::split::UserItems;
use harness::train::Context;
use harness::value::{Count, Weight};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::models::losses::exemplary::exemplary;
use crate::models::losses::list_weights::{self, RankEstimate};
use crate::models::losses::weighting::Discrepancy;
use crate::models::{
    Batch, Lists, PAIR_NAMES, PairStudent, Recommender, Side, TeacherModel, Term, TopLists, prepare, train,
};

/// Hyper-parameters of the method `rd`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rd {
    student: PairStudent,
    lambda: Weight,
    /// K.
    list: Count,
    weighting: RdWeighting,
}

/// With ε items for each user, drawn with replacement from those that are not a training pair.
pub type RdWeighting = crate::models::losses::weighting::Weighting<Count>;

/// The method `rd`.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Rd>()?))
}

impl Method for Rd {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let lists = prepare(cx, |cx| TeacherModel::of(cx)?.top(cx, Side::User, self.list.get()))?;
        if let Some(Discrepancy { samples, .. }) = self.weighting.discrepancy() {
            check_fits("what RD samples", [cx.split().n_users, samples.get()], 4)
                .map_err(|error| error.hint("use fewer `samples`"))?;
        }
        let term = ListTerm::new(lists, self.lambda.get(), self.weighting.clone(), cx.seen(), cx.split().n_items);
        train(cx, self.student.kind, &self.student.hyper, vec![Box::new(term)])
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.student.kind.name)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        PAIR_NAMES
    }
}

/// Users that one task draws for.
const BLOCK: usize = 64;

/// The term λ Σ_u Σ_r w_r ln(1 + e^−ŷ_ur) over the distinct users of a batch.
pub struct ListTerm<'a> {
    lists: TopLists,
    lambda: f64,
    weighting: RdWeighting,
    /// Weights that no student changes: 1/K, or w^a.
    fixed: Vec<f32>,
    seen: &'a UserItems,
    n_items: usize,
    /// `[users, ε]`, of this epoch; empty where weights are fixed.
    samples: Vec<u32>,
}

impl<'a> ListTerm<'a> {
    /// `lists`: the teacher's best of every user; `seen`: the training part, sorted.
    pub fn new(lists: TopLists, lambda: f64, weighting: RdWeighting, seen: &'a UserItems, n_items: usize) -> Self {
        let k = lists.width();
        let fixed = weighting.fixed(k);
        Self { lists, lambda, weighting, fixed, seen, n_items, samples: Vec::new() }
    }

    /// Draws the samples of `epoch`, if its weights need any. A user with every item has none to draw;
    /// the teacher's lists have refused such data.
    pub fn draw(&mut self, epoch: usize, mut stream: Stream) {
        let Some(discrepancy) = self.weighting.in_epoch(epoch) else { return };
        let samples = discrepancy.samples.get();
        self.samples.resize(self.lists.len() * samples, 0);
        let (outside, seen) = (Rejection::new(self.n_items), self.seen);
        let blocks: Vec<_> = self.samples.chunks_mut(BLOCK * samples).map(|block| (block, stream.fork())).collect();
        blocks.into_par_iter().enumerate().for_each(|(block, (rows, mut stream))| {
            for (row, user) in rows.chunks_exact_mut(samples).zip((block * BLOCK) as u32..) {
                row.fill_with(|| outside.one(&mut stream, seen.of(user)));
            }
        });
    }
}

impl Term for ListTerm<'_> {
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize, _student: &mut dyn Recommender) -> Result<()> {
        self.draw(epoch, cx.stream("rd.samples", epoch));
        Ok(())
    }

    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64> {
        let users = batch.users;
        let mut lists = Lists::new();
        for &user in users {
            lists.push(user, self.lists.of(user).iter().copied());
        }
        let Self { lambda, weighting, fixed, seen, n_items, samples, .. } = &*self;
        // Samples are there from the first epoch that needs them on.
        let Some(discrepancy) = weighting.discrepancy().filter(|_| !samples.is_empty()) else {
            return student.add_lists(Side::User, lists, &|_, scores, gradient| {
                gradient.copy_from_slice(fixed);
                exemplary(scores, *lambda, gradient)
            });
        };
        let (width, estimate, mu) = (discrepancy.samples.get(), discrepancy.rank_estimate, discrepancy.mu.get());
        let mut drawn = Lists::new();
        for &user in users {
            drawn.push(user, samples[user as usize * width..][..width].iter().copied());
        }
        let sampled = student.scores(Side::User, &drawn)?;
        student.add_lists(Side::User, lists, &|k, scores, gradient| {
            let items = match estimate {
                RankEstimate::Paper => n_items - seen.of(users[k]).len(),
                RankEstimate::Code => *n_items,
            };
            let sampled = &sampled[k * width..][..width];
            list_weights::discrepancy(estimate, mu, items, scores, sampled, gradient);
            weighting.finish(fixed, gradient);
            exemplary(scores, *lambda, gradient)
        })
    }
}

#[cfg(test)]
mod tests;
