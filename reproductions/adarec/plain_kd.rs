//! Plain knowledge distillation, the baseline of AdaRec: a smaller network over pieces learns from a larger one, by the losses of
//! AdaRec and without a search (code: the presets `nin-distill`, `sas-distill` and `bert-distill`, without scripts).

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::method::{Built, Method, Params, Trained};
use harness::train::{Context, Task};
use harness::value::checked;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::distiller::{Distiller, Projected, StudentShape};
use super::network_learner::NetworkLearner;
use super::options::DistillationHyper;
use crate::models::pieces::{self, Start};
use crate::models::{PIECE_NAMES, PieceStudent};

/// The method `adarec-plain-kd`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
struct PlainKd {
    /// (NextItNet of 4 groups and width 64 from one of width 256; SASRec or BERT4Rec of 4 blocks, width 32 and one head from one of
    /// 8 blocks and width 128; trained as the teacher, SASRec and BERT4Rec with ×0.9 every 10 epochs)
    student: PieceStudent,
    distillation: DistillationHyper,
}

impl<'de> Deserialize<'de> for PlainKd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check_student)
    }
}

impl PlainKd {
    fn check_student(&self) -> Result<()> {
        let student = &self.student.0;
        if student.start() == Start::Inherited {
            return Err(Error::new(
                Kind::Input,
                "a student cannot inherit the weights of the teacher that it learns from",
            )
            .expected("`start = \"fresh\"`")
            .got("`start = \"inherited\"`"));
        }
        if !student.keeps_inputs() {
            return Err(Error::new(Kind::Input, "a student on masked items reads other inputs than its teacher")
                .expected("`task = \"next-items\"`")
                .got("`masked`"));
        }
        Ok(())
    }
}

impl Method for PlainKd {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let teacher = cx.teacher.ok_or_else(|| Error::new(Kind::Internal, "a distillation without a teacher"))?;
        let (hyper, items) = (&*self.student.0, cx.split().n_items);
        let network = hyper.model(items, None, &|purpose| cx.stream(purpose, 0))?;
        let encoder = (hyper.kind().encoder)(&network.weights()?)?;
        let shape = StudentShape {
            items,
            length: encoder.length(),
            layers: encoder.layers(),
            width: encoder.width(),
            projected: Projected::UnlessAsWide,
        };
        let distiller = Distiller::of_teacher(cx, &self.distillation, teacher, &shape)?;
        pieces::tell_labels_seen(cx, hyper);
        let mut learner = NetworkLearner::new(network, distiller);
        let selected = learner.train(cx, hyper.training())?;
        pieces::trained(cx, hyper, &learner, selected)
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        pieces::check_fit(&*self.student.0, task.split().n_items, device)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.student.0.kind().name)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        PIECE_NAMES
    }
}

/// The method `adarec-plain-kd`: a network over pieces learns from another one that is trained.
pub fn build_plain_kd(params: Params<'_>) -> Built {
    Ok(Box::new(params.read::<PlainKd>()?))
}

#[cfg(test)]
mod tests;
