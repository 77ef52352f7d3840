//! λ_t: how much the exemplars of the periods before count.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where λ_t comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayWeighting {
    /// λ_base · √((|I_t−1| / |I_t|) · (|E_t−1| / |D_t|)).
    Adaptive,
    /// λ_base (ADER_fix).
    Fixed,
}

/// Numbers of items and samples that a period brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// |I_t−1|, items seen until the period before.
    pub items_before: usize,
    /// |I_t|, items seen with this one.
    pub items: usize,
    /// |E_t−1|, exemplars in store, which may be fewer than there is room for (code).
    pub exemplars: usize,
    /// |D_t|, training sub-sequences without those that validate (code).
    pub train: usize,
}

impl ReplayWeighting {
    /// λ_t.
    ///
    /// # Panics
    /// If there is no item or nothing to train on.
    pub fn weight(self, base: f64, growth: &Growth) -> f64 {
        assert!(growth.items > 0 && growth.train > 0, "a period without items or training data");
        match self {
            Self::Fixed => base,
            Self::Adaptive => {
                let old = growth.items_before as f64 / growth.items as f64;
                base * (old * growth.exemplars as f64 / growth.train as f64).sqrt()
            }
        }
    }
}
