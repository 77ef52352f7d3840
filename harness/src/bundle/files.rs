//! The files of a bundle.

use std::collections::BTreeMap;

use serde_json::Value;

use super::checklist::checklist;
use super::crate_metadata::{METADATA, crate_metadata};
use super::croissant::croissant;
use super::index::{BUNDLE, BundleIndex, BundledFile};
use super::readme::readme;
use super::source::BundleSource;
use crate::error::{Error, Kind, Result};
use crate::record::Stored as _;

/// The files of a bundle by name, `bundle.json` among them.
///
/// # Errors
/// [`Missing`](Kind::Missing) if there is no record; [`Input`](Kind::Input) if a file of an anonymous bundle tells who made it;
/// [`Internal`](Kind::Internal).
pub fn bundle(source: &BundleSource<'_>) -> Result<BTreeMap<String, Vec<u8>>> {
    let spec = source.report.basis.spec;
    if source.records.current.is_empty() {
        return Err(Error::new(Kind::Missing, format!("`{}` has no record in the profile {}", spec.id, spec.profile))
            .expected("records of today's runs, which are what a bundle is of")
            .hint(format!("`reprise run {} --profile {}` makes them", spec.argument(), spec.profile)));
    }
    let mut files = source.given.clone();
    for record in &source.records.current {
        files.insert(source.record_file(record), record.to_text()?.into_bytes());
    }
    for record in &source.records.latency {
        files.insert(source.latency_file(record), record.to_text()?.into_bytes());
    }
    for (name, text) in source.report.files() {
        files.insert(format!("{}/{name}", source.folder()), text.into_bytes());
    }
    files.insert("report.html".into(), source.page.as_bytes().to_vec());
    files.insert("croissant.json".into(), json_text(&croissant(source.report.basis.manifest, &source.given))?);
    files.insert("README.md".into(), readme(source).into_bytes());
    files.insert("CHECKLIST.md".into(), checklist(source).into_bytes());
    let metadata = json_text(&crate_metadata(source, &files))?;
    files.insert(METADATA.into(), metadata);
    let index = BundleIndex {
        format: BundleIndex::FORMAT,
        spec: spec.id.clone(),
        profile: spec.profile.clone(),
        dataset: spec.dataset.clone(),
        data: source.report.basis.manifest.raw_digest(),
        anonymous: source.names.is_some(),
        program: source.program.clone(),
        program_file: source.program_file,
        files: files.iter().map(|(name, content)| (name.clone(), BundledFile::of(content))).collect(),
    };
    files.insert(BUNDLE.into(), index.to_text()?.into_bytes());
    if let Some(names) = &source.names {
        // What a person wrote first: the other files are made from it.
        for (name, content) in source.given.iter().chain(&files).filter(|(name, _)| !source.public.contains(name)) {
            names.must_not_stand_in(name, content)?;
        }
    }
    Ok(files)
}

fn json_text(value: &Value) -> Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Error::new(Kind::Internal, "metadata have no text").got(error.to_string()))?;
    Ok((text + "\n").into_bytes())
}
