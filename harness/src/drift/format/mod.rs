//! Judgements as text: for a terminal, and for the programs that read the results of tests.

mod cases;
mod github;
mod json;
mod junit;
mod text;

pub use github::github;
pub use json::json;
pub use junit::junit;
pub use text::{lines, reruns, table};
