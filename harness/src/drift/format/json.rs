//! Judgements as JSON, for other programs: everything, with all digits.

use serde::Serialize;

use super::super::{DriftVerdict, Judgement, Suite};

/// Version of the form. It changes when a program that reads the old one would be misled.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Page<'a> {
    format: u32,
    verdict: DriftVerdict,
    specs: Vec<SpecEntry<'a>>,
}

#[derive(Serialize)]
struct SpecEntry<'a> {
    spec: &'a str,
    profile: &'a str,
    verdict: DriftVerdict,
    /// The error that kept it from being judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    judgement: Option<&'a Judgement>,
}

/// All suites as one JSON document.
pub fn json(suites: &[Suite]) -> String {
    let specs = suites.iter().map(|suite| SpecEntry {
        spec: &suite.spec,
        profile: &suite.profile,
        verdict: suite.verdict(),
        error: suite.found.as_ref().err().map(ToString::to_string),
        judgement: suite.found.as_ref().ok(),
    });
    let page = Page { format: FORMAT, verdict: Suite::overall(suites), specs: specs.collect() };
    serde_json::to_string_pretty(&page).expect("judgements are plain data")
}
