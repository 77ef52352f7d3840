//! The papers and their models. One folder per paper, one file per model; this page is the registry
//! through which the engine knows them.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests hold our values against those of std"))]

pub mod ader;
pub mod dcd;
pub mod de_rrd;
pub mod models;
pub mod rd;

use harness::method::Registry;

/// Every method that a spec may name. Their order gives their colours in figures: methods that meet in
/// one stand among ten neighbours: those of DE-RRD and DCD are the first ten, those of RD the six before ADER's, which are the last three.
pub fn registry() -> Registry {
    Registry::default()
        .with("rd", de_rrd::rd::build)
        .with("cd", de_rrd::cd::build)
        .with("de", de_rrd::build_de)
        .with("rrd", de_rrd::build_rrd)
        .with("de-rrd", de_rrd::build_de_rrd)
        .with("dcd", dcd::build)
        .with("neumf", models::build_neumf)
        .with("bpr", models::build_bpr)
        .with("pop", models::pop::build)
        .with("item-cf", models::item_cf::build)
        .with("caser", models::sequence::build_caser)
        .with("fossil", models::sequence::build_fossil)
        .with("rd-sequential", rd::sequential::build)
        .with("ader", ader::build)
        .with("sasrec", ader::build_sasrec)
        .with("ewc", ader::build_ewc)
        .with_model("bpr", |parameters, _| models::bpr::scorer(parameters))
        .with_model("neumf", |parameters, _| models::neumf::scorer(parameters))
        .with_model("caser", models::sequence::serve_caser)
        .with_model("fossil", models::sequence::serve_fossil)
        .with_model(models::sasrec::NAME, models::sasrec::serve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_model_can_be_served() {
        let kinds = models::Base::NAMES.iter().chain(&models::sequence::Base::NAMES);
        assert!(kinds.copied().all(|kind| registry().model(kind).is_some()));
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod distill_tests;
#[cfg(test)]
#[path = "../tests/golden/vectors.rs"]
mod golden;
#[cfg(test)]
mod test_world;
