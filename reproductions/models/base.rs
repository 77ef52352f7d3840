//! The base models by name.

use harness::error::Result;
use harness::meter::check_fits;
use harness::method::{Method, Params, Trained};
use harness::metrics::Scorer;
use harness::train::Context;
use harness::weights::Parameter;
use serde::Deserialize;

use super::{Hyper, Recommender, Side, bpr, neumf, training};

/// A base model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Bpr,
    NeuMf,
}

impl Base {
    /// The names of all, as specs have them.
    pub const NAMES: [&str; 2] = ["bpr", "neumf"];

    /// Its own among [`NAMES`](Self::NAMES).
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// A fresh model on the run's device. Initial values come from the run's streams and are the
    /// same on every device.
    ///
    /// # Errors
    /// If it does not fit into memory, or the device fails.
    pub fn model(self, cx: &Context<'_>, hyper: &Hyper) -> Result<Box<dyn Recommender>> {
        let entities = (cx.split.n_users + cx.split.n_items) as u128;
        let dim = hyper.dim.get() as u128;
        let count = match self {
            Self::Bpr => entities * dim,
            // Two tables, and the hidden layer from both halves to one.
            Self::NeuMf => 2 * entities * dim + 2 * dim * dim,
        };
        // Weights, two moments and the selected copy, 4 bytes each.
        check_fits("the model", [count.try_into().unwrap_or(usize::MAX)], 16)
            .map_err(|error| error.hint("use a smaller `dim`"))?;
        match self {
            Self::Bpr => bpr::model(cx, hyper),
            Self::NeuMf => neumf::model(cx, hyper),
        }
    }

    /// The trained model as it is served.
    ///
    /// # Errors
    /// If the parameters are not this model's.
    pub fn scorer(self, parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
        match self {
            Self::Bpr => bpr::scorer(parameters),
            Self::NeuMf => neumf::scorer(parameters),
        }
    }

    /// The same model with the roles swapped: queries are items, and what is ranked are users.
    ///
    /// # Errors
    /// If the parameters are not this model's.
    pub fn swapped_scorer(self, parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
        match self {
            Self::Bpr => bpr::swapped_scorer(parameters),
            Self::NeuMf => neumf::swapped_scorer(parameters),
        }
    }

    /// What represents the entities of a side, `[entities, width]`, and the width.
    ///
    /// # Errors
    /// If the parameters are not this model's.
    pub fn representations(self, parameters: &[Parameter], side: Side) -> Result<(usize, Vec<f32>)> {
        match self {
            Self::Bpr => bpr::representations(parameters, side),
            Self::NeuMf => neumf::representations(parameters, side),
        }
    }

    /// Numbers that represent an entity.
    pub fn representation_width(self, hyper: &Hyper) -> usize {
        match self {
            Self::Bpr => hyper.dim.get(),
            Self::NeuMf => 2 * hyper.dim.get(),
        }
    }

    /// The model that has parameters of these names.
    pub fn of(parameters: &[Parameter]) -> Option<Self> {
        let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        if names == bpr::NAMES {
            Some(Self::Bpr)
        } else if names == neumf::NAMES {
            Some(Self::NeuMf)
        } else {
            None
        }
    }
}

/// A student as a distillation's spec names it: `[trial.params.student.bpr]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Student {
    Bpr(Hyper),
    NeuMf(Hyper),
}

impl Student {
    pub fn parts(&self) -> (Base, &Hyper) {
        match self {
            Self::Bpr(hyper) => (Base::Bpr, hyper),
            Self::NeuMf(hyper) => (Base::NeuMf, hyper),
        }
    }

    /// The name of its base model.
    pub fn name(&self) -> &'static str {
        self.parts().0.name()
    }
}

/// A base model trained by itself.
struct Plain {
    base: Base,
    hyper: Hyper,
}

impl Method for Plain {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        training::train(cx, self.base, &self.hyper, Vec::new())
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.base.name())
    }
}

type Built = std::result::Result<Box<dyn Method>, toml::de::Error>;

/// The method `bpr`.
pub fn bpr(params: Params<'_>) -> Built {
    Ok(Box::new(Plain { base: Base::Bpr, hyper: params.read()? }))
}

/// The method `neumf`.
pub fn neumf(params: Params<'_>) -> Built {
    Ok(Box::new(Plain { base: Base::NeuMf, hyper: params.read()? }))
}
