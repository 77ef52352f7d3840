//! The two tables against the reference vectors, each other, and any number of threads.

use candle_core::{Device, Tensor};

use super::*;
use crate::golden::{case, floats};
use crate::kit::same_on_threads;
use crate::optim::Adam;
use crate::rng::Stream;
use crate::weights::Parameter;

#[test]
fn adam_with_l2_agrees_with_the_reference_in_both_tables() {
    for (file, name) in
        [("rrd.json", "adam_with_l2_in_gradient_wd=0.001"), ("rd.json", "adam_with_l2_in_gradient_wd=1e-06")]
    {
        let case = case(file, name);
        let (inputs, expected) = (&case["inputs"], &case["expected"]["theta_after_each_step"]);
        let adam = Adam {
            learning_rate: inputs["lr"].as_f64().unwrap(),
            weight_decay: inputs["weight_decay"].as_f64().unwrap(),
        };
        let start = Parameter { name: "t".into(), shape: vec![2, 2], values: floats(&inputs["theta0"]) };
        let mut host = EmbeddingTable::from(start.clone());
        let mut device = DeviceTable::new(start, &Device::Cpu).unwrap();
        for (t, gradient) in inputs["data_grads_per_step"].as_array().unwrap().iter().enumerate() {
            let gradient = floats(gradient);
            // Row 0 is named twice, each time with half of its gradient; row 1 once.
            let ids = [0u32, 1, 0];
            let mut occurrences = Occurrences::new(2);
            occurrences.set(ids.into_iter());
            host.step(&adam, &occurrences, |position| match position {
                1 => (1.0, &gradient[2..4]),
                _ => (0.5, &gradient[0..2]),
            });
            let half: Vec<f32> = gradient[..2].iter().map(|g| g / 2.0).collect();
            let rows = [&half[..], &gradient[2..4], &half].concat();
            let rows = Tensor::from_vec(rows, (3, 2), &Device::Cpu).unwrap();
            device.step(&adam, &Tensor::new(&ids, &Device::Cpu).unwrap(), &rows).unwrap();
            for ((want, host), device) in
                floats(&expected[t]).iter().zip(host.weights()).zip(&device.parameter().unwrap().values)
            {
                assert!((want - host).abs() < 2e-8, "step {t}: {want} {host}");
                assert!((want - device).abs() < 2e-8, "step {t}: {want} {device}");
            }
        }
    }
}

/// 5 steps on a table that spans several blocks.
fn train() -> EmbeddingTable {
    let (rows, dim) = (1000, 13);
    let mut table = EmbeddingTable::new("t", rows, dim, Stream::new(0, "t", "init", 0).normals(rows * dim, 0.1));
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    let mut occurrences = Occurrences::new(rows);
    for step in 0..5 {
        let mut stream = Stream::new(0, "t", "batch", step);
        let ids: Vec<u32> = (0..64).map(|_| stream.below(40) * 25).collect();
        let gradients = stream.normals(64 * dim, 1.0);
        occurrences.set(ids.into_iter());
        table.step(&adam, &occurrences, |k| (0.5, &gradients[k * dim..][..dim]));
    }
    table
}

#[test]
fn threads_change_no_bit_of_a_step() {
    same_on_threads(|| {
        let table = train();
        (table.weights().to_vec(), table.moments().map(<[f32]>::to_vec))
    });
}

#[test]
fn a_leaf_receives_the_gradient_of_its_rows() {
    let table = EmbeddingTable::new("t", 3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let leaf = table.leaf(&[2, 0]).unwrap();
    assert_eq!(leaf.to_vec2::<f32>().unwrap(), [[5.0, 6.0], [1.0, 2.0]]);
    let loss = leaf.sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    let gradient = gradients.get(leaf.as_tensor()).expect("a gradient").to_vec2::<f32>().unwrap();
    assert_eq!(gradient, [[10.0, 12.0], [2.0, 4.0]]);
}

#[test]
fn gemm_is_candles_own_copy() {
    // `x86-v4` reaches candle's matmul only if both use one version of gemm.
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    for name in ["gemm", "gemm-f32", "pulp"] {
        let copies = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(copies, 1, "{copies} versions of {name} in Cargo.lock");
    }
}

/// A table that is large enough to let rows fall behind, and the same cut into small tables.
#[test]
fn rows_that_fall_behind_end_with_the_bits_of_rows_that_do_not() {
    let (rows, dim, pieces) = (20_000, 96, 20);
    let weights = Stream::new(0, "t", "large", 0).normals(rows * dim, 0.1);
    let mut large = EmbeddingTable::new("large", rows, dim, weights.clone());
    // The same, but from some step on no row falls behind.
    let mut prompt = large.clone();
    let per_piece = rows / pieces;
    let mut small: Vec<_> = weights
        .chunks(per_piece * dim)
        .map(|weights| EmbeddingTable::new("small", per_piece, dim, weights.to_vec()))
        .collect();
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    // Not a multiple of the lag, so that settling finds rows at every distance.
    for step in 0..21 {
        let mut stream = Stream::new(0, "t", "batch", step);
        let ids: Vec<u32> = (0..300).map(|_| stream.below(rows as u32 / 4)).collect();
        let gradients = stream.normals(ids.len() * dim, 1.0);
        let gradient = |k: usize| (0.5, &gradients[k * dim..][..dim]);
        let mut occurrences = Occurrences::new(rows);
        occurrences.set(ids.iter().copied());
        large.catch_up(&occurrences);
        if step == 11 {
            prompt.keep_up();
        }
        prompt.catch_up(&occurrences);
        assert!(large.is_behind() == (step % 8 != 0) && (prompt.is_behind() == (large.is_behind() && step < 11)));
        for (piece, table) in small.iter_mut().enumerate() {
            let first = (piece * per_piece) as u32;
            let inside = first..first + per_piece as u32;
            let here: Vec<usize> = (0..ids.len()).filter(|&k| inside.contains(&ids[k])).collect();
            for &k in &here {
                assert_eq!(large.row(ids[k]), table.row(ids[k] - first), "step {step}, row {}", ids[k]);
            }
            let mut occurrences = Occurrences::new(per_piece);
            occurrences.set(here.iter().map(|&k| ids[k] - first));
            table.step(&adam, &occurrences, |k| gradient(here[k]));
        }
        large.step(&adam, &occurrences, gradient);
        prompt.step(&adam, &occurrences, gradient);
    }
    large.settle();
    assert!(prompt.weights() == large.weights() && prompt.moments() == large.moments());
    let of = |part: fn(&EmbeddingTable) -> &[f32]| small.iter().flat_map(part).copied().collect::<Vec<f32>>();
    assert_eq!(large.weights(), of(|t| t.weights()));
    assert_eq!(large.moments()[0], of(|t| t.moments()[0]));
    assert_eq!(large.moments()[1], of(|t| t.moments()[1]));
}
