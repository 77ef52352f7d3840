//! What can be said of all fields of a column.

use std::collections::BTreeSet;

use crate::data::text::{has_odd_ends, quoted};
use crate::data::time::{self, TimeUnit};

/// Most words of a column that are taken for labels.
pub(super) const MOST_LABELS: usize = 32;

/// A question that every field of a column must pass, or else the first line that fails it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Digits alone, which a table of ids can be counted by: below 2³², and no zeros before others.
    Index,
    /// A finite number, as a column `value` takes it.
    Value,
    /// A number, as a column `time` takes it in any unit.
    Number,
    /// A moment of the years 1990 to 2099 in the unit of the first field.
    Moment,
    IsoTime,
    IsoDate,
    /// One of few words.
    Label,
}

const TESTS: [Test; 7] =
    [Test::Index, Test::Value, Test::Number, Test::Moment, Test::IsoTime, Test::IsoDate, Test::Label];

/// What was seen in a column so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// By test: the first line that fails it, and its field.
    failed: [Option<(usize, String)>; TESTS.len()],
    pub rows: usize,
    /// The first field, for people.
    pub example: String,
    /// Least and largest number.
    pub range: Option<(f64, f64)>,
    /// Least and largest moment or day, as written; of numbers by value.
    pub moments: Option<(time::Time, time::Time)>,
    pub unit: Option<TimeUnit>,
    /// The words, as long as they are few.
    pub words: BTreeSet<String>,
    /// Fields that are not UTF-8.
    pub foreign: usize,
}

impl Facts {
    /// Takes a field of a line under some tests; those that a field has failed are passed over.
    pub fn add(&mut self, field: &[u8], line: usize, tests: &[Test]) {
        if self.rows == 0 {
            self.example = quoted(field);
        }
        self.rows += 1;
        let text = std::str::from_utf8(field);
        self.foreign += usize::from(text.is_err());
        let text = text.unwrap_or("");
        for &test in tests {
            if self.failed[test as usize].is_none() && !self.passes_with(test, text) {
                self.failed[test as usize] = Some((line, quoted(field)));
            }
        }
    }

    fn passes_with(&mut self, test: Test, text: &str) -> bool {
        match test {
            Test::Index => {
                let padded = text.len() > 1 && text.starts_with('0');
                let index = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()) && !padded);
                index.is_some_and(|index| self.widen(f64::from(index)))
            }
            Test::Value => {
                let value = text.parse::<f32>().ok().filter(|value| value.is_finite());
                value.is_some_and(|value| self.widen(f64::from(value)))
            }
            Test::Number => TimeUnit::Order.parse(text).is_ok(),
            Test::Moment => match (time::unit_of(text), self.unit) {
                (Some(unit), None) => {
                    self.unit = Some(unit);
                    self.moment(unit.parse(text).ok())
                }
                (Some(unit), Some(first)) if unit == first => self.moment(unit.parse(text).ok()),
                _ => false,
            },
            Test::IsoTime => self.moment(time::iso(text).ok()),
            Test::IsoDate => self.moment(time::iso_date(text).ok()),
            Test::Label => {
                let word = !text.is_empty() && !has_odd_ends(text.as_bytes());
                if word && self.words.len() <= MOST_LABELS && !self.words.contains(text) {
                    self.words.insert(text.to_string());
                }
                word && self.words.len() <= MOST_LABELS
            }
        }
    }

    fn widen(&mut self, number: f64) -> bool {
        let (least, most) = self.range.unwrap_or((number, number));
        self.range = Some((least.min(number), most.max(number)));
        true
    }

    fn moment(&mut self, moment: Option<time::Time>) -> bool {
        let Some(moment) = moment else { return false };
        let (first, last) = self.moments.unwrap_or((moment, moment));
        self.moments = Some((first.min(moment), last.max(moment)));
        true
    }

    /// Whether all fields passed a test, which was asked of all of them.
    pub fn all(&self, test: Test) -> bool {
        self.rows > 0 && self.failed[test as usize].is_none()
    }

    /// The first line that failed a test, and its field for people.
    pub fn first_failure(&self, test: Test) -> Option<&(usize, String)> {
        self.failed[test as usize].as_ref()
    }
}

/// All tests: for the first rows, before it is known what a column holds.
pub(super) const ALL: &[Test] = &TESTS;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[&str]) -> Facts {
        let mut facts = Facts::default();
        fields.iter().zip(1..).for_each(|(field, line)| facts.add(field.as_bytes(), line, ALL));
        facts
    }

    #[test]
    fn a_column_is_what_all_of_its_fields_are() {
        let ids = of(&["3", "10", "0"]);
        assert!(ids.all(Test::Index) && ids.all(Test::Value) && !ids.all(Test::Moment));
        assert_eq!(ids.range, Some((0.0, 10.0)));
        let padded = of(&["3", "007"]);
        assert_eq!(padded.first_failure(Test::Index), Some(&(2, "`007`".into())));
        let seconds = of(&["881250949", "891717742.5"]);
        assert_eq!((seconds.all(Test::Moment), seconds.unit), (true, Some(TimeUnit::Seconds)));
        let mixed = of(&["881250949", "881250949000"]);
        assert!(!mixed.all(Test::Moment) && mixed.all(Test::Number));
        assert!(of(&["2014-04-07T10:51:09Z"]).all(Test::IsoTime));
        assert!(of(&["2014-04-07", "2014-04-08"]).all(Test::IsoDate));
        assert!(!of(&["2014-02-30"]).all(Test::IsoDate) && !of(&["2014-04-07x"]).all(Test::IsoDate));
        assert!(of(&["view", "buy"]).all(Test::Label) && !of(&["view", ""]).all(Test::Label));
        let many: Vec<String> = (0..=MOST_LABELS).map(|n| format!("w{n}")).collect();
        assert!(!of(&many.iter().map(String::as_str).collect::<Vec<_>>()).all(Test::Label));
        assert!(!of(&[]).all(Test::Value), "nothing was seen");
    }
}
