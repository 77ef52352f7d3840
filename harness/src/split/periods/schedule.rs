//! The schedule of a trial through a stream of periods.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::value::Limit;

/// In a spec: `schedule = {start = "last", window = 1}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub start: Start,
    /// Periods that it learns from: so many before the tested one, or `"all"`.
    pub window: Limit,
}

/// The weights that training starts from in every period after the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The model of the last period's selected epoch, with the state of its optimiser.
    Last,
    /// A new model.
    Fresh,
}
