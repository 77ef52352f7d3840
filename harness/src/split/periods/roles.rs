//! The roles of periods: pre-training, warm-up, test.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use crate::error::{Error, Kind, Result};

/// The roles of the periods of a stream, numbered from 0.
///
/// ```text
/// 0 … pretrained − 1   pre-training: learnt from together, before anything is tested
///   … tested_from − 1  warm-up: tested and learnt from in turn; their results are recorded, and do not count
///   … last             tested: their results count
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    pretrained: usize,
    tested_from: usize,
    last: usize,
}

impl Roles {
    /// The roles of periods 0 to `last`. What is not said: period 0 alone trains, and there is no warm-up.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if no period is tested, or one that only trains.
    pub fn new(last: usize, pretrained: Option<NonZeroUsize>, tested_from: Option<NonZeroUsize>) -> Result<Self> {
        let pretrained = pretrained.map_or(1, NonZeroUsize::get);
        let tested_from = tested_from.map_or(pretrained, NonZeroUsize::get);
        let wrong = |key: &str, expected: String, got: usize| {
            Err(Error::new(Kind::Input, format!("`{key}` leaves no period to test as it should be"))
                .expected(expected)
                .got(got.to_string())
                .hint("periods are numbered from 0: the first `pretrained` only train, those from `tested_from` to the last \
                       are tested"))
        };
        if pretrained > last {
            return wrong("pretrained", format!("at most {last}, the number of the last period"), pretrained);
        }
        if !(pretrained..=last).contains(&tested_from) {
            let expected = format!("a period after the pre-training, {pretrained} to {last}");
            return wrong("tested_from", expected, tested_from);
        }
        Ok(Self { pretrained, tested_from, last })
    }

    /// Period 0 trains, and all others up to `last` are tested.
    pub fn after_the_first(last: usize) -> Self {
        Self { pretrained: 1, tested_from: 1, last }
    }

    /// The number of the last period.
    pub fn last(self) -> usize {
        self.last
    }

    /// Numbers of the periods that are tested and then learnt from in turn, warm-up included.
    pub fn evaluated(self) -> RangeInclusive<usize> {
        self.pretrained..=self.last
    }

    /// Numbers of the periods whose results count.
    pub fn tested(self) -> RangeInclusive<usize> {
        self.tested_from..=self.last
    }

    /// The role of a period: `pre-training`, `warm-up` or `tested`.
    pub fn of(self, number: usize) -> &'static str {
        if number < self.pretrained {
            "pre-training"
        } else if number < self.tested_from {
            "warm-up"
        } else {
            "tested"
        }
    }

    /// For people.
    pub fn describe(self) -> String {
        let Self { pretrained, tested_from, last } = self;
        let mut text = format!("{tested_from} to {last} are tested");
        if tested_from > pretrained {
            text = format!("{pretrained} to {} warm up, {text}", tested_from - 1);
        }
        if pretrained > 1 {
            text = format!("0 to {} train, {text}", pretrained - 1);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(last: usize, pretrained: usize, tested_from: usize) -> Result<Roles> {
        Roles::new(last, NonZeroUsize::new(pretrained), NonZeroUsize::new(tested_from))
    }

    #[test]
    fn every_period_has_one_role() {
        let asmg = roles(30, 10, 24).unwrap();
        assert_eq!((asmg.evaluated(), asmg.tested()), (10..=30, 24..=30));
        assert_eq!([9, 10, 23, 24].map(|number| asmg.of(number)), ["pre-training", "warm-up", "warm-up", "tested"]);
        assert_eq!(asmg.describe(), "0 to 9 train, 10 to 23 warm up, 24 to 30 are tested");
        let ader = roles(16, 0, 0).unwrap();
        assert_eq!((ader, ader.describe()), (Roles::after_the_first(16), "1 to 16 are tested".into()));
        assert_eq!(roles(5, 3, 0).unwrap().tested(), 3..=5, "no warm-up unless it is said");
    }

    #[test]
    fn roles_without_a_test_are_refused() {
        for (last, pretrained, tested_from, key) in
            [(5, 6, 0, "pretrained"), (5, 3, 2, "tested_from"), (5, 1, 6, "tested_from")]
        {
            let error = roles(last, pretrained, tested_from).unwrap_err();
            assert!(error.kind() == Kind::Input && error.to_string().contains(&format!("`{key}`")), "{error}");
        }
    }
}
