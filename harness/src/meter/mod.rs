//! Phase clocks, peak memory, serving latency.

mod clock;
mod latency;
mod memory;

pub use clock::{Meter, Phase, Seconds};
pub use latency::{Latency, TOP, Throughput, latency, throughput};
pub use memory::{PeakMemory, check_fits};
