//! CD, a baseline of DE-RRD: Collaborative Distillation for Top-N Recommendation (Lee et al., ICDM
//! 2019), guided by the teacher.
//!
//! Some items that are no training pair of a user are sampled, the better the teacher ranks them the
//! more likely, and the student learns the teacher's softened probabilities of them:
//!
//! ```text
//! L = L_base + λ Σ_u Σ_i q_ui ln(1 + e^−z_ui) + (1 − q_ui) ln(1 + e^z_ui),   q = σ((z_T + T2)/T1)
//! ```
//!
//! No code of the authors of CD or DE-RRD is known for this. What the paper leaves open is as in other
//! people's re-implementations (woriazzc/KDs, chengang95/UnKD): samples guided by the teacher are drawn
//! once for the whole run. Their sets of samples compare tensors by identity and may hold an item
//! twice; here items are distinct. They sum over the rows of a batch; here, as in DE-RRD's own terms,
//! each distinct user of a batch counts once.

use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::method::{Built, Method, Params, Trained};
use harness::metrics::Scorer;
use harness::nn::{log_loss, sigmoid};
use harness::rank::Index;
use harness::rng::Stream;
use harness::split::{UserItems, numbered};
use harness::train::Context;
use harness::value::{Count, Rate, Real, Weight, checked};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::models::{
    Batch, Lists, PAIR_NAMES, PairStudent, Recommender, Side, TeacherModel, Term, TopLists, prepare, train,
};

/// Hyper-parameters of the method `cd`.
#[derive(Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Cd {
    student: PairStudent,
    lambda: Weight,
    /// Items per user: 50 in the re-implementations.
    count: Count,
    sampling: Sampling,
    t1: Rate,
    t2: Real,
}

/// The probability of an item by its rank r, from 0, among n items.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampling {
    /// ∝ e^(−γ r/n) over all items that are no training pair of the user: the paper. Ranks all of
    /// them, for every user.
    Exponential { gamma: Weight },
    /// The better ranked of two draws ∝ e^(−γ r/n) over the teacher's best `pool` of them: the
    /// re-implementations, with a pool of 3000 and γ = 1/20.
    BetterOfTwo { pool: Count, gamma: Weight },
}

/// q = σ((z_T + T2)/T1).
#[derive(Clone, Copy, Debug)]
pub struct Softening {
    pub t1: f64,
    pub t2: f64,
}

impl<'de> Deserialize<'de> for Cd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

/// The method `cd`.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Cd>()?))
}

