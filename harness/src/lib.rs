//! The engine of Reprise: it knows no paper and no model by name.
//!
//! ```text
//! manifest → dataset → split → [ model + training ] → scores → metrics → record → compare → report
//!                     └ periods, one after the other
//! ```
//!
//! The rooms, each a module, in the order that arrows keep: a room uses the rooms before it and none after it, and sees an
//! earlier one through its result type only. `tests/arrows.rs` reads this list and holds the code to it.
//!
//! ```text rooms
//! schema error suggest digest file scratch document value markdown table  the ground, used by all
//! simd rng optim stats                            arithmetic with the same bits on every machine
//! weights                                         named tensors and settings: layouts, initial values, saved state
//! data                                            manifests, fetching, verifying, reading: the dataset
//! split                                           train, validation and test by a named rule; periods of a stream
//! queries                                         what is asked, and what should be answered
//! metrics                                         definitions, and the protocol that asks for them
//! rank                                            ranking, pointwise evaluation, serving
//! lists                                           lists as files: read and ranked, or written
//! nn                                              layers, tables and their steps, products
//! meter                                           phase clocks, memory, latency
//! train                                           the context of a run, epochs, selection, the loop over periods
//! method                                          the contract between the engine and a method
//! program                                         programs of others: what a spec says of one, running it
//! spec                                            experiments as TOML: wire types, checked types
//! record                                          what a run measured, kept as text
//! export                                          the split as files for other programs
//! compare                                         cells, effects and claims beside the published tables
//! drift                                           the baseline that CI judges against
//! plot report                                     figures and pages
//! run                                             which runs there are, and doing one
//! plan                                            runs for many machines
//! bundle                                          results as an archive for reviewers
//! ```

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests hold our values against those of std"))]

pub mod bundle;
pub mod compare;
pub mod data;
pub mod digest;
mod document;
pub mod drift;
pub mod error;
pub mod export;
pub mod file;
pub mod lists;
mod markdown;
pub mod meter;
pub mod method;
pub mod metrics;
pub mod nn;
pub mod optim;
pub mod plan;
pub mod plot;
pub mod program;
pub mod queries;
pub mod rank;
pub mod record;
pub mod report;
pub mod rng;
pub mod run;
pub mod schema;
pub mod scratch;
pub mod simd;
pub mod spec;
pub mod split;
pub mod stats;
mod suggest;
pub mod table;
pub mod train;
pub mod value;
pub mod weights;

#[cfg(test)]
#[path = "../../tests/golden/vectors.rs"]
mod golden;
#[cfg(test)]
mod kit;
