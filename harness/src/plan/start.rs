//! How the runs of a plan are started, in the words of a shell.

use std::collections::BTreeSet;

use super::need::plural;
use super::{Plan, PlannedRun};

/// A file of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub name: &'static str,
    pub text: String,
    /// Whether it is started by its name.
    pub executable: bool,
}

/// How the runs of a script are started.
#[derive(Clone, Debug)]
pub(super) struct Start<'a> {
    pub plan: &'a Plan,
    /// Name of the plan's file.
    pub file: &'a str,
    /// Whether a report may ask for all runs: trials of other programs are none of the plan.
    pub is_all: bool,
    /// The program and what follows its subcommand: options that name folders, as a shell reads them.
    pub program: &'a str,
    pub options: &'a str,
    /// Threads of a run.
    pub threads: usize,
}

/// Runs of one trial.
pub(super) struct Group<'a> {
    pub first: &'a PlannedRun,
    /// Indices in the plan.
    pub runs: Vec<usize>,
    /// Index of the group of its teacher.
    pub after: Option<usize>,
}

impl Start<'_> {
    /// The runs by trial, teachers first.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (index, run) in self.plan.runs.iter().enumerate() {
            let same = |group: &Group<'_>| key(group.first) == key(run);
            let at = groups.iter().position(same).unwrap_or_else(|| {
                groups.push(Group { first: run, runs: Vec::new(), after: None });
                groups.len() - 1
            });
            groups[at].runs.push(index);
            if let Some(teacher) = run.after {
                groups[at].after = groups.iter().position(|group| group.runs.contains(&teacher));
            }
        }
        groups
    }

    /// The command that fetches all data.
    pub fn fetch(&self) -> String {
        let datasets: BTreeSet<&str> = self.plan.runs.iter().map(|run| &*run.dataset).collect();
        let datasets = datasets.into_iter().collect::<Vec<_>>().join(" ");
        format!("{} data fetch {datasets}{}", self.program, self.options)
    }

    /// The command of a run, whose index is `index` as the script's language has it.
    pub fn run(&self, index: &str, threads: &str) -> String {
        format!("{} run --plan {} --index {index} --threads {threads}{}", self.program, self.file, self.options)
    }

    /// The commands that report the specs of the plan, and fail where a run is missing.
    pub fn reports(&self) -> Vec<String> {
        let specs: BTreeSet<(&str, &str)> = self.plan.runs.iter().map(|run| (&*run.spec, &*run.profile)).collect();
        let all = if self.is_all { " --require-complete" } else { "" };
        let report = |(spec, profile): (&str, &str)| {
            format!("{} report {spec} --profile {profile}{all}{}", self.program, self.options)
        };
        specs.into_iter().map(report).collect()
    }

    /// A line about a group, for people.
    pub fn about(&self, group: &Group<'_>) -> String {
        let PlannedRun { spec, profile, trial, needs, .. } = group.first;
        let (n, mib) = (group.runs.len(), needs.bytes.div_ceil(1 << 20));
        let runs = format!("{n} run{}", plural(n));
        format!("{spec} ({profile}), {trial}: {runs}, each {:.0} s and {mib} MiB, {}", needs.seconds, needs.from)
    }
}

fn key(run: &PlannedRun) -> (&str, &str, &str) {
    (&run.spec, &run.profile, &run.trial)
}
