//! Tells the program which commit it was built from: a record names the sources that computed it, not
//! those that happen to lie beside it. The absence of git is no error.

use std::process::Command;

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
    for path in ["harness", "reproductions", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={head}");
    }
}
