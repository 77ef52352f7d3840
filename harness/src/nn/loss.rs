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

/// Σ ln(1 + e^(−x)) over all elements, as a scalar tensor with a gradient: the BPR loss of score
/// differences, and the log-loss of positives. A **sum**, as the reference codes use it.
///
/// On the CPU one fused pass, summed in f64 in element order; elsewhere composed of candle's ops.
pub fn softplus_neg_sum(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return Ok(x.contiguous()?.apply_op1(SoftplusNegSum)?);
    }
    let magnitude = (x.abs()?.neg()?.exp()? + 1.0)?.log()?;
    Ok((x.neg()?.relu()? + magnitude)?.sum_all()?)
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
    fn fused_loss_has_the_gradient_of_plain_ops() {
        let values = [0.3f32, -2.0, 0.0, 5.5, -40.0, 40.0];
        let fused = Var::from_slice(&values, 6, &Device::Cpu).unwrap();
        let plain = Var::from_slice(&values, 6, &Device::Cpu).unwrap();
        let a = (softplus_neg_sum(fused.as_tensor()).unwrap() * 0.5).unwrap();
        let magnitude = (plain.abs().unwrap().neg().unwrap().exp().unwrap() + 1.0).unwrap().log().unwrap();
        let b = ((plain.neg().unwrap().relu().unwrap() + magnitude).unwrap().sum_all().unwrap() * 0.5).unwrap();
        let (x, y) = (a.to_scalar::<f32>().unwrap(), b.to_scalar::<f32>().unwrap());
        assert!((x - y).abs() < 1e-5 * y, "{x} {y}");
        let gradient = |loss: &Tensor, var: &Var| -> Vec<f32> {
            loss.backward().unwrap().get(var.as_tensor()).expect("the variable has a gradient").to_vec1().unwrap()
        };
        let (ga, gb) = (gradient(&a, &fused), gradient(&b, &plain));
        for (i, (x, y)) in ga.iter().zip(&gb).enumerate() {
            // candle's relu has gradient 1 at 0 and abs has 0 there, so plain ops are wrong at x = 0.
            let y = if values[i] == 0.0 { &-0.25 } else { y };
            assert!((x - y).abs() < 1e-6, "element {i}: {x} {y}");
        }
    }
}
