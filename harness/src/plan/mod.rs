//! Runs for many machines: which are missing, what each needs, and the script that starts each as a process of its own.
//!
//! ```text
//! specs, records → Plan (plan-DIGEST.json) → a script for a shell, Slurm or Snakemake
//!                                          → `reprise run --plan plan-DIGEST.json --index N`, one run each
//! ```
//!
//! The processes share two folders: the cache, in which students find their teachers' models and interrupted runs their saved
//! states, and that of the records. A run is locked while it is trained, so that two processes never train the same one.

mod made;
mod need;
mod script;
mod slurm;
mod snakemake;
mod start;

pub use made::{Plan, PlannedRun, SpecToPlan};
pub use need::Need;
pub use script::{Processes, ScriptForm, scripts};
pub use snakemake::MARKS;
pub use start::Script;
