//! Caser: convolutions over the last items of a user (Tang and Wang, WSDM 2018), as the authors of RD train it
//! (graytowne/rank_distill, graytowne/caser_pytorch; both [code]).
//!
//! ```text
//! X = the L rows of E that were read                               [L, d]
//! vertical:   b_f + Σ_l w_fl X_l                                   [nv, d], no activation
//! horizontal: max over time of act(b_f + ⟨W_f, h rows of X⟩)       [nh] for each height h = 1..L
//! z = act(A · dropout([vertical, horizontal]) + c)                 [d]
//! score of id i = ⟨[z, P_u], W2_i⟩ + b2_i
//! ```
//!
//! Tables have a row for the padding, which starts and moves like any other [code].

mod activation;
mod backward;
mod block;
mod encoder;
mod fused;
mod graph;
mod layers;
mod sizes;

pub use self::activation::Activation;
pub use self::encoder::CaserEncoder;
pub use self::fused::FusedCaser;
pub use self::graph::GraphCaser;
pub use self::sizes::{NAMES, Sizes};

#[cfg(test)]
mod tests;
