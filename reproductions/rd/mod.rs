//! Ranking Distillation (RD): Tang and Wang, KDD 2018, and the first author's code
//! (graytowne/rank_distill).
//!
//! A student learns the items that its teacher ranks first for a query (the exemplary list) as further
//! positives, with weights by their positions and by how far the student still ranks them behind.
//! [`sequential`] is the method of the paper, on sequential base models; the rules that do not depend on the base
//! model stand beside it. Where paper and code differ, both are here.

pub mod list;
pub mod sequential;

#[cfg(test)]
mod tests;
