//! What was found.

use std::fmt;

use serde::Serialize;

use super::Accepted;
use crate::error::Error;

/// From best to worst: of several, the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftVerdict {
    Fine,
    /// There is nothing to compare with, or too little.
    CouldNotJudge,
    Drift,
}

impl DriftVerdict {
    /// Exit code of `reprise check`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Drift => 1,
            Self::CouldNotJudge => 2,
        }
    }

    pub(super) fn of(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Fine)
    }
}

impl fmt::Display for DriftVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fine => "fine",
            Self::CouldNotJudge => "could not judge",
            Self::Drift => "drift",
        })
    }
}

/// One spec in one profile: judged, or why it could not even be looked at.
pub struct Suite {
    pub spec: String,
    pub profile: String,
    pub found: Result<Judgement, Error>,
}

impl Suite {
    /// `quick (base)`
    pub fn name(&self) -> String {
        format!("{} ({})", self.spec, self.profile)
    }

    pub fn verdict(&self) -> DriftVerdict {
        self.found.as_ref().map_or(DriftVerdict::CouldNotJudge, Judgement::verdict)
    }

    /// Of all of them; to look at nothing is to judge nothing.
    pub fn overall(suites: &[Self]) -> DriftVerdict {
        if suites.is_empty() { DriftVerdict::CouldNotJudge } else { DriftVerdict::of(suites.iter().map(Self::verdict)) }
    }
}

/// Today's records of a spec against its baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Machine classes of the baseline's runs, joined by a comma.
    pub class: String,
    /// The acceptance that today's records were held against.
    pub accepted: Accepted,
    pub trials: Vec<JudgedTrial>,
}

impl Judgement {
    pub fn verdict(&self) -> DriftVerdict {
        DriftVerdict::of(self.trials.iter().flat_map(|trial| &trial.cases).map(|case| case.verdict))
    }

    /// Wall-clock seconds of the compared runs: (the baseline's, today's).
    pub fn seconds(&self) -> (f64, f64) {
        self.trials.iter().fold((0.0, 0.0), |sum, trial| (sum.0 + trial.seconds.0, sum.1 + trial.seconds.1))
    }
}

/// A trial of the baseline or of the spec.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedTrial {
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Machine classes of today's records, joined by a comma.
    pub class: String,
    /// Whether every byte had to be the same: both on the CPU.
    pub exact: bool,
    /// Seeds that were compared.
    pub seeds: Vec<u64>,
    /// The same, run by run.
    pub runs: Vec<Compared>,
    /// Wall-clock seconds of these: (the baseline's, today's).
    pub seconds: (f64, f64),
    pub cases: Vec<Case>,
}

/// A run beside the one that was accepted or recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub seed: u64,
    /// Whether every bit of the weights is the same.
    pub same_weights: bool,
    /// Whether every bit of every metric is.
    pub same_metrics: bool,
    /// Wall-clock seconds: (then, now).
    pub seconds: (f64, f64),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// A metric, or [`Case::COUNTS`], or [`Case::RUNS`].
    pub name: String,
    pub verdict: DriftVerdict,
    /// Of a metric, where it was measured on both sides.
    pub values: Option<MeanChange>,
    /// Empty where both sides are the same.
    pub why: String,
}

impl Case {
    /// Numbers and digests that are the same whatever is learnt.
    pub const COUNTS: &str = "counts";
    /// Runs that could not be compared.
    pub const RUNS: &str = "runs";

    /// Whether there is anything to tell.
    pub fn moved(&self) -> bool {
        !self.why.is_empty()
    }
}

/// Means over the compared seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanChange {
    pub baseline: f64,
    pub today: f64,
    /// today − baseline, in units of the standard deviation over the baseline's seeds; none without a spread.
    pub in_spreads: Option<f64>,
}
