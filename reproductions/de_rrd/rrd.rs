//! RRD: relaxed ranking distillation (DE-RRD §4.2), and its item side (IR-RRD, INS 2021).

use harness::error::{Error, Kind, Result};
use harness::rng::{Rejection, Stream};
use harness::split::UserItems;
use harness::train::Context;
use harness::value::{Count, Rate, Weight, checked};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::draws::RankedDraws;
use crate::models::losses::relaxed::relaxed;
use crate::models::{Batch, Lists, Recommender, Side, TeacherModel, Term, TopLists, partners_of};

/// Hyper-parameters of one side of RRD.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct RrdOptions {
    /// λ: weight of the loss, a sum over the distinct users (items) of a batch.
    pub lambda: Weight,
    /// Length of the teacher's list.
    pub list: Count,
    /// K, of the list.
    pub interesting: Count,
    /// L, uniform over what is neither in the training part nor in the list.
    pub uninteresting: Count,
    /// The choice of the interesting partners.
    pub top: Interesting,
}

/// The choice of K partners of the teacher's list in each epoch.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Interesting {
    /// Drawn without replacement with weights e^(−rank/T), T being the sharpness: the paper, T = 10 in
    /// the authors' code.
    Sampled { sharpness: Rate },
    /// The first K: "without sampling of the top items", which the authors later found to be
    /// considerably better (README of SeongKu-Kang/DE-RRD_CIKM20; HetComp, WWW 2023).
    Head,
}

impl<'de> Deserialize<'de> for RrdOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl RrdOptions {
    /// K + L.
    fn drawn(&self) -> usize {
        self.interesting.get() + self.uninteresting.get()
    }

    fn check(&self) -> Result<()> {
        if self.interesting > self.list {
            return Err(Error::new(Kind::Input, "`interesting` (K) is more than the list has")
                .expected(format!("at most `list`, which is {}", self.list.get()))
                .got(self.interesting.get().to_string()));
        }
        Ok(())
    }
}

/// Owners that one task draws for.
const BLOCK: usize = 64;

/// The samples of one side: for each owner K interesting partners in the teacher's order, then L others.
struct RrdSamples {
    side: Side,
    options: RrdOptions,
    top: TopLists,
    /// By owner, ascending: training partners and the list.
    taken: UserItems,
    outside: Rejection,
    /// None where the head of the list is taken.
    draws: Option<RankedDraws>,
    /// `[owners, K + L]`
    partners: Vec<u32>,
}

impl RrdSamples {
    fn new(cx: &Context<'_>, teacher: &TeacherModel<'_>, side: Side, options: &RrdOptions) -> Result<Self> {
        let top = teacher.top(cx, side, options.list.get())?;
        Self::of(side, options.clone(), top, &partners_of(cx, side), side.other().count(cx.split()))
    }

    /// `seen`: by owner, ascending, its training partners; `n_partners` there are in all.
    fn of(side: Side, options: RrdOptions, top: TopLists, seen: &UserItems, n_partners: usize) -> Result<Self> {
        let owners = 0..top.len() as u32;
        let pairs: Vec<(u32, u32)> = owners
            .clone()
            .flat_map(|owner| seen.of(owner).iter().chain(top.of(owner)).map(move |&partner| (owner, partner)))
            .collect();
        let taken = UserItems::from_pairs(top.len(), &pairs).sorted();
        if let Some(owner) = owners.clone().find(|&o| n_partners - taken.of(o).len() < options.uninteresting.get()) {
            let left = n_partners - taken.of(owner).len();
            let what = format!("{} {owner} has too few {} to draw from", side.one(), side.other().many());
            return Err(Error::new(Kind::Input, what)
                .expected(format!(
                    "`uninteresting` = {} that are neither in its training part nor in the teacher's list of {}",
                    options.uninteresting.get(),
                    options.list.get()
                ))
                .got(left.to_string())
                .hint("a smaller `list` or `uninteresting`"));
        }
        let draws = match options.top {
            Interesting::Sampled { sharpness } => {
                Some(RankedDraws::new(options.list.get(), options.interesting.get(), sharpness.get()))
            }
            Interesting::Head => None,
        };
        let partners = vec![0; top.len() * options.drawn()];
        Ok(Self { side, options, top, taken, outside: Rejection::new(n_partners), draws, partners })
    }

