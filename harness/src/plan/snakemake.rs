//! A plan for Snakemake: a rule for each trial.

use super::PlannedRun;
use super::script::{Group, Start};

/// A Snakefile. A rule's output is a mark, since the record's own place is the program's to choose; a rule that is asked for again
/// passes over a run that is done.
pub(super) fn rules(start: &Start<'_>) -> String {
    let groups = start.groups();
    let mut text = String::from("# Written by `reprise plan`: `snakemake --cores all`.\n\nDONE = [\n");
    for run in &start.plan.runs {
        text += &format!("    {},\n", quoted(&mark(run, &run.seed.to_string())));
    }
    text += "]\n\nrule all:\n    input: \"done/report\"\n\n";
    text += &format!("rule data:\n    output: touch(\"done/data\")\n    shell: {}\n", quoted(&braces(&start.fetch())));
    for (number, group) in groups.iter().enumerate() {
        text += &rule(start, number, group, &groups);
    }
    let reports = start.reports().join(" && ");
    text + &format!(
        "\nrule report:\n    input: DONE\n    output: touch(\"done/report\")\n    shell: {}\n",
        quoted(&braces(&reports))
    )
}

fn rule(start: &Start<'_>, number: usize, group: &Group<'_>, groups: &[Group<'_>]) -> String {
    let runs = &start.plan.runs;
    let indices = group.runs.iter().map(|&at| format!("\"{}\": {at}", runs[at].seed)).collect::<Vec<_>>().join(", ");
    let seeds = group.runs.iter().map(|&at| runs[at].seed.to_string()).collect::<Vec<_>>().join("|");
    let needs = &group.first.needs;
    let teacher = group.after.map(|teacher| &groups[teacher]);
    // A teacher that is recorded at some seeds is planned at the others alone.
    let marks = teacher.map_or(String::new(), |teacher| {
        let of =
            |&at: &usize| format!("\"{}\": [{}]", runs[at].seed, quoted(&mark(&runs[at], &runs[at].seed.to_string())));
        let known = teacher.runs.iter().map(of).collect::<Vec<_>>().join(", ");
        format!(",\n        teacher=lambda wildcards: {{{known}}}.get(wildcards.seed, [])")
    });
    format!(
        "\n# {}\nrule run_{number}:\n    input:\n        data=\"done/data\"{marks}\n    output: touch({})\n    \
         wildcard_constraints: seed={}\n    threads: {}\n    resources: mem_mb={}, runtime={}\n    \
         params: index=lambda wildcards: {{{indices}}}[wildcards.seed]\n    shell: {}\n",
        start.about(group),
        quoted(&mark(group.first, "{seed}")),
        quoted(&seeds),
        start.threads,
        needs.bytes.div_ceil(1 << 20) * 3 / 2 + 256,
        (3.0 * needs.seconds / 60.0).ceil().max(10.0),
        quoted(&start_with(start)),
    )
}

fn start_with(start: &Start<'_>) -> String {
    const INDEX: &str = "\u{1}";
    const THREADS: &str = "\u{2}";
    braces(&start.run(INDEX, THREADS)).replace(INDEX, "{params.index}").replace(THREADS, "{threads}")
}

/// The mark of a run that is done.
fn mark(run: &PlannedRun, seed: &str) -> String {
    let PlannedRun { spec, profile, trial, .. } = run;
    format!("done/{}/{profile}/{trial}/{seed}", spec.trim_start_matches("./"))
}

/// Text of a shell for Snakemake, which formats it.
fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// A literal of Python.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
