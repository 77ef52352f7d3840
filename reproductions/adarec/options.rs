//! Hyper-parameters of AdaRec's students. The values of the code stand in parentheses.

use harness::error::{Error, Kind, Result};
use harness::nn::Dropout;
use harness::value::{Count, Share, Weight, checked};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::architecture::Architecture;
use super::hidden_loss::HiddenOptions;
use super::operation::SearchSpace;
use super::relaxation::Temperature;
use crate::models::pieces::training::Rates;
use crate::models::pieces::{KlDirection, KlMean, PieceTraining, Start};

/// The size of a student, and its dropout.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StudentHyper {
    /// C (64 with NextItNet as the teacher, 32 with the others).
    pub channels: Count,
    /// (4)
    pub cells: Count,
    /// Of the embedding, and of what the output layer reads (0.1).
    pub dropout: Share,
}

impl StudentHyper {
    pub fn dropout(&self) -> Dropout {
        Dropout::new(self.dropout.get())
    }
}

/// What a student learns from a teacher: (1 − γ)·CE + γ·(L_emb + L_hid + L_out).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DistillationHyper {
    /// γ (0.5).
    pub gamma: Share,
    pub hidden: HiddenOptions,
    pub output: OutputOptions,
}

/// The divergence between the answers of student and teacher.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputOptions {
    pub direction: KlDirection,
    pub mean: KlMean,
}

/// Whether there is a teacher to learn from: in a spec `"none"`, or the table of [`DistillationHyper`].
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `\"none\"` or a table of `gamma`, `hidden` and `output`")]
pub enum MayDistil {
    No(NoTeacher),
    From(DistillationHyper),
}

/// The word `"none"`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoTeacher {
    None,
}

impl MayDistil {
    pub fn get(&self) -> Option<&DistillationHyper> {
        match self {
            Self::No(_) => None,
            Self::From(hyper) => Some(hyper),
        }
    }
}

/// How architectures are searched: in one level, with the weights of the network, by the same loss and β·L_eff.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchHyper {
    /// (`"coded"`, all ten operations)
    pub space: SearchSpace,
    /// (1, ×0.8 every 5 epochs)
    pub temperature: Temperature,
    /// AdamW's for α (2e-5 and 1e-4).
    pub alpha: Rates,
    /// β (8).
    pub efficiency: Weight,
    /// The architecture that validation sees (`"drawn"`).
    pub validation: ValidatedArchitecture,
}

/// The architecture with which a super-net is validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidatedArchitecture {
    /// One drawn for each batch of 128 pieces, as in training: the metric is then a random one (code).
    Drawn,
    /// The one that α stands for.
    Derived,
}

/// The architecture of a student that is trained by itself, in a spec a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StudentArchitecture {
    /// Written in the spec, such as `cau_cnn_3|none,skip_connect|…`.
    Fixed(Architecture),
    /// That of the teacher: the one that a search came to, or a student's. `derived`.
    Derived,
    /// One of the teacher's space, drawn among those that cost as much as the derived one and are not it: the control of a
    /// search. `random-1`, `random-2`, … are different draws.
    Random(usize),
}

harness::described! {
    StudentArchitecture: { "type": "string", "pattern": r"^(derived|random-[1-9][0-9]*|[a-z0-9_]+(\|[a-z0-9_]+(,[a-z0-9_]+)*)*)$" }
}

impl<'de> Deserialize<'de> for StudentArchitecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (&text[..], text.strip_prefix("random-").map(str::parse)) {
            ("derived", _) => Ok(Self::Derived),
            (_, Some(Ok(draw))) if draw > 0 => Ok(Self::Random(draw)),
            _ => text.parse().map(Self::Fixed).map_err(|error: Error| {
                serde::de::Error::custom(error.hint("or `derived`, or `random-1`, `random-2`, …"))
            }),
        }
    }
}

/// Hyper-parameters of a student that is trained by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct StudentParams {
    pub architecture: StudentArchitecture,
    /// (`inherited`)
    pub start: Start,
    /// Of a derived or random one as of the teacher.
    pub model: StudentHyper,
    pub distillation: MayDistil,
    pub training: PieceTraining,
}

impl<'de> Deserialize<'de> for StudentParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, |params| {
            check_length(params.training.length)?;
            if matches!(params.architecture, StudentArchitecture::Fixed(_)) && params.start == Start::Inherited {
                return Err(Error::new(Kind::Input, "a written architecture has no weights to inherit")
                    .expected("`start = \"fresh\"`, or `architecture = \"derived\"`")
                    .got("`start = \"inherited\"`"));
            }
            Ok(())
        })
    }
}

/// Refuses inputs that are shorter than any piece.
///
/// # Errors
/// [`Input`](Kind::Input)
pub fn check_length(length: Count) -> Result<()> {
    const LEAST: usize = 4;
    if length.get() >= LEAST {
        return Ok(());
    }
    Err(Error::new(Kind::Input, format!("`length` = {} is shorter than any piece", length.get()))
        .expected(format!("at least {LEAST}")))
}
