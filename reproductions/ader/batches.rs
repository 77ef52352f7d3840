//! Batches of a period's sub-sequences and of exemplars.

use harness::rng::Stream;

/// Numbers and sizes of the batches of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Batches of an epoch: training sub-sequences over the batch size, rounded up.
    pub batches: usize,
    /// Exemplars per batch, such that an epoch shows each about once.
    pub exemplars: usize,
}

impl Plan {
    /// The plan for `train` sub-sequences in batches of `batch`, and a number of exemplars.
    ///
    /// With fewer exemplars than batches the authors' code would draw none at a time and divide by that; here one is
    /// drawn.
    pub fn new(train: usize, batch: usize, exemplars: usize) -> Self {
        let batches = train.div_ceil(batch);
        if exemplars == 0 {
            return Self { batches, exemplars: 0 };
        }
        Self { batches, exemplars: (exemplars / batches.max(1)).max(1) }
    }
}

/// Batches of the positions `0..n` in random order; after the last position another order begins (code).
///
/// The `k`-th batch depends on `k` alone, so that a run can be resumed at any batch.
pub struct Cycle {
    n: usize,
    at_once: usize,
    /// The number of the current pass over the exemplars.
    pass: Option<u64>,
    order: Vec<u32>,
}

impl Cycle {
    /// # Panics
    /// If there is nothing, or nothing at a time.
    pub fn new(n: usize, at_once: usize) -> Self {
        assert!(n > 0 && at_once > 0, "batches of {at_once} out of {n}");
        Self { n, at_once, pass: None, order: Vec::new() }
    }

    /// Batches in a pass over all positions; the last may be short.
    pub fn per_pass(&self) -> usize {
        self.n.div_ceil(self.at_once)
    }

    /// The `k`-th batch, from 0. `stream(pass)` is the stream of a pass.
    pub fn batch(&mut self, k: u64, stream: impl Fn(u64) -> Stream) -> &[u32] {
        let per_pass = self.per_pass() as u64;
        let (pass, place) = (k / per_pass, (k % per_pass) as usize);
        if self.pass != Some(pass) {
            self.order = stream(pass).permutation(self.n);
            self.pass = Some(pass);
        }
        let start = place * self.at_once;
        &self.order[start..(start + self.at_once).min(self.n)]
    }
}
