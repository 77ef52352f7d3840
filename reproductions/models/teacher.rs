//! A teacher as students see it: its scores, its best lists, its representations.

use std::borrow::Cow;

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::rank::Index;
use harness::split::{UserItems, numbered};
use harness::train::{Context, Teacher};

use super::{PairKind, Side, pair_kind};

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

    /// Length of every list.
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

    /// The list of an owner, best first.
    pub fn of(&self, owner: u32) -> &[u32] {
        &self.ids[owner as usize * self.width..][..self.width]
    }
}

/// A trained model on pairs as a teacher.
pub struct TeacherModel<'a> {
    kind: &'static PairKind,
    teacher: &'a Teacher,
}

impl<'a> TeacherModel<'a> {
    /// The teacher of a run.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if it is not a model on pairs: a spec with such a teacher is refused.
    pub fn of(cx: &Context<'a>) -> Result<Self> {
        let teacher = cx.teacher.expect("the engine gives a teacher to a method that uses one");
        let kind = pair_kind(&teacher.kind).ok_or_else(|| {
            Error::new(
                Kind::Internal,
                format!("the teacher `{}` is a model that is not trained on pairs", teacher.trial),
            )
            .got(teacher.kind.clone())
        })?;
        Ok(Self { kind, teacher })
    }

    /// The teacher, asked by the entities of a side for the best of the other.
    ///
    /// # Errors
    /// If its weights are not of its kind.
    pub fn scorer(&self, asker: Side) -> Result<Box<dyn Scorer>> {
        (self.kind.scorer)(&self.teacher.weights, asker)
    }

    /// The vectors that represent the entities of a side: the width, and `[entities, width]`.
    ///
    /// # Errors
    /// As [`scorer`](Self::scorer).
    pub fn representations(&self, side: Side) -> Result<(usize, Vec<f32>)> {
        (self.kind.representations)(&self.teacher.weights, side)
    }

    /// The teacher's best `width` items of every user, or best `width` users of every item, that are
    /// not a training pair. Made once per teacher and kept with it.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if an owner has fewer than `width` partners left.
    pub fn top(&self, cx: &Context<'_>, side: Side, width: usize) -> Result<TopLists> {
        let (owners, partners) = (side.count(cx.split()), side.other().count(cx.split()));
        let seen = partners_of(cx, side);
        if let Some(owner) = (0..owners as u32).find(|&owner| partners - seen.of(owner).len() < width) {
            let (owner_name, partners_name) = (side.one(), side.other().many());
            return Err(Error::new(
                Kind::Input,
                format!("the teacher's list of {} cannot be filled", numbered(owner_name, owner)),
            )
            .expected(format!("at least {width} {partners_name} that are no training pair, the length of a list"))
            .got((partners - seen.of(owner).len()).to_string())
            .hint("a shorter `list` (of CD: `pool`)"));
        }
        let name = format!("top-{}-{width}", side.other().many());
        let ids = self.teacher.derived(&name, owners * width, partners as u32, cx.observer, || {
            let scorer = self.scorer(side)?;
            let queries: Vec<u32> = (0..owners as u32).collect();
            Index::new(&*scorer).top_lists(&queries, width, &|query| seen.of(query))
        })?;
        Ok(TopLists::new(width, ids))
    }
}

/// The training partners of every owner of a side, ascending.
pub fn partners_of<'a>(cx: &Context<'a>, side: Side) -> Cow<'a, UserItems> {
    match side {
        Side::User => Cow::Borrowed(cx.seen()),
        Side::Item => {
            let pairs: Vec<(u32, u32)> = cx.seen().pairs().map(|(user, item)| (item, user)).collect();
            Cow::Owned(UserItems::from_pairs(cx.split().n_items, &pairs))
        }
    }
}
