//! Baselines: what is accepted is written as it was read, and can be judged by.

#![no_main]

use std::collections::BTreeMap;

use harness::drift::{Baseline, Today, judge};
use harness::record::Stored as _;
use harness::spec::Filter;
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

fuzz_target!(|bytes: &[u8]| {
    let path = file("baseline.json", bytes);
    let Some(Some(baseline)) = accepted(Baseline::find(&path, "quick", "base")) else { return };
    baseline.write(&path).expect("what was read can be written");
    let read = Baseline::find(&path, "quick", "base").expect("what was written can be read");
    assert_eq!(read.as_ref(), Some(&baseline));
    let today =
        Today { expected: &BTreeMap::new(), records: &[], missing: &BTreeMap::new(), filter: &Filter::default() };
    let judged = judge(&baseline, &today);
    assert!(judged.trials.iter().all(|trial| trial.runs.is_empty()));
});
