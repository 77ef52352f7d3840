//! DE-RRD: A Knowledge Distillation Framework for Recommender System (Kang et al., CIKM 2020).
//!
//! ```text
//! teacher: a base model of 10 times the size (φ = 0.1), trained and frozen
//! each batch:  L = L_base + λ_DE L_DE + λ_RRD L_RRD;  one step of Adam for the student and the experts
//! ```
//!
//! `de` and `rrd` are each of the two terms by itself. RD and CD are the paper's baselines.

pub mod cd;
pub mod de;
mod draws;
pub mod rd;
pub mod rrd;

use harness::error::Result;
use harness::method::{Built, Method, Params, Trained};
use harness::train::Context;
use schemars::JsonSchema;
use serde::Deserialize;

use self::de::De;
use self::rrd::Rrd;
use crate::models::{PAIR_NAMES, PairStudent, TeacherModel, Term, prepare, train};

/// A student with one of the terms, or both.
struct DeRrd {
    student: PairStudent,
    de: Option<de::DeOptions>,
    rrd: Option<rrd::RrdOptions>,
    /// IR-RRD's item side.
    item_side: Option<rrd::RrdOptions>,
}

impl Method for DeRrd {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let PairStudent { kind, hyper } = &self.student;
        let terms = prepare(cx, |cx| {
            let teacher = TeacherModel::of(cx)?;
            let mut terms: Vec<Box<dyn Term>> = Vec::new();
            if let Some(options) = &self.de {
                terms.push(Box::new(De::new(
                    cx,
                    &teacher,
                    (kind.representation_width)(hyper.dim.get()),
                    options.clone(),
                )?));
            }
            if let Some(options) = &self.rrd {
                terms.push(Box::new(Rrd::new(cx, &teacher, options, self.item_side.as_ref())?));
            }
            Ok(terms)
        })?;
        train(cx, kind, hyper, terms)
    }

    fn makes(&self) -> Option<&'static str> {
        Some(self.student.kind.name)
    }

    fn learns_from(&self) -> &'static [&'static str] {
        PAIR_NAMES
    }
}

/// The method `de`.
pub fn build_de(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct DeParams {
        student: PairStudent,
        de: de::DeOptions,
    }
    let DeParams { student, de } = params.read()?;
    Ok(Box::new(DeRrd { student, de: Some(de), rrd: None, item_side: None }))
}

/// The method `rrd`, which with a table `item_side` is IR-RRD.
pub fn build_rrd(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct RrdParams {
        student: PairStudent,
        rrd: rrd::RrdOptions,
        item_side: Option<rrd::RrdOptions>,
    }
    let RrdParams { student, rrd, item_side } = params.read()?;
    Ok(Box::new(DeRrd { student, de: None, rrd: Some(rrd), item_side }))
}

/// The method `de-rrd`.
pub fn build_de_rrd(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct DeRrdParams {
        student: PairStudent,
        de: de::DeOptions,
        rrd: rrd::RrdOptions,
    }
    let DeRrdParams { student, de, rrd } = params.read()?;
    Ok(Box::new(DeRrd { student, de: Some(de), rrd: Some(rrd), item_side: None }))
}

#[cfg(test)]
mod tests;
