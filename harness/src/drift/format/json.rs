//! For other programs: everything, with all digits.

use serde::Serialize;

use super::super::{DriftVerdict, Judgement, Suite};

/// The version of this form. It changes when a reader of the old one would be misled.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Page<'a> {
    format: u32,
    verdict: DriftVerdict,
    specs: Vec<Spec<'a>>,
}

#[derive(Serialize)]
struct Spec<'a> {
    spec: &'a str,
    profile: &'a str,
    verdict: DriftVerdict,
    /// Why it could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    judgement: Option<&'a Judgement>,
}

pub fn json(suites: &[Suite]) -> String {
    let specs = suites.iter().map(|suite| Spec {
        spec: &suite.spec,
        profile: &suite.profile,
        verdict: suite.verdict(),
        error: suite.found.as_ref().err().map(ToString::to_string),
        judgement: suite.found.as_ref().ok(),
    });
    let page = Page { format: FORMAT, verdict: Suite::overall(suites), specs: specs.collect() };
    serde_json::to_string_pretty(&page).expect("judgements are plain data")
}
