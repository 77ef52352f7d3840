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

/// torch's defaults; no paper of this project changes them.
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

impl Adam {
    /// The constants of step `t` (counting from 1). Bias corrections are made in f64: in f32,
    /// `1 - 0.999` is off in the fifth digit, and weights drift from the reference.
    pub fn at(&self, t: u64) -> AdamStep {
        // A run would take years to reach 2^31 steps.
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        let correction1 = 1.0 - BETA1.powi(t);
        let correction2 = 1.0 - BETA2.powi(t);
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
    /// Learning rate over the first bias correction.
    pub step_size: f32,
    /// 1/√(second bias correction).
    pub inverse_root_correction2: f32,
    pub eps: f32,
}

impl AdamStep {
    #[inline(always)]
    fn element(&self, p: &mut f32, m: &mut f32, v: &mut f32, data_gradient: f32) {
        let g = self.weight_decay.mul_add(*p, data_gradient);
        *m = self.one_minus_beta1.mul_add(g - *m, *m);
        *v = self.beta2.mul_add(*v, self.one_minus_beta2 * g * g);
        let denominator = v.sqrt().mul_add(self.inverse_root_correction2, self.eps);
        *p = (-self.step_size).mul_add(*m / denominator, *p);
    }

    /// One pass over parameters `p` and moments `m`, `v`, all of one length.
    /// `gradient` is the data's part, without the L2 term; `None` means zero everywhere.
    ///
    /// Every element goes through the same fused multiply-adds whatever the vector width, so the
    /// bits depend neither on the machine's SIMD level nor on how the caller cuts the slices.
    pub fn apply(&self, p: &mut [f32], m: &mut [f32], v: &mut [f32], gradient: Option<&[f32]>) {
        struct Pass<'a>(&'a AdamStep, &'a mut [f32], &'a mut [f32], &'a mut [f32], Option<&'a [f32]>);
        impl NullaryFnOnce for Pass<'_> {
            type Output = ();
            #[inline(always)]
            fn call(self) {
                let Pass(step, p, m, v, gradient) = self;
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
        simd::dispatch(Pass(self, p, m, v, gradient));
    }
}
