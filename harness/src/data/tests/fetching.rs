//! Files from a mirror or by hand: checked before they are used.

use super::*;

#[test]
fn fetches_and_loads_with_ids_mapped() {
    let data = Site::new().fetched();
    let rows = |part: &str| {
        data.part(part).unwrap().interactions.iter().map(|i| (i.user, i.item, i.time.whole)).collect::<Vec<_>>()
    };
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
    let error = fetch(&site.manifest(), &site.cache(), None, &|| false, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.to_string().contains("ask the authors") && error.to_string().contains("train.tsv"), "{error}");
    // Once it is there, its digest must be pinned before use.
    fs::create_dir_all(site.cache().dataset("tiny")).unwrap();
    fs::write(site.cache().file("tiny", "train.tsv"), TRAIN).unwrap();
    let error = fetch(&site.manifest(), &site.cache(), None, &|| false, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(&Digest::of(TRAIN).to_string()), "{error}");
}

/// Whatever made the gzip data, its content is what is pinned.
#[test]
fn gzip_of_the_same_content_is_taken_however_it_was_made() {
    let more = |more: &[u8]| [&gzip(TRAIN)[..], more].concat();
    let mut best = GzEncoder::new(Vec::new(), Compression::best());
    best.write_all(TRAIN).unwrap();
    let best = best.finish().unwrap();
    assert_ne!(best, gzip(TRAIN));
    let members = [gzip(&TRAIN[..4]), gzip(b""), gzip(&TRAIN[4..])].concat();
    for bytes in [best, members, more(&[0]), more(&[0; 100_000])] {
        let site = Site::new();
        fs::write(site.folder.path().join("train.gz"), bytes).unwrap();
        assert_eq!(site.fetched(), Site::new().fetched());
    }
    for (bytes, zeros) in
        [(more(b"junk"), 0), (more(b"\0\0junk"), 2), (more(&[&[0; 9][..], &gzip(b"7\t10\n")].concat()), 9)]
    {
        let mut site = Site::new();
        fs::write(site.folder.path().join("train.gz"), &bytes).unwrap();
        let error = site.refused_fetch(&[]).to_string();
        assert!(error.contains("a data file is too long") && error.contains("nor is its content"), "{error}");
        site.sources[0] =
            format!("{}[[file.source]]\nmirror = \"train.gz\"\ngzip = true\n{}", pins(TRAIN), pins(&bytes));
        let error = site.refused_fetch(&[]).to_string();
        let got = format!("from byte {} on", gzip(TRAIN).len() + zeros);
        assert!(error.contains("something else follows the gzip data") && error.contains(&got), "{error}");
    }
}

/// 3 MB of gzip that hold 3 GB of zeros must not fill the disk.
#[test]
fn decompressing_stops_at_the_pinned_length() {
    let bomb = gzip(&[TRAIN, &[0; 3_000_000][..]].concat());
    let source =
        |identity: String| format!("{}[[file.source]]\nmirror = \"train.gz\"\ngzip = true\n{identity}", pins(TRAIN));
    for identity in [pins(&bomb), String::new()] {
        let mut site = Site::new();
        fs::write(site.folder.path().join("train.gz"), &bomb).unwrap();
        site.sources[0] = source(identity);
        let error = site.refused_fetch(&[]);
        assert_eq!(error.what(), "a data file is too long");
        assert!(error.to_string().contains(&format!("{} bytes\n  got:      more", TRAIN.len())), "{error}");
    }
    // Embedded, it must not fill the memory.
    let mut site = Site::new();
    fs::write(site.folder.path().join("train.gz"), &bomb).unwrap();
    site.sources[0] = format!("{}[[file.source]]\nembedded = \"train.gz\"\ngzip = true\n", pins(TRAIN));
    site.sources[1] = site.sources[1].replace("mirror", "embedded");
    site.sources[1].truncate(site.sources[1].find("gzip = true\n").unwrap() + 12);
    let error = load(&site.manifest(), &site.cache()).unwrap_err().to_string();
    assert!(
        error.contains("too long") && error.contains(&format!("expected: {} bytes\n  got:      more", TRAIN.len())),
        "{error}"
    );
    // And a verification says which file it is.
    let files = verify(&site.manifest(), &site.cache()).files;
    assert!(files[0].here.is_err() && files[1].here == Ok(true), "{files:?}");
}

/// A file of a wrong length, however long, is not read: this one has a terabyte.
#[test]
fn what_has_a_wrong_length_is_not_read() {
    let site = Site::new();
    site.fetch().unwrap();
    let path = site.cache().file("tiny", "train.tsv");
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let error = load(&site.manifest(), &site.cache()).unwrap_err();
    assert_eq!(error.what(), "a data file is too long");
    assert!(verify(&site.manifest(), &site.cache()).files[0].here.is_err());
    let mut site = site;
    site.sources[0] =
        "git-blob = \"ce013625030ba8dba906f756967f9e9ca394464a\"\n[[file.source]]\nmirror = \"x\"\n".into();
    assert_eq!(load(&site.manifest(), &site.cache()).unwrap_err().what(), "a data file is too long");
    site.fetch().unwrap_err();
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_data() {
    let mirror = Site::new();
    let train = mirror.folder.path().join("train.gz");
    fs::remove_file(&train).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &train).unwrap();
    let error = mirror.refused_fetch(&[]).to_string();
    assert!(error.contains("not a regular file") && error.contains("train.gz"), "{error}");
    let cached = Site::new();
    cached.fetch().unwrap();
    let path = cached.cache().file("tiny", "train.tsv");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(load(&cached.manifest(), &cached.cache()).unwrap_err().to_string().contains("not a regular file"));
    assert_eq!(status(&cached.manifest(), &cached.cache(), None), FileState::ByHand);
    cached.fetched();
}

#[cfg(unix)]
#[test]
fn links_under_the_name_of_an_unfinished_file_are_not_followed() {
    let site = Site::new();
    let precious = site.folder.path().join("precious");
    fs::write(&precious, b"mine").unwrap();
    let folder = site.cache().dataset("tiny");
    fs::create_dir_all(&folder).unwrap();
    for name in ["train.tsv.new", ".train.tsv.new"] {
        std::os::unix::fs::symlink(&precious, folder.join(name)).unwrap();
    }
    site.fetched();
    assert_eq!(fs::read(&precious).unwrap(), b"mine");
}

#[test]
fn a_file_without_a_digest_is_not_called_ready() {
    let mut site = Site::new();
    site.sources[0] = "instructions = \"ask the authors\"\n".into();
    site.fetch().unwrap_err();
    assert_eq!(status(&site.manifest(), &site.cache(), None), FileState::ByHand);
    fs::write(site.cache().file("tiny", "train.tsv"), TRAIN).unwrap();
    assert_eq!(status(&site.manifest(), &site.cache(), None), FileState::Unpinned);
}
