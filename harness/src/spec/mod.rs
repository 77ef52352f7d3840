//! Specs: the experiments that people write, read strictly and checked.
//!
//! A spec is one TOML file that states one experiment. It goes one way:
//!
//! ```text
//! file → Document (tree with spans) → profile applied → `like` expanded → WireSpec (strict serde) → Spec (checked)
//! ```
//!
//! Nothing outside this module sees the wire form. No value has a default: everything that determines a run is stated in
//! the file, though a trial may be `like` another. The base document is a profile itself, named by [`base_profile`]; other
//! profiles override values that it declares and add none.

mod beside;
mod check;
mod checked;
mod claim;
mod data;
mod external;
mod filter;
mod fingerprint;
mod like;
mod listing;
mod load;
mod measure;
mod origin;
mod profile;
mod refuse;
mod schema;
#[cfg(test)]
mod tests;
mod trials;
mod wire;

pub use checked::{Columns, Comparison, LoggedCurve, Origin, Section, Spec, Trainer, Trial, base_profile};
pub use claim::{Bound, Claim, Inequality, Statement};
pub use data::{SpecData, SplitIds, Test, TestRanker};
pub use filter::Filter;
pub use fingerprint::run_fingerprint;
pub use listing::{Listed, SpecSummary, discover, find, is_spec, listed};
pub use load::load;
pub use measure::{Measure, Quantity};
pub use origin::print_spec;
pub use schema::schema;
