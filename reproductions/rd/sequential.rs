//! The method `rd-sequential`: a sequential student learns, for every training window, the items that its
//! teacher ranks first.
//!
//! ```text
//! once:        the teacher's K best ids for every window, without dropout
//! each epoch:  w = w^a, and after the warm-up w^a · w^b
//!   each batch:  one forward with one dropout mask over targets, negatives, list, ε samples
//!                L = of_ranking · L_R + of_list · Σ_r w_r ln(1 + e^−ŷ_r), gradients for all but the samples
//! ```

use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::method::{Built, Method, Params, Trained};
use harness::rank::Index;
use harness::rng::{Rejection, Stream};
use harness::split::{UserItems, numbered};
use harness::train::Context;
use harness::value::Count;
use schemars::JsonSchema;
use serde::Deserialize;

use super::list::ListCandidates;
use crate::models::losses::exemplary::{Combination, exemplary};
use crate::models::losses::list_weights::{self, RankEstimate};
use crate::models::losses::weighting::Weighting;
use crate::models::sequence::{
    Window, WindowTerm, WindowTraining, Windows, check_scored, id_of, train, window_scorer, windows,
};
use crate::models::{SequentialStudent, prepare};

/// Hyper-parameters of the method.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sequential {
    student: SequentialStudent,
    /// K (10).
    list: Count,
    /// Whether what the user has consumed is kept out of the list: so in the paper; the code keeps out the
    /// window's own targets only, and even the padding may be in.
    exclude_seen: bool,
    /// Combination of the ranking and the distillation loss.
    combination: Combination,
    weighting: Weighting<RankSamples>,
}

/// ε items that are no training items of the user, drawn anew for every window and shared by its whole list.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RankSamples {
    /// The code.
    WithReplacement(Count),
    /// The paper.
    WithoutReplacement(Count),
}

impl RankSamples {
    fn count(self) -> usize {
        match self {
            Self::WithReplacement(count) | Self::WithoutReplacement(count) => count.get(),
        }
    }
}

/// The method `rd-sequential`.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Sequential>()?))
}

impl Method for Sequential {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let windows = windows(&*self.student.0, &cx.split().train)?;
        self.check_samples(cx)?;
        self.check_sizes(windows.len())?;
        let lists = prepare(cx, |cx| self.lists(cx, &windows))?;
        let mut term = WindowListTerm {
            lists,
            k: self.list.get(),
            combination: self.combination,
            weighting: &self.weighting,
            fixed: self.weighting.fixed(self.list.get()),
            seen: cx.seen(),
            n_items: cx.split().n_items,
            epoch: 0,
        };
        train(cx, &*self.student.0, &windows, Some(&mut term))
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.student.0.kind().name)
    }

    /// The same architecture, larger: so in the paper. (Only Caser's list can hold the padding, which Fossil
    /// cannot score.)
    fn learns_from(&self) -> &'static [&'static str] {
        std::slice::from_ref(&self.student.0.kind().name)
    }
}

impl Sequential {
    fn training(&self) -> &WindowTraining {
        self.student.0.training()
    }

    fn check_sizes(&self, windows: usize) -> Result<()> {
        check_fits("the list of every window", [windows, self.list.get()], 4)
            .map_err(|error| error.hint("a shorter `list`"))?;
        let samples = self.weighting.discrepancy().map_or(0, |discrepancy| discrepancy.samples.count());
        check_scored(self.training().batch.get(), self.list.get().saturating_add(samples))
            .map_err(|error| error.hint("fewer `samples`, or a shorter `list`"))
    }

    fn check_samples(&self, cx: &Context<'_>) -> Result<()> {
        let Some(discrepancy) = self.weighting.discrepancy() else { return Ok(()) };
        let RankSamples::WithoutReplacement(count) = discrepancy.samples else { return Ok(()) };
        let left = |user: u32| cx.split().n_items - cx.seen().of(user).len();
        match (0..cx.split().n_users as u32).find(|&user| left(user) < count.get()) {
            None => Ok(()),
            Some(user) => {
                Err(Error::new(Kind::Input, format!("the samples of {} cannot be drawn", numbered("user", user)))
                    .expected(format!("at least {} items that are no training items of the user", count.get()))
                    .got(left(user).to_string())
                    .hint("fewer `samples`, or `with-replacement`"))
            }
        }
    }

