//! The repository that is compiled into the program: specs, manifests with the data that may be passed on, published tables,
//! notes and accepted baselines, so that the program works in any folder.

use std::path::{Path, PathBuf};

use harness::digest::{Digest, FieldHasher};
use harness::error::Result;
use harness::file::{read, write_by_rename};

/// Places in the repository, with `/` between folders, and contents.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Files of the program itself: what a bundle says of it.
pub const OF_PROGRAM: [(&str, &[u8]); 4] = [
    ("Cargo.lock", include_bytes!("../../Cargo.lock")),
    ("CITATION.cff", include_bytes!("../../CITATION.cff")),
    ("LICENSE-APACHE", include_bytes!("../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_bytes!("../../LICENSE-MIT")),
];

/// Whether a file of a repository is as it was compiled into the program.
pub fn is_ours(place: &str, content: &[u8]) -> bool {
    FILES.iter().chain(&OF_PROGRAM).any(|(ours, as_built)| *ours == place && *as_built == content)
}

/// The texts that are compiled into the program.
pub fn texts() -> impl Iterator<Item = &'static str> {
    FILES.iter().chain(&OF_PROGRAM).filter_map(|(_, content)| std::str::from_utf8(content).ok())
}

/// Digest of all files.
fn digest() -> Digest {
    let mut hasher = FieldHasher::new("reprise repository 1");
    for (place, content) in FILES {
        hasher.field("place", place.as_bytes()).field("content", content);
    }
    hasher.finish()
}

/// The folder below a cache that has the repositories of programs.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("repository")
}

/// Writes the repository into a folder of its own below `cache`, which is named after its content, as far as it is not there.
/// Returns its root, and the files that somebody had changed and that were put back.
///
/// # Errors
/// [`Io`](harness::error::Kind::Io) if the cache cannot be written.
pub fn unpack(cache: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let root = folder(cache).join(digest().short());
    let mut put_back = Vec::new();
    for (place, content) in FILES {
        let file = root.join(place);
        let is_there = || read(&file).ok();
        let found = is_there();
        if found.as_deref() == Some(content) {
            continue;
        }
        if let Err(error) = write_by_rename(&file, content) {
            // Another process may have written it at the same time.
            if is_there().as_deref() != Some(content) {
                return Err(error.hint(
                    "the program's own repository is unpacked into the cache: `--cache DIR` names one that can be written, \
                     `--home DIR` a checkout instead",
                ));
            }
        } else if found.is_some() {
            put_back.push(file);
        }
    }
    Ok((root, put_back))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_runs_need_and_nothing_of_the_sources() {
        let has = |place: &str| FILES.iter().any(|(other, _)| *other == place);
        for place in [
            "reproductions/quick.toml",
            "reproductions/ader/NOTES.md",
            "reproductions/ader/published.toml",
            "reproductions/external/bpr_torch.py",
            "data-manifests/embedded/movietweetings-100k.dat.gz",
            "data-manifests/embedded/LICENSE",
            "results/quick/base/baseline.json",
        ] {
            assert!(has(place), "{place}");
        }
        let sources =
            |place: &str| place.ends_with(".rs") || place.ends_with("Cargo.toml") || place.ends_with("/seed-0.json");
        assert!(!FILES.iter().any(|(place, _)| sources(place)));
    }

    #[test]
    fn what_was_changed_is_put_back_and_told() {
        let cache = tempfile::tempdir().unwrap();
        let (root, put_back) = unpack(cache.path()).unwrap();
        assert!(put_back.is_empty());
        let spec = root.join("reproductions/quick.toml");
        let ours = read(&spec).unwrap();
        std::fs::write(&spec, "changed").unwrap();
        std::fs::remove_file(root.join("reproductions/ader/NOTES.md")).unwrap();
        assert_eq!(unpack(cache.path()).unwrap(), (root.clone(), vec![spec.clone()]));
        assert_eq!(read(&spec).unwrap(), ours);
        assert!(root.join("reproductions/ader/NOTES.md").exists());
        assert_eq!(unpack(cache.path()).unwrap(), (root, Vec::new()));
    }
}
