//! Manifests: what is accepted can be asked about.

#![no_main]

use std::path::Path;

use harness::data::Manifest;
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::accepted;

fuzz_target!(|text: &str| {
    // A manifest's id is its file's name.
    let id = toml::from_str::<toml::Table>(text).ok().and_then(|root| Some(root.get("id")?.as_str()?.to_string()));
    let path = format!("{}.toml", id.as_deref().unwrap_or("fuzz"));
    if let Some(manifest) = accepted(Manifest::parse(text, Path::new(&path))) {
        assert!(!manifest.files.is_empty());
        assert!(!manifest.parts().is_empty());
        let _ = (manifest.clock(), manifest.values(), manifest.is_embedded());
    }
});
