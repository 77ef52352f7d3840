//! What is measured beside results: seconds by phase, memory, serving latency, and the machine that all of it is true of.

mod clock;
mod latency;
mod machine;
mod memory;

pub use clock::{Meter, Phase, Seconds};
pub use latency::{Latency, TOP, Throughput, impressions, latency, throughput};
pub use machine::{Arithmetic, Machine, host_name};
pub use memory::{PeakMemory, check_fits};
