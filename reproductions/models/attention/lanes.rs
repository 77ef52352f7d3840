//! Pieces side by side: rows of activations as lanes, and lanes as registers.

use harness::nn::transpose;
use harness::simd;
use pulp::Simd;

use super::shape::AttentionShape;
use crate::models::pieces::GROUP;

/// Pieces that go through attention together.
pub const LANES: usize = GROUP;

/// A number of each piece.
pub type Lanes = [f32; LANES];

/// Rows by time, then piece (`[L·pieces, stride]`), laid out by time, column and lane (`[L, C]`). Lanes without a piece are
/// zeros.
pub fn to_lanes(rows: &[f32], stride: usize, shape: AttentionShape, out: &mut Vec<Lanes>) {
    let pieces = rows.len() / stride / shape.length;
    if pieces < LANES {
        out.clear();
    }
    out.resize(shape.length * shape.width, [0.0; LANES]);
    for (out, rows) in out.chunks_exact_mut(shape.width).zip(rows.chunks_exact(pieces * stride)) {
        transpose(out.as_flattened_mut(), LANES, rows, stride, shape.width);
    }
}

/// Adds what lies in lanes `[L, C]` to rows by time, then piece (`[L·pieces, stride]`). `square`: a buffer.
pub fn add_from_lanes(lanes: &[Lanes], shape: AttentionShape, stride: usize, rows: &mut [f32], square: &mut Vec<f32>) {
    let pieces = rows.len() / stride / shape.length;
    // What lies beyond C is not written.
    square.clear();
    square.resize(LANES * stride, 0.0);
    for (lanes, rows) in lanes.chunks_exact(shape.width).zip(rows.chunks_exact_mut(pieces * stride)) {
        transpose(square, stride, lanes.as_flattened(), LANES, LANES);
        simd::add_scaled(rows, 1.0, &square[..pieces * stride]);
    }
}

/// Lanes as registers, of a level whose registers hold LANES / REGS numbers.
#[inline(always)]
pub fn registers<S: Simd, const REGS: usize>(lanes: &[Lanes]) -> &[[S::f32s; REGS]] {
    S::as_simd_f32s(lanes.as_flattened()).0.as_chunks().0
}

#[inline(always)]
pub fn registers_mut<S: Simd, const REGS: usize>(lanes: &mut [Lanes]) -> &mut [[S::f32s; REGS]] {
    S::as_mut_simd_f32s(lanes.as_flattened_mut()).0.as_chunks_mut().0
}
