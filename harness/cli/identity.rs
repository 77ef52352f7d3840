//! What tells of a person and a machine: an anonymous bundle must not have it.

use std::path::Path;
use std::process::Command;

use harness::bundle::Names;
use harness::meter::host_name;

use crate::embedded;

/// Names of this user, this machine and the repository in `root`, but those that are words of the program's own files.
pub fn names(root: &Path) -> Names {
    let mut words: Vec<String> = ["USER", "USERNAME", "LOGNAME", "HOME", "USERPROFILE"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .collect();
    words.extend(host_name());
    words.extend(std::path::absolute(root).ok().map(|root| root.display().to_string()));
    let asked: [&[&str]; 3] =
        [&["config", "user.name"], &["config", "user.email"], &["config", "--get-regexp", r"^remote\..*\.url$"]];
    for args in asked {
        words.extend(git(root, args).lines().filter_map(|line| {
            line.split_whitespace().next_back().map(|last| match args {
                // The whole line is the name of a person, and the last word of the others an address.
                [_, "user.name"] => line.to_string(),
                _ => last.to_string(),
            })
        }));
    }
    let mut names = Names::new(words);
    embedded::texts().for_each(|text| names.without_those_in(text));
    names
}

/// What git says, if there is a git and it says something.
fn git(root: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(args).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}
