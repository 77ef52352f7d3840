//! Every manifest of the repository is a test with its name.
//!
//! Without `REPRISE_MIRROR` a manifest is only read, and the embedded dataset is loaded; with it,
//! every dataset that the mirror has is fetched, loaded and compared with its manifest.

use std::path::{Path, PathBuf};

use harness::data::{Cache, Counts, FileState, Identity, Manifest, fetch, load, status};

fn manifest(path: &Path) -> datatest_stable::Result<()> {
    let manifest = Manifest::read(path)?;
    let seen = |identity: &Identity| matches!(identity, Identity::Sha256 { .. });
    let all_seen = manifest.files.iter().all(|file| seen(&file.identity));
    if all_seen != manifest.prepared.is_some() {
        eprintln!("a dataset whose files were all seen, and no other, pins the digest of the prepared dataset");
    }
    if manifest.is_embedded() && !manifest.licence.redistributable {
        return Err("a dataset that may not be redistributed is embedded".into());
    }
    let cache_folder = tempfile::tempdir()?;
    let cache = Cache::new(cache_folder.path());
    let mirror = std::env::var_os("REPRISE_MIRROR").map(PathBuf::from);
    if status(&manifest, &cache, mirror.as_deref()) <= FileState::AtMirror {
        fetch(&manifest, &cache, mirror.as_deref(), &mut |_| {})?;
        let dataset = load(&manifest, &cache)?;
        if manifest.prepared.is_none()
            || manifest.users.count.is_none()
            || manifest.items.count.is_none()
            || manifest.interactions.is_none()
        {
            let counts = Counts::of(&dataset);
            let parts: Vec<_> = counts.interactions.iter().map(|(part, count)| format!("{part}={count}")).collect();
            return Err(format!(
                "FILL {}|{}|{}|{}|{}",
                manifest.id,
                counts.users,
                counts.items,
                parts.join(","),
                dataset.digest()
            )
            .into());
        }
    }
    Ok(())
}

datatest_stable::harness! {
    { test = manifest, root = "data-manifests", pattern = r"\.toml$" },
}
