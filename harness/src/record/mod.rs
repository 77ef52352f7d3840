//! What a run measured, as one text file that is merged by putting folders together.
//!
//! A record is written once, when its run ends, and never changed. Reading is as strict as writing:
//! whatever a record says is either true to its own figures or refused with the file and the key.

mod check;
mod curve;
mod file;
mod latency;
mod machine;
mod period;
mod ranks;
mod records;
mod run;
mod runs;
mod text;

pub use curve::Curve;
pub use latency::{Batch, LATENCY_FORMAT, LatencyRecord, ModelDigests};
pub use machine::{Arithmetic, Machine};
pub use period::PeriodRecord;
pub use ranks::{Hits, RankSet, Ranks};
pub use records::{Checked, Records, RunId, Stale};
pub use run::{Digests, FORMAT, Latency, Memory, ParameterShape, Program, Record};
pub use runs::{Runs, Timed};

pub(crate) use file::unreadable;
pub(crate) use run::unique;
pub(crate) use text::to_text;

#[cfg(test)]
pub(crate) use latency::latency_sample;
#[cfg(test)]
pub(crate) use run::{sample, sample_of_periods};
