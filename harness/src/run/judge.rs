//! Judges lists that another program made as runs of a spec's trials, and records them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Job;
use super::measure::means;
use super::plan::{Run, run_name};
use super::prepared::Prepared;
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::export::{EXPORT, ExportRecord};
use crate::file::open;
use crate::lists::{IdTable, JudgedLists, ListTest, judge_lists};
use crate::metrics::{Candidates, Metric};
use crate::rank::Evaluation;
use crate::record::{
    CurveRecord, Digests, ListsRecord, MemoryUse, Origin, PeriodRecord, QueryRanks, Record, Stored as _,
};
use crate::spec::{SpecData, SplitIds, Test};

/// A file of lists, and the run whose lists they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GivenLists {
    /// Id of the trial.
    pub trial: String,
    pub seed: u64,
    pub file: PathBuf,
}

/// Judges the files and, once all of them were judged, writes a record of each. Returns the records in the order of the files.
///
/// `export`: the `export.json` from which the lists were made; without, one that lies beside a file of lists counts.
///
/// # Errors
/// [`Input`](Kind::Input): a trial or seed that the spec does not have, a run twice, a protocol that ranks nothing, a record
/// of our own run in the place of one of these; [`Data`](Kind::Data): lists that are refused, with their line, or made from
/// another split; [`Io`](Kind::Io); errors of the data.
pub fn judge(job: &Job<'_>, given: &[GivenLists], export: Option<&Path>) -> Result<Vec<Record>> {
    let mut runs = BTreeSet::new();
    if let Some(twice) = given.iter().find(|lists| !runs.insert((&lists.trial, lists.seed))) {
        return Err(Error::new(Kind::Input, format!("two files for {}", run_name(&twice.trial, twice.seed)))
            .expected("one file for each trial and seed")
            .got(twice.file.display().to_string()));
    }
    job.filter.check(job.spec)?;
    if job.spec.protocol.candidates == Candidates::Labelled {
        return Err(Error::new(Kind::Input, format!("`{}` scores labelled pairs, and lists only rank", job.spec.id))
            .expected("a protocol that ranks candidates")
            .got(job.spec.protocol.candidates.describe()));
    }
    let (data, ids) = SpecData::read_with_ids(job.spec, job.manifest, job.cache)?;
    let prepared = Prepared::of(job, data);
    for lists in given {
        check_export(&prepared, lists, export)?;
        check_place(&prepared, planned(&prepared, lists))?;
    }
    let mut records = Vec::new();
    {
        let tests = Test::all(&prepared.task)?;
        let judges: Vec<ListTest<'_>> =
            tests.iter().map(|test| ListTest { ranker: &test.ranker, askers: test.askers(&ids).1 }).collect();
        let SplitIds { items, .. } = ids;
        let items = IdTable::new(items);
        for lists in given {
            let started = jiff::Timestamp::now();
            let file =
                open(&lists.file).map_err(|error| Error::io("cannot read a file of lists", &lists.file, &error))?;
            let judged = judge_lists(&judges, &items, prepared.split_digest, file, &lists.file)?;
            if judged.unasked > 0 {
                let name = run_name(&lists.trial, lists.seed);
                job.observer.note(&format!("{name}: {} lists of those who ask nothing do not count", judged.unasked));
            }
            records.push(record(&prepared, lists, &tests, &judged, started));
        }
    }
    tell_of_twins(job, &records);
    for record in &records {
        record.write(&job.results.join(record.id().path()))?;
    }
    Ok(records)
}

fn planned<'p, 'a>(prepared: &'p Prepared<'a>, lists: &GivenLists) -> &'p Run<'a> {
    let of = |run: &&Run<'_>| run.trial.id == lists.trial && run.seed == lists.seed;
    prepared.runs.iter().find(of).expect("the runs of a checked filter are planned")
}

/// Refuses lists that were made from the export of another split, or for another protocol.
fn check_export(prepared: &Prepared<'_>, lists: &GivenLists, named: Option<&Path>) -> Result<()> {
    let beside = lists.file.with_file_name(EXPORT);
    let (file, export) = match named {
        Some(file) => (file, ExportRecord::read(file)?),
        // Another program may call a file so.
        None if is_of_another_program(&beside) => return Ok(()),
        None => (&*beside, ExportRecord::read(&beside)?),
    };
    let digests = [
        ("split", export.digests.split, prepared.split_digest),
        ("protocol", export.digests.protocol, prepared.job.spec.protocol.digest()),
    ];
    match digests.iter().find(|(_, got, expected)| got != expected) {
        None => Ok(()),
        Some((key, got, expected)) => {
            Err(Error::new(Kind::Data, format!("the lists were made from the export of another {key}"))
                .at(Place::file(file).key(format!("digests.{key}")))
                .expected(format!("{expected}, of `{}`, profile {}", prepared.job.spec.id, prepared.job.spec.profile))
                .got(format!("{got}, of `{}`, profile {}", export.spec, export.profile))
                .hint("`reprise export` writes the split that is judged here"))
        }
    }
}

