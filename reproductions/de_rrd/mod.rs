//! DE-RRD: A Knowledge Distillation Framework for Recommender System (Kang et al., CIKM 2020).

pub mod cd;
pub mod rd;

#[cfg(test)]
mod baseline_tests;
