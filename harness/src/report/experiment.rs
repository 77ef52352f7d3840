//! What a report must know of a spec, in words: the report knows no dataset, protocol or method.

use std::path::PathBuf;

use crate::compare::Logged;
use crate::spec::{Claim, Comparison, Efficiency};

/// One spec in one profile.
#[derive(Clone, Debug, Default)]
pub struct Experiment {
    pub spec: String,
    pub profile: String,
    pub title: String,
    /// Place of the spec and of its results in their trees, such as `de_rrd/citeulike`.
    pub folder: PathBuf,
    /// Id of the dataset.
    pub dataset: String,
    /// The command that makes this report.
    pub command: String,
    /// (what, how) lines on the setting: dataset, split, protocol, selection.
    pub setting: Vec<(String, String)>,
    /// How many negatives each target was ranked against, where not against all items.
    pub sampled: Option<usize>,
    /// In the order of the protocol.
    pub metrics: Vec<MetricText>,
    /// In the order of the spec.
    pub trials: Vec<TrialText>,
    pub comparisons: Vec<Comparison>,
    pub curves: Vec<LoggedCurve>,
    pub claims: Vec<Claim>,
    /// The spec's own prose, Markdown.
    pub analysis: String,
    /// Short remarks on this report, Markdown.
    pub notes: Vec<String>,
}

/// A metric and its definition.
#[derive(Clone, Debug)]
pub struct MetricText {
    /// As in the records, such as `ndcg@10`.
    pub name: String,
    pub formula: String,
    /// How ties are decided.
    pub ties: String,
}

#[derive(Clone, Debug)]
pub struct TrialText {
    pub id: String,
    pub label: String,
    pub method: String,
    /// Place of the method among all methods.
    pub method_place: usize,
    /// The trial that it learns from, or whose smaller self it is.
    pub teacher: Option<String>,
    /// Whether other trials learn from it.
    pub teaches: bool,
}

/// A curve that others logged, to draw ours over.
#[derive(Clone, Debug)]
pub struct LoggedCurve {
    /// Our trial.
    pub trial: String,
    /// Whose curve it is, such as `authors' log`.
    pub label: String,
    /// (logged column, our column); the first is drawn above, on a logarithmic axis.
    pub columns: Vec<(String, String)>,
    pub logged: Logged,
}

impl Experiment {
    /// A metric's name with a dagger if it is sampled; size and speed are not.
    pub(super) fn marked(&self, metric: &str) -> String {
        if self.sampled.is_some() && Efficiency::of_name(metric).is_none() {
            format!("{metric} †")
        } else {
            metric.to_string()
        }
    }

    pub(super) fn label<'a>(&'a self, trial: &'a str) -> &'a str {
        self.trials.iter().find(|known| known.id == trial).map_or(trial, |known| &known.label)
    }
}
