//! Weights: the named tensors of a model, and the settings without which they cannot be read.
//!
//! ```text
//! Layout (names, shapes) + Init (how each starts) → Weights → digest, artefact, saved State
//! ```

mod artefact;
mod init;
mod layout;
mod settings;
mod state;

pub use self::artefact::{Artefact, PeriodArtefacts, Provenance};
pub use self::init::Init;
pub use self::layout::Layout;
pub use self::settings::Settings;
pub use self::state::State;
use crate::digest::{Digest, FieldHasher};

/// A named tensor of weights, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Vec<f32>,
}

/// The weights of a model: its tensors in the model's own order, and the settings that change what it computes from
/// them (an activation, an exponent).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub parameters: Vec<Parameter>,
    pub settings: Settings,
}

impl From<Vec<Parameter>> for Weights {
    fn from(parameters: Vec<Parameter>) -> Self {
        Self { parameters, settings: Settings::default() }
    }
}

impl Weights {
    /// Number of trained values: the size of the model.
    pub fn count(&self) -> u64 {
        self.parameters.iter().map(|parameter| parameter.values.len() as u64).sum()
    }

    /// Names and shapes of the tensors, then each setting as `key=value` with the shape of nothing, `[0]`: what a record
    /// lists, and what the digest covers.
    pub fn listing(&self) -> impl Iterator<Item = (String, Vec<usize>)> {
        let tensors = self.parameters.iter().map(|parameter| (parameter.name.clone(), parameter.shape.clone()));
        tensors.chain(self.settings.iter().map(|(key, value)| (format!("{key}={value}"), vec![0])))
    }

    /// Digest of names, shapes, settings and every bit of the values.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise weights 1");
        let values = self.parameters.iter().map(|parameter| &parameter.values[..]).chain(std::iter::repeat(&[][..]));
        for ((name, shape), values) in self.listing().zip(values) {
            let shape: Vec<u32> = shape.iter().map(|&n| n as u32).collect();
            hasher.field("name", name.as_bytes()).u32s("shape", &shape).f32s("values", values);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_covers_names_shapes_values_and_settings() {
        let weights = Weights {
            parameters: vec![Parameter { name: "item".into(), shape: vec![1, 2], values: vec![0.5, -0.0] }],
            settings: Settings::default().with("alpha", 0.2),
        };
        let changed = |change: &dyn Fn(&mut Weights)| {
            let mut other = weights.clone();
            change(&mut other);
            other.digest()
        };
        let others = [
            changed(&|w| w.parameters[0].name = "user".into()),
            changed(&|w| w.parameters[0].shape = vec![2, 1]),
            changed(&|w| w.parameters[0].values[1] = 0.0),
            changed(&|w| w.settings = Settings::default()),
            changed(&|w| w.settings = Settings::default().with("alpha", 0.3)),
        ];
        assert!(others.iter().all(|digest| *digest != weights.digest()));
        assert_eq!(weights.count(), 2);
        let listing: Vec<_> = weights.listing().collect();
        assert_eq!(listing, [("item".to_string(), vec![1, 2]), ("alpha=0.2".to_string(), vec![0])]);
    }
}
