//! Tells the program which commit it was built from, since a record names the sources that computed it and not those that
//! happen to lie beside it; the absence of git is no error. And lists what of the repository is compiled into the program.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo:rustc-env=REPRISE_COMMIT={commit}");
        // Sources only: records and pages do not change what the program computes.
        let sources = ["status", "--porcelain", "--", "Cargo.toml", "Cargo.lock", "harness", "reproductions/*.rs"];
        let dirty = git(&sources).is_none_or(|changes| !changes.is_empty());
        println!("cargo:rustc-env=REPRISE_DIRTY={dirty}");
    }
    // Without these cargo would run this script at every change of any file, results included.
    for path in ["harness", "reproductions", "data-manifests", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={head}");
    }
    compile_in();
}

/// Writes the list of the files that `embedded.rs` includes, each as its place in the repository and its content.
fn compile_in() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo tells"));
    let mut files = Vec::new();
    for (folder, counts) in [
        ("data-manifests", is_data as fn(&Path) -> bool),
        ("reproductions", is_data),
        // What `check` compares with. One that is new is compiled in once it is committed.
        ("results", |file| file.ends_with("baseline.json")),
    ] {
        below(&root, Path::new(folder), counts, &mut files);
    }
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        let place = file.to_str().expect("names in the repository are text").replace('\\', "/");
        if place.starts_with("results/") {
            println!("cargo:rerun-if-changed={place}");
        }
        writeln!(text, "    ({place:?}, include_bytes!({:?})),", root.join(file)).expect("a string can grow");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo tells"));
    fs::write(out.join("embedded.rs"), text + "]\n").expect("cargo's folder can be written");
}

/// Specs, manifests, published tables and curves, their schemas, notes, data, and the programs of others that specs start; what editors and
/// Python leave beside them is none.
fn is_data(file: &Path) -> bool {
    let ends = ["toml", "md", "csv", "py", "txt", "gz", "json"];
    let end = file.extension().and_then(OsStr::to_str);
    (end.is_some_and(|end| ends.contains(&end)) || file.ends_with("LICENSE")) && !file.ends_with("Cargo.toml")
}

/// Files below a folder that count; hidden ones are an editor's, and links lead elsewhere.
fn below(root: &Path, folder: &Path, counts: fn(&Path) -> bool, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(folder)).expect("the repository's folders can be read") {
        let entry = entry.expect("the repository's folders can be read");
        let place = folder.join(entry.file_name());
        let kind = entry.file_type().expect("a kind of file");
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            below(root, &place, counts, files);
        } else if kind.is_file() && counts(&place) {
            files.push(place);
        }
    }
}
