//! Tables that nobody has described: what is described loads, with the counts and the digest that are written.

#![no_main]

use harness::data::{Cache, DatasetCounts, Manifest, describe, load};
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file, folder};

fuzz_target!(|content: &[u8]| {
    let table = file("table.csv", content);
    let path = folder().join("table.toml");
    let Some(description) = accepted(describe(&[table], &path, None)) else { return };
    let manifest = Manifest::parse(&description.text, &path).expect("what is written can be read");
    let dataset = load(&manifest, &Cache::new(folder())).expect("what is described loads");
    let counts = DatasetCounts::of(&dataset);
    assert_eq!((counts.users, counts.items), (description.counts.users, description.counts.items));
    assert_eq!(Some(dataset.digest()), description.prepared);
});
