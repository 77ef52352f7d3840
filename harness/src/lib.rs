//! The engine of Reprise: it knows no paper and no model by name.
//!
//! ```text
//! manifest → dataset → split → [ model + training ] → scores → metrics → record → compare → report
//! ```
//!
//! Arrows never run back: a later stage sees an earlier one through its result type only.

pub mod data;
pub mod digest;
pub mod error;
pub mod method;
pub mod meter;
pub mod metrics;
pub mod nn;
pub mod optim;
pub mod record;
pub mod rank;
pub mod rng;
pub mod run;
pub mod simd;
pub mod spec;
pub mod split;
pub mod toml_place;
pub mod train;
