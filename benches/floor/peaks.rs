//! What this machine can do at most, on as many threads as the steps use. Each is the best of some rounds.

use std::hint::black_box;
use std::time::Instant;

use candle_core::{Device, Tensor};
use harness::nn::add_product;
use harness::optim::Adam;
use harness::rng::Stream;
use rayon::prelude::*;

const ROUNDS: usize = 5;

#[derive(Clone, Copy)]
pub struct Peaks {
    /// FLOP per second of products, two for each multiply-add: the higher of candle's at 2048³ and ours in the cache.
    pub product: f64,
    /// Bytes per second of arrays far larger than the cache, read and written.
    pub memory: f64,
    /// Elements per second that Adam moves while all of it stays in the cache: it takes a root and a division each.
    pub adam: f64,
}

impl Peaks {
    pub fn measure() -> Self {
        Self { product: candle().max(ours()), memory: in_place().max(triad()), adam: adam() }
    }

    /// The higher of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            product: self.product.max(other.product),
            memory: self.memory.max(other.memory),
            adam: self.adam.max(other.adam),
        }
    }
}

/// `amount` per second of the fastest round.
fn best(amount: f64, mut round: impl FnMut()) -> f64 {
    round();
    let seconds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    });
    amount / seconds.fold(f64::INFINITY, f64::min)
}

fn candle() -> f64 {
    const N: usize = 2048;
    let mut stream = Stream::new(0, "bench", "gemm", 0);
    let mut matrix = || Tensor::from_vec(stream.normals(N * N, 1.0), (N, N), &Device::Cpu).expect("a square");
    let (a, b) = (matrix(), matrix());
    best(2.0 * (N as f64).powi(3), || drop(black_box(a.matmul(&b).expect("a product"))))
}

/// The product that the layers use, at a size that stays in the L2 cache, a task for each thread.
fn ours() -> f64 {
    const ROWS: usize = 192;
    const INNER: usize = 256;
    const COLUMNS: usize = 128;
    const TIMES: usize = 100;
    let tasks = rayon::current_num_threads();
    best((tasks * TIMES * 2 * ROWS * INNER * COLUMNS) as f64, || {
        (0..tasks).into_par_iter().for_each(|_| {
            let (a, b, mut c) = (vec![0.5; ROWS * INNER], vec![0.5; INNER * COLUMNS], vec![0.0; ROWS * COLUMNS]);
            for _ in 0..TIMES {
                add_product(black_box(&mut c), COLUMNS, black_box(&a), INNER, black_box(&b));
            }
        });
    })
}

/// 128 MiB an array.
const LONG: usize = 32 << 20;
const CHUNK: usize = 1 << 16;

/// Three arrays that are read and written, as Adam's are.
fn in_place() -> f64 {
    let [mut a, mut b, mut c] = [const { 1.0f32 }; 3].map(|one| vec![one; LONG]);
    best((6 * size_of::<f32>() * LONG) as f64, || {
        a.par_chunks_mut(CHUNK).zip(b.par_chunks_mut(CHUNK)).zip(c.par_chunks_mut(CHUNK)).for_each(|((a, b), c)| {
            for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                (*a, *b, *c) = (*a * 0.5 + 0.1, *b * 0.5 + 0.1, *c * 0.5 + 0.1);
            }
        });
    })
}

/// a = b + s·c, counted as 12 bytes an element.
fn triad() -> f64 {
    let [mut a, b, c] = [const { 1.0f32 }; 3].map(|one| vec![one; LONG]);
    best((3 * size_of::<f32>() * LONG) as f64, || {
        a.par_chunks_mut(CHUNK).zip(b.par_chunks(CHUNK)).zip(c.par_chunks(CHUNK)).for_each(|((a, b), c)| {
            a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = b + 3.0 * c);
        });
    })
}

fn adam() -> f64 {
    const SHORT: usize = 2048;
    const TIMES: usize = 2000;
    let tasks = rayon::current_num_threads();
    let step = Adam { learning_rate: 1e-3, weight_decay: 1e-6 }.at(100);
    best((tasks * TIMES * SHORT) as f64, || {
        (0..tasks).into_par_iter().for_each(|_| {
            let [mut p, mut m, mut v] = [0.1, 1e-3, 1e-5].map(|value| vec![value; SHORT]);
            for _ in 0..TIMES {
                step.apply(black_box(&mut p), black_box(&mut m), black_box(&mut v), None);
            }
        });
    })
}
