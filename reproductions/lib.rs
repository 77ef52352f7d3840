//! The papers and their models. One folder per paper, one file per model; this page is the registry
//! through which the engine knows them.
//!
//! The rooms, in the order that arrows keep (`tests/arrows.rs`): a paper uses the models and what earlier papers proposed.
//!
//! ```text rooms
//! models  models and baselines, and what training them shares
//! rd      Ranking Distillation
//! de_rrd  DE-RRD, and the distillations that it is compared with
//! dcd     DCD, which corrects RRD
//! ader    ADER, and continual learning of sessions
//! asmg    ASMG, which generates models from those of past periods
//! adarec  AdaRec, which distils into a student whose architecture is searched
//! ```

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests hold our values against those of std"))]

pub mod adarec;
pub mod ader;
pub mod asmg;
pub mod dcd;
pub mod de_rrd;
pub mod models;
pub mod rd;

use harness::method::Registry;

/// Methods in the order that gives their colours in figures: the methods of one figure must be within ten entries. Those
/// that are not listed follow.
const ORDER_IN_FIGURES: [&str; 25] = [
    "rd",
    "cd",
    "de",
    "rrd",
    "de-rrd",
    "dcd",
    "neumf",
    "bpr",
    "pop",
    "item-cf",
    "caser",
    "fossil",
    "rd-sequential",
    "ader",
    "sasrec",
    "ewc",
    "asmg",
    "asmg-linear",
    "iu",
    "sml",
    "sml-mf",
    "spmf",
    "incctr",
    "bu",
    "pretrained",
];

/// Every method that a spec may name, and every kind of model.
pub fn registry() -> Registry {
    models::register(Registry::default())
        .with("pop", models::pop::build)
        .with("item-cf", models::item_cf::build)
        .with("rd-sequential", rd::sequential::build)
        .with("rd", de_rrd::rd::build)
        .with("cd", de_rrd::cd::build)
        .with("de", de_rrd::build_de)
        .with("rrd", de_rrd::build_rrd)
        .with("de-rrd", de_rrd::build_de_rrd)
        .with("dcd", dcd::build)
        .with("ader", ader::build)
        .with("sasrec", ader::build_sasrec)
        .with("ewc", ader::build_ewc)
        .with("asmg", asmg::generator::build)
        .with("asmg-linear", asmg::generator::build_linear)
        .with("iu", asmg::build_iu)
        .with("bu", asmg::build_bu)
        .with("incctr", asmg::build_incctr)
        .with("spmf", asmg::build_spmf)
        .with("pretrained", asmg::build_pretrained)
        .with("sml", asmg::sml::build)
        .with("sml-mf", asmg::sml::build_mf)
        .with("adarec-search", adarec::build_search)
        .with("adarec-student", adarec::build_student)
        .with("adarec-plain-kd", adarec::build_plain_kd)
        .with_model(adarec::SEARCH, adarec::search_scorer)
        .with_model(adarec::STUDENT, adarec::scorer)
        .in_order(&ORDER_IN_FIGURES)
}

#[cfg(test)]
#[path = "../tests/golden/vectors.rs"]
mod golden;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod tests;
