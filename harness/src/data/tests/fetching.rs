//! Files from a mirror or by hand: checked before they are used.

use super::*;

#[test]
fn fetches_and_loads_with_ids_mapped() {
    let data = Site::new().fetched();
    let rows =
        |part: &str| data.part(part).unwrap().interactions.iter().map(|i| (i.user, i.item, i.time)).collect::<Vec<_>>();
    assert_eq!((data.n_users, data.n_items), (2, 5));
    assert_eq!(rows("train"), [(0, 0, 0), (0, 1, 1), (1, 0, 2)]);
    assert_eq!(rows("test"), [(1, 1, 3), (1, 2, 4), (0, 2, 5)]);
}

#[test]
fn status_and_verify_tell_what_is_here() {
    let site = Site::new();
    let state = |mirror| status(&site.manifest(), &site.cache(), mirror);
    assert_eq!((state(None), state(Some(site.folder.path()))), (FileState::ByHand, FileState::AtMirror));
    assert!(verify(&site.manifest(), &site.cache()).files.iter().all(|file| file.here == Ok(false)));
    site.fetch().unwrap();
    assert_eq!(state(None), FileState::Cached);
    let verified = verify(&site.manifest(), &site.cache());
    assert_eq!(verified.prepared.unwrap().unwrap().0.interactions, [("train".into(), 3), ("test".into(), 3)]);
}

#[test]
fn a_corrupt_mirror_leaves_nothing_behind() {
    let site = Site::new();
    let path = site.folder.path().join("train.gz");
    let mut bytes = fs::read(&path).unwrap();
    bytes[15] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = site.refused_fetch(&[]);
    assert_eq!((error.kind(), error.what()), (Kind::Data, "a data file has another digest"));
}

#[test]
fn a_truncated_mirror_is_too_short() {
    let site = Site::new();
    let path = site.folder.path().join("train.gz");
    fs::write(&path, &gzip(TRAIN)[..12]).unwrap();
    assert_eq!(site.refused_fetch(&[]).what(), "a data file is too short");
}

#[test]
fn truncated_gzip_with_its_own_digest_pinned_is_refused() {
    let mut site = Site::new();
    let cut = &gzip(TRAIN)[..20];
    fs::write(site.folder.path().join("train.gz"), cut).unwrap();
    site.sources[0] = format!("{}[[file.source]]\nmirror = \"train.gz\"\ngzip = true\n{}", pins(TRAIN), pins(cut));
    let error = site.refused_fetch(&[]);
    assert_eq!((error.kind(), error.what()), (Kind::Data, "the gzip data ends too early"));
}

#[test]
fn an_empty_mirror_file_is_empty() {
    let site = Site::new();
    fs::write(site.folder.path().join("test.gz"), b"").unwrap();
    assert_eq!(site.refused_fetch(&["train.tsv"]).what(), "a data file is empty");
}

#[test]
fn swapped_files_are_named() {
    let site = Site::new();
    fs::write(site.folder.path().join("train.gz"), gzip(TEST)).unwrap();
    let error = site.refused_fetch(&[]).to_string();
    assert!(error.contains("these are the bytes of `test.tsv`"), "{error}");
    // And in the cache, by hand.
    let site = Site::new();
    site.fetch().unwrap();
    fs::write(site.cache().file("tiny", "train.tsv"), TEST).unwrap();
    let error = load(&site.manifest(), &site.cache()).unwrap_err().to_string();
    assert!(error.contains("these are the bytes of `test.tsv`"), "{error}");
    // A second fetch mends the cache.
    site.fetched();
}

#[test]
fn a_wrong_digest_in_the_manifest_is_told_with_both() {
    let mut site = Site::new();
    let (right, wrong) = (Digest::of(TRAIN).to_string(), Digest::of(b"other").to_string());
    site.sources[0] = site.sources[0].replace(&right, &wrong);
    let error = site.refused_fetch(&[]).to_string();
    assert!(error.contains(&right) && error.contains(&wrong) && error.contains("train.gz"), "{error}");
}

#[test]
fn a_file_that_only_a_person_can_bring_says_how() {
    let mut site = Site::new();
    site.sources[0] = "instructions = \"ask the authors\"\n".into();
    let error = fetch(&site.manifest(), &site.cache(), None, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.to_string().contains("ask the authors") && error.to_string().contains("train.tsv"), "{error}");
    // Once it is there, its digest must be pinned before use.
    fs::create_dir_all(site.cache().dataset("tiny")).unwrap();
    fs::write(site.cache().file("tiny", "train.tsv"), TRAIN).unwrap();
    let error = fetch(&site.manifest(), &site.cache(), None, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(&Digest::of(TRAIN).to_string()), "{error}");
}
