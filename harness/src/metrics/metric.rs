//! A definition with its cutoff, written `ndcg@10` or `ap`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::pointwise::{self, Score, Tied};
use super::{Definition, Direction, Reads};
use crate::error::{Error, Kind, Result};
use crate::suggest::{did_you_mean, one_of};

/// A metric as specs and records name it: a definition with its cutoff if it has one, such as `ndcg@10` or `auc`. Ordered
/// by definition, then cutoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Metric {
    definition: Definition,
    cutoff: Option<u32>,
}

impl Metric {
    /// # Errors
    /// A cutoff that is 0, missing or not wanted by the definition.
    pub fn new(definition: Definition, cutoff: Option<u32>) -> Result<Self> {
        let id = definition.id();
        match cutoff {
            Some(0) => Err(Error::new(Kind::Input, format!("the cutoff of metric `{id}` is 0"))
                .expected(format!("a list of at least one item, such as `{id}@10`"))
                .got(format!("`{id}@0`"))),
            None if definition.needs_cutoff() => {
                Err(Error::new(Kind::Input, format!("metric `{id}` has no cutoff: where does the list end?"))
                    .expected(format!("`{id}@K`, such as `{id}@10`"))
                    .got(format!("`{id}`")))
            }
            Some(k) if !definition.needs_cutoff() => {
                let over = definition.cutoff_rule();
                let error = Error::new(Kind::Input, format!("metric `{id}` takes no cutoff ({over})"))
                    .expected(format!("`{id}`"))
                    .got(format!("`{id}@{k}`"));
                Err(match definition {
                    Definition::Ap => error.hint(format!("average precision within a cutoff is `map@{k}`")),
                    _ => error,
                })
            }
            _ => Ok(Self { definition, cutoff }),
        }
    }

    pub fn definition(self) -> Definition {
        self.definition
    }

    pub fn cutoff(self) -> Option<u32> {
        self.cutoff
    }

    /// Whether a higher or a lower value is the better one.
    pub fn direction(self) -> Direction {
        self.definition.direction()
    }

    /// Whether it is computed from ranks or from scores.
    pub fn reads(self) -> Reads {
        self.definition.reads()
    }

    /// The value of a ranking metric for one query, in 0..=1. `ranks` are those of the query's targets, from 1, strictly
    /// ascending; those beyond the cutoff may be left out. `targets`: how many targets the query has, at least 1.
    ///
    /// # Panics
    /// If the metric reads scores.
    pub fn value(self, ranks: &[u32], targets: usize) -> f64 {
        self.definition.value(ranks, targets, self.cutoff)
    }

    /// The value of a metric of scores over all pairs. `scores[i]` is the logit of the i-th (query, item) pair and
    /// `labels[i]` whether it is a positive; a probability p has the logit ln(p/(1 − p)). The order of the pairs does not
    /// change `auc` by a bit; `logloss` is summed in it.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged): a score that is not finite. [`Data`](Kind::Data): no pair, or for `auc` pairs of one
    /// label only.
    ///
    /// # Panics
    /// If the metric reads ranks, or the lengths differ.
    pub fn value_of_scores<S: Score>(self, scores: &[S], labels: &[bool]) -> Result<f64> {
        match self.definition {
            Definition::Auc => pointwise::auc(scores, labels, Tied::Half),
            Definition::AucByRow => pointwise::auc(scores, labels, Tied::ByRow),
            Definition::LogLoss => pointwise::logloss(scores, labels),
            _ => panic!("`{self}` reads ranks and has no value of scores"),
        }
    }

    /// As [`value_of_scores`](Self::value_of_scores), with every tie decided against the model: of equal scores the negative
    /// counts as the higher one.
    ///
    /// # Errors
    /// As [`value_of_scores`](Self::value_of_scores).
    ///
    /// # Panics
    /// If the metric reads ranks, or the lengths differ.
    pub fn pessimistic_value_of_scores<S: Score>(self, scores: &[S], labels: &[bool]) -> Result<f64> {
        match self.definition {
            Definition::Auc | Definition::AucByRow => pointwise::auc(scores, labels, Tied::Lost),
            _ => self.value_of_scores(scores, labels),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cutoff {
            Some(k) => f.pad(&format!("{}@{k}", self.definition.id())),
            None => f.pad(self.definition.id()),
        }
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (id, cutoff) = match text.split_once('@') {
            None => (text, None),
            Some((id, k)) => (id, Some(k)),
        };
        let Some(&definition) = Definition::all().iter().find(|d| d.id() == id) else {
            return Err(unknown(id));
        };
        let cutoff = cutoff
            .map(|k| {
                // `u32::from_str` would let `+5` and `05` pass: two names for one metric.
                k.parse().ok().filter(|n: &u32| n.to_string() == k).ok_or_else(|| {
                    Error::new(Kind::Input, format!("the cutoff of metric `{text}` is not a number of items"))
                        .expected(format!("a positive whole number, such as `{id}@10`"))
                        .got(format!("`{k}`"))
                })
            })
            .transpose()?;
        Self::new(definition, cutoff)
    }
}

fn unknown(id: &str) -> Error {
    let ids = || Definition::all().iter().map(|definition| definition.id());
    let error = Error::new(Kind::Input, format!("unknown metric `{id}`"))
        .expected(format!("{}, most with a cutoff: `recall@10`", one_of(ids())))
        .got(format!("`{id}`"));
    did_you_mean(error, id, ids())
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let ids = |with_cutoff: bool| {
            let all = Definition::all().iter().filter(|definition| definition.needs_cutoff() == with_cutoff);
            all.map(|definition| definition.id()).collect::<Vec<_>>().join("|")
        };
        json_schema!({ "type": "string", "pattern": format!("^(({})@[1-9][0-9]*|{})$", ids(true), ids(false)) })
    }
}

impl TryFrom<String> for Metric {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Metric>().unwrap_err().to_string()
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["ndcg@10", "ndcg-rd@5", "ap", "loo-hr@1", "map@20", "auc", "logloss"] {
            let metric: Metric = text.parse().unwrap();
            assert_eq!(metric.to_string(), text);
            let json = serde_json::to_string(&metric).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric);
        }
        let nine: Metric = "ndcg@9".parse().unwrap();
        assert!(nine < "ndcg@10".parse().unwrap(), "ordered by number, not by text");
    }

    #[test]
    fn says_what_is_wrong_with_a_cutoff() {
        assert!(refused("hr@0").contains("cutoff of metric `hr` is 0"));
        assert!(refused("recall").contains("expected: `recall@K`"));
        assert!(refused("ap@10").contains("hint: average precision within a cutoff is `map@10`"));
        assert!(refused("auc@10").contains("`auc` takes no cutoff (no list"));
        for text in ["hr@", "hr@-1", "hr@+5", "hr@05", "hr@ten", "hr@5@5", "hr@4294967296"] {
            assert!(refused(text).contains("not a number of items"), "{text}");
        }
    }

    #[test]
    fn suggests_the_nearest_id() {
        assert!(refused("NDCG@10").ends_with("hint: did you mean `ndcg`?"));
        assert!(refused("recal@5").ends_with("hint: did you mean `recall`?"));
        assert!(!refused("xyz").contains("hint"));
        assert!(refused("").contains("unknown metric ``"));
    }
}
