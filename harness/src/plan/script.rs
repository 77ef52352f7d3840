//! The scripts that start the runs of a plan.

use super::start::{Script, Start};
use super::{Plan, slurm, snakemake};
use crate::error::Result;

/// For whom a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptForm {
    /// A shell: one run after the other.
    Sh,
    /// Slurm: an array job for each trial, students after teachers.
    Slurm,
    /// Snakemake: one rule for each trial.
    Snakemake,
}

/// How the processes of a script are started.
#[derive(Clone, Copy, Debug)]
pub struct Processes<'a> {
    /// The program, and the options that name folders, both as a shell reads them. All nodes need the same.
    pub program: &'a str,
    pub options: &'a str,
    /// Threads of each.
    pub threads: usize,
    /// Whether the plan has all trials of its specs, and none is another program's.
    pub is_all: bool,
}

/// The files of a script, which lie beside the plan's.
///
/// # Errors
/// As [`Plan::file_name`].
pub fn scripts(plan: &Plan, form: ScriptForm, processes: Processes<'_>) -> Result<Vec<Script>> {
    let Processes { program, options, threads, is_all } = processes;
    let options = if options.is_empty() { String::new() } else { format!(" {options}") };
    let start = Start { plan, file: &plan.file_name()?, is_all, program, options: &options, threads };
    Ok(match form {
        ScriptForm::Sh => vec![Script { name: "run.sh", text: shell(&start), executable: true }],
        ScriptForm::Slurm => slurm::scripts(&start),
        ScriptForm::Snakemake => vec![Script { name: "Snakefile", text: snakemake::rules(&start), executable: false }],
    })
}

fn shell(start: &Start<'_>) -> String {
    let mut text = String::from(
        r#"#!/usr/bin/env bash
# Written by `reprise plan`. A run that fails leaves the others alone, one that is interrupted ends all; what is done is passed over.
set -uo pipefail
cd "$(dirname "$0")" || exit
failed=0
try() {
    "$@"
    local code=$?
    if ((code == 130)); then exit 130; fi
    if ((code)); then failed=1; fi
}

"#,
    );
    text += &format!("{} || exit\n", start.fetch());
    for group in start.groups() {
        text += &format!("\n# {}\n", start.about(&group));
        for index in group.runs {
            text += &format!("try {}\n", start.run(&index.to_string(), &start.threads.to_string()));
        }
    }
    text += "\n";
    for report in start.reports() {
        text += &format!("try {report}\n");
    }
    text + "exit $failed\n"
}
