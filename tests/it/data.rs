//! Data that is damaged, missing or not what its manifest says.

use std::fs;
use std::path::Path;

use crate::home::{Home, SMALL, files, manifest, pins, tiny};

const MIRRORED: &str = "[[file.source]]\nmirror = \"there/rows.tsv\"\n";

/// A home whose spec uses `made-up`, a dataset that a mirror has.
fn home() -> Home {
    let home = Home::new(&SMALL.replace("\"tiny\"", "\"made-up\""));
    home.write("data-manifests/made-up.toml", manifest("made-up", MIRRORED));
    fs::create_dir(home.mirror.join("there")).unwrap();
    fs::write(home.mirror.join("there/rows.tsv"), tiny()).unwrap();
    home
}

fn cached(home: &Home) -> std::path::PathBuf {
    home.cache.join("data/made-up/rows.tsv")
}

/// Only what locks the folder.
#[track_caller]
fn assert_nothing_left(home: &Home) {
    let left = files(&home.cache.join("data")).into_iter().filter(|file| !file.ends_with("/.lock"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "nothing stays in the cache");
}

fn with_mirror(home: &Home, words: &str) -> String {
    format!("{words} --mirror {}", relative(home, &home.mirror))
}

/// Without the blanks of the test's folder.
fn relative(home: &Home, path: &Path) -> String {
    format!("../{}", path.strip_prefix(home.root.parent().unwrap()).unwrap().display())
}

/// Damaged bytes of the data file, and what must be said of them.
fn damages() -> [(Vec<u8>, &'static str); 4] {
    let whole = tiny().into_bytes();
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    let half = whole[..whole.len() / 2].to_vec();
    let more = [&whole[..], b"u1\ti1\t9\n"].concat();
    [
        (flipped, "a data file has another digest"),
        (half, "a data file is too short"),
        (Vec::new(), "a data file is empty"),
        (more, "a data file is too long"),
    ]
}

#[test]
fn a_run_fetches_from_the_mirror_and_needs_it_only_once() {
    let home = home();
    home.reprise("data list").with(0).prints(&["by hand"]);
    home.reprise(&with_mirror(&home, "data list")).with(0).prints(&["at the mirror"]);
    home.reprise(&with_mirror(&home, "run small")).with(0).tells(&["rows.tsv: verified", "4 trained"]);
    assert_eq!(fs::read_to_string(cached(&home)).unwrap(), tiny());
    fs::remove_dir_all(&home.mirror).unwrap();
    home.reprise("run small --fresh").with(0).tells(&["4 trained"]);
    home.reprise("data verify").with(0).prints(&["made-up: rows.tsv ok", "40 users, 25 items, all 240"]);
}

#[test]
fn the_mirror_may_come_from_the_environment() {
    let home = home();
    let mut command = home.command(["data", "fetch", "made-up", "movietweetings-100k"]);
    let ended = crate::home::Ended::of(command.env("REPRISE_MIRROR", &home.mirror).output().unwrap());
    ended.with(0).tells(&["made-up: complete. Terms: made up", "movietweetings-100k: shipped"]);
    assert!(cached(&home).exists());
}

#[test]
fn a_damaged_file_at_the_mirror_is_refused_and_nothing_stays() {
    for (damaged, what) in damages() {
        let home = home();
        fs::write(home.mirror.join("there/rows.tsv"), damaged).unwrap();
        for words in ["data fetch made-up", "run small"] {
            let told = [what, "there/rows.tsv", "expected: ", "got:      "];
            home.reprise(&with_mirror(&home, words)).with(1).tells(&told);
            assert_nothing_left(&home);
        }
        assert_eq!(home.results(), [""; 0]);
    }
}

#[test]
fn a_damaged_file_in_the_cache_is_refused_and_mended_from_the_mirror() {
    let home = home();
    for (damaged, what) in damages() {
        fs::create_dir_all(cached(&home).parent().unwrap()).unwrap();
        fs::write(cached(&home), damaged).unwrap();
        home.reprise("data verify made-up").with(1).prints(&["rows.tsv WRONG"]).tells(&[what, "data/made-up/rows.tsv"]);
        // Without the mirror nothing can be done but to say so.
        let told = ["cannot be fetched by a program", "REPRISE_MIRROR", "what the cache holds is not used", what];
        home.reprise("run small").with(2).tells(&told);
        home.reprise(&with_mirror(&home, "data fetch made-up")).with(0).tells(&["rows.tsv: verified"]);
        home.reprise("data verify made-up").with(0);
    }
}

#[test]
fn files_that_changed_places_are_named() {
    let home = home();
    let other = tiny().replace("\t5\n", "\t6\n");
    let second = format!("\n[[file]]\nname = \"other.tsv\"\npart = \"other\"\n{}", pins(&other));
    let second = second + "[[file.source]]\nmirror = \"there/other.tsv\"\n";
    let two = manifest("made-up", MIRRORED).replace("all = 240\n", "all = 240\nother = 240\n") + &second;
    home.write("data-manifests/made-up.toml", two);
    let file = |name: &str| home.mirror.join("there").join(name);
    fs::write(file("rows.tsv"), &other).unwrap();
    fs::write(file("other.tsv"), tiny()).unwrap();
    let swapped = "have two files changed places?";
    home.reprise(&with_mirror(&home, "data fetch made-up")).with(1).tells(&["bytes of `other.tsv`", swapped]);
    assert_nothing_left(&home);
    // In their places at the mirror, then swapped in the cache.
    fs::write(file("rows.tsv"), tiny()).unwrap();
    fs::write(file("other.tsv"), &other).unwrap();
    home.reprise(&with_mirror(&home, "data fetch made-up")).with(0);
    fs::write(cached(&home), &other).unwrap();
    home.reprise("data verify made-up").with(1).tells(&["bytes of `other.tsv`", swapped]);
}

#[test]
fn a_manifest_with_a_wrong_digest_refuses_the_right_file() {
    let home = Home::new(SMALL);
    let digest = "sha256 = \"c0dd868c";
    home.edit("data-manifests/movietweetings-100k.toml", digest, "sha256 = \"00000000");
    let told =
        ["another digest", "movietweetings-100k.dat.gz", "expected: sha256 00000000", "got:      sha256 c0dd868c"];
    home.reprise("data verify movietweetings-100k").with(1).tells(&told);
    home.spec(&SMALL.replace("\"tiny\"", "\"movietweetings-100k\""));
    home.reprise("run small").with(1).tells(&told);
    assert!(home.results().iter().all(|file| !file.ends_with(".json")));
}

#[test]
fn embedded_data_that_is_damaged_is_refused() {
    let home = Home::new(&SMALL.replace("\"tiny\"", "\"movietweetings-100k\""));
    let file = "data-manifests/embedded/movietweetings-100k.dat.gz";
    let whole = fs::read(home.root.join(file)).unwrap();
    home.write(file, &whole[..whole.len() / 2]);
    home.reprise("run small").with(1).tells(&["the gzip data ends too early", file]);
    home.write(file, b"no gzip at all");
    home.reprise("run small").with(1).tells(&["the gzip data is damaged", file]);
    fs::remove_file(home.root.join(file)).unwrap();
    home.reprise("run small").with(1).tells(&["cannot read a data file", file]);
}

#[test]
fn wrong_counts_are_refused_and_nothing_stays() {
    let home = home();
    home.edit("data-manifests/made-up.toml", "count = 40", "count = 41");
    home.edit("data-manifests/made-up.toml", "all = 240", "all = 239");
    for words in ["data fetch made-up", "run small"] {
        home.reprise(&with_mirror(&home, words)).with(1).tells(&[
            "does not have the counts",
            "data-manifests/made-up.toml",
            "expected: 41 users, 239 interactions in all",
            "got:      40 users, 240 interactions in all",
            "the manifest is wrong about them",
        ]);
        assert_nothing_left(&home);
    }
}

#[test]
fn a_bad_line_is_named_by_its_number_and_nothing_stays() {
    for (good, bad, what) in
        [("u3\ti13\t1\n", "u3\ti13\n", "expected: 3 fields"), ("u3\ti13\t1\n", "u3\ti13\tsoon\n", "got:      `soon`")]
    {
        let home = home();
        let text = tiny().replacen(good, bad, 1);
        let line = text.lines().position(|line| line == bad.trim_end()).unwrap() + 1;
        fs::write(home.mirror.join("there/rows.tsv"), &text).unwrap();
        home.edit("data-manifests/made-up.toml", &pins(&tiny()), &pins(&text));
        let place = format!("rows.tsv:{line}");
        let told = ["a line is not as the manifest says", &place, what];
        home.reprise(&with_mirror(&home, "data fetch made-up")).with(1).tells(&told);
        assert_nothing_left(&home);
    }
}

#[test]
fn data_that_only_a_person_can_bring_comes_with_instructions() {
    let home = home();
    home.write("data-manifests/made-up.toml", manifest("made-up", "instructions = \"ask the authors, kindly\"\n"));
    let told = ["cannot be fetched by a program", "ask the authors, kindly", "put it at ", "data/made-up/rows.tsv"];
    home.reprise("data fetch made-up").with(2).tells(&told);
    home.reprise("run small").with(2).tells(&told);
    home.reprise("data verify made-up").with(2).prints(&["rows.tsv not here"]).tells(&["`reprise data fetch made-up`"]);
    // A person does as told.
    fs::create_dir_all(cached(&home).parent().unwrap()).unwrap();
    fs::write(cached(&home), tiny()).unwrap();
    home.reprise("data fetch made-up").with(0);
    home.reprise("run small").with(0).tells(&["4 trained"]);
}

#[test]
fn one_bad_dataset_does_not_hide_the_others() {
    let home = home();
    home.reprise("data fetch made-up tiny").with(2).tells(&["tiny: shipped", "`rows.tsv` of `made-up`"]);
    home.edit("data-manifests/made-up.toml", "[licence]", "[license]");
    let told = ["made-up.toml:7:", "did you mean `licence`?"];
    home.reprise("data list").with(2).prints(&["tiny", "movietweetings-100k"]).tells(&told);
    home.reprise("run small").with(2).tells(&told);
    home.reprise("doctor").with(1).prints(&["WRONG manifest: made-up"]);
}

#[test]
fn a_mirror_that_is_no_folder_is_told() {
    let home = home();
    home.reprise("run small --mirror nowhere").with(2).tells(&["the mirror is not a folder", "nowhere"]);
    home.write("a-file", "");
    home.reprise("data fetch made-up --mirror a-file").with(2).tells(&["the mirror is not a folder", "a-file"]);
    assert_nothing_left(&home);
}

#[test]
fn a_cache_that_cannot_take_data_is_told() {
    let home = home();
    home.write("a-file", "");
    let words = with_mirror(&home, "data fetch made-up --cache a-file");
    home.reprise(&words).with(1).tells(&["the cache cannot be locked", "a-file"]);
}
