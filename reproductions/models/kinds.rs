//! Every kind of model, by name. A new kind is one folder, a `pub mod` of it, and its name in one list here.

use std::borrow::Cow;
use std::fmt;

use candle_core::Device;
use harness::error::Result;
use harness::method::{Method, Params, Registry, Trained};
use harness::train::{Context, Task};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeSeed, EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pieces::{self, PieceHyper, PieceKind, PieceScorer};
use super::recommender::{PairHyper, PairKind};
use super::sequence::{self, SequentialHyper, SequentialKind};
use super::{
    Side, bert4rec, bpr, caser, embedding_mlp, fossil, mf, neumf, nextitnet, residual_sasrec, sasrec, training,
};

/// Makes the list of sequential kinds, and the choice among their hyper-parameters, each of a type of its own, from their
/// modules.
macro_rules! sequential_kinds {
    ($($module:ident: $hyper:ident),+) => {
        static SEQUENTIAL: &[&SequentialKind] = &[$(&$module::KIND),+];
        static SEQUENTIAL_NAMES: &[&str] = &[$($module::KIND.name),+];

        /// Reads the hyper-parameters of the kind of this name, one of [`SEQUENTIAL_NAMES`].
        fn read_sequential<E: Error>(
            name: &str,
            source: impl HyperSource<E>,
        ) -> std::result::Result<Box<dyn SequentialHyper>, E> {
            $(if name == $module::KIND.name {
                return Ok(Box::new(source.read::<$module::$hyper>()?));
            })+
            Err(E::unknown_variant(name, SEQUENTIAL_NAMES))
        }

        impl JsonSchema for SequentialStudent {
            fn schema_name() -> Cow<'static, str> {
                "SequentialStudent".into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                one_kind([$(($module::KIND.name, generator.subschema_for::<$module::$hyper>())),+])
            }
        }
    };
}

/// Makes the list of the kinds that are trained on pairs from their modules.
macro_rules! pair_kinds {
    ($($module:ident),+) => {
        static PAIRS: &[&PairKind] = &[$(&$module::KIND),+];

        /// The names of the kinds that are trained on pairs: what a teacher of a distillation over pairs may be.
        pub static PAIR_NAMES: &[&str] = &[$($module::KIND.name),+];
    };
}

/// Makes the list of the kinds over pieces, and the choice among their hyper-parameters, from their modules.
macro_rules! piece_kinds {
    ($($module:ident: $hyper:ident),+) => {
        static PIECES: &[&PieceKind] = &[$(&$module::KIND),+];

        /// The names of the kinds that are trained on pieces: what a teacher of AdaRec may be.
        pub static PIECE_NAMES: &[&str] = &[$($module::KIND.name),+];

        /// Reads the hyper-parameters of the kind of this name, one of [`PIECE_NAMES`].
        fn read_pieces<E: Error>(
            name: &str,
            source: impl HyperSource<E>,
        ) -> std::result::Result<Box<dyn PieceHyper>, E> {
            $(if name == $module::KIND.name {
                return Ok(Box::new(source.read::<$module::$hyper>()?));
            })+
            Err(E::unknown_variant(name, PIECE_NAMES))
        }

        impl JsonSchema for PieceStudent {
            fn schema_name() -> Cow<'static, str> {
                "PieceStudent".into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                one_kind([$(($module::KIND.name, generator.subschema_for::<$module::$hyper>())),+])
            }
        }
    };
}

// Kinds that are trained on pairs.
pair_kinds!(bpr, neumf);

// Kinds that are trained on windows of sequences.
sequential_kinds!(caser: CaserHyper, fossil: FossilHyper);

// Kinds that are trained on pieces of sequences.
piece_kinds!(nextitnet: NextItNetHyper, residual_sasrec: ResidualSasRecHyper, bert4rec: Bert4RecHyper);

/// The kind of this name that is trained on pairs.
pub fn pair_kind(name: &str) -> Option<&'static PairKind> {
    PAIRS.iter().find(|kind| kind.name == name).copied()
}

/// The sequential kind of this name.
pub fn sequential_kind(name: &str) -> Option<&'static SequentialKind> {
    SEQUENTIAL.iter().find(|kind| kind.name == name).copied()
}

/// The kind of this name over pieces.
pub fn piece_kind(name: &str) -> Option<&'static PieceKind> {
    PIECES.iter().find(|kind| kind.name == name).copied()
}

/// A table of one key, the kind of a model, with the hyper-parameters of that kind.
fn one_kind<const N: usize>(kinds: [(&str, Schema); N]) -> Schema {
    let kinds = kinds.map(|(name, hyper)| {
        json_schema!({ "type": "object", "properties": { name: hyper }, "required": [name], "additionalProperties": false })
    });
    json_schema!({ "oneOf": kinds.to_vec() })
}

/// Where the hyper-parameters of a kind are read from.
trait HyperSource<E> {
    fn read<T: for<'de> Deserialize<'de> + JsonSchema>(self) -> std::result::Result<T, E>;
}

/// The parameters of a method.
impl HyperSource<toml::de::Error> for Params<'_> {
    fn read<T: for<'de> Deserialize<'de> + JsonSchema>(self) -> std::result::Result<T, toml::de::Error> {
        Params::read(self)
    }
}

