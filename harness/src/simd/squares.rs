//! Sums of squares.

use pulp::NullaryFnOnce;

use super::dispatch;

/// Chains of a sum in f64: two registers of AVX-512.
const CHAINS: usize = 16;

/// Σ x², in f64: element `j` goes to chain `j mod 16`, and the chains are added in their order.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    dispatch(SumOfSquares(x))
}

struct SumOfSquares<'a>(&'a [f32]);

impl NullaryFnOnce for SumOfSquares<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let (body, tail) = self.0.as_chunks::<CHAINS>();
        let mut chains = [0.0f64; CHAINS];
        for values in body {
            for (chain, &value) in chains.iter_mut().zip(values) {
                *chain += f64::from(value) * f64::from(value);
            }
        }
        for (chain, &value) in chains.iter_mut().zip(tail) {
            *chain += f64::from(value) * f64::from(value);
        }
        let mut sum = 0.0;
        for chain in chains {
            sum += chain;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::{levels, values};
    use super::*;

    #[test]
    fn sums_have_the_stated_bits_at_every_level() {
        for n in [0, 1, 15, 16, 17, 40, 100, 1000] {
            let x = values(n);
            let mut chains = [0.0f64; CHAINS];
            x.iter().enumerate().for_each(|(j, &x)| chains[j % CHAINS] += f64::from(x) * f64::from(x));
            let stated: f64 = chains.into_iter().fold(0.0, |sum, chain| sum + chain);
            for level in levels() {
                assert_eq!(level.dispatch(SumOfSquares(&x)).to_bits(), stated.to_bits(), "{n} values");
            }
        }
        assert_eq!(sum_of_squares(&[3.0, -4.0]), 25.0);
    }
}
