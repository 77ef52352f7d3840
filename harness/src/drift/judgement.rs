//! The outcome of a comparison with a baseline.

use std::fmt;

use serde::Serialize;

use super::Accepted;
use crate::error::Error;

/// Verdict of a comparison with a baseline, from best to worst; several verdicts together are the worst of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftVerdict {
    /// Nothing drifted.
    Fine,
    /// There is nothing to compare, or too little.
    CouldNotJudge,
    /// A result is no longer the accepted one.
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

/// One spec in one profile, with its judgement or the error that kept it from being judged.
pub struct Suite {
    pub spec: String,
    pub profile: String,
    pub found: Result<Judgement, Error>,
}

impl Suite {
    /// Name in messages, such as `quick (base)`.
    pub fn name(&self) -> String {
        format!("{} ({})", self.spec, self.profile)
    }

    /// The verdict of its judgement; an error could not be judged.
    pub fn verdict(&self) -> DriftVerdict {
        self.found.as_ref().map_or(DriftVerdict::CouldNotJudge, Judgement::verdict)
    }

    /// The worst verdict of all suites; of no suites, that nothing could be judged.
    pub fn overall(suites: &[Self]) -> DriftVerdict {
        if suites.is_empty() { DriftVerdict::CouldNotJudge } else { DriftVerdict::of(suites.iter().map(Self::verdict)) }
    }
}

/// Comparison of today's records of a spec with its baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Machine classes of the baseline's runs, joined by commas.
    pub class: String,
    /// The acceptance that made the baseline.
    pub accepted: Accepted,
    pub trials: Vec<JudgedTrial>,
}

impl Judgement {
    /// The worst verdict of all cases.
    pub fn verdict(&self) -> DriftVerdict {
        DriftVerdict::of(self.trials.iter().flat_map(|trial| &trial.cases).map(|case| case.verdict))
    }

    /// Wall-clock seconds of all compared runs: (the baseline's, today's).
    pub fn seconds(&self) -> (f64, f64) {
        let each = self.trials.iter().filter_map(|trial| trial.seconds);
        each.fold((0.0, 0.0), |sum, seconds| (sum.0 + seconds.0, sum.1 + seconds.1))
    }
}

/// Comparison of one trial, which the baseline or the spec has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedTrial {
    pub id: String,
    /// Name of the trial in tables.
    pub label: String,
    /// Machine classes of today's records, joined by commas.
    pub class: String,
    /// Whether results had to be the same to the bit.
    pub exact: bool,
    /// Seeds whose runs were compared.
    pub seeds: Vec<u64>,
    /// The compared runs, by seed.
    pub runs: Vec<Compared>,
    /// Wall-clock seconds of the compared runs that have them: (the baseline's, today's). `None` if none has.
    pub seconds: Option<(f64, f64)>,
    pub cases: Vec<Case>,
}

/// Comparison of one run with the accepted one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub seed: u64,
    /// Whether the weights are the same to the bit.
    pub same_weights: bool,
    /// Whether all metrics are the same to the bit.
    pub same_metrics: bool,
    /// Wall-clock seconds: (the baseline's, today's). `None` if either run has no time, as lists that were brought.
    pub seconds: Option<(f64, f64)>,
}

/// One thing that was compared: a metric, all counts and digests together, or which runs there are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Name of a metric, or [`Case::COUNTS`], or [`Case::RUNS`].
    pub name: String,
    pub verdict: DriftVerdict,
    /// The means of a metric that was measured on both sides.
    pub values: Option<MeanChange>,
    /// The reason of the verdict; empty where both sides are the same.
    pub why: String,
}

impl Case {
    /// Name of the case of counts and digests.
    pub const COUNTS: &str = "counts";
    /// Name of a case of runs that could not be compared.
    pub const RUNS: &str = "runs";

    /// Whether the two sides differ or could not be compared.
    pub fn moved(&self) -> bool {
        !self.why.is_empty()
    }
}

/// Means of a metric over the compared seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanChange {
    pub baseline: f64,
    pub today: f64,
    /// Difference, today − baseline, in standard deviations over the baseline's seeds; `None` where those have no spread.
    pub in_spreads: Option<f64>,
}
