//! Hyper-parameters of DCD's corrections.

use harness::value::Rate;
use schemars::JsonSchema;
use serde::Deserialize;

/// Options that the user side and the item side share.
#[derive(Clone, Copy, Debug)]
pub struct DcdOptions {
    /// Length of the teacher's lists (500 in the authors' code), at least 2.
    pub list: usize,
    /// p: positions drawn of each kind. Not published.
    pub sampled: usize,
    pub top: Positions,
}

/// The choice of p positions of each kind (underestimated, overestimated).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Positions {
    /// Drawn at every step in proportion to their weights tanh(ε·difference): the authors' code. Their ε
    /// is not published.
    Sampled { epsilon: Rate },
    /// The positions with the largest differences: "without sampling of the top items", with which RRD's authors
    /// later found RRD and DCD considerably better (README of SeongKu-Kang/DE-RRD_CIKM20).
    Head,
}
