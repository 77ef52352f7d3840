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
pub mod metrics;
pub mod rank;
pub mod record;
pub mod rng;
pub mod simd;
pub mod spec;
pub mod split;
pub mod train;
