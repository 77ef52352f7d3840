//! The engine of Reprise: it knows no paper and no model by name.
//!
//! ```text
//! manifest → dataset → split → [ model + training ] → scores → metrics → record → compare → report
//!                     └ periods, one split after the other
//! ```
//!
//! Arrows never run back: a later stage sees an earlier one through its result type only.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests hold our values against those of std"))]

pub mod compare;
pub mod data;
pub mod digest;
mod document;
pub mod drift;
pub mod error;
pub mod file;
mod markdown;
pub mod meter;
pub mod method;
pub mod metrics;
pub mod nn;
pub mod optim;
pub mod periods;
pub mod plot;
pub mod rank;
pub mod record;
pub mod report;
pub mod rng;
pub mod run;
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
