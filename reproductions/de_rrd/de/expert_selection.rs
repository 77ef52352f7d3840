//! The selection of experts for an entity: Gumbel-softmax over a gate, and its gradient.
//!
//! With gate probabilities a, noise g and temperature τ, expert m has the weight
//! v_m = softmax_m((ln(a_m + ε) + g_m)/τ).
//!
//! As τ falls, all but one of the weights of an entity vanish. An expert whose odds against the best,
//! v_m / max v, are at most 2⁻²⁴·min(1, τ) does not serve the entity: its weight is 0, and nothing is
//! computed for it. What that leaves out is below the rounding of f32, in which all of this is summed:
//! the weights of the others grow by less than M·2⁻²⁴·min(1, τ) of themselves, and a logit's gradient,
//! v_m (∂L/∂v_m − Σ_j v_j ∂L/∂v_j)/τ, loses a summand of less than 2⁻²⁴ times that bracket. At τ = 1 every
//! expert serves unless a gate is all but closed; at τ = 0.1 it is 5.5 of 30 on average, at τ = 0.01 1.2
//! (a fresh gate at the sizes of the paper).
//!
//! Computed in f64 (libm: the same bits on every platform), because it divides by τ.

/// A rounding of f32.
const NEGLIGIBLE: f64 = 1.0 / (1u64 << 24) as f64;

/// Parameters of the selection of experts in an epoch.
#[derive(Clone, Copy, Debug)]
pub struct ExpertSelection {
    temperature: f64,
    epsilon: f64,
    /// Distance from the highest logit, before the division by τ, from which an expert serves no more.
    reach: f64,
}

impl ExpertSelection {
    /// τ above 0, ε at least 0.
    pub fn new(temperature: f64, epsilon: f64) -> Self {
        let reach = -temperature * libm::log(NEGLIGIBLE * temperature.min(1.0));
        Self { temperature, epsilon, reach }
    }

    /// The same selection without a cut, for comparison.
    #[cfg(test)]
    pub fn of_all(self) -> Self {
        Self { reach: f64::INFINITY, ..self }
    }

    /// For one entity: `gate` gets the probabilities a, `weights` gets v. The gate's `logits` may be padded.
    pub fn forward(&self, logits: &[f32], noise: &[f64], gate: &mut [f64], weights: &mut [f64]) {
        let logits = &logits[..gate.len()];
        let highest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        for (a, &logit) in gate.iter_mut().zip(logits) {
            *a = libm::exp(f64::from(logit) - highest);
        }
        let sum: f64 = gate.iter().sum();
        let log_sum = highest + libm::log(sum);
        let mut best = f64::NEG_INFINITY;
        for (m, a) in gate.iter_mut().enumerate() {
            *a /= sum;
            weights[m] = f64::from(logits[m]) - log_sum + log1p_ratio(self.epsilon, *a) + noise[m];
            best = best.max(weights[m]);
        }
        for v in &mut *weights {
            let behind = best - *v;
            *v = if behind >= self.reach { 0.0 } else { libm::exp(-behind / self.temperature) };
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|v| *v /= sum);
    }

    /// Gradients with respect to the gate's logits, for one entity: `shares[m]` is v_m ∂L/∂v_m.
    pub fn backward(&self, gate: &[f64], weights: &[f64], shares: &[f64], gradient: &mut [f32]) {
        let all: f64 = shares.iter().sum();
        // ∂L/∂ln(a_m + ε), and through that logarithm.
        let of = |m: usize| match weights[m] {
            0.0 => 0.0,
            v => (shares[m] - v * all) / self.temperature * (gate[m] / (gate[m] + self.epsilon)),
        };
        let sum: f64 = (0..gate.len()).map(of).sum();
        for (m, gradient) in gradient[..gate.len()].iter_mut().enumerate() {
            *gradient = (of(m) - gate[m] * sum) as f32;
        }
    }
}

/// ln(1 + ε/a) for a ≥ 0, so that ln(a + ε) = ln a + this even where a underflows.
fn log1p_ratio(epsilon: f64, a: f64) -> f64 {
    if epsilon == 0.0 {
        return 0.0;
    }
    let ratio = epsilon / a.max(f64::MIN_POSITIVE);
    // The next term of the series is ratio²/2: below the rounding of a logarithm near −1, and much faster.
    if ratio < 1e-8 { ratio } else { libm::log1p(ratio) }
}
