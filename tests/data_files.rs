//! Every manifest of the repository is a test with its name.
//!
//! A manifest is read; the embedded dataset is loaded. With `REPRISE_MIRROR`, every dataset that the
//! mirror has is fetched into a fresh cache, loaded and compared with its manifest.

use std::path::{Path, PathBuf};

use harness::data::{Cache, DatasetCounts, FileState, Identity, Manifest, fetch, load, status};

fn manifest(path: &Path) -> datatest_stable::Result<()> {
    let manifest = Manifest::read(path)?;
    let mirror = std::env::var_os("REPRISE_MIRROR").map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let cache = Cache::new(folder.path());
    if status(&manifest, &cache, mirror.as_deref()) <= FileState::AtMirror {
        fetch(&manifest, &cache, mirror.as_deref(), &|| false, &mut |_| {})?;
        let dataset = load(&manifest, &cache)?;
        if manifest.prepared.is_none() {
            return Err(
                format!("pin `prepared = \"{}\"` and {:?}", dataset.digest(), DatasetCounts::of(&dataset)).into()
            );
        }
    }
    let seen = manifest.files.iter().all(|file| matches!(file.identity, Identity::Sha256 { .. }));
    let counted = manifest.users.count.is_some() && manifest.items.count.is_some() && manifest.interactions.is_some();
    if seen != (manifest.prepared.is_some() && counted) {
        return Err("counts and prepared digest are pinned if, and only if, all files were seen".into());
    }
    if manifest.is_embedded() && !manifest.licence.redistributable {
        return Err("a dataset that may not be redistributed is embedded".into());
    }
    Ok(())
}

datatest_stable::harness! {
    { test = manifest, root = "data-manifests", pattern = r"\.toml$" },
}
