//! Fossil: similarities of items and a Markov chain of personal order (He and McAuley, ICDM 2016), as a base
//! model of RD, whose authors published no code of it.
//!
//! ```text
//! x = |H|^−α Σ_{i ∈ H} V_i + Σ_{k=1..L} (η_k + η^u_k) V_{S_{t−k}}
//! score of item j = ⟨x, W_j⟩ + b_j
//! ```
//!
//! H is the user's [history](History), S_{t−1} the last item before the place that is asked for. V and W are
//! different tables without a row for the padding: what is not there adds nothing. V, W and η^u start
//! Normal(0, `init_std`); b and η at 0 (public re-implementations; the papers do not say). With L = 5 and the bias
//! the four sizes of RD's table come out exactly.

mod encoder;
mod fused;
mod graph;
mod sizes;

use harness::error::{Error, Kind, Result};

pub use self::encoder::FossilEncoder;
pub use self::fused::FusedFossil;
pub use self::graph::GraphFossil;
pub use self::sizes::{History, NAMES, Sizes};

/// The row of an id in tables that have none for the padding.
fn row_of(id: u32) -> Result<u32> {
    id.checked_sub(1).ok_or_else(|| {
        Error::new(Kind::Internal, "Fossil cannot score the padding").expected("ids of items").got("id 0")
    })
}

#[cfg(test)]
mod tests;
