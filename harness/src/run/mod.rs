//! From a spec to records: which runs there are, which of them are done, and doing one.
//!
//! A run depends on its spec, its seed, its data and its teacher's model, and writes its own files
//! only. So runs may be done in any order that puts teachers first, on several machines, and put
//! together by copying folders into each other.

mod device;
mod execute;
mod latency;
mod measure;
mod plan;
mod store;
mod world;

pub use device::{ComputeDevice, Wanted};
pub use execute::{Job, Outcome, Training, execute};
pub use latency::measure_latency;
pub use plan::{Filter, Plan, Run, expected};
pub use store::{Artefact, ModelStore};
