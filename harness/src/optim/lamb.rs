//! Lamb: Adam whose step is scaled, tensor by tensor, to the norm of the weights.

use pulp::NullaryFnOnce;

use super::adam::{BETA1, BETA2};
use crate::simd::{self, sum_of_squares};

/// Beside √v.
const EPS: f32 = 1e-6;
/// Norm of weights beyond which steps grow no further.
const LARGEST_NORM: f64 = 10.0;

/// Lamb (You et al., 2020) as AdaRec has it (code): u = m/(√v + 1e-6) + wd·θ without correction of the moments' bias, and
/// θ ← θ − lr·r·u with the trust ratio r = min(‖θ‖, 10)/‖u‖ of the whole tensor, or 1 where either norm is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lamb {
    pub learning_rate: f64,
    /// wd: added to the step before the trust ratio.
    pub weight_decay: f64,
}

/// Σ θ² and Σ u² of a tensor, or of a part of one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LambNorms {
    pub weights: f64,
    pub update: f64,
}

impl Lamb {
    /// Takes a gradient into the moments and turns it into the update u, in place; returns the sums of squares of this part
    /// of the tensor.
    pub(crate) fn update(&self, p: &[f32], m: &mut [f32], v: &mut [f32], gradient: &mut [f32]) -> LambNorms {
        assert!(p.len() == gradient.len() && m.len() == p.len() && v.len() == p.len(), "one length");
        simd::dispatch(Update { weight_decay: self.weight_decay as f32, p, m, v, gradient });
        LambNorms { weights: sum_of_squares(p), update: sum_of_squares(gradient) }
    }

    /// lr·r of a tensor whose sums of squares are these.
    pub(crate) fn step_size(&self, norms: LambNorms) -> f32 {
        let (weights, update) = (norms.weights.sqrt().min(LARGEST_NORM), norms.update.sqrt());
        let trust = if weights == 0.0 || update == 0.0 { 1.0 } else { weights / update };
        (self.learning_rate * trust) as f32
    }
}

struct Update<'a> {
    weight_decay: f32,
    p: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    gradient: &'a mut [f32],
}

impl NullaryFnOnce for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { weight_decay, p, m, v, gradient } = self;
        let [one_minus_beta1, beta2, one_minus_beta2] = [1.0 - BETA1, BETA2, 1.0 - BETA2].map(|x| x as f32);
        let n = p.len();
        let (m, v, gradient) = (&mut m[..n], &mut v[..n], &mut gradient[..n]);
        for i in 0..n {
            let g = gradient[i];
            m[i] = one_minus_beta1.mul_add(g - m[i], m[i]);
            v[i] = beta2.mul_add(v[i], one_minus_beta2 * g * g);
            gradient[i] = weight_decay.mul_add(p[i], m[i] / (v[i].sqrt() + EPS));
        }
    }
}
