//! One file per subcommand.

pub mod bundle;
pub mod check;
pub mod data;
pub mod describe;
pub mod doctor;
pub mod export;
pub mod home;
pub mod judge;
pub mod latency;
pub mod list;
pub mod manual;
pub mod plan;
pub mod report;
pub mod run;
pub mod schema;
pub mod status;
