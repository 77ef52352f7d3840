//! The fingerprints of all trials of the repository's specs are those of `tests/golden/fingerprints.toml`: whoever rewrites
//! a spec, or how specs are read, must not make a run another one, or its records are stale.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use harness::digest::Digest;
use harness::spec;

/// Has the golden file written anew.
const BLESS: &str = "REPRISE_BLESS";

const HEAD: &str = "\
# The fingerprint of every trial of every spec of the repository, in each profile, at seed 0 and as if its dataset had no
# content. A row moves only where the run is meant to be another one, which makes its records stale:
# `REPRISE_BLESS=1 cargo test --release --workspace --test it fingerprints` writes them anew.

";

#[test]
fn every_trial_of_every_spec_is_the_one_that_it_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let registry = reproductions::registry();
    let mut ours = BTreeMap::new();
    for listed in spec::discover(&root.join("reproductions")).unwrap() {
        for profile in &listed.summary.unwrap().profiles {
            let spec = spec::load(&listed.file, Some(profile), &registry).unwrap();
            for trial in &spec.trials {
                let run = spec::run_fingerprint(&spec, trial, 0, Digest::of(b""));
                ours.insert(format!("{} {profile} {}", listed.id, trial.id), run.to_string());
            }
        }
    }
    let file = root.join("tests/golden/fingerprints.toml");
    if std::env::var_os(BLESS).is_some() {
        let mut text = HEAD.to_string();
        ours.iter().for_each(|(run, digest)| writeln!(text, "\"{run}\" = \"{digest}\"").unwrap());
        std::fs::write(&file, text).unwrap();
    }
    let golden: BTreeMap<String, String> = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let moved: Vec<_> = ours.iter().filter(|(run, digest)| golden.get(*run) != Some(digest)).collect();
    let gone: Vec<_> = golden.keys().filter(|run| !ours.contains_key(*run)).collect();
    assert!(moved.is_empty() && gone.is_empty(), "moved or new: {moved:#?}\ngone: {gone:#?}");
}
