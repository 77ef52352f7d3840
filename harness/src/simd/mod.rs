//! Vector kernels with the same bits on every machine.
//!
//! `pulp` chooses AVX-512, AVX2, NEON or plain code at run time; the choice changes the speed and
//! never a bit, because a sum's structure is fixed here: element `j` of a dot product goes to lane
//! `j mod 32`, each lane is one chain of fused multiply-adds, and the lanes are added by one tree.
//! Choosing costs a call that cannot be inlined, so kernels take batches.

mod above;
mod dot;
mod elements;
mod exp;
mod finite;
mod gathered;
mod level;
mod rows;
mod sha256;
mod squares;
mod tanh;

use std::sync::LazyLock;

pub(crate) use above::{Above, count_above};
pub use dot::{dot, dots, gathered_dots};
pub use elements::{add_scaled, subtract};
pub use exp::{exp, exp_minus};
pub(crate) use finite::all_finite;
pub use gathered::add_gathered;
pub use level::{CAP, Level};
use pulp::{Arch, WithSimd};
pub use rows::{ByRow, OfRows, add_lanes};
pub(crate) use sha256::{MESSAGES, sha256_of_blocks};
pub use squares::sum_of_squares;
pub use tanh::{logistic, tanh};

/// Lanes of a sum: two AVX-512 registers, four of AVX2; enough chains to hide the latency
/// of a fused multiply-add (4 cycles) when several rows are summed at once.
pub const LANES: usize = 32;

/// Found once: detection reads a dozen flags.
static ARCH: LazyLock<Arch> = LazyLock::new(|| level::chosen().expect("the program checks the cap when it starts"));

/// Runs a kernel with the widest registers of this machine.
#[inline]
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    ARCH.dispatch(kernel)
}

/// Every level of this machine, for tests that a kernel has the same bits at all of them.
pub fn levels() -> Vec<Arch> {
    let all = Level::ALL.into_iter().filter_map(Level::arch);
    std::iter::once(Arch::new()).chain(all).collect()
}

/// Numbers for tests, `n` of them.
#[cfg(test)]
fn values(n: usize) -> Vec<f32> {
    crate::rng::Stream::new(1, "simd", "values", n as u64).normals(n, 1.0)
}
