//! Turns the wire form of a spec into a checked spec; refuses everything that serde cannot see.

use std::ffi::OsStr;
use std::path::Path;

use toml::Spanned;

use super::beside::Allowed;
use super::checked::Spec;
use super::profile::Resolved;
use super::refuse::{not_empty, plain_name, unique};
use super::wire::WireSpec;
use super::{claim, origin, trials};
use crate::document::Document;
use crate::error::{Error, Kind, Place, Result};
use crate::method::Registry;
use crate::metrics::Candidates;
use crate::split::TrainingData;

/// Checks a resolved spec.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn check(document: &Document<'_>, resolved: &Resolved<'_>, registry: &Registry) -> Result<Spec> {
    let wire = WireSpec::read(document, &resolved.root)?;
    place(document, &wire)?;
    wire.split.check(wire.events.ties).map_err(|error| error.or_at(Place::file(document.file).key("split")))?;
    fits_the_protocol(&wire).map_err(|error| error.or_at(Place::file(document.file).key("protocol")))?;
    plain_name(document, &wire.dataset, "the dataset's id")?;
    let seeds = seeds(document, &wire.seeds)?;
    let trials = trials::check(document, &resolved.root, &wire, registry)?;
    if wire.paper.is_none()
        && let Some(span) = (wire.comparisons.first().map(|c| c.table.span()))
            .or(wire.curves.first().map(|c| c.file.span()))
            .or(wire.claims.first().map(|c| c.id.span()))
    {
        return Err(document
            .refuse(span, "nothing was published to compare with")
            .expected("`paper`: the folder of the paper that published it")
            .got("a spec of no paper"));
    }
    let names: Vec<&str> = wire.trials.get_ref().iter().map(|trial| trial.id.get_ref().as_str()).collect();
    let allowed = Allowed { document, trials: &names, protocol: &wire.protocol, split: &wire.split };
    let comparisons = wire.comparisons.iter().map(|wire| allowed.comparison(wire)).collect::<Result<_>>()?;
    let curves = wire.curves.iter().map(|wire| allowed.curve(wire)).collect::<Result<_>>()?;
    let claims = claim::check(document, &wire.claims, &names, &wire.protocol)?;
    Ok(Spec {
        id: wire.id.into_inner(),
        title: wire.title,
        file: document.file.to_path_buf(),
        outside: false,
        profile: resolved.profile.clone(),
        paper: wire.paper.map(Spanned::into_inner),
        dataset: wire.dataset.into_inner(),
        events: wire.events,
        split: wire.split,
        protocol: wire.protocol,
        seeds,
        trials,
        comparisons,
        curves,
        claims,
        analysis: wire.analysis,
        resolved: origin::sections(document, resolved),
    })
}

/// Labelled samples are evaluated one by one, and nothing else is.
fn fits_the_protocol(wire: &WireSpec) -> Result<()> {
    let labelled = wire.protocol.candidates == Candidates::Labelled;
    if labelled == (wire.split.makes() == TrainingData::Samples) {
        return Ok(());
    }
    let error = Error::new(Kind::Input, "the split and the protocol do not fit each other").got(wire.split.describe());
    Err(if labelled {
        error.expected(
            "a split rule of labelled samples, `periods-by-count` or `periods-by-day`, for `candidates = \"labelled\"`",
        )
    } else {
        error.expected("`candidates = \"labelled\"` for a split of labelled samples")
    })
}

/// The spec's id for a place in the tree: folders and file stem, `-` for `_`.
pub fn id_of_place(parts: &[&str]) -> String {
    parts.join("/").replace('_', "-")
}

/// A spec stands in its paper's folder, under its own name.
pub fn place(document: &Document<'_>, wire: &WireSpec) -> Result<()> {
    // With its folders spelt out: a spec may be named from inside its folder.
    let location = std::path::absolute(document.file)
        .map_err(|error| Error::io("cannot tell where the spec stands", document.file, &error))?;
    let stem = location.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let folder = location.parent().and_then(Path::file_name).and_then(OsStr::to_str).unwrap_or_default();
    if let Some(paper) = &wire.paper
        && paper.get_ref() != folder
    {
        return Err(document
            .refuse(paper.span(), "the spec does not stand in its paper's folder")
            .expected(format!("`{folder}`, the folder that the spec is in"))
            .got(format!("`{}`", paper.get_ref())));
    }
    let (alone, in_folder) = (id_of_place(&[stem]), id_of_place(&[folder, stem]));
    let id = wire.id.get_ref();
    // Which folders count shows where a repository is known: what lists its specs holds the id against the whole place.
    if *id == in_folder || wire.paper.is_none() && *id == alone {
        return Ok(());
    }
    Err(document
        .refuse(wire.id.span(), "the id does not fit the file's place")
        .expected(format!("`{}`", if wire.paper.is_some() { in_folder } else { alone }))
        .got(format!("`{id}`"))
        .hint("an id is the spec's folder (if `paper` names it, or it is in a folder of the repository) and the file's name, with `-` for `_`"))
}

fn seeds(document: &Document<'_>, seeds: &Spanned<Vec<Spanned<u64>>>) -> Result<Vec<u64>> {
    not_empty(document, seeds, seeds.get_ref().is_empty(), "seed")?;
    unique(document, seeds.get_ref(), "seed")?;
    Ok(seeds.get_ref().iter().map(|seed| *seed.get_ref()).collect())
}
