//! Weights as named tensors, and their digest.

use crate::digest::{Digest, FieldHasher};

/// A named tensor of weights, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Digest of weights: names, shapes and every bit of the values.
pub fn content_digest(parameters: &[Parameter]) -> Digest {
    let mut hasher = FieldHasher::new("reprise weights 1");
    for parameter in parameters {
        let shape: Vec<u32> = parameter.shape.iter().map(|&n| n as u32).collect();
        hasher.field("name", parameter.name.as_bytes()).u32s("shape", &shape).f32s("values", &parameter.values);
    }
    hasher.finish()
}
