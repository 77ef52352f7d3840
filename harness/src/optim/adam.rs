//! Adam with L2 in the gradient, as `torch.optim.Adam(weight_decay = …)` computes it.
//!
//! The reference codes of these papers all use it: g ← g + wd·θ *before* the moments, every element
//! at every step, whether the data touched it or not. `candle_nn::AdamW` decays decoupled and is a
//! different method; a lazy (touched rows only) Adam is one, too, because g = wd·θ ≫ eps moves
//! untouched rows by about the learning rate per step.

use pulp::NullaryFnOnce;

use crate::simd;

/// Hyper-parameters of Adam (Kingma and Ba, 2015) with L2 regularisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub learning_rate: f64,
    /// Weight of the L2 term; the gradient gains `weight_decay · θ`.
    pub weight_decay: f64,
}

/// β₁, β₂ and ε: the defaults of torch and of TensorFlow, which no paper of this project changes.
pub(super) const BETA1: f64 = 0.9;
pub(super) const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// Adam as `tf.compat.v1.train.AdamOptimizer` has it, without weight decay:
/// θ ← θ − lr·√(1−β₂ᵗ)/(1−β₁ᵗ) · m/(√v + ε). There ε stands beside the √v that is not corrected, so that tiny
/// gradients move less than with [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TfAdam {
    pub learning_rate: f64,
}

/// An optimiser of the Adam family: it computes the constants of a step, and [`AdamStep`] applies them.
pub trait Optimiser {
    /// The constants of step `t`, counting from 1.
    fn at(&self, t: u64) -> AdamStep;
}

/// 1 − β₁ᵗ and 1 − β₂ᵗ, in f64: in f32, `1 - 0.999` is off in the fifth digit, and weights drift from the
/// reference.
fn corrections(t: u64) -> [f64; 2] {
    [BETA1, BETA2].map(|beta| 1.0 - power(beta, t))
}

/// `base` to the power of `exponent` by squaring: std leaves the order of products to the platform.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            product *= base;
        }
        base *= base;
        exponent /= 2;
    }
    product
}

impl Optimiser for Adam {
    fn at(&self, t: u64) -> AdamStep {
        Adam::at(self, t)
    }
}

impl Optimiser for TfAdam {
    fn at(&self, t: u64) -> AdamStep {
        let [correction1, correction2] = corrections(t);
        let learning_rate = self.learning_rate * correction2.sqrt();
        AdamStep {
            step_size: (learning_rate / correction1) as f32,
            inverse_root_correction2: 1.0,
            ..Adam { learning_rate, weight_decay: 0.0 }.at(t)
        }
    }
}

impl Adam {
    /// The constants of step `t`, counting from 1.
    pub fn at(&self, t: u64) -> AdamStep {
        let [correction1, correction2] = corrections(t);
        AdamStep {
            weight_decay: self.weight_decay as f32,
            one_minus_beta1: (1.0 - BETA1) as f32,
            beta2: BETA2 as f32,
            one_minus_beta2: (1.0 - BETA2) as f32,
            step_size: (self.learning_rate / correction1) as f32,
            inverse_root_correction2: (1.0 / correction2.sqrt()) as f32,
            eps: EPS as f32,
        }
    }
}

/// Constants of one step, rounded to f32 once.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    pub weight_decay: f32,
    pub one_minus_beta1: f32,
    pub beta2: f32,
    pub one_minus_beta2: f32,
    /// Learning rate over the first bias correction ([`TfAdam`]: times the root of the second).
    pub step_size: f32,
    /// 1/√(second bias correction) ([`TfAdam`]: 1).
    pub inverse_root_correction2: f32,
    pub eps: f32,
}

impl AdamStep {
    /// The step of one element, for use inside kernels; see [`apply`](Self::apply).
    #[inline(always)]
    pub(crate) fn element(&self, p: &mut f32, m: &mut f32, v: &mut f32, data_gradient: f32) {
        let g = self.weight_decay.mul_add(*p, data_gradient);
        *m = self.one_minus_beta1.mul_add(g - *m, *m);
        *v = self.beta2.mul_add(*v, self.one_minus_beta2 * g * g);
        *p = self.moved(*p, *m, *v);
    }

