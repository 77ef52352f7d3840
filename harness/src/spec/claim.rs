//! Claims of a paper, as inequalities that can be tested.
//!
//! ```text
//! rrd > student-0.1 on loo-hr@5, loo-ndcg@5          an order of two trials or more
//! rrd - student-0.1 >= 0.02 on loo-hr@5              an effect
//! parameters of student-0.1 / teacher <= 0.1         a ratio of parameters, latency, memory or training
//! ```

use std::fmt;

use toml::Spanned;

use super::measure::{Measure, Quantity};
use super::refuse::{known_trial, measured, plain_name, unique};
use super::wire::{SpannedText, WireClaim};
use crate::document::Document;
use crate::error::Result;
use crate::metrics::{Direction, Metric, Protocol};
use crate::suggest::one_of;

/// A claim of the paper. It holds if all of its [`parts`](Statement::parts) do.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub id: String,
    /// Short text for tables.
    pub label: String,
    /// As it is written in the spec.
    pub says: String,
    /// Where the paper claims it.
    pub source: String,
    pub statement: Statement,
}

/// A claim as a testable statement. Trials are ids of the spec, metrics those of its protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// Each trial better than the next on every metric: above it, or below where lower is better.
    Order { trials: Vec<String>, metrics: Vec<Metric> },
    /// a − b within the bound, on every metric.
    Effect { a: String, b: String, bound: Bound, metrics: Vec<Metric> },
    /// a / b within the bound.
    Ratio { quantity: Quantity, a: String, b: String, bound: Bound },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Above(f64),
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    pub fn value(self) -> f64 {
        match self {
            Self::Above(value) | Self::AtLeast(value) | Self::AtMost(value) => value,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(value) => write!(f, "> {value}"),
            Self::AtLeast(value) => write!(f, "≥ {value}"),
            Self::AtMost(value) => write!(f, "≤ {value}"),
        }
    }
}

/// One inequality: a − b of a metric, or a / b of a quantity, within the bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Inequality<'a> {
    pub a: &'a str,
    pub b: &'a str,
    pub of: Measure,
    pub bound: Bound,
}

impl Statement {
    /// All inequalities that must hold.
    pub fn parts(&self) -> Vec<Inequality<'_>> {
        match self {
            Self::Order { trials, metrics } => trials
                .windows(2)
                .flat_map(|pair| {
                    let bound = Bound::Above(0.0);
                    metrics.iter().map(move |&m| {
                        let (a, b) = match m.direction() {
                            Direction::HigherIsBetter => (&pair[0], &pair[1]),
                            Direction::LowerIsBetter => (&pair[1], &pair[0]),
                        };
                        Inequality { a, b, of: Measure::Metric(m), bound }
                    })
                })
                .collect(),
            Self::Effect { a, b, bound, metrics } => {
                metrics.iter().map(|&m| Inequality { a, b, of: Measure::Metric(m), bound: *bound }).collect()
            }
            Self::Ratio { quantity, a, b, bound } => {
                vec![Inequality { a, b, of: Measure::Quantity(*quantity), bound: *bound }]
            }
        }
    }
}

/// Checks the claims of a spec with these trials and this protocol.
pub fn check(document: &Document<'_>, wires: &[WireClaim], trials: &[&str], protocol: &Protocol) -> Result<Vec<Claim>> {
    let ids: Vec<_> = wires.iter().map(|wire| wire.id.clone()).collect();
    unique(document, &ids, "claim")?;
    let reader = ClaimReader { document, trials, protocol };
    wires
        .iter()
        .map(|wire| {
            plain_name(document, &wire.id, "a claim's id")?;
            Ok(Claim {
                id: wire.id.get_ref().clone(),
                label: wire.label.clone(),
                says: wire.says.get_ref().clone(),
                source: wire.source.clone(),
                statement: reader.statement(&wire.says)?,
            })
        })
        .collect()
}

const FORMS: &str = "`A > B on METRIC, …`, `A - B >= NUMBER on METRIC, …` or `parameters of A / B <= NUMBER`, with spaces \
                     between the words";

