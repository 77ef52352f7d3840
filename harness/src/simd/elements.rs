//! Sums and differences, element by element.

use pulp::NullaryFnOnce;

use super::dispatch;

/// `sum += coefficient · vector`, element by element, each one fused multiply-add.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(sum: &mut [f32], coefficient: f32, vector: &[f32]) {
    assert_eq!(sum.len(), vector.len(), "sum += c · vector");
    dispatch(AddScaled(sum, coefficient, vector));
}

struct AddScaled<'a>(&'a mut [f32], f32, &'a [f32]);

impl NullaryFnOnce for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(sum, coefficient, vector) = self;
        for (s, v) in sum.iter_mut().zip(vector) {
            *s = coefficient.mul_add(*v, *s);
        }
    }
}

/// `out = a − b`, element by element.
///
/// # Panics
/// If the lengths differ.
pub fn subtract(out: &mut [f32], a: &[f32], b: &[f32]) {
    assert!(out.len() == a.len() && a.len() == b.len(), "out = a − b");
    dispatch(Subtract(out, a, b));
}

struct Subtract<'a>(&'a mut [f32], &'a [f32], &'a [f32]);

impl NullaryFnOnce for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(out, a, b) = self;
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a - b;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::values;
    use super::*;

    #[test]
    fn rows_are_added_and_subtracted_element_by_element() {
        for n in [0, 1, 15, 20, 33, 200] {
            let (a, b) = (values(n), values(n + 1));
            let b = &b[..n];
            let (mut sum, mut difference) = (b.to_vec(), vec![f32::NAN; n]);
            add_scaled(&mut sum, -0.3, &a);
            subtract(&mut difference, &a, b);
            for j in 0..n {
                assert_eq!(sum[j].to_bits(), (-0.3f32).mul_add(a[j], b[j]).to_bits());
                assert_eq!(difference[j].to_bits(), (a[j] - b[j]).to_bits());
            }
        }
    }
}
