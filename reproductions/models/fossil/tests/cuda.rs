//! The first steps on CUDA against the step by hand on the CPU. Runs where there is a device.

use super::*;
use crate::kit::cuda::{agree, cuda};

#[test]
fn the_first_losses_on_cuda_are_the_cpus() {
    let Some(there) = cuda() else { return };
    // As RD's teacher for Gowalla, with fewer items and users.
    let sizes = FossilSizes { users: 50, items: 5_000, dim: 50, length: 5, ..sizes(History::Causal, 1) };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let mut host = FusedFossil::new(start.clone(), sequences.clone()).unwrap();
    let mut device = GraphFossil::new(start.clone(), sequences.clone(), &there.device).unwrap();
    agree(&mut host, &mut device, &there, &start.parameters, &|columns, k| parts(&sizes, &sequences, columns, k));
}
