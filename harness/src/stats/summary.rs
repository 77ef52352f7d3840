//! Size, mean and spread of a sample.

/// n, mean and, from two values on, the sample standard deviation (divisor n − 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub n: usize,
    pub mean: f64,
    pub sd: Option<f64>,
}

impl Summary {
    /// `None` of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        // Summed as distances from the first value: equal values then have exactly their own mean
        // and a spread of exactly 0, and a large common part costs no digits.
        let first = *values.first()?;
        let n = values.len();
        let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let sd = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self { n, mean, sd })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[2.5]), Some(Summary { n: 1, mean: 2.5, sd: None }));
        // Deviations −1, 0, 1: variance 2 / 2.
        assert_eq!(Summary::of(&[1.0, 2.0, 3.0]), Some(Summary { n: 3, mean: 2.0, sd: Some(1.0) }));
    }

    #[test]
    fn equal_values_have_no_spread() {
        assert_eq!(Summary::of(&[0.1; 3]), Some(Summary { n: 3, mean: 0.1, sd: Some(0.0) }));
    }
}
