//! What the columns of a table hold, as far as their names and first rows tell.

use super::facts::{Facts, MOST_LABELS, Test};
use super::shape::Shape;
use crate::data::layout::FieldKind;
use crate::data::names::{Role, role};

/// What a column is taken for, and why.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    pub kind: FieldKind,
    pub why: String,
}

/// How a guess by place begins.
pub(super) const BY_PLACE: &str = "by its place";

/// Numbers of a column without a name are taken for ratings from minus this to this.
const MOST_RATINGS: f64 = 100.0;

/// Guesses the kind of each column; those that are not told are skipped.
pub(super) fn guess(shape: &Shape) -> Vec<Guess> {
    let mut guesses = Guesses { shape, kinds: vec![None; shape.width] };
    if shape.names.is_some() {
        guesses.by_name();
    }
    guesses.time();
    guesses.ids();
    guesses.values();
    guesses.finish()
}

struct Guesses<'a> {
    shape: &'a Shape,
    kinds: Vec<Option<Guess>>,
}

impl Guesses<'_> {
    fn name(&self, at: usize) -> Option<&str> {
        Some(self.shape.names.as_ref()?[at].as_str())
    }

    fn role(&self, at: usize) -> Option<Role> {
        role(self.name(at)?)
    }

    /// Why a column is what its name says.
    fn named(&self) -> &'static str {
        if self.shape.typed { "by RecBole's typed header" } else { "by its name" }
    }

    fn set(&mut self, at: usize, kind: FieldKind, why: impl Into<String>) {
        self.kinds[at] = Some(Guess { kind, why: why.into() });
    }

    fn has(&self, kinds: &[FieldKind]) -> bool {
        self.kinds.iter().flatten().any(|guess| kinds.contains(&guess.kind))
    }

    /// The first column that nothing is known of, and that passes.
    fn first(&self, passes: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.kinds.len()).find(|&at| self.kinds[at].is_none() && passes(at))
    }

    fn by_name(&mut self) {
        let user = self.first(|at| self.role(at) == Some(Role::User));
        let session = self.first(|at| self.role(at) == Some(Role::Session));
        let item = self.first(|at| self.role(at) == Some(Role::Item));
        if let Some(at) = user {
            self.set(at, FieldKind::User, self.named());
        }
        match (session, user) {
            (Some(at), Some(_)) => self.set(at, FieldKind::Session, self.named()),
            (Some(at), None) => {
                self.set(at, FieldKind::User, format!("{}; every session counts as a user", self.named()))
            }
            _ => {}
        }
        if let Some(at) = item {
            self.set(at, FieldKind::Item, self.named());
        }
    }

    fn facts(&self, at: usize) -> &Facts {
        &self.shape.facts[at]
    }

    /// One time: of a column that is called so if any, else the last whose numbers are all moments.
    fn time(&mut self) {
        let kind = |facts: &Facts| {
            if facts.all(Test::Moment) {
                Some(FieldKind::Time)
            } else if facts.all(Test::IsoTime) {
                Some(FieldKind::IsoTime)
            } else if facts.all(Test::IsoDate) {
                Some(FieldKind::IsoDate)
            } else {
                None
            }
        };
        let free = |at: &usize| self.kinds[*at].is_none();
        let columns = || (0..self.kinds.len()).filter(free);
        let called = |at: &usize| self.role(*at) == Some(Role::Time);
        let readable = |at: &usize| kind(self.facts(*at)).is_some();
        // Users and items need a column each before a number may be a time.
        let wanted = [FieldKind::User, FieldKind::Item].iter().filter(|kind| !self.has(&[**kind])).count();
        let spare = columns().count() > wanted;
        let unnamed = |at: &usize| spare && self.role(*at).is_none();
        let best = columns().filter(called).find(readable).map(|at| (at, self.named())).or_else(|| {
            columns().rev().filter(unnamed).find(readable).map(|at| (at, "all are moments of 1990 to 2099"))
        });
        if let Some((at, why)) = best {
            let kind = kind(self.facts(at)).expect("it is readable");
            return self.set(at, kind, why);
        }
        let ordered = columns().filter(called).find(|at| self.facts(*at).all(Test::Number));
        if let Some(at) = ordered {
            self.set(at, FieldKind::Time, "called a time; its numbers are no moments, so they only order events");
        }
    }

    /// Users and items that no name tells stand first.
    fn ids(&mut self) {
        for kind in [FieldKind::User, FieldKind::Item] {
            if self.has(&[kind]) {
                continue;
            }
            let unnamed = |at: usize| self.role(at).is_none();
            if let Some(at) = self.first(unnamed).or_else(|| self.first(|_| true)) {
                self.set(at, kind, format!("{BY_PLACE}: no name tells"));
            }
        }
    }

    /// One value or label: of a column that is called so, else the first small numbers or few words.
    fn values(&mut self) {
        let values = [Some(Role::Value), Some(Role::Label)];
        let numbers = self.first(|at| values.contains(&self.role(at)) && self.facts(at).all(Test::Value));
        let words = self.first(|at| values.contains(&self.role(at)) && is_words(self.facts(at)));
        match (numbers, words) {
            (Some(at), _) => return self.set(at, FieldKind::Value, self.named()),
            (None, Some(at)) => return self.set(at, FieldKind::Label, self.named()),
            (None, None) => {}
        }
        if self.shape.names.is_some() {
            return;
        }
        let few =
            |facts: &Facts| facts.range.is_some_and(|(least, most)| least >= -MOST_RATINGS && most <= MOST_RATINGS);
        if let Some(at) = self.first(|at| self.facts(at).all(Test::Value) && few(self.facts(at))) {
            return self.set(at, FieldKind::Value, "small numbers, in no column that has a name");
        }
        let repeated = |facts: &Facts| facts.words.len() * 4 <= facts.rows;
        if let Some(at) = self.first(|at| is_words(self.facts(at)) && repeated(self.facts(at))) {
            self.set(at, FieldKind::Label, "few words, in no column that has a name");
        }
    }

    fn finish(self) -> Vec<Guess> {
        let unknown = |at: usize| {
            let why = match self.role(at) {
                Some(Role::Time) if !self.has(&[FieldKind::Time, FieldKind::IsoTime, FieldKind::IsoDate]) => {
                    "called a time, but not written as one that can be read"
                }
                _ => "nothing tells that it is needed",
            };
            Guess { kind: FieldKind::Skip, why: why.into() }
        };
        self.kinds.iter().enumerate().map(|(at, guess)| guess.clone().unwrap_or_else(|| unknown(at))).collect()
    }
}

/// Whether a column has few words and not only numbers.
fn is_words(facts: &Facts) -> bool {
    facts.all(Test::Label) && !facts.all(Test::Value) && facts.words.len() <= MOST_LABELS
}
