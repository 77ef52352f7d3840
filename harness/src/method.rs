//! The contract between the engine and a method: parameters in, a trained model out.
//!
//! The engine calls a method once per run; inside, the method drives the engine's pieces (streams,
//! batches, evaluation, early stopping, checkpoints) through its [`Context`],
//! so that its code reads like the algorithm box of its paper.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeValue;

use crate::error::Result;
use crate::metrics::Scorer;
use crate::split::Split;
use crate::train::{Context, Learnt, Selected};
use crate::weights::Parameter;

/// A method with its checked hyper-parameters.
pub trait Method: Send + Sync {
    /// Trains one run.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged) at a non-finite loss,
    /// [`Interrupted`](crate::error::Kind::Interrupted) when the person asked for the end.
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained>;

    /// The kind of model that training makes, if it is kept to be served and learnt from; none where
    /// training only counts, and a model is made anew whenever it is needed.
    fn makes(&self) -> Option<&'static str> {
        None
    }

    /// Whether it goes through a stream of periods, and has no use for a single split.
    fn goes_through_periods(&self) -> bool {
        false
    }

    /// The kinds of models that the method learns from, any of which its teacher may be; none for a
    /// method without a teacher.
    fn learns_from(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What training returns.
pub struct Trained {
    pub scorer: Box<dyn Scorer>,
    /// The trained parameters, in the model's own order; their sizes are the model's size.
    pub parameters: Vec<Parameter>,
    /// What was selected on validation data, if the method selects.
    pub selected: Option<Selected>,
    /// What the periods came to, of a method that goes through a stream of them; else none.
    pub periods: Vec<Learnt>,
}

/// Hyper-parameters as written in a spec, with their places.
pub struct Params<'a>(pub Spanned<DeValue<'a>>);

impl Params<'_> {
    /// Reads them strictly. `T` should refuse unknown fields and have no defaults: a spec states
    /// every value.
    ///
    /// # Errors
    /// What is wrong, with the span of the value in the spec.
    pub fn read<T: DeserializeOwned>(self) -> std::result::Result<T, toml::de::Error> {
        T::deserialize(toml::de::ValueDeserializer::from(self.0))
    }
}

/// Makes a method from hyper-parameters.
pub type Build = fn(Params<'_>) -> std::result::Result<Box<dyn Method>, toml::de::Error>;

/// The example of a method in CONTRIBUTING.md is compiled and run with the doc-tests.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
pub struct Contributing;

/// Makes a model that was kept ready to be served to the users of the split that it was trained on: a
/// sequential model reads their training sequences.
pub type Serve = fn(&[Parameter], &Split) -> Result<Box<dyn Scorer>>;

/// The methods by name, and the kinds of models that they [make](Method::makes). The engine knows them only
/// through this.
#[derive(Default)]
pub struct Registry {
    /// In the order of registration, which reports keep to in their colours.
    methods: Vec<(&'static str, Build)>,
    models: Vec<(&'static str, Serve)>,
}

impl Registry {
    pub fn with(mut self, name: &'static str, build: Build) -> Self {
        debug_assert!(self.get(name).is_none(), "method `{name}` registered twice");
        self.methods.push((name, build));
        self
    }

    pub fn with_model(mut self, kind: &'static str, serve: Serve) -> Self {
        debug_assert!(self.model(kind).is_none(), "model `{kind}` registered twice");
        self.models.push((kind, serve));
        self
    }

    /// How a model of this kind is served.
    pub fn model(&self, kind: &str) -> Option<Serve> {
        self.models.iter().find(|(known, _)| *known == kind).map(|(_, serve)| *serve)
    }

    pub fn get(&self, name: &str) -> Option<Build> {
        self.methods.iter().find(|(known, _)| *known == name).map(|(_, build)| *build)
    }

    /// In alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.methods.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Where a method stands in the order of registration.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.methods.iter().position(|(known, _)| *known == name)
    }
}
