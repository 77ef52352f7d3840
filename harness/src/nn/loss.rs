//! Fused losses with tested gradients.

use candle_core::{CpuStorage, CustomOp1, Layout, Result as CandleResult, Shape, Tensor, bail};

use crate::error::Result;

/// ln(1 + e^x) without overflow.
#[inline]
pub fn softplus(x: f32) -> f32 {
    x.max(0.0) + libm::log1pf(libm::expf(-x.abs()))
}

/// 1/(1 + e^−x) without overflow.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    let e = libm::expf(-x.abs());
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// The log-loss of a score `x` whose label is 1 with probability `label`,
/// `label` · ln(1 + e^−x) + (1 − `label`) · ln(1 + e^x), and its slope σ(x) − `label`.
///
/// Neither overflows nor cancels, and both take one exponential.
#[inline]
pub fn log_loss(x: f32, label: f32) -> (f32, f32) {
    let e = libm::expf(-x.abs());
    let (likely, unlikely) = (1.0 / (1.0 + e), e / (1.0 + e));
    let (wrong, one, zero) = if x >= 0.0 { (1.0 - label, likely, unlikely) } else { (label, unlikely, likely) };
    (libm::log1pf(e) + wrong * x.abs(), (1.0 - label) * one - label * zero)
}

/// Σ ln(1 + e^(−x)) over all elements, as a scalar tensor with a gradient: the BPR loss of score
/// differences, and the log-loss of positives. A **sum**, as the reference codes use it.
///
/// On the CPU one fused pass, summed in f64 in element order; elsewhere composed of candle's ops.
pub fn softplus_neg_sum(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return Ok(x.contiguous()?.apply_op1(SoftplusNegSum)?);
    }
    composed(x)
}

/// The same in candle's ops: max(−x, 0) + ln(1 + e^−|x|).
fn composed(x: &Tensor) -> Result<Tensor> {
    let magnitude = x.abs()?;
    // Not `relu`: for candle the slopes of relu and abs at 0 are both 1, which together would make
    // the gradient at 0 three times too large. This way it is −1/2 there; the value is exact.
    let hinge = ((&magnitude - x)? * 0.5)?;
    Ok((hinge + (magnitude.neg()?.exp()? + 1.0)?.log()?)?.sum_all()?)
}

struct SoftplusNegSum;

impl CustomOp1 for SoftplusNegSum {
    fn name(&self) -> &'static str {
        "softplus-neg-sum"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let CpuStorage::F32(values) = storage else { bail!("softplus-neg-sum wants f32") };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("softplus-neg-sum wants contiguous input") };
        let sum: f64 = values[start..end].iter().map(|&x| f64::from(softplus(-x))).sum();
        Ok((CpuStorage::F32(vec![sum as f32]), Shape::from(())))
    }

    fn bwd(&self, x: &Tensor, _result: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let scale: f32 = gradient.to_scalar()?;
        let values: Vec<f32> = x.flatten_all()?.to_vec1::<f32>()?.iter().map(|&x| -sigmoid(-x) * scale).collect();
        Ok(Some(Tensor::from_vec(values, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn stays_finite_at_extremes() {
        assert_eq!(softplus(200.0), 200.0);
        assert_eq!(softplus(-200.0), 0.0);
        assert!((softplus(0.0) - std::f32::consts::LN_2).abs() < 1e-7);
        assert_eq!((sigmoid(200.0), sigmoid(-200.0), sigmoid(0.0)), (1.0, 0.0, 0.5));
    }

    #[test]
    fn log_loss_is_what_it_says_with_its_slope() {
        for x in [-200.0f32, -30.3, -2.0, -1e-4, 0.0, 0.7, 15.0, 200.0] {
            for label in [0.0f32, 0.3, 1.0] {
                let (wide, q) = (f64::from(x), f64::from(label));
                // ln(1 + e^x) of f64, which overflows beyond 709 only.
                let want = q * (-wide).exp().ln_1p() + (1.0 - q) * wide.exp().ln_1p();
                let slope = 1.0 / (1.0 + (-wide).exp()) - q;
                let (got, got_slope) = log_loss(x, label);
                assert!((f64::from(got) - want).abs() <= 4e-7 * want + 1e-40, "loss at {x}, {label}: {got} {want}");
                assert!((f64::from(got_slope) - slope).abs() < 1e-7, "slope at {x}, {label}: {got_slope} {slope}");
            }
        }
        assert_eq!(log_loss(-3.0, 1.0).1, -sigmoid(3.0));
    }

    #[test]
    fn fused_and_composed_loss_have_the_known_value_and_gradient() {
        let values = [0.3f32, -2.0, 0.0, 5.5, -40.0, 40.0];
        let fused = Var::from_slice(&values, 6, &Device::Cpu).unwrap();
        let plain = Var::from_slice(&values, 6, &Device::Cpu).unwrap();
        // A factor, so that a gradient other than 1 comes from above.
        let a = (softplus_neg_sum(fused.as_tensor()).unwrap() * 0.5).unwrap();
        let b = (composed(plain.as_tensor()).unwrap() * 0.5).unwrap();
        let sum: f64 = values.iter().map(|&x| (-f64::from(x)).exp().ln_1p()).sum();
        let gradient = |loss: &Tensor, var: &Var| -> Vec<f32> {
            loss.backward().unwrap().get(var.as_tensor()).expect("the variable has a gradient").to_vec1().unwrap()
        };
        for (loss, var) in [(&a, &fused), (&b, &plain)] {
            let got = f64::from(loss.to_scalar::<f32>().unwrap());
            assert!((got - 0.5 * sum).abs() < 1e-6 * sum, "{got} {}", 0.5 * sum);
            for (x, got) in values.iter().zip(gradient(loss, var)) {
                let want = -0.5 / (1.0 + f64::from(*x).exp());
                assert!((f64::from(got) - want).abs() < 1e-7, "at {x}: {got} {want}");
            }
        }
    }
}
