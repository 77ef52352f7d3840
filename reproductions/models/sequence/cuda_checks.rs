//! The first steps of a sequential model on CUDA against those by hand on the CPU.

use harness::optim::Adam;
use harness::run::ComputeDevice;
use harness::weights::Parameter;

use super::SequentialModel;
use super::checks::{Parts, gap, pass};

const STEPS: u64 = 20;
const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// Losses of the first steps and the weights after them.
fn first_steps(model: &mut dyn SequentialModel, parts: &dyn Fn(usize, u64) -> Parts) -> (Vec<f64>, Vec<Parameter>) {
    let losses = (0..STEPS).map(|step| {
        // Two batches in turn, so that losses of one batch show learning; RD's step and the plain one.
        let columns = if step % 2 == 0 { 14 } else { 4 };
        let loss = pass(model, &parts(columns, step % 2), 4, step % 2);
        model.step(&ADAM).unwrap();
        loss
    });
    let losses = losses.collect();
    model.settle();
    (losses, model.weights().unwrap().parameters)
}

/// Both models begin with `start`; `parts(columns, k)` is the `k`-th batch with so many items a window.
pub fn agree(
    host: &mut dyn SequentialModel,
    device: &mut dyn SequentialModel,
    there: &ComputeDevice,
    start: &[Parameter],
    parts: &dyn Fn(usize, u64) -> Parts,
) {
    let (host_losses, host_weights) = first_steps(host, parts);
    let (device_losses, device_weights) = first_steps(device, parts);
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
