//! STAND-IN
use std::collections::BTreeMap;
use serde::{Serialize,Deserialize};
use crate::metrics::{Metric,Scorer};
use crate::split::HeldOut;
use crate::error::Result;
#[derive(Clone,Debug,PartialEq,Serialize,Deserialize)]
pub struct Evaluation { pub values: BTreeMap<Metric,f64> }
pub struct Ranker<'a>(std::marker::PhantomData<&'a ()>);
impl Ranker<'_> { pub fn evaluate(&self,_s:&dyn Scorer,_h:HeldOut)->Result<Evaluation>{ unimplemented!() } }
pub fn top_k(_s:&dyn Scorer,_q:u32,_e:&[u32],_k:usize)->Result<Vec<u32>>{unimplemented!()}
