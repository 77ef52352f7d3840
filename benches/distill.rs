//! Steps of distillation terms at the sizes of the papers.
//!
//! `cargo bench --bench distill -- --quick`. The criterion figures of `gemm/*` are the peak to hold
//! the others against.

mod support;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput};
use harness::nn::{add_product, add_transposed_product};
use harness::rng::Stream;
use rayon::prelude::*;

/// The machine's peak: 2048³ in f32 through candle (the `gemm` crate on all threads).
/// Throughput is in FLOP.
fn peak(criterion: &mut Criterion) {
    const N: usize = 2048;
    let mut group = criterion.benchmark_group("gemm");
    group.throughput(Throughput::Elements(2 * (N as u64).pow(3)));
    let mut stream = Stream::new(0, "bench", "gemm", 0);
    let mut matrix = || Tensor::from_vec(stream.normals(N * N, 1.0), (N, N), &Device::Cpu).expect("a square");
    let (a, b) = (matrix(), matrix());
    group.bench_function("2048", |bencher| bencher.iter(|| a.matmul(&b).expect("a product")));
    group.finish();
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    for (name, rows, k, n, t) in [
        ("h", 128usize, 21usize, 112usize, false),
        ("t", 128, 111, 208, false),
        ("dh", 128, 200, 112, false),
        ("dw2", 111, 128, 208, true),
        ("dw1", 21, 128, 112, true),
        ("ds", 128, 110, 32, false),
        ("dw2-64", 111, 64, 208, true),
    ] {
        let units = 64;
        group.throughput(Throughput::Elements((units * 2 * rows * k * n) as u64));
        let mut stream = Stream::new(0, "bench", "gemm", 0);
        let (a, b) = (stream.normals(rows * k, 1e-3), stream.normals(k * n, 1e-3));
        let mut c: Vec<Vec<f32>> = vec![vec![0.0; rows * n]; units];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                c.par_iter_mut().for_each(|c| {
                    if t { add_transposed_product(c, n, &a, rows, &b) } else { add_product(c, n, &a, k, &b) }
                })
            })
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    peak(&mut criterion);
    products(&mut criterion);
    criterion.final_summary();
}
