//! From a spec to records: which runs there are, which of them are done, and training the others.
//!
//! A run depends on its spec, its seed, its data and its teacher's model, and writes only its own files. So runs may be
//! trained in any order that puts teachers first, and on several machines, whose results are merged by copying their
//! folders into one.

mod device;
mod execute;
mod external;
mod job;
mod judge;
mod latency;
mod lists;
mod measure;
mod plan;
mod prepared;
mod status;
mod store;

pub use device::{ComputeDevice, DeviceChoice};
pub use execute::{Executed, FailedRun, TrainingOptions, execute};
pub use job::Job;
pub use judge::{GivenLists, judge};
pub use latency::measure_latency;
pub use lists::{check_lists, save_lists};
pub use plan::expected;
pub use status::{Progress, RunStatus, status};
pub use store::ModelStore;
