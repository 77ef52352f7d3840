//! Initial values of weights.

use crate::rng::Stream;

/// The distribution that a tensor's initial values are drawn from, each tensor from a stream of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    Zeros,
    Ones,
    /// This value everywhere.
    Constant(f32),
    /// Mean 0 and this standard deviation.
    Normal(f64),
    /// Within ±this bound.
    Uniform(f64),
    /// A number of values of each kind, one after the other from one stream: rows whose parts have bounds of their own.
    Pieces(Vec<(usize, Init)>),
}

impl Init {
    /// Uniform within ±1/√inputs: torch's default for a layer with this number of inputs, for its weights as for its
    /// biases.
    pub fn of_layer(inputs: usize) -> Self {
        Self::Uniform(1.0 / (inputs as f64).sqrt())
    }

    /// Uniform within ±√(6/(fan-in + fan-out)): TensorFlow's default (Glorot and Bengio, 2010). The fans are the last two
    /// axes; axes before them count as a receptive field and multiply both; the one axis of a vector is both fans.
    pub fn glorot(shape: &[usize]) -> Self {
        let (fans, field): (usize, usize) = match shape {
            [] => (2, 1),
            [n] => (2 * n, 1),
            [field @ .., inputs, outputs] => (inputs + outputs, field.iter().product()),
        };
        Self::Uniform((6.0 / (fans as f64 * field as f64)).sqrt())
    }

    /// `n` values.
    ///
    /// # Panics
    /// If pieces are not `n` values together.
    pub fn draw(&self, stream: &mut Stream, n: usize) -> Vec<f32> {
        match self {
            Self::Zeros => vec![0.0; n],
            Self::Ones => vec![1.0; n],
            Self::Constant(value) => vec![*value; n],
            Self::Normal(std) => stream.normals(n, *std),
            Self::Uniform(bound) => (0..n).map(|_| ((2.0 * stream.unit() - 1.0) * bound) as f32).collect(),
            Self::Pieces(pieces) => {
                let values: Vec<f32> = pieces.iter().flat_map(|(n, init)| init.draw(stream, *n)).collect();
                assert_eq!(values.len(), n, "pieces of a tensor");
                values
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles};

    #[test]
    fn glorot_limits_are_those_of_tensorflow() {
        let case = case("asmg.json", "glorot_limits");
        let shapes = case["inputs"]["shapes"].as_array().unwrap();
        let limits = doubles(&case["expected"]["limits"]);
        assert_eq!(shapes.len(), limits.len());
        for (shape, limit) in shapes.iter().zip(limits) {
            let shape: Vec<usize> = doubles(shape).into_iter().map(|n| n as usize).collect();
            let Init::Uniform(ours) = Init::glorot(&shape) else { panic!("not uniform") };
            assert!((ours / limit - 1.0).abs() < 1e-8, "{shape:?}: {ours} {limit}"); // Printed to ten digits.
        }
    }

    #[test]
    fn values_have_their_distribution() {
        let stream = || Stream::new(0, "init", "test", 0);
        let n = 40_000;
        assert!(Init::Zeros.draw(&mut stream(), n).iter().all(|v| *v == 0.0));
        assert!(Init::Ones.draw(&mut stream(), n).iter().all(|v| *v == 1.0));
        assert_eq!(Init::Constant(0.1).draw(&mut stream(), 3), [0.1; 3]);
        let spread =
            |values: &[f32]| (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        assert!((spread(&Init::Normal(0.3).draw(&mut stream(), n)) / 0.3 - 1.0).abs() < 0.02);
        let uniform = Init::of_layer(25).draw(&mut stream(), n);
        assert!(uniform.iter().all(|v| v.abs() <= 0.2) && uniform.iter().any(|v| v.abs() > 0.199));
        assert!((spread(&uniform) / (0.2 / 3f64.sqrt()) - 1.0).abs() < 0.02);
        let pieces = Init::Pieces(vec![(2, Init::Ones), (n - 2, Init::of_layer(25))]).draw(&mut stream(), n);
        assert!(pieces[..2] == [1.0, 1.0] && pieces[2..] == uniform[..n - 2], "of one stream");
    }
}