    /// What a step without a gradient does to the moments of an element where nothing decays the weights: the bits of
    /// [`element`](Self::element).
    #[inline(always)]
    pub(crate) fn decay(&self, m: &mut f32, v: &mut f32) {
        *m = (-self.one_minus_beta1).mul_add(*m, *m);
        *v *= self.beta2;
    }

    /// Where these moments move an element.
    #[inline(always)]
    pub(crate) fn moved(&self, p: f32, m: f32, v: f32) -> f32 {
        let denominator = v.sqrt().mul_add(self.inverse_root_correction2, self.eps);
        (-self.step_size).mul_add(m / denominator, p)
    }

    /// One pass over parameters `p` and moments `m`, `v`, all of one length.
    /// `gradient` is the data's part, without the L2 term; `None` means zero everywhere.
    ///
    /// Every element goes through the same fused multiply-adds whatever the vector width, so the
    /// bits depend neither on the machine's SIMD level nor on how the caller cuts the slices.
    pub fn apply(&self, p: &mut [f32], m: &mut [f32], v: &mut [f32], gradient: Option<&[f32]>) {
        struct AdamPass<'a>(&'a AdamStep, &'a mut [f32], &'a mut [f32], &'a mut [f32], Option<&'a [f32]>);
        impl NullaryFnOnce for AdamPass<'_> {
            type Output = ();
            #[inline(always)]
            fn call(self) {
                let AdamPass(step, p, m, v, gradient) = self;
                let n = p.len();
                let (m, v) = (&mut m[..n], &mut v[..n]);
                match gradient {
                    Some(gradient) => {
                        let gradient = &gradient[..n];
                        for i in 0..n {
                            step.element(&mut p[i], &mut m[i], &mut v[i], gradient[i]);
                        }
                    }
                    None => {
                        for i in 0..n {
                            step.element(&mut p[i], &mut m[i], &mut v[i], 0.0);
                        }
                    }
                }
            }
        }
        simd::dispatch(AdamPass(self, p, m, v, gradient));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles, floats};

    /// The vector is of f64 and asks for 1e-9, which f32 weights of 0.3 cannot hold: their spacing is 3e-8. Two
    /// roundings of it are allowed, and moments, which are small, are compared relatively.
    #[test]
    fn the_form_of_tensorflow_agrees_with_the_reference() {
        let case = case("ader.json", "adam_tf1");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let adam = TfAdam { learning_rate: inputs["lr"].as_f64().unwrap() };
        let mut weights = floats(&inputs["theta0"]);
        let [mut m, mut v] = [vec![0.0; 3], vec![0.0; 3]];
        let steps =
            inputs["grads"].as_array().unwrap().iter().zip(expected["theta_after_each_step"].as_array().unwrap());
        for (t, (gradient, want)) in (1..).zip(steps) {
            adam.at(t).apply(&mut weights, &mut m, &mut v, Some(&floats(gradient)));
            for (got, want) in weights.iter().zip(doubles(want)) {
                assert!((f64::from(*got) - want).abs() < 6e-8, "step {t}: {got} {want}");
            }
        }
        for (got, want) in [(m, "m_final"), (v, "v_final")] {
            for (got, want) in got.iter().zip(doubles(&expected[want])) {
                assert!((f64::from(*got) - want).abs() <= 1e-6 * want.abs(), "{got} {want}");
            }
        }
    }

    #[test]
    fn both_forms_are_one_where_epsilon_does_not_matter() {
        let (ours, theirs) = (Adam { learning_rate: 5e-4, weight_decay: 0.0 }, TfAdam { learning_rate: 5e-4 });
        for t in [1, 2, 10, 1000, 100_000, u64::MAX] {
            let (a, b) = (ours.at(t), theirs.at(t));
            let size = |step: AdamStep| f64::from(step.step_size) / f64::from(step.inverse_root_correction2);
            assert!((size(a) / size(b) - 1.0).abs() < 1e-6, "step {t}");
            assert_eq!((a.beta2, a.one_minus_beta1, a.eps, 0.0), (b.beta2, b.one_minus_beta1, b.eps, b.weight_decay));
        }
    }
}