struct ClaimReader<'s, 'a> {
    document: &'s Document<'a>,
    trials: &'s [&'s str],
    protocol: &'s Protocol,
}

impl ClaimReader<'_, '_> {
    fn statement(&self, says: &SpannedText) -> Result<Statement> {
        let (subject, metrics) = match says.get_ref().split_once(" on ") {
            Some((subject, metrics)) => (subject, Some(metrics)),
            None => (says.get_ref().as_str(), None),
        };
        let words: Vec<&str> = subject.split_whitespace().collect();
        match (&words[..], metrics) {
            (&[quantity, "of", a, "/", b, relation, number], None) => {
                let bound = self.bound(says, relation, number)?;
                if bound.value() <= 0.0 {
                    return Err(self
                        .document
                        .refuse(says.span(), "a ratio has a bound above 0")
                        .expected("a number such as `0.1`")
                        .got(format!("`{number}`")));
                }
                Ok(Statement::Ratio {
                    quantity: self.quantity(says, quantity)?,
                    a: self.trial(says, a)?,
                    b: self.trial(says, b)?,
                    bound,
                })
            }
            (&[a, "-" | "−", b, relation, number], Some(metrics)) => Ok(Statement::Effect {
                a: self.trial(says, a)?,
                b: self.trial(says, b)?,
                bound: self.bound(says, relation, number)?,
                metrics: self.metrics(says, metrics)?,
            }),
            (chain, Some(metrics)) if chain.len() > 2 && chain.iter().skip(1).step_by(2).all(|&word| word == ">") => {
                let names: Vec<SpannedText> =
                    chain.iter().step_by(2).map(|name| Spanned::new(says.span(), (*name).to_string())).collect();
                if chain.len() % 2 == 0 {
                    return Err(self.refuse(says));
                }
                unique(self.document, &names, "trial")?;
                let trials = names.iter().map(|name| self.trial(says, name.get_ref())).collect::<Result<_>>()?;
                Ok(Statement::Order { trials, metrics: self.metrics(says, metrics)? })
            }
            _ => Err(self.refuse(says)),
        }
    }

    fn refuse(&self, says: &SpannedText) -> crate::error::Error {
        self.document
            .refuse(says.span(), "the claim cannot be read")
            .expected(FORMS)
            .got(format!("`{}`", says.get_ref()))
    }

    fn trial(&self, says: &SpannedText, id: &str) -> Result<String> {
        known_trial(self.document, &Spanned::new(says.span(), id.to_string()), self.trials)?;
        Ok(id.to_string())
    }

    fn metrics(&self, says: &SpannedText, list: &str) -> Result<Vec<Metric>> {
        let metrics = list
            .split(',')
            .map(|text| measured(self.document, &Spanned::new(says.span(), text.trim()), self.protocol))
            .collect::<Result<Vec<_>>>()?;
        let spanned: Vec<_> = metrics.iter().map(|metric| Spanned::new(says.span(), *metric)).collect();
        unique(self.document, &spanned, "metric")?;
        Ok(metrics)
    }

    fn quantity(&self, says: &SpannedText, name: &str) -> Result<Quantity> {
        Quantity::OF_CLAIMS.into_iter().find(|quantity| quantity.name() == name).ok_or_else(|| {
            self.document
                .refuse(says.span(), format!("`{name}` is nothing that a record has a ratio of"))
                .expected(one_of(Quantity::OF_CLAIMS.map(Quantity::name)))
                .got(format!("`{name}`"))
        })
    }

    fn bound(&self, says: &SpannedText, relation: &str, number: &str) -> Result<Bound> {
        let value = number.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| {
            self.document
                .refuse(says.span(), "the claim's bound is no number")
                .expected("a number such as `0.02`")
                .got(format!("`{number}`"))
        })?;
        match relation {
            ">=" | "≥" => Ok(Bound::AtLeast(value)),
            "<=" | "≤" => Ok(Bound::AtMost(value)),
            _ => Err(self.refuse(says)),
        }
    }
}
