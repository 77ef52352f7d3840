//! The catalogue: items that can be recommended in a period.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The items that can be recommended in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Catalogue {
    /// Items that occurred in the periods before it: the catalogue grows with the stream.
    Growing,
    /// All items of the dataset, from the first period on.
    Full,
}

impl Catalogue {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Growing => "candidates are the items of the periods before",
            Self::Full => "candidates are all items of the dataset",
        }
    }
}
