//! What the benches share: a matrix factorisation and splits of the papers' sizes.

// Each bench is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod gowalla;

use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput};
use harness::metrics::{Dot, Encode, Scorer};
use harness::rng::Stream;
use harness::split::{Split, UserItems};

/// CiteULike-t as DE-RRD prints it.
pub const USERS: usize = 5_220;
pub const ITEMS: usize = 25_182;
/// Training pairs per user, near CiteULike's mean of 22.06.
pub const SEEN: usize = 22;

/// Users, items, and the mean of training pairs per user of Gowalla as RD has it.
pub const GOWALLA: [usize; 3] = [13_149, 14_009, 33];

/// Few samples, because the long benches take half a second an iteration. The calling thread becomes one of rayon's, as in
/// the program.
///
/// # Panics
/// If rayon was used before.
pub fn criterion() -> Criterion {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global().expect("the first use of the threads");
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .without_plots()
        .configure_from_args()
}

/// The machine's peak: 2048³ in f32 through candle (the `gemm` crate on all threads).
/// Throughput is in FLOP.
pub fn peak(criterion: &mut Criterion) {
    const N: usize = 2048;
    let mut group = criterion.benchmark_group("gemm");
    group.throughput(Throughput::Elements(2 * (N as u64).pow(3)));
    let mut stream = Stream::new(0, "bench", "gemm", 0);
    let mut matrix = || Tensor::from_vec(stream.normals(N * N, 1.0), (N, N), &Device::Cpu).expect("a square");
    let (a, b) = (matrix(), matrix());
    group.bench_function("2048", |bencher| bencher.iter(|| a.matmul(&b).expect("a product")));
    group.finish();
}

/// score(u, i) = ⟨user u, item i⟩ with Normal(0, 0.1) values.
pub struct Factors {
    pub dim: usize,
    items: Vec<f32>,
    encode: Encode<'static>,
}

impl Factors {
    pub fn new(dim: usize) -> Self {
        let mut stream = Stream::new(0, "bench", "factors", dim as u64);
        let (users, items) = (stream.normals(USERS * dim, 0.1), stream.normals(ITEMS * dim, 0.1));
        let encode = Box::new(move |queries: &[u32], out: &mut [f32]| {
            for (row, &query) in out.chunks_exact_mut(dim).zip(queries) {
                row.copy_from_slice(&users[query as usize * dim..][..dim]);
            }
        });
        Self { dim, items, encode }
    }

    fn encoded(&self, query: u32) -> Vec<f32> {
        let mut x = vec![0.0; self.dim];
        (self.encode)(&[query], &mut x);
        x
    }
}

impl Scorer for Factors {
    fn n_items(&self) -> usize {
        ITEMS
    }
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        self.dot().expect("a dot product").score(&self.encoded(query), items, out);
    }
    fn score_all(&self, query: u32, out: &mut [f32]) {
        self.dot().expect("a dot product").score_all(&self.encoded(query), out);
    }
    fn dot(&self) -> Option<Dot<'_>> {
        Some(Dot { dim: self.dim, items: &self.items, bias: None, encode: Box::new(&self.encode) })
    }
}

/// A split of CiteULike's sizes, with `held_out` test items of every user.
pub fn split(held_out: usize) -> Split {
    split_of([USERS, ITEMS, SEEN], held_out)
}

/// Every user with `seen` training items and `held_out` test items.
pub fn split_of([users, items, seen]: [usize; 3], held_out: usize) -> Split {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for user in 0..users as u32 {
        let drawn =
            Stream::new(0, "bench", "split", u64::from(user)).without_replacement(items as u32, seen + held_out);
        train.extend(drawn[..seen].iter().map(|&item| (user, item)));
        test.extend(drawn[seen..].iter().map(|&item| (user, item)));
    }
    Split {
        n_users: users,
        n_items: items,
        train: UserItems::from_pairs(users, &train),
        valid: UserItems::from_pairs(users, &[]),
        test: UserItems::from_pairs(users, &test),
    }
}
