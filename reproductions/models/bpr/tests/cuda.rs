//! The first steps on CUDA against the step by hand on the CPU. Runs where there is a device.

use super::*;
use crate::kit::cuda::cuda;

/// CiteULike's sizes with the teacher's factors, as DE-RRD trains it.
const USERS: u32 = 5_220;
const ITEMS: u32 = 25_182;
const DIM: usize = 200;
const BATCH: usize = 1024;
const STEPS: u64 = 20;

/// Losses of the first steps and the weights after them.
fn first_steps(model: &mut dyn Recommender) -> (Vec<f64>, Vec<Vec<f32>>) {
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    let losses = (0..STEPS).map(|step| {
        // Two batches in turn, so that losses of one batch show learning; few users and positives,
        // so that rows repeat in a batch; most rows untouched, as in training.
        let mut stream = Stream::new(0, "bpr-cuda-test", "batch", step % 2);
        let batch: Vec<_> = (0..BATCH).map(|_| [stream.below(500), stream.below(50), stream.below(ITEMS)]).collect();
        let loss = model.forward_backward(&batch).unwrap();
        model.step(&adam).unwrap();
        loss
    });
    let losses = losses.collect();
    model.settle();
    (losses, model.weights().unwrap().parameters.into_iter().map(|p| p.values).collect())
}

#[test]
fn the_first_losses_on_cuda_are_the_cpus() {
    let Some(there) = cuda() else { return };
    let mut stream = Stream::new(0, "bpr-cuda-test", "init", 0);
    // Ten times the usual spread, so that margins and gradients differ between triples.
    let [users, items] = [USERS, ITEMS].map(|rows| stream.normals(rows as usize * DIM, 0.1));
    let mut host = FusedBpr::new(of_tables(DIM, users.clone(), items.clone())).unwrap();
    let mut device = GraphBpr::new(of_tables(DIM, users, items), &there.device).unwrap();
    let (host_losses, host_weights) = first_steps(&mut host);
    let (device_losses, device_weights) = first_steps(&mut device);
    for (step, (a, b)) in host_losses.iter().zip(&device_losses).enumerate() {
        // A sum of 1,024 terms of a few roundings each, on either side.
        assert!((a - b).abs() < 2e-6 * a.abs(), "step {step}: loss {a} on the CPU, {b} on {}", there.name);
    }
    // The check above can fail: the losses of a batch fall by far more than it allows.
    assert!(host_losses[18] < 0.9 * host_losses[0], "{host_losses:?}");
    let (mut sum, mut count) = (0.0, 0.0);
    for (a, b) in host_weights.iter().flatten().zip(device_weights.iter().flatten()) {
        sum += f64::from((a - b).abs());
        count += 1.0;
    }
    // Adam divides by the root of g²: single weights whose g is nearly 0 may differ by a step (1e-3).
    assert!(sum / count < 1e-7, "mean gap of the weights {}", sum / count);
}
