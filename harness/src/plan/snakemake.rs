//! A plan for Snakemake: a rule for each trial.

use super::PlannedRun;
use super::slurm::limits;
use super::start::{Group, Start};

/// Folder of marks, one for each run that is done.
pub const MARKS: &str = "done";

/// A Snakefile. A rule's output is a mark that holds the run's fingerprint, since the record's own place is the program's to choose.
/// Whoever writes the file removes the marks: then a run without a record is asked for again, and one that has it is passed over.
pub(super) fn rules(start: &Start<'_>) -> String {
    let mut text = String::from("# Written by `reprise plan`.\n\nDONE = [\n");
    for run in &start.plan.runs {
        text += &format!("    {},\n", quoted(&mark(run, &token(run))));
    }
    text += &format!("]\n\nrule all:\n    input: \"{MARKS}/report\"\n\n");
    let fetch = quoted(&braces(&start.fetch()));
    text += &format!("rule data:\n    output: touch(\"{MARKS}/data\")\n    shell: {fetch}\n");
    for (number, group) in start.groups().iter().enumerate() {
        text += &rule(start, number, group);
    }
    let reports = start.reports().into_iter().map(|report| format!("{report} || failed=1; ")).collect::<String>();
    let reports = quoted(&braces(&format!("failed=0; {reports}exit $failed")));
    text + &format!("\nrule report:\n    input: DONE\n    output: touch(\"{MARKS}/report\")\n    shell: {reports}\n")
}

fn rule(start: &Start<'_>, number: usize, group: &Group<'_>) -> String {
    let runs = &start.plan.runs;
    let indices = group.runs.iter().map(|&at| format!("\"{}\": {at}", token(&runs[at])));
    let tokens = group.runs.iter().map(|&at| token(&runs[at])).collect::<Vec<_>>().join("|");
    // A teacher that is there at some seeds is planned at the others alone.
    let teacher = |&at: &usize| {
        let teacher = &runs[runs[at].after?];
        Some(format!("\"{}\": [{}]", token(&runs[at]), quoted(&mark(teacher, &token(teacher)))))
    };
    let teachers = match group.runs.iter().filter_map(teacher).collect::<Vec<_>>() {
        none if none.is_empty() => String::new(),
        marks => format!(",\n        teacher=lambda wildcards: {{{}}}.get(wildcards.run, [])", marks.join(", ")),
    };
    let (minutes, mib) = limits(group);
    format!(
        "\n# {}\nrule run_{number}:\n    input:\n        data=\"{MARKS}/data\"{teachers}\n    output: touch({})\n    \
         wildcard_constraints: run={}\n    threads: {}\n    resources: mem_mb={mib}, runtime={minutes}\n    \
         params: index=lambda wildcards: {{{}}}[wildcards.run]\n    shell: {}\n",
        start.about(group),
        quoted(&mark(group.first, "{run}")),
        quoted(&tokens),
        start.threads,
        indices.collect::<Vec<_>>().join(", "),
        quoted(&start_with(start)),
    )
}

/// A seed and the run's fingerprint.
fn token(run: &PlannedRun) -> String {
    format!("{}-{}", run.seed, run.run.short())
}

fn start_with(start: &Start<'_>) -> String {
    const INDEX: &str = "\u{1}";
    const THREADS: &str = "\u{2}";
    braces(&start.run(INDEX, THREADS)).replace(INDEX, "{params.index}").replace(THREADS, "{threads}")
}

/// The mark of a run that is done.
fn mark(run: &PlannedRun, token: &str) -> String {
    let PlannedRun { spec, profile, trial, .. } = run;
    format!("{MARKS}/runs/{spec}/{profile}/{trial}/{token}")
}

/// Text of a shell for Snakemake, which formats it.
fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// A literal of Python.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
