//! Weighted sums of rows of a table.

use pulp::{Simd, WithSimd};

use super::dispatch;

/// `sum += Σ coefficients[k] · row ids[k]` for `table: [rows, sum.len()]`: each element is one chain of
/// fused multiply-adds in the order of `k`.
///
/// # Panics
/// If an id is not a row, or `coefficients` and `ids` differ in length.
pub fn add_gathered(sum: &mut [f32], coefficients: &[f32], table: &[f32], ids: &[u32]) {
    assert_eq!(ids.len(), coefficients.len(), "one coefficient for each id");
    dispatch(AddGathered { sum, coefficients, table, ids });
}

struct AddGathered<'a> {
    sum: &'a mut [f32],
    coefficients: &'a [f32],
    table: &'a [f32],
    ids: &'a [u32],
}

impl WithSimd for AddGathered<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sum, coefficients, table, ids } = self;
        let dim = sum.len();
        // Sums of a strip of columns stay in registers over all rows.
        const STRIP: usize = 8;
        let (body, tail) = S::as_mut_simd_f32s(sum);
        let row = |id: u32| {
            let start = id as usize * dim;
            S::as_simd_f32s(&table[start..start + dim])
        };
        let mut first = 0;
        while first < body.len() {
            let strip = &mut body[first..];
            let width = strip.len().min(STRIP);
            let strip = &mut strip[..width];
            if width == STRIP {
                let mut sums: [_; STRIP] = std::array::from_fn(|reg| strip[reg]);
                for (&c, &id) in coefficients.iter().zip(ids) {
                    let c = simd.splat_f32s(c);
                    let row = &row(id).0[first..first + STRIP];
                    for (sum, &value) in sums.iter_mut().zip(row) {
                        *sum = simd.mul_add_f32s(c, value, *sum);
                    }
                }
                strip.copy_from_slice(&sums);
            } else {
                for (reg, slot) in strip.iter_mut().enumerate() {
                    let mut sum = *slot;
                    for (&c, &id) in coefficients.iter().zip(ids) {
                        sum = simd.mul_add_f32s(simd.splat_f32s(c), row(id).0[first + reg], sum);
                    }
                    *slot = sum;
                }
            }
            first += width;
        }
        if !tail.is_empty() {
            let mut sum = simd.partial_load_f32s(tail);
            for (&c, &id) in coefficients.iter().zip(ids) {
                sum = simd.mul_add_f32s(simd.splat_f32s(c), simd.partial_load_f32s(row(id).1), sum);
            }
            simd.partial_store_f32s(tail, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::levels;
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn sums_have_the_stated_bits_at_every_level() {
        let (rows, ids) = (9, [3u32, 0, 8, 3, 5]);
        for dim in [1, 4, 15, 16, 20, 33, 100, 128, 200, 257] {
            let mut stream = Stream::new(0, "simd", "gathered", dim as u64);
            let table = stream.normals(rows * dim, 1.0);
            let (start, coefficients) = (stream.normals(dim, 1.0), stream.normals(ids.len(), 1.0));
            let stated: Vec<u32> = (0..dim)
                .map(|j| {
                    let terms = coefficients.iter().zip(ids).map(|(c, id)| (*c, table[id as usize * dim + j]));
                    terms.fold(start[j], |sum, (c, value)| c.mul_add(value, sum)).to_bits()
                })
                .collect();
            for level in levels() {
                let mut sum = start.clone();
                level.dispatch(AddGathered { sum: &mut sum, coefficients: &coefficients, table: &table, ids: &ids });
                assert_eq!(sum.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), stated, "dim {dim}");
            }
        }
    }
}
