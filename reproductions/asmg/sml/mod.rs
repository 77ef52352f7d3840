//! SML: a transfer net makes the served model out of the last served one and one that trained on (Zhang et al., "How to
//! Retrain a Recommender System?", SIGIR 2020), as ASMG's authors have it.

mod gelu;
mod mix;
pub mod transfer;
