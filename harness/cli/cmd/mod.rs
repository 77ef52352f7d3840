//! One file per subcommand.

pub mod check;
pub mod data;
pub mod describe;
pub mod doctor;
pub mod latency;
pub mod list;
pub mod report;
pub mod run;
