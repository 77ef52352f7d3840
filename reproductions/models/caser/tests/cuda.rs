//! The first steps on CUDA against the step by hand on the CPU. Runs where there is a device.

use super::*;
use crate::kit::cuda::{agree, cuda};

#[test]
fn the_first_losses_on_cuda_are_the_cpus() {
    let Some(there) = cuda() else { return };
    // As RD's student for Gowalla, with fewer ids and users.
    let small = sizes(Activation::Identity, Activation::Sigmoid);
    let sizes = CaserSizes { users: 50, ids: 5_000, dim: 50, length: 5, vertical: 2, horizontal: 16, ..small };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let mut host = FusedCaser::new(start.clone(), Dropout::new(0.5)).unwrap();
    let mut device = GraphCaser::new(start.clone(), Dropout::new(0.5), &there.device).unwrap();
    agree(&mut host, &mut device, &there, &start.parameters, &|columns, k| parts(&sizes, &sequences, columns, k));
}
