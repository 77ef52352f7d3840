//! What tells of a person and a machine: an anonymous bundle must not have it.

use std::path::Path;
use std::process::Command;

use harness::bundle::Names;
use harness::meter::host_name;

use crate::embedded;

/// What is searched for in an anonymous bundle, and what is not.
pub struct Searched {
    pub names: Names,
    /// Names that are words of the program's own files, too, where they tell nothing.
    pub not: Vec<String>,
}

/// Names of this user, this machine and the folders, those of the repository and the spec.
pub fn searched(folders: &[&Path]) -> Searched {
    let mut words: Vec<String> = ["USER", "USERNAME", "LOGNAME", "HOME", "USERPROFILE"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .collect();
    words.extend(host_name());
    for folder in folders {
        words.extend(std::path::absolute(folder).ok().map(|folder| folder.display().to_string()));
        let (person, address) = (git(folder, &["config", "user.name"]), git(folder, &["config", "user.email"]));
        words.extend(person.split_whitespace().map(String::from));
        words.extend(parts_of_address(address.trim()));
        words.push(person);
        let remotes = git(folder, &["config", "--get-regexp", r"^remote\..*url$"]);
        words.extend(remotes.lines().filter_map(|line| line.split_whitespace().next_back()).flat_map(parts_of_address));
    }
    // As JSON writes a path of Windows.
    words.extend(words.clone().iter().filter(|word| word.contains('\\')).map(|word| word.replace('\\', r"\\")));
    let mut names = Names::new(words);
    let not = embedded::texts().flat_map(|text| names.take_those_in(text)).collect();
    Searched { names, not }
}

/// An address, the host and the folders that it names, such as that of an account, and the last of them without `.git`.
fn parts_of_address(address: &str) -> Vec<String> {
    let parts = address.split(['/', ':', '@']).map(|part| part.strip_suffix(".git").unwrap_or(part).to_string());
    std::iter::once(address.to_string()).chain(parts).collect()
}

/// What git says, if there is a git and it says something.
fn git(root: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(args).output();
    output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_host_and_an_account() {
        for address in ["git@forge.example.org:ada/engine.git", "https://forge.example.org/ada/engine.git"] {
            let parts = parts_of_address(address);
            for part in [address, "forge.example.org", "ada", "engine"] {
                assert!(parts.iter().any(|found| found == part), "{part} in {parts:?}");
            }
        }
    }
}
