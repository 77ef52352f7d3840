//! Bundles: an archive that is accepted holds plain files below a folder, and survives a round trip.

#![no_main]

use std::path::{Component, Path};

use harness::bundle::{BUNDLE, BundleIndex, read_archive, write_archive};
use harness::record::Stored as _;
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

fuzz_target!(|bytes: &[u8]| {
    let path = file("bundle.zip", bytes);
    let Some(files) = accepted(read_archive(&path)) else { return };
    for name in files.keys() {
        assert!(Path::new(name).components().all(|part| matches!(part, Component::Normal(_))), "{name}");
    }
    std::fs::write(&path, write_archive(&files).expect("what was read can be written")).expect("a file");
    assert_eq!(read_archive(&path).expect("what was written can be read"), files);
    if let Some(index) = files.get(BUNDLE).and_then(|list| accepted(BundleIndex::parse(list, &path))) {
        let _ = index.check_files(&path, &files);
    }
});