/// The value of an enumeration.
struct Variant<V>(V);

impl<'de, V: VariantAccess<'de>> HyperSource<V::Error> for Variant<V> {
    fn read<T: for<'a> Deserialize<'a> + JsonSchema>(self) -> std::result::Result<T, V::Error> {
        self.0.newtype_variant()
    }
}

/// A student as the spec of a distillation over pairs names it: `[trial.params.student.bpr]`.
#[derive(Clone, Debug)]
pub struct PairStudent {
    pub kind: &'static PairKind,
    pub hyper: PairHyper,
}

impl JsonSchema for PairStudent {
    fn schema_name() -> Cow<'static, str> {
        "PairStudent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let hyper = generator.subschema_for::<PairHyper>();
        json_schema!({
            "type": "object",
            "propertyNames": { "enum": PAIR_NAMES },
            "additionalProperties": hyper,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

impl<'de> Deserialize<'de> for PairStudent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_enum("PairStudent", PAIR_NAMES, PairVisitor)
    }
}

struct PairVisitor;

impl<'de> Visitor<'de> for PairVisitor {
    type Value = PairStudent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of one key, the kind of the student")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> std::result::Result<PairStudent, A::Error> {
        let (name, variant) = data.variant_seed(OneOf(PAIR_NAMES))?;
        let kind = pair_kind(&name).expect("one of the names");
        Ok(PairStudent { kind, hyper: variant.newtype_variant()? })
    }
}

/// A sequential student as a spec names it: `[trial.params.student.caser]`.
#[derive(Debug)]
pub struct SequentialStudent(pub Box<dyn SequentialHyper>);

impl<'de> Deserialize<'de> for SequentialStudent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_enum("SequentialStudent", SEQUENTIAL_NAMES, SequentialVisitor)
    }
}

struct SequentialVisitor;

impl<'de> Visitor<'de> for SequentialVisitor {
    type Value = SequentialStudent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of one key, the kind of the student")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> std::result::Result<SequentialStudent, A::Error> {
        let (name, variant) = data.variant_seed(OneOf(SEQUENTIAL_NAMES))?;
        read_sequential(&name, Variant(variant)).map(SequentialStudent)
    }
}

/// A student over pieces as a spec names it: `[trial.params.student.nextitnet]`.
#[derive(Debug)]
pub struct PieceStudent(pub Box<dyn PieceHyper>);

impl<'de> Deserialize<'de> for PieceStudent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_enum("PieceStudent", PIECE_NAMES, PieceVisitor)
    }
}

struct PieceVisitor;

impl<'de> Visitor<'de> for PieceVisitor {
    type Value = PieceStudent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of one key, the kind of the student")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> std::result::Result<PieceStudent, A::Error> {
        let (name, variant) = data.variant_seed(OneOf(PIECE_NAMES))?;
        read_pieces(&name, Variant(variant)).map(PieceStudent)
    }
}

/// Reads one of some names, so that an error about another stands at its place.
struct OneOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for OneOf {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<String, D::Error> {
        let name = String::deserialize(deserializer)?;
        if self.0.contains(&&name[..]) { Ok(name) } else { Err(D::Error::unknown_variant(&name, self.0)) }
    }
}

/// A model on pairs, trained by itself: the method of its kind's name.
struct PlainPairs(PairStudent);

impl Method for PlainPairs {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        training::train(cx, self.0.kind, &self.0.hyper, Vec::new())
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.0.kind.name)
    }
}

/// A sequential model, trained by itself: the method of its kind's name.
struct PlainSequential(Box<dyn SequentialHyper>);

impl Method for PlainSequential {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let windows = sequence::windows(&*self.0, &cx.split().train)?;
        sequence::train(cx, &*self.0, &windows, None)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.0.kind().name)
    }
}

/// A network over pieces, trained by itself: the method of its kind's name.
struct PlainPieces(Box<dyn PieceHyper>);

impl Method for PlainPieces {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        pieces::train(cx, &*self.0)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.0.kind().name)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        self.0.learns_from()
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        pieces::check_fit(&*self.0, task.split().n_items, device)
    }
}

/// Registers every kind: how its models are served, and the method that trains one by itself.
pub fn register(mut registry: Registry) -> Registry {
    for &kind in PAIRS {
        registry = registry
            .with(kind.name, |params| Ok(Box::new(PlainPairs(PairStudent { kind, hyper: params.read()? }))))
            .with_model(kind.name, |weights, _| (kind.scorer)(weights, Side::User));
    }
    for &kind in SEQUENTIAL {
        registry = registry
            .with(kind.name, |params| Ok(Box::new(PlainSequential(read_sequential(kind.name, params)?))))
            .with_model(kind.name, |weights, queries| sequence::scorer(kind, weights, queries));
    }
    for &kind in PIECES {
        registry = registry
            .with(kind.name, |params| Ok(Box::new(PlainPieces(read_pieces(kind.name, params)?))))
            .with_model(kind.name, |weights, queries| {
                Ok(Box::new(PieceScorer::new((kind.encoder)(weights)?, queries)?))
            });
    }
    registry
        .with_model(sasrec::NAME, sasrec::scorer)
        .with_model(embedding_mlp::NAME, embedding_mlp::scorer)
        .with_model(mf::NAME, mf::scorer)
}
