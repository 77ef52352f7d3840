//! Definitions of metrics, the protocol that asks for them, and what is ranked.

mod definition;
mod metric;
mod protocol;
mod scorer;

pub use definition::Definition;
pub use metric::Metric;
pub use protocol::{Candidates, Protocol};
pub use scorer::{Dot, Encode, Scorer};
