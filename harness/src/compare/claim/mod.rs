//! The paper's claims, held against our runs.

mod evidence;
mod finding;
#[cfg(test)]
mod tests;

pub use evidence::{Evidence, PValues};
pub use finding::{Finding, findings};
