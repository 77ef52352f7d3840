//! ASMG.
pub mod cell;
