//! DCD: Dual Correction Strategy for Ranking Distillation in Top-N Recommender System (Lee and Kim,
//! CIKM 2021), as the first author's training loop has it (dudwns511/DCD_CIKM21).
//!
//! ```text
//! once:  Π_u = the teacher's best 500 items of every user;  Ω_i = its best 500 users of every item
//! every 3rd epoch:  ρ(k) = the student's rank of the k-th of a list, within the list
//!                   under(k) = tanh(max(ε(ρ(k) − k), 0)),  over(k) = tanh(max(ε(k − ρ(k)), 0))
//! each batch, for each of its users:  draw p positions ∝ under and p ∝ over, without replacement
//!             for each of its positive items:  the same over users
//!             L = L_base + λ_user Σ_users ℓ + λ_item Σ_items ℓ (+ L_RRD)
//! ```
//!
//! ℓ is RRD's relaxed loss: underestimated partners, in the teacher's order, shall rise above the
//! overestimated ones. A list with fewer than p positions on a side gives as many pairs as it has (the
//! authors' code fills up with positions of weight 0, and fails at a list without any).

mod correction;
mod discrepancy;
mod options;
mod sampling;

use harness::error::{Error, Kind, Result};
use harness::method::{Built, Method, Params, Trained};
use harness::rng::Stream;
use harness::train::Context;
use harness::value::{Count, Weight, checked};
use harness::weights::{Parameter, State, Weights};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub use self::correction::Correction;
pub use self::options::{DcdOptions, Positions};
use crate::de_rrd::rrd::{self, Rrd};
use crate::models::{Batch, PAIR_NAMES, PairStudent, Recommender, Side, TeacherModel, Term, prepare, train};

/// Hyper-parameters.
#[derive(Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Dcd {
    student: PairStudent,
    list: Count,
    /// Epochs between two looks at the student (3 in the authors' code).
    refresh: Count,
    sampled: Count,
    top: Positions,
    /// λ_UCD; with 0 the side is off.
    lambda_user: Weight,
    /// λ_ICD; with 0 the side is off.
    lambda_item: Weight,
    rkd: Rkd,
}

/// The third term, L_RKD.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Rkd {
    /// The authors' code: it still draws RRD's samples, and never uses them.
    None,
    /// RRD, beside the corrections: the paper.
    Rrd(rrd::RrdOptions),
}

impl<'de> Deserialize<'de> for Dcd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

/// The method `dcd`.
pub fn build(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<Dcd>()?))
}

impl Method for Dcd {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let terms = prepare(cx, |cx| self.terms(cx))?;
        train(cx, self.student.kind, &self.student.hyper, terms)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.student.kind.name)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        PAIR_NAMES
    }
}

impl Dcd {
    fn check(&self) -> Result<()> {
        let DcdOptions { list, sampled, .. } = self.options();
        let refuse = |what: &str, expected: String, got: usize| {
            Err(Error::new(Kind::Input, what).expected(expected).got(got.to_string()))
        };
        if list > discrepancy::LONGEST {
            return refuse("`list` is too long", format!("at most {}", discrepancy::LONGEST), list);
        }
        if 2 * sampled > list {
            let most = format!("at most half of `list` = {list}: a position is of one kind only");
            return refuse("`sampled` (p) is more than a list can give", most, sampled);
        }
        if [self.lambda_user, self.lambda_item].iter().all(|w| w.get() == 0.0) && matches!(self.rkd, Rkd::None) {
            return Err(Error::new(Kind::Input, "nothing is distilled: both sides are off")
                .expected("`lambda_user` or `lambda_item` above 0")
                .got("0 and 0"));
        }
        Ok(())
    }

    fn options(&self) -> DcdOptions {
        DcdOptions { list: self.list.get(), sampled: self.sampled.get(), top: self.top }
    }

    fn terms(&self, cx: &Context<'_>) -> Result<Vec<Box<dyn Term>>> {
        let teacher = TeacherModel::of(cx)?;
        let (options, mut sides) = (self.options(), Vec::new());
        for (side, weight) in [(Side::User, self.lambda_user.get()), (Side::Item, self.lambda_item.get())] {
            if weight > 0.0 {
                let lists = teacher.top(cx, side, options.list)?;
                sides.push(Correction::new(side, weight, options, lists));
            }
        }
        let mut terms: Vec<Box<dyn Term>> = Vec::new();
        if !sides.is_empty() {
            terms.push(Box::new(DualCorrection::new(sides, self.refresh.get())));
        }
        if let Rkd::Rrd(options) = &self.rkd {
            terms.push(Box::new(Rrd::new(cx, &teacher, options, None)?));
        }
        Ok(terms)
    }
}

/// The term of both sides, or of one of them.
struct DualCorrection {
    sides: Vec<Correction>,
    /// Random streams by side, for the current epoch.
    streams: Vec<Stream>,
    /// Epochs between two refreshes.
    period: usize,
    /// The student at the last refresh, from which the differences of ranks follow.
    refreshed: Weights,
    /// By side: how many owners had too few positions when it was last reported.
    told: Vec<usize>,
}

impl DualCorrection {
    fn new(sides: Vec<Correction>, period: usize) -> Self {
        let told = vec![0; sides.len()];
        Self { sides, streams: Vec::new(), period, refreshed: Weights::default(), told }
    }

    fn refreshes_at(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.period)
    }

    fn refresh(&mut self, student: &mut dyn Recommender) -> Result<()> {
        self.sides.iter_mut().try_for_each(|side| side.refresh(student))
    }

    /// Says how many owners give fewer pairs than p, again only when they have doubled.
    fn tell_short(&mut self, cx: &Context<'_>, epoch: usize) {
        for (side, told) in self.sides.iter().zip(&mut self.told) {
            let (short, empty, all) = side.short();
            if short > 0 && short >= 2 * *told {
                *told = short;
                let owners = side.side().many();
                cx.observer.note(&format!(
                    "epoch {epoch}: {short} of {all} {owners} give fewer pairs than `sampled`, {empty} of them none: \
                     their list has too few partners that the student ranks too low, or too high"
                ));
            }
        }
    }
}

impl Term for DualCorrection {
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize, student: &mut dyn Recommender) -> Result<()> {
        self.streams = self.sides.iter().map(|side| cx.stream(&format!("dcd.{}", side.side().many()), epoch)).collect();
        if self.refreshes_at(epoch) {
            self.refreshed = student.weights()?;
            self.refresh(student)?;
            self.tell_short(cx, epoch);
        }
        Ok(())
    }

    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64> {
        let mut sum = 0.0;
        for (side, stream) in self.sides.iter().zip(&mut self.streams) {
            let owners = match side.side() {
                Side::User => batch.users,
                Side::Item => batch.positives,
            };
            sum += side.add(owners, stream, student)?;
        }
        Ok(sum)
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        for parameter in &self.refreshed.parameters {
            state.put(format!("dcd.refreshed.{}", parameter.name), &parameter.values[..]);
        }
        Ok(())
    }

    /// Looks at the student as it was at the last refresh.
    fn restore(&mut self, state: &mut State<'_>, student: &mut dyn Recommender) -> Result<()> {
        let now = student.weights()?;
        self.refreshed = now.clone();
        for Parameter { name, values, .. } in &mut self.refreshed.parameters {
            *values = state.take(&format!("dcd.refreshed.{name}"), values.len())?;
        }
        student.set_weights(self.refreshed.clone())?;
        self.refresh(student)?;
        student.set_weights(now)
    }
}

#[cfg(test)]
mod tests;
