//! Loads a [`Dataset`] from verified files, and checks the counts and the digest that its manifest states.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Place, Result};

use super::bytes::{gunzip, open};
use super::cache::Cache;
use super::dataset::{Dataset, Part};
use super::identity::Identity;
use super::manifest::{DataFile, Manifest, TakeOut};
use super::read::Reader;
use super::source_ids::DatasetIds;

/// Numbers of users, items and interactions of a prepared dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetCounts {
    /// Users with at least one interaction.
    pub users: usize,
    /// Items with at least one interaction.
    pub items: usize,
    /// Per part, in order.
    pub interactions: Vec<(String, usize)>,
}

impl DatasetCounts {
    pub fn of(dataset: &Dataset) -> Self {
        let mut users = vec![false; dataset.n_users];
        let mut items = vec![false; dataset.n_items];
        for interaction in dataset.parts.iter().flat_map(|part| &part.interactions) {
            users[interaction.user as usize] = true;
            items[interaction.item as usize] = true;
        }
        let occurring = |seen: &[bool]| seen.iter().filter(|seen| **seen).count();
        Self {
            users: occurring(&users),
            items: occurring(&items),
            interactions: dataset.parts.iter().map(|part| (part.name.clone(), part.interactions.len())).collect(),
        }
    }
}

/// Reads a dataset that is embedded or in the cache. Sizes and digests are checked each time.
///
/// # Errors
/// `Missing` for a file that must be fetched first; `Data` for wrong bytes, a bad line, wrong
/// counts or another prepared digest.
pub fn load(manifest: &Manifest, cache: &Cache) -> Result<Dataset> {
    load_from(manifest, cache).map(|(dataset, _)| dataset)
}

/// The same, with the source's ids of users and items.
///
/// # Errors
/// As [`load`].
pub fn load_with_ids(manifest: &Manifest, cache: &Cache) -> Result<(Dataset, DatasetIds)> {
    load_from(manifest, cache).map(|(dataset, reader)| (dataset, reader.ids()))
}

fn load_from(manifest: &Manifest, cache: &Cache) -> Result<(Dataset, Reader)> {
    let (dataset, reader) = read_files(manifest, cache)?;
    check_counts(manifest, &DatasetCounts::of(&dataset))?;
    match manifest.prepared {
        Some(expected) if dataset.digest() != expected => {
            Err(Error::new(Kind::Data, format!("the prepared dataset `{}` has another digest", manifest.id))
                .at(Place::file(&manifest.path).key("prepared"))
                .expected(expected.to_string())
                .got(dataset.digest().to_string())
                .hint("the files and counts are right, so the manifest's way of reading them was changed; if that was meant, pin the new digest"))
        }
        _ => Ok((dataset, reader)),
    }
}

fn read_files(manifest: &Manifest, cache: &Cache) -> Result<(Dataset, Reader)> {
    let mut reader = Reader::new(manifest);
    let mut parts: Vec<Part> = Vec::new();
    for file in &manifest.files {
        let Some(part) = &file.part else { continue };
        let (path, bytes) = content(manifest, file, cache)?;
        let index = match parts.iter().position(|other| other.name == *part) {
            Some(index) => index,
            None => {
                parts.push(Part { name: part.clone(), interactions: Vec::new() });
                parts.len() - 1
            }
        };
        reader.read(file, &path, &bytes, &mut parts[index].interactions)?;
    }
    // Items that have no interaction are no items of the dataset: it must be known by now which have.
    for file in manifest.files.iter().filter(|file| file.part.is_none()) {
        let (path, bytes) = content(manifest, file, cache)?;
        reader.read(file, &path, &bytes, &mut Vec::new())?;
    }
    let categories = reader.item_categories(&parts).map_err(|error| error.at(Place::file(&manifest.path)))?;
    if let Some(take_out) = &manifest.take_out {
        take_pairs_out(&mut parts, take_out, manifest)?;
    }
    let (n_users, n_items) = reader.sizes();
    let [user_places, item_places, session_places] = reader.places();
    let dataset = Dataset {
        name: manifest.id.clone(),
        n_users,
        n_items,
        user_places,
        item_places,
        session_places,
        categories,
        clock: manifest.clock(),
        values: manifest.values(),
        parts,
    };
    Ok((dataset, reader))
}

