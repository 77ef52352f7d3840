//! Records of latency: what is accepted is written as it was read, and has a place.

#![no_main]

use harness::record::{LatencyRecord, Stored as _};
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

fuzz_target!(|bytes: &[u8]| {
    let path = file("latency-seed-0.json", bytes);
    let Some(record) = accepted(LatencyRecord::read(&path)) else { return };
    record.write(&path).expect("what was read can be written");
    assert_eq!(LatencyRecord::read(&path).expect("what was written can be read"), record);
    assert!(record.path().is_relative() && record.id().path().is_relative());
});
