//! Published figures beside ours, and the paper's claims held against our runs.
//!
//! ```text
//! Published ─┐
//! Comparison ┴→ Matched ─┬→ Cell, Effect
//! Runs ┬→ Measurements ──┼→ Finding
//! latency records ┘      │
//! Claim ─────────────────┘
//! ```

mod agreement;
mod cell;
mod claim;
mod effect;
mod host_latencies;
mod logged;
mod matched;
mod measurements;
mod published;
mod table_kind;
mod verdict;

pub use agreement::{Agreement, MIN_SEEDS};
pub use cell::{Cell, cells};
pub use claim::{Evidence, Finding, PValues, findings};
pub use effect::{Effect, effects};
pub use host_latencies::HostLatencies;
pub use logged::Logged;
pub use matched::{Matched, MatchedColumn, MatchedRow, PublishedEffect, Scope};
pub use measurements::Measurements;
pub use published::{Published, PublishedRow, PublishedSource, PublishedTable};
pub use table_kind::TableKind;
pub use verdict::Verdict;
