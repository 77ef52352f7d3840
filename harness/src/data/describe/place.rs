//! Names that follow from the names of files: of the dataset, of its files and their parts, of the way from the manifest.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as PlainError;

use crate::data::layout::FieldKind;
use crate::error::{Error, Kind, Place, Result};
use crate::file::is_device;

/// The manifest that a description of `files` is written to where nobody says another: beside the first, called after it or,
/// of several files, after their folder.
pub fn default_manifest(files: &[PathBuf]) -> PathBuf {
    let first = files.first().map_or(Path::new(""), PathBuf::as_path);
    let folder = first.parent().unwrap_or(Path::new(""));
    let name = match files {
        [_] => stem(first).to_string(),
        _ => {
            folder.canonicalize().ok().as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into()
        }
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let id: String = name.chars().map(plain).collect();
    let id = id.trim_matches(['-', '.']);
    let id = if id.is_empty() || is_device(id) { format!("data-{id}") } else { id.into() };
    folder.join(format!("{}.toml", id.trim_end_matches('-')))
}

/// A file's name without its endings, of which a compressed file has two.
fn stem(path: &Path) -> std::borrow::Cow<'_, str> {
    let path = Path::new(path.file_name().unwrap_or_default());
    let inner = if path.extension().is_some_and(|end| end == "gz") { path.file_stem() } else { Some(path.as_os_str()) };
    Path::new(inner.unwrap_or_default()).file_stem().unwrap_or_default().to_string_lossy()
}

/// The name of a file's content: without `.gz`.
///
/// # Errors
/// `Input` if the name is not UTF-8, since a manifest is.
pub(super) fn content_name(path: &Path, gzip: bool) -> Result<String> {
    let name = path.file_name().and_then(OsStr::to_str).ok_or_else(|| no_text(path))?;
    Ok(name.strip_suffix(".gz").filter(|_| gzip).unwrap_or(name).to_string())
}

fn no_text(path: &Path) -> Error {
    Error::new(Kind::Input, "a manifest cannot name this file")
        .at(Place::file(path))
        .expected("a name in UTF-8")
        .hint("rename the file or its folder")
}

/// The part that a file holds, judging by the words of its name.
pub(super) fn part_of(name: &str) -> String {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let period = words.windows(2).find(|pair| pair[0] == "period" && pair[1].parse::<u32>().is_ok());
    if let Some(pair) = period {
        return format!("period-{}", pair[1]);
    }
    for (part, known) in [
        ("train", &["train", "training"][..]),
        ("valid", &["valid", "validation", "val", "vali", "dev", "tune"]),
        ("test", &["test", "testing"]),
    ] {
        if has(known) {
            return part.into();
        }
    }
    "all".into()
}

/// The way from the manifest's folder to a file.
///
/// # Errors
/// `Io` where a folder is not there; `Input` where there is no such way, or it is not UTF-8.
pub(super) fn beside(file: &Path, manifest: &Path) -> Result<String> {
    let absolute =
        |path: &Path| path.canonicalize().map_err(|error| Error::io("cannot tell where it is", path, &error));
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The file's own name stays, where it is a link.
    let above = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (folder, above) = (nearest(folder)?, absolute(above)?);
    let same = folder.components().zip(above.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(same).map(|_| "..");
    let down = above.components().skip(same).map(|step| match step {
        Component::Normal(name) => name.to_str().ok_or_else(|| no_text(file)),
        _ => Err(no_text(file).expected("a place that a relative path leads to")),
    });
    let name = file.file_name().and_then(OsStr::to_str).ok_or_else(|| no_text(file))?;
    let steps: Vec<&str> = up.map(Ok).chain(down).chain([Ok(name)]).collect::<Result<_>>()?;
    Ok(steps.join("/"))
}

/// The folder of a manifest or, where it is not there yet, the nearest one above it that is.
pub(super) fn folder_that_is_there(manifest: &Path) -> PathBuf {
    let above = manifest.ancestors().skip(1).find(|folder| folder.is_dir());
    above.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The absolute path of a folder that need not be there yet.
fn nearest(folder: &Path) -> Result<PathBuf> {
    if let Ok(found) = folder.canonicalize() {
        return Ok(found);
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.file_name() {
        Some(name) => Ok(nearest(above)?.join(name)),
        None => Err(Error::new(Kind::Input, "the manifest's folder cannot be told").at(Place::file(folder))),
    }
}

/// The kinds of columns that a text such as `user,item,skip,time` names.
///
/// # Errors
/// What is wrong with it, in words.
pub fn kinds_of(text: &str) -> std::result::Result<Vec<FieldKind>, String> {
    let kind = |word: &str| {
        let read: std::result::Result<_, PlainError> = FieldKind::deserialize(word.trim().into_deserializer());
        read.map_err(|error| error.to_string())
    };
    text.split(',').map(kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_words_of_names() {
        for (name, part) in [
            ("ml-100k.train.inter", "train"),
            ("train_full.tsv", "train"),
            ("tune.tsv", "valid"),
            ("validation_test.txt", "valid"),
            ("test.csv", "test"),
            ("period_12.txt", "period-12"),
            ("latest.csv", "all"),
            ("contest.csv", "all"),
        ] {
            assert_eq!(part_of(name), part, "{name}");
        }
    }

    #[test]
    fn manifests_are_called_after_their_files() {
        let of = |name: &str| default_manifest(&[PathBuf::from(name)]);
        assert_eq!(of("data/Ratings_2019.csv.gz"), Path::new("data/ratings-2019.toml"));
        assert_eq!(of("u.data"), Path::new("u.toml"));
        assert_eq!(of("con.csv"), Path::new("data-con.toml"));
        assert_eq!(of("---.csv"), Path::new("data.toml"));
    }

    #[test]
    fn the_way_from_a_manifest_to_a_file_goes_up_and_down() {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        std::fs::create_dir_all(at("mine/data")).unwrap();
        std::fs::write(at("mine/data/a.csv"), "").unwrap();
        let way = |manifest: &str| beside(&at("mine/data/a.csv"), &at(manifest)).unwrap();
        assert_eq!(way("mine/data/a.toml"), "a.csv");
        assert_eq!(way("mine/a.toml"), "data/a.csv");
        assert_eq!(way("mine/data-manifests/a.toml"), "../data/a.csv");
        assert_eq!(way("a/b/a.toml"), "../../mine/data/a.csv");
    }

    #[test]
    fn kinds_are_those_of_a_layout() {
        assert_eq!(kinds_of("user, item,iso-time"), Ok(vec![FieldKind::User, FieldKind::Item, FieldKind::IsoTime]));
        assert!(kinds_of("user,itme").unwrap_err().contains("itme"));
    }
}
