//! The specs of a folder.

use std::path::{Path, PathBuf};

use super::wire::{NOUN, WireSpec};
use super::{check, profile};
use crate::document::{Document, read_text};
use crate::error::{Error, Kind, Place, Result};
use crate::suggest::{did_you_mean, one_of};

/// TOML files beside the specs that are not specs: the paper's published tables, the crate's manifest.
const NO_SPECS: [&str; 2] = ["published.toml", "Cargo.toml"];

/// Whether a file is a spec, judging by its name.
pub fn is_spec(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "toml") && !NO_SPECS.iter().any(|name| file.ends_with(name))
}

/// A spec's file, readable or not.
pub struct Listed {
    pub file: PathBuf,
    /// The id that follows from the file's path.
    pub id: String,
    /// Its title, dataset and profiles, or why it cannot be read. Methods and their hyper-parameters are not checked here.
    pub summary: Result<SpecSummary>,
}

/// Title, dataset and profiles of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecSummary {
    pub title: String,
    pub dataset: String,
    /// Names of its profiles, the base first.
    pub profiles: Vec<String>,
}

/// All specs below a folder, by id. A broken spec is listed with its error.
///
/// # Errors
/// A folder cannot be read.
pub fn discover(dir: &Path) -> Result<Vec<Listed>> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    let mut listed: Vec<_> = files
        .into_iter()
        .map(|file| {
            let id = id_in(dir, &file);
            let summary = summary(&file, Some(&id)).map(|(_, summary)| summary);
            Listed { file, id, summary }
        })
        .collect();
    listed.sort_by(|a, b| (&a.id, &a.file).cmp(&(&b.id, &b.file)));
    for at in 1..listed.len() {
        if listed[at].id == listed[at - 1].id {
            let (id, first) = (listed[at].id.clone(), listed[at - 1].file.clone());
            listed[at].summary = Err(same_id(&id, &first, &listed[at].file));
        }
    }
    Ok(listed)
}

/// The spec in one file, wherever it stands. One that cannot be read is listed with its error, under its file's name.
pub fn listed(file: &Path) -> Listed {
    let stem = || check::id_of_place(&[&file.file_stem().unwrap_or_default().to_string_lossy()]);
    let (id, summary) = match summary(file, None) {
        Ok((id, summary)) => (id, Ok(summary)),
        Err(error) => (stem(), Err(error)),
    };
    Listed { file: file.to_path_buf(), id, summary }
}

/// The file of the spec with an id, below a folder.
///
/// # Errors
/// There is none, or a folder cannot be read.
pub fn find(dir: &Path, id: &str) -> Result<PathBuf> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    let mut known: Vec<_> = files.into_iter().map(|file| (id_in(dir, &file), file)).collect();
    known.sort();
    let mut found = known.iter().filter(|(known, _)| known == id).map(|(_, file)| file);
    if let Some(file) = found.next() {
        return match found.next() {
            None => Ok(file.clone()),
            Some(second) => Err(same_id(id, file, second)),
        };
    }
    let ids = || known.iter().map(|(id, _)| id.as_str());
    let error = Error::new(Kind::Input, format!("there is no spec `{id}`"))
        .at(Place::file(dir))
        .expected(one_of(ids()))
        .got(format!("`{id}`"));
    Err(did_you_mean(error, id, ids()))
}

/// Two files of one id would share their records.
fn same_id(id: &str, first: &Path, second: &Path) -> Error {
    Error::new(Kind::Input, format!("two specs have the id `{id}`"))
        .at(Place::file(second))
        .expected("names that differ in more than `-` and `_`")
        .got(format!("{} beside it", first.display()))
        .hint("rename or remove one of the two")
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let io = |error: std::io::Error| Error::io("cannot list the specs", dir, &error);
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(io)?);
        // Links to folders are not followed: they may lead back.
        if kind.is_dir() {
            collect(&path, files)?;
        } else if is_spec(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn id_in(dir: &Path, file: &Path) -> String {
    let stem = file.with_extension("");
    let inside = stem.strip_prefix(dir).expect("the file was found in the folder");
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    check::id_of_place(&parts.iter().map(|part| &**part).collect::<Vec<_>>())
}

/// The id of the spec in a file, and its summary. `id` is what the file's path says, where it does.
fn summary(file: &Path, id: Option<&str>) -> Result<(String, SpecSummary)> {
    let text = read_text(NOUN, file)?;
    let document = Document::parse(NOUN, file, &text)?;
    let wire = WireSpec::read(&document, &profile::base(&document)?.root)?;
    check::place(&document, &wire)?;
    if let Some(id) = id
        && wire.id.get_ref() != id
    {
        return Err(document
            .refuse(wire.id.span(), "the id does not fit the file's place")
            .expected(format!("`{id}`"))
            .got(format!("`{}`", wire.id.get_ref()))
            .hint("a spec in a paper's folder names the paper: `paper = \"…\"`"));
    }
    let profiles: Vec<_> = profile::names(&document.root).into_iter().map(str::to_string).collect();
    profile::resolve(&document, &profiles[0])?;
    Ok((wire.id.into_inner(), SpecSummary { title: wire.title, dataset: wire.dataset.into_inner(), profiles }))
}
