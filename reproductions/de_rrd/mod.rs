//! DE-RRD: A Knowledge Distillation Framework for Recommender System (Kang et al., CIKM 2020).

mod draws;
pub mod relaxed;
pub mod rrd;

use harness::error::Result;
use harness::method::{Method, Params, Trained};
use harness::train::Context;
use serde::Deserialize;

use self::rrd::Rrd;
use crate::models::{Student, TeacherModel, train};

/// RRD, and with `item_side` IR-RRD: L = L_base + λ Σ_users ℓ_u (+ λ_I Σ_items ℓ_i).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RrdMethod {
    student: Student,
    rrd: rrd::Options,
    item_side: Option<rrd::Options>,
}

/// The method `rrd`.
pub fn build_rrd(params: Params<'_>) -> std::result::Result<Box<dyn Method>, toml::de::Error> {
    Ok(Box::new(params.read::<RrdMethod>()?))
}

impl Method for RrdMethod {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let teacher = TeacherModel::of(cx)?;
        let rrd = Rrd::new(cx, &teacher, &self.rrd, self.item_side.as_ref())?;
        let (base, hyper) = self.student.parts();
        train(cx, base, hyper, vec![Box::new(rrd)])
    }

    fn uses_teacher(&self) -> bool {
        true
    }
}