    /// The teacher's best K ids for every window, `[windows, K]`; kept with the teacher.
    fn lists(&self, cx: &Context<'_>, windows: &Windows) -> Result<Vec<u32>> {
        let teacher = cx.teacher.expect("the engine gives a teacher to a method that uses one");
        let (k, targets) = (self.list.get(), self.training().targets.get());
        let train = &cx.split().train;
        let kind = self.student.0.kind();
        let (scorer, first) = window_scorer(kind, &teacher.weights, train, windows.as_slice())?;
        let excluded = Excluded::new(self.exclude_seen, cx, windows, targets, first);
        let all = windows.as_slice().iter().enumerate();
        let left = |number: usize, window: Window| scorer.n_items() - excluded.of(number as u32, window).len();
        if let Some((number, window)) = all.clone().find(|(number, window)| left(*number, **window) < k) {
            let what = format!("the teacher's list for {} cannot be filled", numbered("user", window.user));
            return Err(Error::new(Kind::Input, what)
                .expected(format!("at least {k} items that may stand in it, the length of a `list`"))
                .got(left(number, *window).to_string())
                .hint("a shorter `list`"));
        }
        let rule = if self.exclude_seen { "unseen" } else { "any" };
        let name = format!("rd-{k}-{rule}-L{}-T{targets}", self.training().length.get());
        let lists = teacher.derived(&name, windows.len() * k, scorer.n_items() as u32, cx.observer, || {
            let queries: Vec<u32> = (0..windows.len() as u32).collect();
            let excluded = |query: u32| excluded.of(query, windows.as_slice()[query as usize]);
            Index::new(&*scorer).top_lists(&queries, k, &excluded)
        })?;
        Ok(lists.into_iter().map(|row| row + first).collect())
    }
}

/// Items that must not stand in a list, as rows of the teacher's output layer, ascending.
enum Excluded {
    OfWindows(UserItems),
    OfUsers(UserItems),
}

impl Excluded {
    fn new(exclude_seen: bool, cx: &Context<'_>, windows: &Windows, targets: usize, first: u32) -> Self {
        let ids = |items: &[u32]| items.iter().map(|&item| id_of(item)).collect::<Vec<_>>();
        // An id without a row need not be kept out.
        let rows = |ids: Vec<u32>| ids.into_iter().filter_map(move |id| id.checked_sub(first));
        if exclude_seen {
            let of = |user: u32| rows(ListCandidates::Unobserved.excluded(&[], &ids(cx.seen().of(user))));
            let pairs: Vec<_> =
                (0..cx.split().n_users as u32).flat_map(|user| of(user).map(move |row| (user, row))).collect();
            return Self::OfUsers(UserItems::from_pairs(cx.split().n_users, &pairs));
        }
        let of = |window: &Window| {
            rows(ListCandidates::AllButTargets.excluded(&ids(window.targets(&cx.split().train, targets)), &[]))
        };
        let windows = windows.as_slice();
        let pairs: Vec<_> =
            windows.iter().zip(0..).flat_map(|(window, number)| of(window).map(move |row| (number, row))).collect();
        Self::OfWindows(UserItems::from_pairs(windows.len(), &pairs))
    }

    fn of(&self, number: u32, window: Window) -> &[u32] {
        match self {
            Self::OfWindows(rows) => rows.of(number),
            Self::OfUsers(rows) => rows.of(window.user),
        }
    }
}

/// The distillation term over windows.
struct WindowListTerm<'a> {
    /// `[windows, K]`, ids.
    lists: Vec<u32>,
    k: usize,
    combination: Combination,
    weighting: &'a Weighting<RankSamples>,
    /// Weights that no student changes: 1/K, or w^a.
    fixed: Vec<f32>,
    seen: &'a UserItems,
    n_items: usize,
    epoch: usize,
}

impl WindowTerm for WindowListTerm<'_> {
    fn begin_epoch(&mut self, _cx: &Context<'_>, epoch: usize) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn columns(&self) -> [usize; 2] {
        [self.k, self.weighting.in_epoch(self.epoch).map_or(0, |discrepancy| discrepancy.samples.count())]
    }

    fn items(&self, number: u32, window: Window, stream: &mut Stream, ids: &mut [u32]) {
        let (list, samples) = ids.split_at_mut(self.k);
        list.copy_from_slice(&self.lists[number as usize * self.k..][..self.k]);
        let (outside, seen) = (Rejection::new(self.n_items), self.seen.of(window.user));
        match self.weighting.in_epoch(self.epoch).map(|discrepancy| discrepancy.samples) {
            None => {}
            Some(RankSamples::WithReplacement(_)) => samples.fill_with(|| id_of(outside.one(stream, seen))),
            Some(RankSamples::WithoutReplacement(count)) => {
                let drawn = outside.distinct(stream, seen, count.get());
                let drawn = drawn.expect("`check_samples` has refused users with fewer items");
                samples.iter_mut().zip(drawn).for_each(|(slot, item)| *slot = id_of(item));
            }
        }
    }

    fn of_ranking(&self) -> f64 {
        self.combination.factors().0
    }

    fn loss(&self, window: Window, scale: f64, [list, samples]: [&[f32]; 2], gradient: &mut [f32]) -> f64 {
        match self.weighting.in_epoch(self.epoch) {
            None => gradient.copy_from_slice(&self.fixed),
            Some(discrepancy) => {
                let estimate = discrepancy.rank_estimate;
                let items = match estimate {
                    RankEstimate::Paper => self.n_items - self.seen.of(window.user).len(),
                    RankEstimate::Code => self.n_items,
                };
                list_weights::discrepancy(estimate, discrepancy.mu.get(), items, list, samples, gradient);
                self.weighting.finish(&self.fixed, gradient);
            }
        }
        exemplary(list, self.combination.factors().1 * scale, gradient)
    }
}

#[cfg(test)]
mod tests;
