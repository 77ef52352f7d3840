//! The folder of fetched files.

use super::*;

#[cfg(unix)]
#[test]
fn a_cache_path_need_not_be_unicode() {
    use std::os::unix::ffi::OsStrExt as _;
    let site = Site::new();
    let cache = Cache::new(site.folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")));
    fetch(&site.manifest(), &cache, Some(site.folder.path()), &|| false, &mut |_| {}).unwrap();
    assert_eq!(load(&site.manifest(), &cache).unwrap().n_interactions(), 6);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_clear_error() {
    let site = Site::new();
    let file = site.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error =
        fetch(&site.manifest(), &Cache::new(&file), Some(site.folder.path()), &|| false, &mut |_| {}).unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Io, "the cache cannot be locked"));
    assert!(error.to_string().contains("`--cache DIR`"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_read_only_cache_serves_what_it_has_and_says_what_it_cannot() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    site.fetch().unwrap();
    let folder = site.cache().dataset("tiny");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    site.fetched();
    // Root may write anywhere: then there is nothing to see.
    if fs::write(folder.join("probe"), b"").is_err() {
        fs::set_permissions(folder.join("train.tsv"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(folder.join("train.tsv"), b"broken").unwrap();
        let error = site.fetch().unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains("no permission"), "{error}");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}
