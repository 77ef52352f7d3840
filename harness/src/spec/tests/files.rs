//! Specs on disk.

use super::*;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    dir
}

#[test]
fn refuses_files_that_are_not_utf8() {
    let dir = folder(&[("paper_x/small.toml", b"id = \"a\"\ntitle = \"\xff\"\n")]);
    let file = dir.path().join("paper_x/small.toml");
    let error = load(&file, None, &registry()).err().unwrap();
    assert_eq!((error.place().unwrap().line, error.place().unwrap().column), (Some(2), Some(10)));
    has(&error.to_string(), &["the spec is not text", "UTF-8", "0xff"]);
}

#[test]
fn refuses_files_that_are_not_there() {
    let dir = folder(&[]);
    let error = load(&dir.path().join("x.toml"), None, &registry()).err().unwrap();
    assert_eq!(error.kind(), Kind::Io);
    has(&error.to_string(), &["cannot read the spec", "x.toml"]);
}

#[test]
fn loads_a_file() {
    let dir = folder(&[("paper_x/small.toml", BASE.as_bytes())]);
    let spec = load(&dir.path().join("paper_x/small.toml"), Some("quick"), &registry()).unwrap();
    assert_eq!(spec.id, "paper-x/small");
}

#[test]
fn lists_specs_with_what_is_wrong_with_them() {
    let no_paper = BASE[..BASE.find("[[compare]]").unwrap()].replace("paper = \"paper_x\"\n", "");
    let dir = folder(&[
        ("paper_x/small.toml", BASE.as_bytes()),
        ("paper_x/published.toml", b"x = 1"),
        ("Cargo.toml", b"[package]"),
        ("paper_x/notes.md", b""),
        ("paper_x/broken.toml", b"id = 5"),
        ("paper_x/stray.toml", no_paper.replace("paper-x/small", "stray").as_bytes()),
        ("quick_run.toml", no_paper.replace("paper-x/small", "quick-run").as_bytes()),
    ]);
    let listed = discover(dir.path()).unwrap();
    let ids: Vec<_> = listed.iter().map(|listed| listed.id.as_str()).collect();
    assert_eq!(ids, ["paper-x/broken", "paper-x/small", "paper-x/stray", "quick-run"]);
    has(&listed[0].summary.as_ref().unwrap_err().to_string(), &["broken.toml:1:6 (key `id`)"]);
    let small = listed[1].summary.as_ref().unwrap();
    assert_eq!((small.title.as_str(), small.dataset.as_str()), ("T", "tiny"));
    assert_eq!(small.profiles, ["paper", "quick"]);
    has(&listed[2].summary.as_ref().unwrap_err().to_string(), &["does not fit", "`paper-x/stray`"]);
    assert_eq!(listed[3].summary.as_ref().unwrap().profiles, ["base"]);
}

#[test]
fn finds_a_spec_by_id_or_suggests_one() {
    let dir = folder(&[("paper_x/small.toml", BASE.as_bytes())]);
    assert_eq!(find(dir.path(), "paper-x/small").unwrap(), dir.path().join("paper_x/small.toml"));
    let error = find(dir.path(), "paper-x/smal").unwrap_err().to_string();
    has(&error, &["no spec `paper-x/smal`", "did you mean `paper-x/small`?"]);
}
