//! Definitions of metrics and the ranking that they measure.

mod scorer;

pub use scorer::{Dot, Scorer};
#[derive(Clone,Debug,PartialEq,Eq,PartialOrd,Ord,serde::Serialize,serde::Deserialize)]
pub struct Metric(String);
impl Metric { pub fn cutoff(&self)->Option<usize>{None} }
impl std::fmt::Display for Metric { fn fmt(&self,f:&mut std::fmt::Formatter<'_>)->std::fmt::Result{ f.write_str(&self.0) } }
