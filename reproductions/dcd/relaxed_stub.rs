//! Until de_rrd::relaxed is here.
pub fn relaxed(scores: &[f32], interesting: usize, weight: f64, gradient: &mut [f32]) -> f64 {
    let (s1, s2) = scores.split_at(interesting);
    let s = f64::from;
    let max = s2.iter().copied().map(s).fold(f64::NEG_INFINITY, f64::max);
    let mut c = max + libm::log(s2.iter().map(|&x| libm::exp(s(x) - max)).sum());
    let mut normalisers = vec![0.0; interesting];
    for (k, normaliser) in normalisers.iter_mut().enumerate().rev() {
        let (low, high) = if s(s1[k]) < c { (s(s1[k]), c) } else { (c, s(s1[k])) };
        c = high + libm::log1p(libm::exp(low - high));
        *normaliser = c;
    }
    let inside = |score: f32, last: usize| -> f64 { normalisers[..last].iter().map(|c| libm::exp(s(score) - c)).sum() };
    for (j, slot) in gradient.iter_mut().enumerate() {
        *slot = (weight
            * if j < interesting { inside(s1[j], j + 1) - 1.0 } else { inside(s2[j - interesting], interesting) })
            as f32;
    }
    weight * normalisers.iter().zip(s1).map(|(c, &x)| c - s(x)).sum::<f64>()
}
