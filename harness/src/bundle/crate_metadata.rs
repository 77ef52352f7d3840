//! `ro-crate-metadata.json`: the bundle in the words of Process Run Crate 0.5, which is RO-Crate 1.1 with its runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::index::{BUNDLE, BundledFile};
use super::source::{BundleSource, version};
use crate::meter::Arithmetic;
use crate::record::{Program, Record};

/// Name of the file, which the standard fixes.
pub const METADATA: &str = "ro-crate-metadata.json";

const LICENCE: &str = "#licences";
const PROFILE: &str = "https://w3id.org/ro/wfrun/process/0.5";

/// The metadata of a bundle with these files, of which this one and `bundle.json` are yet to come.
pub fn crate_metadata(source: &BundleSource<'_>, files: &BTreeMap<String, Vec<u8>>) -> Value {
    let spec = source.report.basis.spec;
    let records = &source.records.current;
    let manifest = source.report.basis.manifest;
    let id = |id: &str| json!({ "@id": id });
    let mut graph = vec![
        json!({
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": id("https://w3id.org/ro/crate/1.1"),
            "about": id("./"),
        }),
        json!({
            "@id": "./",
            "@type": "Dataset",
            "conformsTo": id(PROFILE),
            "name": format!("{}, profile {}: records and report of Reprise", spec.id, spec.profile),
            "description": format!(
                "{}. The spec, the manifest of its data, the record of every run, and the report made from them; CHECKLIST.md \
                 says what they show.",
                spec.title.trim_end_matches('.')
            ),
            "datePublished": last_day(records),
            "license": id(LICENCE),
            "hasPart": files.keys().map(|name| id(&uri(name))).chain([id(BUNDLE)]).collect::<Vec<_>>(),
            "mentions": records.iter().map(|record| id(&action_id(record))).collect::<Vec<_>>(),
            "isBasedOn": id(&dataset_id(source)),
        }),
        json!({
            "@id": LICENCE,
            "@type": "CreativeWork",
            "name": "Licences of what is in the bundle",
            "description": "The program, its specs and manifests: MIT OR Apache-2.0. Data: the terms in their manifest. Records and \
                            report: whoever publishes them states it.",
        }),
        json!({ "@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5" }),
        json!({
            "@id": dataset_id(source),
            "@type": "Dataset",
            "name": manifest.title,
            "url": manifest.homepage,
            "license": format!("{}: {}", manifest.licence.name, manifest.licence.terms),
            "description": manifest.citation,
        }),
    ];
    let programs: BTreeMap<String, &Program> =
        records.iter().map(|record| (program_id(&record.program), &record.program)).collect();
    graph.extend(programs.iter().map(|(id, program)| {
        json!({
            "@id": id,
            "@type": "SoftwareApplication",
            "name": "Reprise",
            "description": "Re-runs published recommender-system papers and says whether their results hold",
            "softwareVersion": version(program),
        })
    }));
    graph.extend(records.iter().map(|record| action(source, record)));
    graph.extend(files.iter().map(|(name, content)| {
        let BundledFile { sha256, bytes } = BundledFile::of(content);
        json!({
            "@id": uri(name),
            "@type": "File",
            "name": name,
            "encodingFormat": media_type(name),
            "contentSize": bytes.to_string(),
            "sha256": sha256.to_string(),
        })
    }));
    graph.push(json!({
        "@id": BUNDLE,
        "@type": "File",
        "name": BUNDLE,
        "description": "The digests of all other files; `reprise bundle --check` holds the bundle against them",
        "encodingFormat": "application/json",
    }));
    json!({
        "@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": graph,
    })
}

fn action(source: &BundleSource<'_>, record: &Record) -> Value {
    let inputs = [source.spec_file(), source.manifest_file()].map(|name| json!({ "@id": uri(&name) }));
    let mut action = json!({
        "@id": action_id(record),
        "@type": "CreateAction",
        "name": format!("{}, seed {}", record.label, record.seed),
        "description": record.command,
        "instrument": { "@id": program_id(&record.program) },
        "object": inputs,
        "result": { "@id": uri(&source.record_file(record)) },
        "actionStatus": "http://schema.org/CompletedActionStatus",
    });
    if let Some((start, end)) = times(record) {
        action["startTime"] = start.into();
        action["endTime"] = end.into();
    }
    action
}

/// When a run started and when it ended, as far as it was timed: in milliseconds, the form that the profile asks for.
fn times(record: &Record) -> Option<(String, String)> {
    let started: jiff::Timestamp = record.started.parse().ok()?;
    let took = jiff::SignedDuration::try_from_secs_f64(record.seconds.get("total").copied().unwrap_or(0.0)).ok()?;
    let text = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string();
    Some((text(started), text(started.checked_add(took).ok()?)))
}

/// The day of the last run.
fn last_day(records: &[Record]) -> String {
    let last = records.iter().filter_map(|record| record.started.parse::<jiff::Timestamp>().ok()).max();
    last.unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

fn action_id(record: &Record) -> String {
    let cuda = if record.id().arithmetic == Arithmetic::Cuda { "-cuda" } else { "" };
    format!("#run-{}-seed-{}{cuda}", record.trial, record.seed)
}

fn dataset_id(source: &BundleSource<'_>) -> String {
    format!("#data-{}", source.report.basis.manifest.id)
}

/// The program by the identifier that Software Heritage gives every commit, where it is known.
fn program_id(program: &Program) -> String {
    match &program.commit {
        Some(commit) if program.dirty == Some(false) => format!("swh:1:rev:{commit}"),
        Some(commit) if program.dirty == Some(true) => format!("#reprise-{}-{commit}-changed", program.version),
        Some(commit) => format!("#reprise-{}-{commit}", program.version),
        None => format!("#reprise-{}", program.version),
    }
}

/// A file's name as a relative URI.
fn uri(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "json" => "application/json",
        "toml" | "lock" => "application/toml",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "svg" => "image/svg+xml",
        "html" => "text/html",
        "gz" => "application/gzip",
        "py" => "text/x-python",
        "cff" => "application/yaml",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::sample;

    #[test]
    fn names_become_uris() {
        assert_eq!(uri("results/a-1/seed-0.json"), "results/a-1/seed-0.json");
        assert_eq!(uri("a b/ü#.md"), "a%20b/%C3%BC%23.md");
    }

    #[test]
    fn a_run_ends_when_its_seconds_are_over() {
        let mut record = sample("a", 1);
        record.started = "2026-11-27T06:37:49.5Z".into();
        record.seconds = [("total".to_string(), 90.25)].into();
        let of = |record: &Record| times(record).unwrap();
        assert_eq!(of(&record), ("2026-11-27T06:37:49.500+00:00".into(), "2026-11-27T06:39:19.750+00:00".into()));
        record.seconds.clear();
        assert_eq!(of(&record).1, "2026-11-27T06:37:49.500+00:00", "lists that were brought have no times");
        assert_eq!(last_day(&[record]), "2026-11-27");
    }
}
