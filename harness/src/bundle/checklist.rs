//! `CHECKLIST.md`: the questions of ACM's badges (Artifact Review and Badging, version 1.1), answered from the records, and
//! those that only a person can answer.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::source::BundleSource;
use crate::compare::MIN_SEEDS;
use crate::data::{DataFile, FileSource, Identity};
use crate::record::Record;

/// An answer to a question.
enum Answer {
    Yes,
    No,
    Partly,
    /// Nothing in the bundle tells.
    Person,
    /// A count, which is no yes or no.
    Told(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "**no**",
            Self::Partly => "**in part**",
            Self::Person => "**a person must say**",
            Self::Told(words) => words,
        })
    }
}

/// Question, answer, and what it rests on.
type Row = (&'static str, Answer, String);

/// The page as Markdown.
pub fn checklist(source: &BundleSource<'_>) -> String {
    let spec = source.report.basis.spec;
    let mut text = format!("# Checklist of `{}`, profile `{}`\n\n", spec.id, spec.profile);
    text += "The questions of ACM's Artifact Review and Badging, version 1.1. What is answered is answered by the files of this \
             bundle alone; nothing was asked of a person, so nobody's word stands here.\n";
    for (badge, rows) in [
        ("Artifacts Available", available(source)),
        ("Artifacts Evaluated – Functional", functional(source)),
        ("Results Validated – Reproduced", reproduced(source)),
    ] {
        write!(text, "\n## {badge}\n\n| question | answer | by |\n| --- | --- | --- |\n").expect("a string can grow");
        for (question, answer, by) in rows {
            writeln!(text, "| {question} | {answer} | {by} |").expect("a string can grow");
        }
    }
    text
}

fn available(source: &BundleSource<'_>) -> Vec<Row> {
    let manifest = source.report.basis.manifest;
    let shipped = manifest.is_embedded() && manifest.licence.redistributable;
    let public = |file: &DataFile| {
        file.sources.iter().any(|source| matches!(source, FileSource::Embedded { .. } | FileSource::Url { .. }))
    };
    let pinned = |file: &DataFile| file.identity != Identity::Unknown;
    let hidden: Vec<&str> = manifest.files.iter().filter(|file| !public(file)).map(|file| &*file.name).collect();
    let loose: Vec<&str> = manifest.files.iter().filter(|file| !pinned(file)).map(|file| &*file.name).collect();
    let records = &source.records.current;
    let certain = |record: &&Record| record.program.commit.is_some() && record.program.dirty == Some(false);
    let (known, all) = (records.iter().filter(certain).count(), records.len());
    let program = match known {
        _ if source.names.is_some() => (Answer::Person, "commits are left out of an anonymous bundle".into()),
        n if n == all => (Answer::Yes, "every record names the commit that the program was built from".into()),
        n => (
            if n == 0 { Answer::No } else { Answer::Partly },
            format!("{} of {all} records name no commit that has the program's sources", all - n),
        ),
    };
    vec![
        (
            "Is the artefact in a public archive with a permanent identifier (DOI)?",
            Answer::Person,
            "nothing here tells".into(),
        ),
        (
            "Under which licence are the records and the report?",
            Answer::Person,
            "that of the program, its specs and manifests is MIT OR Apache-2.0".into(),
        ),
        (
            "Can the data be had?",
            match () {
                () if shipped || hidden.is_empty() => Answer::Yes,
                () if hidden.len() < manifest.files.len() => Answer::Partly,
                () => Answer::No,
            },
            match () {
                () if shipped => format!("they are in the bundle ({})", manifest.licence.name),
                () if hidden.is_empty() => format!(
                    "public addresses in `{}`; terms: {}",
                    source.manifest_file(),
                    cell(&manifest.licence.terms)
                ),
                () => format!("no public address of {}; terms: {}", hidden.join(", "), cell(&manifest.licence.terms)),
            },
        ),
        (
            "Is it certain which data they were?",
            if loose.is_empty() { Answer::Yes } else { Answer::No },
            if loose.is_empty() {
                "the manifest has the digest of every file, and every record that of all of them together".into()
            } else {
                format!("no digest of {}", loose.join(", "))
            },
        ),
        ("Is it certain which program made the records?", program.0, program.1),
    ]
}

fn functional(source: &BundleSource<'_>) -> Vec<Row> {
    let spec = source.report.basis.spec;
    let all = spec.trials.len() * spec.seeds.len();
    let records = &source.records.current;
    let there = spec.trials.iter().flat_map(|trial| spec.seeds.iter().map(|seed| (&trial.id, *seed)));
    let missing =
        there.filter(|(trial, seed)| !records.iter().any(|record| record.trial == **trial && record.seed == *seed));
    let missing: Vec<String> = missing.map(|(trial, seed)| format!("{trial} seed {seed}")).collect();
    // A run on a CPU and one on a GPU are of one seed.
    let seeds = |trial: &str| {
        let of_trial = records.iter().filter(|record| record.trial == trial);
        of_trial.map(|record| record.seed).collect::<BTreeSet<_>>().len()
    };
    let few = spec.trials.iter().filter(|trial| seeds(&trial.id) < MIN_SEEDS);
    let few: Vec<&str> = few.map(|trial| &*trial.id).collect();
    vec![
        ("Documented?", Answer::Yes, format!("`README.md`; the experiment is `{}`, in which every value is written out", source.spec_file())),
        (
            "Consistent with the paper?",
            Answer::Person,
            "the report has the published figures beside ours, and the notes of the paper, where there are any, what differs".into(),
        ),
        (
            "Complete?",
            if missing.is_empty() { Answer::Yes } else { Answer::Partly },
            if missing.is_empty() { format!("all {all} runs have a record") } else { format!("{} of {all} runs have no record: {}", missing.len(), first(&missing)) },
        ),
        (
            "More than one run of each trial?",
            if few.is_empty() { Answer::Yes } else { Answer::Partly },
            if few.is_empty() { format!("at least {MIN_SEEDS} seeds each") } else { format!("fewer than {MIN_SEEDS} seeds of {}, of which nothing is judged", few.join(", ")) },
        ),
        (
            "Are all records those of this spec?",
            Answer::Yes,
            "each has the fingerprint that the spec gives today; others were left out".into(),
        ),
        ("Exercisable?", Answer::Yes, format!("the commands of `README.md`; trained on {}, by Reprise {}", source.machines().join("; "), source.programs().join(", "))),
    ]
}

fn reproduced(source: &BundleSource<'_>) -> Vec<Row> {
    let report = source.report;
    let told = |words: Option<String>, file: &str| match words {
        Some(words) => (Answer::Told(words), format!("`{}/{file}`", source.folder())),
        None => (Answer::Told("none is compared".into()), "the spec".into()),
    };
    let own = match report.basis.paper {
        Some(_) => "the spec names the paper whose results are re-run",
        None => "the spec re-runs no paper",
    };
    let (claims, cells, effects) = (
        told(report.claims_told(), "claims.csv"),
        told(report.cells_told(), "cells.csv"),
        told(report.effects_told(), "REPORT.md"),
    );
    vec![
        ("Were the results obtained by others than the paper's authors?", Answer::Person, own.into()),
        (
            "With the authors' own artefacts (Reproduced), or without (Replicated)?",
            Answer::Person,
            "the program is an implementation of its own; the notes say what of the authors' code was read".into(),
        ),
        ("Which claims hold?", claims.0, claims.1),
        ("Which published cells are met?", cells.0, cells.1),
        ("Which published effects are met?", effects.0, effects.1),
        (
            "Does training again give the same bytes?",
            Answer::Person,
            "`reprise check … --rerun` says it, on the reviewer's machine".into(),
        ),
    ]
}

/// The first of many, and how many follow.
fn first(names: &[String]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
