//! What students take from a teacher: its scores, its best lists, its representations.

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::rank::Index;
use harness::split::UserItems;
use harness::train::{Context, Teacher};

use super::{Base, Side};

/// The best `width` partners of every entity of a side, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct TopLists {
    width: usize,
    ids: Vec<u32>,
}

impl TopLists {
    /// `ids`: `[owners, width]`.
    pub fn new(width: usize, ids: Vec<u32>) -> Self {
        assert!(width > 0 && ids.len().is_multiple_of(width), "rows of {width}");
        Self { width, ids }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of owners.
    pub fn len(&self) -> usize {
        self.ids.len() / self.width
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn of(&self, owner: u32) -> &[u32] {
        &self.ids[owner as usize * self.width..][..self.width]
    }
}

/// A trained base model as a teacher.
pub struct TeacherModel<'a> {
    base: Base,
    teacher: &'a Teacher,
}

impl<'a> TeacherModel<'a> {
    /// The teacher of a run.
    ///
    /// # Errors
    /// If it is not a base model.
    pub fn of(cx: &Context<'a>) -> Result<Self> {
        let teacher = cx.teacher.expect("the engine gives a teacher to a method that uses one");
        let base = Base::of(&teacher.parameters).ok_or_else(|| {
            Error::new(Kind::Input, format!("nothing can be learnt from the teacher `{}`", teacher.trial))
                .expected("a trial of `bpr` or `neumf`")
                .got("a model without the parameters of either")
        })?;
        Ok(Self { base, teacher })
    }

    pub fn scorer(&self) -> Result<Box<dyn Scorer>> {
        self.base.scorer(&self.teacher.parameters)
    }

    /// `[entities, width]` and the width.
    pub fn representations(&self, side: Side) -> Result<(usize, Vec<f32>)> {
        self.base.representations(&self.teacher.parameters, side)
    }

    /// The teacher's best `width` items of every user, or best `width` users of every item, that are
    /// not a training pair. Made once per teacher and kept with it.
    ///
    /// # Errors
    /// An owner with fewer than `width` partners left; what keeps the teacher's files from being written.
    pub fn top(&self, cx: &Context<'_>, side: Side, width: usize) -> Result<TopLists> {
        let (name, owners) = match side {
            Side::User => ("top-items", cx.split.n_users),
            Side::Item => ("top-users", cx.split.n_items),
        };
        let ids = self.teacher.derived(&format!("{name}-{width}"), owners * width, cx.observer, || {
            let scorer = match side {
                Side::User => self.scorer()?,
                Side::Item => self.base.swapped_scorer(&self.teacher.parameters)?,
            };
            let by_item = match side {
                Side::User => None,
                Side::Item => Some(partners_of_items(cx)),
            };
            let seen = by_item.as_ref().unwrap_or(cx.seen);
            let queries: Vec<u32> = (0..owners as u32).collect();
            Index::new(&*scorer).top_lists(&queries, width, &|query| seen.of(query))
        })?;
        Ok(TopLists::new(width, ids))
    }
}

/// The training users of every item, ascending.
pub fn partners_of_items(cx: &Context<'_>) -> UserItems {
    let pairs: Vec<(u32, u32)> = cx.seen.pairs().map(|(user, item)| (item, user)).collect();
    UserItems::from_pairs(cx.split.n_items, &pairs)
}
