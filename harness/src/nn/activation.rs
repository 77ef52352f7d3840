//! Activation functions.

use std::fmt;
use std::str::FromStr;

use crate::simd;
use pulp::NullaryFnOnce;
use schemars::JsonSchema;
use serde::Deserialize;

/// An activation. The code of RD's authors has the identity after convolutions and the logistic function after the hidden
/// layer for RD on Gowalla, and relu after both for caser_pytorch's ML-1M.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    Identity,
    Relu,
    Sigmoid,
}

const NAMES: [(Activation, &str); 3] =
    [(Activation::Identity, "identity"), (Activation::Relu, "relu"), (Activation::Sigmoid, "sigmoid")];

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[*self as usize].1)
    }
}

impl FromStr for Activation {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        NAMES.into_iter().find(|(_, name)| *name == text).map(|(activation, _)| activation).ok_or(())
    }
}

impl Activation {
    /// Replaces all values.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            // Not `max`, which would make a number of NaN.
            Self::Relu => values.iter_mut().for_each(|v| *v = if *v <= 0.0 { 0.0 } else { *v }),
            Self::Sigmoid => {
                /// Values at once: their exponentials stay on the stack.
                const PIECE: usize = 64;
                let mut powers = [0.0; PIECE];
                for piece in values.chunks_mut(PIECE) {
                    let powers = &mut powers[..piece.len()];
                    simd::dispatch(MinusAbs(powers, piece));
                    let mut exponentials = [0.0; PIECE];
                    let exponentials = &mut exponentials[..piece.len()];
                    simd::exp_minus(powers, 0.0, exponentials);
                    simd::dispatch(Logistic(piece, exponentials));
                }
            }
        }
    }

    /// The slope where the activation has the value `y`. At 0, relu has none, as in PyTorch.
    #[inline(always)]
    pub fn slope(self, y: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f32::from(u8::from(y > 0.0)),
            Self::Sigmoid => y * (1.0 - y),
        }
    }
}

/// −|x|.
struct MinusAbs<'a>(&'a mut [f32], &'a [f32]);

impl NullaryFnOnce for MinusAbs<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, x) in self.0.iter_mut().zip(self.1) {
            *out = -x.abs();
        }
    }
}

/// x → 1/(1 + e^−x), given e^−|x|.
struct Logistic<'a>(&'a mut [f32], &'a [f32]);

impl NullaryFnOnce for Logistic<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (x, e) in self.0.iter_mut().zip(self.1) {
            let numerator = if *x >= 0.0 { 1.0 } else { *e };
            *x = numerator / (1.0 + e);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::sigmoid;

    use super::*;

    #[test]
    fn values_and_slopes_are_those_of_their_functions() {
        let x: Vec<f32> = (-300..=300).map(|k| k as f32 / 7.0).collect();
        for (activation, name) in NAMES {
            assert_eq!((activation.to_string().as_str(), name.parse()), (name, Ok(activation)));
            let mut y = x.clone();
            activation.apply(&mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let s = f64::from(sigmoid(x));
                let (value, slope) = match activation {
                    Activation::Identity => (f64::from(x), 1.0),
                    Activation::Relu => (f64::from(x).max(0.0), if x > 0.0 { 1.0 } else { 0.0 }),
                    Activation::Sigmoid => (s, s * (1.0 - s)),
                };
                assert!((f64::from(y) - value).abs() <= 3e-7 * value.abs() + 1e-30, "{name} of {x}: {y} {value}");
                assert!((f64::from(activation.slope(y)) - slope).abs() < 2e-7, "{name} at {x}");
            }
        }
        for activation in [Activation::Identity, Activation::Relu, Activation::Sigmoid] {
            let mut nan = [f32::NAN, 200.0, -200.0];
            activation.apply(&mut nan);
            assert!(nan[0].is_nan() && nan[1..].iter().all(|v| v.is_finite()), "{activation}");
        }
        assert_eq!("tanh".parse::<Activation>(), Err(()));
    }
}
