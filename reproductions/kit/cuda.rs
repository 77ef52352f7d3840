//! The first CUDA device, and the first steps of a sequential model on it against those by hand on the CPU.

use std::io::Write as _;

use harness::optim::Adam;
use harness::run::{ComputeDevice, DeviceChoice};
use harness::weights::Parameter;

use super::gap;
use super::sequential::{Parts, steps};
use crate::models::sequence::SequentialModel;

const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// The first CUDA device, for a test that runs where there is one.
pub fn cuda() -> Option<ComputeDevice> {
    let opened = ComputeDevice::open(DeviceChoice::Cuda(0));
    // Not `eprintln!`, which a passing test swallows.
    opened.map_err(|error| writeln!(std::io::stderr(), "skipped, no CUDA device: {error}").unwrap()).ok()
}

/// Both models begin with `start`; `parts(columns, k)` is the `k`-th batch with so many items a window.
pub fn agree(
    host: &mut dyn SequentialModel,
    device: &mut dyn SequentialModel,
    there: &ComputeDevice,
    start: &[Parameter],
    parts: &dyn Fn(usize, u64) -> Parts,
) {
    // Two batches in turn, so that losses of one batch show learning; RD's step and the plain one.
    let of = [(14, 0), (4, 1)].repeat(10);
    let (host_losses, host_weights) = steps(host, &ADAM, &of, parts);
    let (device_losses, device_weights) = steps(device, &ADAM, &of, parts);
    for (step, (a, b)) in host_losses.iter().zip(&device_losses).enumerate() {
        assert!((a - b).abs() < 1e-5 * a.abs(), "step {step}: loss {a} on the CPU, {b} on {}", there.name);
    }
    // The check above can fail: the losses of a batch fall by far more than it allows.
    assert!(host_losses[18] < 0.97 * host_losses[0], "{host_losses:?}");
    for ((a, b), start) in host_weights.iter().zip(&device_weights).zip(start) {
        // Adam magnifies rounding where a gradient is nearly 0, up to the size of a step.
        let apart = gap(&b.values, &a.values);
        assert!(apart < 3e-5, "{}: {apart}", a.name);
        assert!(gap(&a.values, &start.values) > 1e-3, "{} stood still", a.name);
    }
}