/// Whether there is no file, or one of JSON that is none of ours. A damaged one is.
fn is_of_another_program(file: &Path) -> bool {
    let Ok(bytes) = crate::file::read(file) else { return true };
    serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|value| value.get("files_are").is_none())
}

/// Refuses to put lists of another program in the place of a run of our own.
fn check_place(prepared: &Prepared<'_>, run: &Run<'_>) -> Result<()> {
    if let Some(file) = prepared.recorded_otherwise(run, true)? {
        return Err(Error::new(Kind::Input, format!("`{}` has a record of our own run", run.trial.id))
            .at(Place::file(file))
            .expected("no record of the trial, or those of lists of other programs alone")
            .hint("`--results DIR` records into another folder; or remove the record"));
    }
    Ok(())
}

/// Tells of runs that were given the same bytes: methods without random draws have them, others hardly.
fn tell_of_twins(job: &Job<'_>, records: &[Record]) {
    let mut of_file = BTreeMap::<Option<Digest>, Vec<String>>::new();
    for record in records {
        of_file.entry(record.digests.lists).or_default().push(run_name(&record.trial, record.seed));
    }
    for names in of_file.values().filter(|names| names.len() > 1) {
        job.observer.note(&format!("the same bytes were given for {}", names.join(" and for ")));
    }
}

fn record(
    prepared: &Prepared<'_>,
    lists: &GivenLists,
    tests: &[Test<'_>],
    judged: &JudgedLists,
    started: jiff::Timestamp,
) -> Record {
    let (job, run) = (prepared.job, planned(prepared, lists));
    let metrics = &job.spec.protocol.metrics;
    let counted: Vec<&Evaluation> =
        tests.iter().zip(&judged.evaluations).filter(|(test, _)| !test.warm_up).map(|(_, found)| found).collect();
    let over_all = |of: fn(&Evaluation) -> &BTreeMap<Metric, f64>| -> BTreeMap<String, f64> {
        means(metrics, counted.iter().map(|found| of(found))).into_iter().collect()
    };
    let file = lists.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Record {
        format: Record::FORMAT,
        spec: job.spec.id.clone(),
        profile: job.spec.profile.clone(),
        trial: run.trial.id.clone(),
        label: format!("{}{}", run.trial.label, Origin::MARK),
        method: run.trial.method.clone(),
        seed: run.seed,
        origin: Some(Origin::External),
        lists: Some(ListsRecord {
            file,
            form: judged.form.to_string(),
            bytes: judged.bytes,
            lists: judged.lists as u64,
            ties: if judged.scored { ListsRecord::BY_SCORE } else { ListsRecord::UNKNOWN_TIES }.into(),
        }),
        command: job.command.clone(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: Digests {
            run: run.fingerprint,
            data: job.manifest.raw_digest(),
            dataset: prepared.dataset_digest,
            split: prepared.split_digest,
            weights: None,
            lists: Some(judged.digest),
        },
        device: "external".into(),
        threads: rayon::current_num_threads(),
        machine: prepared.machine.clone(),
        parameters: Vec::new(),
        parameter_count: None,
        meta: None,
        epochs_run: None,
        selected: BTreeMap::new(),
        metrics: over_all(|found| &found.values),
        pessimistic: over_all(|found| &found.pessimistic),
        validation: BTreeMap::new(),
        seconds: BTreeMap::new(),
        memory: MemoryUse { peak_rss_bytes: None },
        latency: None,
        facts: BTreeMap::new(),
        curve: None,
        periods: tests.iter().zip(&judged.evaluations).filter_map(|(test, found)| period(test, found)).collect(),
        time_ties: prepared.time_ties.clone(),
        ranks: Some(QueryRanks::new(std::iter::once((&metrics[..], &counted[..])))),
    }
}

fn period(test: &Test<'_>, found: &Evaluation) -> Option<PeriodRecord> {
    let named = |values: &BTreeMap<Metric, f64>| values.iter().map(|(metric, v)| (metric.to_string(), *v)).collect();
    Some(PeriodRecord {
        period: test.period? as u64,
        warm_up: test.warm_up,
        items: test.ranker.queries().n_items() as u64,
        queries: found.asked() as u64,
        facts: BTreeMap::new(),
        epochs_run: None,
        selected: None,
        metrics: named(&found.values),
        pessimistic: named(&found.pessimistic),
        validation: BTreeMap::new(),
        seconds: None,
        training_seconds: None,
        curve: CurveRecord::new(Vec::new()),
    })
}