/// The verified, decompressed bytes of a file, and where they were found.
pub(super) fn content(manifest: &Manifest, file: &DataFile, cache: &Cache) -> Result<(PathBuf, Vec<u8>)> {
    if let Some(embedded) = file.embedded() {
        let path = manifest.beside(embedded);
        let bytes = gunzip(&path, file.identity.most())?;
        file.identity.check(&path, bytes.len() as u64, &bytes[..])?;
        return Ok((path, bytes));
    }
    let near = manifest.near(file);
    let (path, compressed) = match &near {
        Some((path, gzip)) if path.exists() => (path.clone(), *gzip),
        _ => (cache.file(&manifest.id, &file.name), false),
    };
    if compressed {
        let bytes = gunzip(&path, file.identity.most())?;
        file.identity.check(&path, bytes.len() as u64, &bytes[..])?;
        return Ok((path, bytes));
    }
    if !path.exists() {
        if let Some((path, _)) = near {
            let missing = Error::new(Kind::Missing, format!("`{}` of `{}` is not there", file.name, manifest.id));
            return Err(missing.at(Place::file(path)).hint("the manifest says where it stands: `beside`"));
        }
        let missing = Error::new(Kind::Missing, format!("`{}` is not in the cache", file.name)).at(Place::file(&path));
        return Err(missing.hint(format!("`reprise data fetch {}` gets it, or says how", manifest.id)));
    }
    let bytes = read(&path, file).map_err(|error| manifest.name_swapped(file, &path, error))?;
    // Of a file that stays compressed only these bytes are known, and they are the pinned ones.
    let bytes = if file.gzip { gunzip(&path, u64::MAX)? } else { bytes };
    Ok((path, bytes))
}

/// The verified bytes of the file at `path`; what cannot be right is not read into memory.
fn read(path: &Path, file: &DataFile) -> Result<Vec<u8>> {
    let (opened, length) = open(path)?;
    if file.identity == Identity::Unknown || length > file.identity.most() {
        // Always an error.
        return file.identity.check(path, length, opened).map(|()| Vec::new());
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile is caught by its length.
    let all = opened.take(length.saturating_add(1)).read_to_end(&mut bytes);
    all.map_err(|error| Error::io("cannot read a data file", path, &error))?;
    file.identity.check(path, bytes.len() as u64, &bytes[..])?;
    Ok(bytes)
}

/// Takes each pair of `take_out.parts` once out of `take_out.from`.
fn take_pairs_out(parts: &mut [Part], take_out: &TakeOut, manifest: &Manifest) -> Result<()> {
    let mut left: HashMap<(u32, u32), usize> = HashMap::new();
    for part in parts.iter().filter(|part| take_out.parts.contains(&part.name)) {
        for interaction in &part.interactions {
            *left.entry((interaction.user, interaction.item)).or_default() += 1;
        }
    }
    let taken: usize = left.values().sum();
    let from = parts.iter_mut().find(|part| part.name == take_out.from).expect("a checked manifest names its parts");
    let before = from.interactions.len();
    from.interactions.retain(|interaction| match left.get_mut(&(interaction.user, interaction.item)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    if before - from.interactions.len() != taken {
        return Err(Error::new(
            Kind::Data,
            format!("`{}` does not hold the pairs to be taken out of it", take_out.from),
        )
        .at(Place::file(&manifest.path).key("take-out"))
        .expected(format!("{taken} pairs"))
        .got(format!("{} pairs", before - from.interactions.len())));
    }
    Ok(())
}

fn check_counts(manifest: &Manifest, got: &DatasetCounts) -> Result<()> {
    let mut wrong: Vec<(String, usize, usize)> = Vec::new();
    let mut compare = |what: String, expected: Option<usize>, got: usize| {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            wrong.push((what, expected, got));
        }
    };
    compare("users".into(), manifest.users.count, got.users);
    compare("items".into(), manifest.items.count, got.items);
    for (part, count) in &got.interactions {
        let expected = manifest.interactions.as_ref().and_then(|counts| counts.get(part));
        compare(format!("interactions in {part}"), expected.copied(), *count);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let words = |pick: fn(&(String, usize, usize)) -> usize| {
        wrong.iter().map(|row| format!("{} {}", pick(row), row.0)).collect::<Vec<_>>().join(", ")
    };
    Err(Error::new(Kind::Data, format!("`{}` does not have the counts of its manifest", manifest.id))
        .at(Place::file(&manifest.path))
        .expected(words(|row| row.1))
        .got(words(|row| row.2)))
}