    fn width(&self) -> usize {
        self.options.drawn()
    }

    /// Draws anew for every owner.
    fn draw(&mut self, mut stream: Stream) {
        let width = self.width();
        let Self { options, top, taken, outside, draws, partners, .. } = self;
        let blocks: Vec<_> = partners.chunks_mut(BLOCK * width).map(|block| (block, stream.fork())).collect();
        blocks.into_par_iter().enumerate().for_each(|(block, (rows, mut stream))| {
            let mut kept = Vec::new();
            for (row, owner) in rows.chunks_exact_mut(width).zip((block * BLOCK) as u32..) {
                let (interesting, others) = row.split_at_mut(options.interesting.get());
                let list = top.of(owner);
                match &*draws {
                    None => interesting.copy_from_slice(&list[..options.interesting.get()]),
                    Some(draws) => {
                        draws.draw(&mut stream, &mut kept);
                        for (slot, &(_, position)) in interesting.iter_mut().zip(&kept) {
                            *slot = list[position as usize];
                        }
                    }
                }
                let drawn = outside.distinct(&mut stream, taken.of(owner), options.uninteresting.get());
                others.copy_from_slice(&drawn.expect("there are enough: it was checked"));
            }
        });
    }

    fn of_owner(&self, owner: u32) -> &[u32] {
        let width = self.width();
        &self.partners[owner as usize * width..][..width]
    }

    /// Adds the loss of `owners` to the student's step.
    fn add(&self, owners: &[u32], student: &mut dyn Recommender) -> Result<f64> {
        let mut lists = Lists::new();
        for &owner in owners {
            lists.push(owner, self.of_owner(owner).iter().copied());
        }
        let (interesting, lambda) = (self.options.interesting.get(), self.options.lambda.get());
        student.add_lists(self.side, lists, &|_, scores, gradient| relaxed(scores, interesting, lambda, gradient))
    }
}

/// The term of RRD: λ Σ over the distinct users of a batch, and with an item side also over the
/// distinct items among those users' samples.
pub struct Rrd {
    users: RrdSamples,
    items: Option<RrdSamples>,
    /// Items that the current batch has already named.
    named: Vec<bool>,
}

impl Rrd {
    /// # Errors
    /// A user or item with too few partners left; what the teacher's lists need.
    pub fn new(
        cx: &Context<'_>,
        teacher: &TeacherModel<'_>,
        users: &RrdOptions,
        items: Option<&RrdOptions>,
    ) -> Result<Self> {
        Ok(Self {
            users: RrdSamples::new(cx, teacher, Side::User, users)?,
            items: items.map(|items| RrdSamples::new(cx, teacher, Side::Item, items)).transpose()?,
            named: vec![false; cx.split().n_items],
        })
    }
}

impl Rrd {
    /// The user side alone, from a teacher's lists; `seen`: training items by user, ascending.
    ///
    /// # Errors
    /// A user with too few items left.
    pub fn of_lists(options: RrdOptions, top: TopLists, seen: &UserItems, n_items: usize) -> Result<Self> {
        let users = RrdSamples::of(Side::User, options, top, seen, n_items)?;
        Ok(Self { users, items: None, named: vec![false; n_items] })
    }

    /// Draws anew for every user.
    pub fn draw(&mut self, stream: Stream) {
        self.users.draw(stream);
    }
}

impl Term for Rrd {
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize, _student: &mut dyn Recommender) -> Result<()> {
        self.draw(cx.stream("rrd.items", epoch));
        if let Some(items) = &mut self.items {
            items.draw(cx.stream("rrd.users", epoch));
        }
        Ok(())
    }

    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64> {
        let loss = self.users.add(batch.users, student)?;
        let Some(items) = &self.items else { return Ok(loss) };
        let mut owners = Vec::new();
        for &item in batch.users.iter().flat_map(|&user| self.users.of_owner(user)) {
            if !std::mem::replace(&mut self.named[item as usize], true) {
                owners.push(item);
            }
        }
        for &item in &owners {
            self.named[item as usize] = false;
        }
        Ok(loss + items.add(&owners, student)?)
    }
}

#[cfg(test)]
mod tests;
