//! The first steps on CUDA against the step by hand on the CPU. Runs where there is a device.

use super::*;
use crate::kit::cuda::cuda;
use crate::kit::gap;

/// CiteULike's sizes with the teacher's width, as DE-RRD trains it.
const N_USERS: usize = 5_220;
const N_ITEMS: usize = 25_182;
const DIM: usize = 250;
const BATCH: usize = 1024;

#[test]
fn the_first_steps_on_cuda_are_the_cpus() {
    let Some(there) = cuda() else { return };
    let start = start(N_USERS, N_ITEMS, DIM);
    let mut stream = Stream::new(0, "neumf-cuda-test", "batch", 0);
    // Few entities, so that rows repeat in a batch; most rows untouched, as in training.
    let (batch, terms) = (batch(&mut stream, BATCH, 500, 50), Terms::draw(&mut stream, N_USERS, N_ITEMS));
    let host = || FusedNeuMf::new(start.clone()).unwrap();
    let device = || GraphNeuMf::new(start.clone(), &there.device).unwrap();
    let here = gradients(&mut host(), &batch, Some(&terms));
    let on_device = gradients(&mut device(), &batch, Some(&terms));
    assert_gradients_alike(&NAMES, &on_device, &here, [2e-6, 1e-5], &there.name);
    let (mut host, mut device) = (host(), device());
    let (host_losses, host_weights) = train(&mut host, N_USERS, N_ITEMS);
    let (device_losses, device_weights) = train(&mut device, N_USERS, N_ITEMS);
    for (a, b) in host_losses.iter().zip(&device_losses) {
        assert!((a - b).abs() < 1e-5 * a.abs(), "loss {a} on the CPU, {b} on {}", there.name);
    }
    for (a, b) in device_weights.iter().zip(&host_weights) {
        assert!(gap(&a.values, &b.values) < 1e-5, "{}: {}", a.name, gap(&a.values, &b.values));
    }
}
