//! Records: what a run measured, as one text file. Results of several machines are merged by copying their folders into
//! one.
//!
//! A record is written once, when its run ends, and never changed. Reading is as strict as writing: a record whose
//! figures contradict each other is refused with the file and the key.

mod check;
mod checked;
mod curve;
mod id;
mod latency;
mod period;
mod ranks;
mod records;
mod run;
mod runs;
mod stored;
mod text;

pub use checked::{Checked, Stale};
pub use curve::CurveRecord;
pub use id::RunId;
pub use latency::{ImpressionSpeed, LatencyRecord, ModelDigests};
pub use period::PeriodRecord;
pub use ranks::{Hits, QueryRanks, RankSet};
pub use records::Records;
pub use run::{Digests, ListsRecord, MemoryUse, MetaModel, Origin, ParameterShape, Program, ProgramRun, Record};
pub use runs::{Runs, Timed};
pub use stored::{Check, Flaw, Stored};

pub(crate) use stored::{flaw, unique};
