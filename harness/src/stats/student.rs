//! Student's t and the normal distribution, with the same bits on every machine: all from `libm` and basic arithmetic.

/// Steps of the continued fraction; it ends long before for any freedom that occurs (some 100 at 10⁴ degrees).
const MOST_TERMS: u32 = 10_000;

/// The probability that a t with `freedom` degrees of freedom lies above `t`. Computed from its own tail,
/// so that a small probability keeps its digits.
///
/// P(T > t) = I_x(ν/2, ½)/2 for t ≥ 0 with x = ν/(ν + t²), the regularised incomplete beta function.
pub fn upper_tail(t: f64, freedom: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - upper_tail(-t, freedom);
    }
    let square = t * t;
    // Both from t itself: 1 − x would lose the digits of a small t.
    let (x, rest) = (freedom / (freedom + square), square / (freedom + square));
    0.5 * incomplete_beta(0.5 * freedom, 0.5, x, rest)
}

/// The t with `freedom` degrees of freedom that is exceeded with probability `tail`, for 0 < `tail` ≤ ½.
pub fn quantile_above(tail: f64, freedom: f64) -> f64 {
    exceeded_with(tail, |t| upper_tail(t, freedom))
}

/// The standard normal value that is exceeded with probability `tail`, for 0 < `tail` ≤ ½.
pub fn normal_quantile_above(tail: f64) -> f64 {
    exceeded_with(tail, |z| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2))
}

/// The argument from 0 on at which a falling `tail_above` equals `tail`, to the last bit, by bisection.
fn exceeded_with(tail: f64, tail_above: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while tail_above(high) > tail {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if tail_above(middle) > tail { low = middle } else { high = middle }
    }
}

/// I_x(a, b), with `rest` = 1 − x given beside it.
fn incomplete_beta(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean, and the other side gives the rest (DLMF 8.17.4).
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, rest, x);
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    libm::exp(a * libm::log(x) + b * libm::log(rest) - log_beta) / a * continued_fraction(a, b, x)
}

/// The continued fraction of I_x(a, b) (DLMF 8.17.22), by the modified algorithm of Lentz.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// In place of a denominator that is 0.
    const TINY: f64 = 1e-300;
    let nonzero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..MOST_TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / nonzero(1.0 + coefficient * d);
            c = nonzero(1.0 + coefficient / c);
            factor = c * d;
            value *= factor;
        }
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got / want - 1.0).abs() < 1e-12, "{got} {want}");
    }

    #[test]
    fn one_and_two_degrees_of_freedom_by_hand() {
        for t in [1e-6, 0.3, 1.0, 2.5, 40.0, 1e5] {
            // Cauchy: P(T > t) = atan(1/t)/π.
            close(upper_tail(t, 1.0), libm::atan(1.0 / t) / std::f64::consts::PI);
            // Two: (1 − t/√(t² + 2))/2 = 1/(s(s + t)) with s = √(t² + 2), which keeps the digits.
            let s = (t * t + 2.0).sqrt();
            close(upper_tail(t, 2.0), 1.0 / (s * (s + t)));
            close(upper_tail(-t, 2.0), 1.0 - 1.0 / (s * (s + t)));
        }
        assert_eq!(upper_tail(0.0, 3.0), 0.5);
        assert_eq!(upper_tail(f64::INFINITY, 3.0), 0.0);
    }

    #[test]
    fn a_quantile_is_exceeded_as_often_as_it_says() {
        for freedom in [1.0, 2.0, 2.7, 4.0, 30.0, 5_218.0, 1e6] {
            for tail in [0.5, 0.25, 0.025, 1e-3, 1e-9] {
                let t = quantile_above(tail, freedom);
                assert!((upper_tail(t, freedom) / tail - 1.0).abs() < 1e-9, "{freedom} {tail}: {t}");
            }
        }
        // From the tables: t(0.975) with 4 degrees, and nearly the normal one.
        assert!((quantile_above(0.025, 4.0) - 2.776_445_105).abs() < 1e-8);
        assert!((quantile_above(0.025, 1e7) - 1.959_964).abs() < 1e-5);
        assert!((normal_quantile_above(0.025) - 1.959_963_984_540_054).abs() < 1e-14);
    }
}
