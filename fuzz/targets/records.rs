//! Records of runs: what is accepted is written as it was read, has a place, and holds against itself.

#![no_main]

use std::collections::BTreeMap;

use harness::drift::{Baseline, Today, judge};
use harness::record::{Record, Stored as _};
use harness::spec::Filter;
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

fuzz_target!(|bytes: &[u8]| {
    let path = file("seed-0.json", bytes);
    let Some(record) = accepted(Record::read(&path)) else { return };
    record.write(&path).expect("what was read can be written");
    assert_eq!(Record::read(&path).expect("what was written can be read"), record);
    assert!(record.id().path().is_relative());
    let metrics = record.metrics.keys().filter_map(|name| name.parse().ok());
    for metric in metrics {
        let _ = record.per_query(metric);
    }
    let baseline = Baseline::of_records(&record.spec, &record.profile, std::slice::from_ref(&record)).expect("one run");
    baseline.write(&path).expect("a baseline can be written");
    let read = Baseline::find(&path, &record.spec, &record.profile).expect("what was written can be read");
    assert_eq!(read.as_ref(), Some(&baseline));
    let today = Today {
        expected: &BTreeMap::from([((record.trial.clone(), record.seed), record.digests.run)]),
        records: std::slice::from_ref(&record),
        missing: &BTreeMap::new(),
        filter: &Filter::default(),
    };
    let judged = judge(&baseline, &today);
    assert!(judged.trials.iter().flat_map(|trial| &trial.runs).all(|run| run.same_weights && run.same_metrics));
});
