//! ASMG: an adaptive, sequential generator of models (Peng, Pan, Zhang, Zeng; RecSys 2021; arXiv 2111.04282), and what it is
//! compared with.

pub mod generator;
