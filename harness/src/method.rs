//! The contract between the engine and a method: parameters in, a trained model out.
//!
//! The engine calls a method once per run; inside, the method drives the engine's pieces (streams,
//! batches, evaluation, early stopping, checkpoints) through its [`Context`],
//! so that its code reads like the algorithm box of its paper.

use candle_core::Device;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use toml::Spanned;
use toml::de::DeValue;

use crate::error::Result;
use crate::metrics::Scorer;
use crate::queries::Queries;
use crate::split::TrainingData;
use crate::train::{Context, Learnt, Selected, Task};
use crate::weights::Weights;

/// A method with its checked hyper-parameters.
pub trait Method: Send + Sync {
    /// Trains one run, on data that [`check`](Self::check) did not refuse.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged) at a non-finite loss,
    /// [`Interrupted`](crate::error::Kind::Interrupted) when the person asked for the end.
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained>;

    /// The kind of model that training makes, which is kept to be served and learnt from; `None` for counting baselines,
    /// which are recomputed on demand.
    fn makes(&self) -> Option<&'static str> {
        None
    }

    /// The form of the data that it learns from, which the spec's split rule must make.
    fn learns_on(&self) -> TrainingData {
        TrainingData::Split
    }

    /// The kinds of models that the method learns from, any of which its teacher may be; none for a
    /// method without a teacher.
    fn learns_from(&self) -> &'static [&'static str] {
        &[]
    }

    /// Refuses data that it cannot learn from, or a device that it does not run on, as far as that can be said without its
    /// teacher. The engine asks all trials that a command is to train, and those that they learn from, before it trains the first.
    ///
    /// # Errors
    /// [`Input`](crate::error::Kind::Input) for data that does not fit; [`Missing`](crate::error::Kind::Missing) for a device.
    fn check(&self, _task: &Task, _device: &Device) -> Result<()> {
        Ok(())
    }

    /// Whether the method also reads the model that its teacher learnt from, where there is one.
    fn learns_from_teachers_teacher(&self) -> bool {
        false
    }

    /// Whether the method reads the models with which its teacher was tested on each period of the stream
    /// ([`Teacher::tested_on`](crate::train::Teacher::tested_on)), so that the engine keeps them.
    fn learns_from_periods(&self) -> bool {
        false
    }
}

/// What training returns.
pub struct Trained {
    /// Answers the validation and the test queries of the task.
    pub scorer: Box<dyn Scorer>,
    /// The weights of the model that serves.
    pub weights: Weights,
    /// The meta-model that made these weights, such as a generator of models, where there is one. Serving does not need it.
    pub meta: Option<Weights>,
    /// The epochs that were selected on validation data, if the method selects.
    pub selected: Option<Selected>,
    /// The result of every period, of a method that goes through a stream of them; else none.
    pub periods: Vec<Learnt>,
}

/// Hyper-parameters as written in a spec, with their places; or the question which there are.
pub struct Params<'a>(Asked<'a>);

enum Asked<'a> {
    Written(Spanned<DeValue<'a>>),
    /// Takes the schema of what is read.
    Schema(&'a mut SchemaGenerator, &'a mut Option<Schema>),
}

impl<'a> Params<'a> {
    /// Those that a spec states.
    pub fn new(written: Spanned<DeValue<'a>>) -> Self {
        Self(Asked::Written(written))
    }

    /// Reads them strictly. `T` should refuse unknown fields and have no defaults: a spec states
    /// every value.
    ///
    /// # Errors
    /// What is wrong, with the span of the value in the spec.
    pub fn read<T: DeserializeOwned + JsonSchema>(self) -> std::result::Result<T, toml::de::Error> {
        match self.0 {
            Asked::Written(written) => T::deserialize(toml::de::ValueDeserializer::from(written)),
            Asked::Schema(generator, schema) => {
                *schema = Some(generator.subschema_for::<T>());
                Err(toml::de::Error::custom("nothing is written"))
            }
        }
    }
}

/// A method that was made from hyper-parameters, or what is wrong with them.
pub type Built = std::result::Result<Box<dyn Method>, toml::de::Error>;

/// Makes a method from hyper-parameters.
pub type Build = dyn Fn(Params<'_>) -> Built + Send + Sync;

/// The example of a method in CONTRIBUTING.md is compiled and run with the doc-tests.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
pub struct Contributing;

/// Makes a model that was kept ready to answer queries of the data that it was trained on.
pub type Serve = dyn Fn(&Weights, &Queries) -> Result<Box<dyn Scorer>> + Send + Sync;

/// The methods by name, and the kinds of models that they [make](Method::makes). The engine knows them only
/// through this.
#[derive(Default)]
pub struct Registry {
    /// In the order that gives their colours in figures.
    methods: Vec<(&'static str, Box<Build>)>,
    models: Vec<(&'static str, Box<Serve>)>,
}

impl Registry {
    /// With a method.
    pub fn with(mut self, name: &'static str, build: impl Fn(Params<'_>) -> Built + Send + Sync + 'static) -> Self {
        debug_assert!(self.get(name).is_none(), "method `{name}` registered twice");
        self.methods.push((name, Box::new(build)));
        self
    }

    /// With a kind of model.
    pub fn with_model(
        mut self,
        kind: &'static str,
        serve: impl Fn(&Weights, &Queries) -> Result<Box<dyn Scorer>> + Send + Sync + 'static,
    ) -> Self {
        debug_assert!(self.model(kind).is_none(), "model `{kind}` registered twice");
        self.models.push((kind, Box::new(serve)));
        self
    }

    /// With the methods in this order, which gives their colours in figures; those that it does not name follow in the
    /// order of registration.
    pub fn in_order(mut self, names: &[&str]) -> Self {
        let place = |name: &str| names.iter().position(|known| *known == name).unwrap_or(names.len());
        self.methods.sort_by_key(|(name, _)| place(name));
        self
    }

    /// How a model of this kind is served.
    pub fn model(&self, kind: &str) -> Option<&Serve> {
        self.models.iter().find(|(known, _)| *known == kind).map(|(_, serve)| &**serve)
    }

    /// How a method is made.
    pub fn get(&self, name: &str) -> Option<&Build> {
        self.methods.iter().find(|(known, _)| *known == name).map(|(_, build)| &**build)
    }

    /// The schema of a method's hyper-parameters; `None` if it reads none. Definitions go into the generator.
    pub fn schema(&self, name: &str, generator: &mut SchemaGenerator) -> Option<Schema> {
        let mut schema = None;
        // It reads its parameters, which is all that is asked, and then has none to make a method of.
        let _ = self.get(name)?(Params(Asked::Schema(generator, &mut schema)));
        schema
    }

    /// The names of the methods, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.methods.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Where a method stands in the order of figures.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.methods.iter().position(|(known, _)| *known == name)
    }
}