impl Method for Cd {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let term = prepare(cx, |cx| self.term(cx))?;
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
const BLOCK: usize = 16;

impl Cd {
    fn check(&self) -> Result<()> {
        match &self.sampling {
            Sampling::BetterOfTwo { pool, .. } if *pool < self.count => {
                Err(Error::new(Kind::Input, "`count` is more than the pool has")
                    .expected(format!("at most `pool`, which is {}", pool.get()))
                    .got(self.count.get().to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Draws the samples of the run and asks the teacher for their labels.
    fn term(&self, cx: &Context<'_>) -> Result<SoftLabels> {
        let teacher = TeacherModel::of(cx)?;
        let scorer = teacher.scorer(Side::User)?;
        let ranking = Ranking::new(cx, &teacher, &*scorer, &self.sampling)?;
        let (count, n_users) = (self.count.get(), cx.split().n_users);
        let softening = Softening { t1: self.t1.get(), t2: self.t2.get() };
        check_fits("what CD samples", [n_users, count], 8).map_err(|error| error.hint("use a smaller `count`"))?;
        let (mut items, mut labels) = (vec![0; n_users * count], vec![0.0; n_users * count]);
        let mut stream = cx.stream("cd.samples", 0);
        let blocks: Vec<_> = items
            .chunks_mut(BLOCK * count)
            .zip(labels.chunks_mut(BLOCK * count))
            .map(|block| (block, stream.fork()))
            .collect();
        let drawn: Vec<Result<()>> = blocks
            .into_par_iter()
            .enumerate()
            .map(|(block, ((items, labels), mut stream))| {
                let rows = items.chunks_exact_mut(count).zip(labels.chunks_exact_mut(count));
                for ((items, labels), user) in rows.zip((block * BLOCK) as u32..) {
                    ranking.draw(user, &mut stream, items)?;
                    scorer.score(user, items, labels);
                    labels.iter_mut().for_each(|label| *label = softening.label(*label));
                }
                Ok(())
            })
            .collect();
        // The first failing block in the order of the users, whichever thread was first.
        drawn.into_iter().collect::<Result<()>>()?;
        Ok(SoftLabels { count, items, labels, lambda: self.lambda.get() })
    }
}

/// Items by rank, and how likely ranks are.
enum Ranking<'a> {
    /// Draws from the teacher's best, with ln(weight) by rank, the same for every user.
    Pool { top: TopLists, log_weights: Vec<f64> },
    /// Draws from all items that are no training pair.
    All { index: Index<'a>, seen: &'a UserItems, gamma: f64 },
}

impl<'a> Ranking<'a> {
    fn new(cx: &Context<'a>, teacher: &TeacherModel<'_>, scorer: &'a dyn Scorer, sampling: &Sampling) -> Result<Self> {
        Ok(match sampling {
            Sampling::Exponential { gamma } => {
                Self::All { index: Index::new(scorer), seen: cx.seen(), gamma: gamma.get() }
            }
            Sampling::BetterOfTwo { pool, gamma } => Self::Pool {
                top: teacher.top(cx, Side::User, pool.get())?,
                log_weights: better_of_two(pool.get(), gamma.get()),
            },
        })
    }

    /// Fills `items` with distinct ones, in the order of their ranks.
    fn draw(&self, user: u32, stream: &mut Stream, items: &mut [u32]) -> Result<()> {
        match self {
            Self::Pool { top, log_weights } => {
                let ranks = distinct_ranks(stream, log_weights, items.len());
                for (item, rank) in items.iter_mut().zip(ranks) {
                    *item = top.of(user)[rank as usize];
                }
            }
            Self::All { index, seen, gamma } => {
                let ranked = index.top_k(user, seen.of(user), index.n_items())?;
                if ranked.len() < items.len() {
                    return Err(Error::new(
                        Kind::Input,
                        format!("{} has too few items to draw from", numbered("user", user)),
                    )
                    .expected(format!("`count` = {} that are not in the training part", items.len()))
                    .got(ranked.len().to_string())
                    .hint("a smaller `count`"));
                }
                let ranks = distinct_ranks(stream, &exponential(ranked.len(), *gamma), items.len());
                for (item, rank) in items.iter_mut().zip(ranks) {
                    *item = ranked[rank as usize].item;
                }
            }
        }
        Ok(())
    }
}

/// ln of e^(−γ r/n) for the ranks r of n items.
fn exponential(n: usize, gamma: f64) -> Vec<f64> {
    (0..n).map(|r| -gamma * r as f64 / n as f64).collect()
}

/// ln of how likely rank r is the lower of two draws ∝ w_r = e^(−γ r/n): w_r (w_r + 2 Σ_{s > r} w_s).
fn better_of_two(n: usize, gamma: f64) -> Vec<f64> {
    let mut weights = exponential(n, gamma);
    // Relative to w_r, so that nothing underflows: behind = Σ_{s > r} w_s / w_r.
    let ratio = libm::exp(-gamma / n as f64);
    let mut behind = 0.0;
    for log_weight in weights.iter_mut().rev() {
        *log_weight = 2.0 * *log_weight + libm::log(1.0 + 2.0 * behind);
        behind = ratio * (1.0 + behind);
    }
    weights
}

/// `count` distinct ranks, ascending, as if drawn one after the other in proportion to the weights of
/// those that are left: the ones whose exponential variates of rate w_r are the least (Efraimidis and
/// Spirakis, "Weighted random sampling with a reservoir", 2006).
///
/// Not [`RankedDraws`](super::draws::RankedDraws), which prepares one list of weights for draws in every
/// epoch and then jumps over most variates: here draws are made once, of as many ranks as a user has, and
/// only the logarithms of weights are sure to be within f64.
fn distinct_ranks(stream: &mut Stream, log_weights: &[f64], count: usize) -> Vec<u32> {
    let arrival = |(rank, log_weight): (u32, &f64)| (libm::log(-libm::log(stream.unit())) - log_weight, rank);
    let mut arrivals: Vec<(f64, u32)> = (0..).zip(log_weights).map(arrival).collect();
    if count < arrivals.len() {
        arrivals.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        arrivals.truncate(count);
    }
    let mut ranks: Vec<u32> = arrivals.into_iter().map(|(_, rank)| rank).collect();
    ranks.sort_unstable();
    ranks
}

impl Softening {
    /// The label that the teacher's score makes.
    pub fn label(self, score: f32) -> f32 {
        sigmoid(((f64::from(score) + self.t2) / self.t1) as f32)
    }
}

/// The term λ Σ_u Σ_i of the log-loss against soft labels, over the distinct users of a batch.
pub struct SoftLabels {
    count: usize,
    /// `[users, count]`
    items: Vec<u32>,
    /// q of each.
    labels: Vec<f32>,
    lambda: f64,
}

impl SoftLabels {
    /// `items` and their `labels`, `[users, count]`.
    ///
    /// # Panics
    /// If these are not rows of `count`.
    pub fn new(count: usize, items: Vec<u32>, labels: Vec<f32>, lambda: f64) -> Self {
        assert!(items.len() == labels.len() && items.len().is_multiple_of(count), "rows of {count}");
        Self { count, items, labels, lambda }
    }
}

/// Σ q ln(1 + e^−z) + (1 − q) ln(1 + e^z) over `scores` z, times `scale`; writes `scale` times its gradient σ(z) − q.
pub fn soft_log_loss(scores: &[f32], labels: &[f32], scale: f64, gradient: &mut [f32]) -> f64 {
    let mut sum = 0.0;
    for ((&score, &label), gradient) in scores.iter().zip(labels).zip(gradient) {
        let (loss, slope) = log_loss(score, label);
        sum += f64::from(loss);
        *gradient = (scale * f64::from(slope)) as f32;
    }
    scale * sum
}

impl Term for SoftLabels {
    fn begin_epoch(&mut self, _cx: &Context<'_>, _epoch: usize, _student: &mut dyn Recommender) -> Result<()> {
        Ok(())
    }

    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64> {
        let row = |user: u32| user as usize * self.count..(user as usize + 1) * self.count;
        let mut lists = Lists::new();
        for &user in batch.users {
            lists.push(user, self.items[row(user)].iter().copied());
        }
        student.add_lists(Side::User, lists, &|k, scores, gradient| {
            soft_log_loss(scores, &self.labels[row(batch.users[k])], self.lambda, gradient)
        })
    }
}

#[cfg(test)]
mod tests;
