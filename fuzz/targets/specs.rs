//! Specs with their profiles: what is accepted has fingerprints, and can be printed.

#![no_main]

use std::sync::LazyLock;

use harness::digest::Digest;
use harness::method::Registry;
use harness::spec::{load, print_spec, run_fingerprint};
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

static REGISTRY: LazyLock<Registry> = LazyLock::new(reproductions::registry);

/// The file that a spec must stand in to be the one that it says it is.
fn place(text: &str) -> String {
    let id = toml::from_str::<toml::Table>(text).ok().and_then(|root| Some(root.get("id")?.as_str()?.to_string()));
    let id = id.unwrap_or_default();
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let short = id.len() < 100;
    match id.split_once('/') {
        Some((paper, name)) if short && plain(paper) && plain(name) => {
            format!("{}/{name}.toml", paper.replace('-', "_"))
        }
        None if short && plain(&id) => format!("{id}.toml"),
        _ => "fuzz.toml".to_string(),
    }
}

fuzz_target!(|text: &str| {
    let file = file(place(text), text.as_bytes());
    for profile in [None, Some("quick")] {
        let Some(spec) = accepted(load(&file, profile, &REGISTRY)) else { break };
        assert!(!print_spec(&spec).is_empty());
        assert!(!spec.trials.is_empty() && !spec.seeds.is_empty());
        let fingerprint = |seed| run_fingerprint(&spec, &spec.trials[0], seed, Digest::of(b"data"));
        assert_eq!(fingerprint(spec.seeds[0]), fingerprint(spec.seeds[0]));
    }
    std::fs::remove_file(file).expect("the input can be removed");
});
