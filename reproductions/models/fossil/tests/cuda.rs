//! The first steps on CUDA against the step by hand on the CPU. Runs where there is a device.

use std::io::Write;

use harness::run::{ComputeDevice, Wanted};

use super::*;

const STEPS: u64 = 20;

/// Losses of the first steps and the weights after them.
fn first_steps(model: &mut dyn SequentialModel, sizes: &Sizes, train: &UserItems) -> (Vec<f64>, Vec<Parameter>) {
    let losses = (0..STEPS).map(|step| {
        // Two batches in turn, so that losses of one batch show learning; RD's step and the plain one.
        let columns = if step % 2 == 0 { 14 } else { 4 };
        let loss = pass(model, &parts(sizes, train, columns, step % 2), 4, step % 2);
        model.step(&ADAM).unwrap();
        loss
    });
    let losses = losses.collect();
    model.settle();
    (losses, model.parameters().unwrap())
}

#[test]
fn the_first_losses_on_cuda_are_the_cpus() {
    let there = match ComputeDevice::open(Wanted::Cuda(0)) {
        Ok(there) => there,
        Err(error) => {
            // Not `eprintln!`, which a passing test swallows.
            writeln!(std::io::stderr(), "skipped, no CUDA device: {error}").unwrap();
            return;
        }
    };
    // As RD's teacher for Gowalla, with fewer items and users.
    let sizes = Sizes { users: 50, items: 5_000, dim: 50, length: 5, ..sizes(History::Causal, 1) };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let mut host = FusedFossil::new(start.clone(), sequences.clone()).unwrap();
    let mut device = GraphFossil::new(start.clone(), sequences.clone(), &there.device).unwrap();
    let (host_losses, host_weights) = first_steps(&mut host, &sizes, &sequences);
    let (device_losses, device_weights) = first_steps(&mut device, &sizes, &sequences);
    for (step, (a, b)) in host_losses.iter().zip(&device_losses).enumerate() {
        assert!((a - b).abs() < 1e-5 * a.abs(), "step {step}: loss {a} on the CPU, {b} on {}", there.name);
    }
    // The check above can fail: the losses of a batch fall by far more than it allows.
    assert!(host_losses[18] < 0.97 * host_losses[0], "{host_losses:?}");
    for ((a, b), start) in host_weights.iter().zip(&device_weights).zip(&start).take(NAMES.len()) {
        // Adam magnifies rounding where a gradient is nearly 0, up to the size of a step.
        let apart = gap(&b.values, &a.values);
        assert!(apart < 3e-5, "{}: {apart}", a.name);
        assert!(gap(&a.values, &start.values) > 1e-3, "{} stood still", a.name);
    }
}
