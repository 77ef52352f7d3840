//! What a method has found out about its model.

use serde::{Deserialize, Serialize};

/// A number or a text for the record of a run, such as the multiplications that a request needs, or the architecture that a
/// search came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    Number(f64),
    Text(String),
}

impl From<f64> for Fact {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
