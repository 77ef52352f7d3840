//! Definitions of metrics, the protocol that asks for them, and the scorers whose results they measure.

mod definition;
mod elsewhere;
mod metric;
mod pointwise;
mod protocol;
mod scorer;

pub use definition::{Definition, Direction, Reads};
pub use elsewhere::{Elsewhere, Peer, elsewhere_table, explain};
pub use metric::Metric;
pub use pointwise::Score;
pub use protocol::{Candidates, Draw, Protocol};
pub use scorer::{Dot, Encode, Scorer};
