//! Judges lists that another program made as runs of a spec's trials, and records them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Job;
use super::measure::means;
use super::plan::{Run, run_name};
use super::prepared::Prepared;
use crate::data::SourceIds;
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::export::{EXPORT, ExportRecord};
use crate::file::open;
use crate::lists::{IdTable, JudgedLists, ListTest, judge_lists};
use crate::metrics::{Metric, Reads};
use crate::program::Cost;
use crate::rank::Evaluation;
use crate::record::{
    CurveRecord, Digests, ListsRecord, MemoryUse, Origin, PeriodRecord, ProgramRun, QueryRanks, Record, Stored as _,
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
/// `export`: the `export.json` from which the lists were made; without, one that lies beside a file of lists counts. `by`: whose
/// lists they are, where that is known.
///
/// # Errors
/// [`Input`](Kind::Input): a trial or seed that the spec does not have, a run twice, a record
/// of our own run in the place of one of these; [`Data`](Kind::Data): lists that are refused, with their line, or made from
/// another split; [`Io`](Kind::Io); errors of the data.
pub fn judge(job: &Job<'_>, given: &[GivenLists], export: Option<&Path>, by: Option<&str>) -> Result<Vec<Record>> {
    let mut runs = BTreeSet::new();
    if let Some(twice) = given.iter().find(|lists| !runs.insert((&lists.trial, lists.seed))) {
        return Err(Error::new(Kind::Input, format!("two files for {}", run_name(&twice.trial, twice.seed)))
            .expected("one file for each trial and seed")
            .got(twice.file.display().to_string()));
    }
    job.filter.check(job.spec)?;
    let (data, ids) = SpecData::read_with_ids(job.spec, job.manifest, job.cache)?;
    let prepared = Prepared::of(job, data);
    for lists in given {
        check_export(&prepared, lists, export)?;
        check_place(&prepared, planned(&prepared, lists))?;
    }
    let judge = ListJudge::new(&prepared, ids)?;
    let mut records = Vec::new();
    for lists in given {
        let brought = Brought { by: by.map(String::from), started: jiff::Timestamp::now(), ran: None };
        records.push(judge.record(planned(&prepared, lists), &lists.file, brought)?);
    }
    tell_of_twins(job, &records);
    for record in &records {
        let place = job.results.join(record.id().path());
        if let Some(before) = Record::read(&place).ok().filter(|before| before.digests.lists != record.digests.lists) {
            let name = run_name(&record.trial, record.seed);
            let file = before.lists.map_or(String::new(), |lists| format!(" of `{}`", lists.file));
            job.observer.note(&format!("{name}: a record{file} from {} is replaced", before.started));
        }
        record.write(&place)?;
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
pub(super) fn check_place(prepared: &Prepared<'_>, run: &Run<'_>) -> Result<()> {
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

/// Where lists come from.
pub(super) struct Brought {
    /// Whose they are, if that is known.
    pub by: Option<String>,
    /// When their judging or the program that made them began.
    pub started: jiff::Timestamp,
    /// What was run for them, and what it cost.
    pub ran: Option<(ProgramRun, Cost)>,
}

/// Judges files of lists against the tests of a job.
pub(super) struct ListJudge<'p> {
    prepared: &'p Prepared<'p>,
    tests: Vec<Test<'p>>,
    /// For each test.
    askers: Vec<SourceIds>,
    items: IdTable,
}

impl<'p> ListJudge<'p> {
    /// # Errors
    /// A period that the protocol does not fit.
    pub fn new(prepared: &'p Prepared<'p>, ids: SplitIds) -> Result<Self> {
        let tests = Test::all(&prepared.data.task)?;
        let askers = tests.iter().map(|test| test.askers(&ids).1).collect();
        Ok(Self { prepared, tests, askers, items: IdTable::new(ids.items) })
    }

    /// The record of a run whose lists are in `path`.
    ///
    /// # Errors
    /// [`Data`](Kind::Data): lists that are refused, with their line; [`Io`](Kind::Io).
    pub fn record(&self, run: &Run<'_>, path: &Path, brought: Brought) -> Result<Record> {
        let tests: Vec<ListTest<'_>> = (self.tests.iter().zip(&self.askers))
            .map(|(test, askers)| ListTest { ranker: &test.ranker, askers: askers.clone() })
            .collect();
        let file = open(path).map_err(|error| Error::io("cannot read a file of lists", path, &error))?;
        let judged = judge_lists(&tests, &self.items, self.prepared.split_digest, file, path)?;
        let note = |text: String| self.prepared.job.observer.note(&format!("{}: {text}", run.name()));
        if judged.unasked > 0 {
            note(format!("{} lists of those who ask nothing do not count", judged.unasked));
        }
        if judged.unended {
            note(
                "the last line has no line feed: if the file was cut there, its last score is not the whole one".into(),
            );
        }
        if let Some((trial, seed)) =
            judged.named.as_ref().filter(|(trial, seed)| (trial, *seed) != (&run.trial.id, run.seed))
        {
            note(format!("the file says that its lists are of {}", run_name(trial, *seed)));
        }
        let record = record(self.prepared, run, path, &self.tests, &judged, brought);
        let protocol = &self.prepared.job.spec.protocol;
        let moved = |metric: &String| record.metrics[metric] != record.pessimistic[metric];
        if let Some(metric) = protocol.metrics.iter().map(ToString::to_string).find(moved) {
            let counted = self.tests.iter().zip(&judged.evaluations).filter(|(test, _)| !test.warm_up);
            let ranks: Vec<_> =
                counted.flat_map(|(_, found)| found.ranks.iter().zip(&found.pessimistic_ranks)).collect();
            let tied = ranks.iter().filter(|(rank, pessimistic)| rank != pessimistic).count();
            let items = match tied {
                0 => String::new(),
                _ => format!(
                    "; {tied} of {} held-out items stand before others of their score by this rule alone",
                    ranks.len()
                ),
            };
            note(format!(
                "equal scores count: {metric} is {:.4} by the rule of the protocol, and {:.4} with every tie against the list \
                 ({}){items}",
                record.metrics[&metric],
                record.pessimistic[&metric],
                protocol.candidates.ties(),
            ));
        }
        Ok(record)
    }
}

fn record(
    prepared: &Prepared<'_>,
    run: &Run<'_>,
    path: &Path,
    tests: &[Test<'_>],
    judged: &JudgedLists,
    brought: Brought,
) -> Record {
    let job = prepared.job;
    let Brought { by, started, ran } = brought;
    let (ran, cost) = ran.unzip();
    let metrics = &job.spec.protocol.metrics;
    let counted: Vec<&Evaluation> =
        tests.iter().zip(&judged.evaluations).filter(|(test, _)| !test.warm_up).map(|(_, found)| found).collect();
    let over_all = |of: fn(&Evaluation) -> &BTreeMap<Metric, f64>| -> BTreeMap<String, f64> {
        means(metrics, counted.iter().map(|found| of(found))).into_iter().collect()
    };
    let reads_ranks = job.spec.protocol.candidates.reads() == Reads::Ranks;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
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
            by,
            ran,
        }),
        command: job.command.clone(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: Digests {
            run: run.fingerprint,
            data: job.manifest.raw_digest(),
            dataset: prepared.data.dataset_digest,
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
        seconds: cost.iter().map(|cost| ("total".to_string(), cost.wall.as_secs_f64())).collect(),
        memory: MemoryUse { peak_rss_bytes: cost.and_then(|cost| cost.peak_bytes) },
        latency: None,
        facts: BTreeMap::new(),
        curve: None,
        periods: tests.iter().zip(&judged.evaluations).filter_map(|(test, found)| period(test, found)).collect(),
        time_ties: prepared.data.time_ties.clone(),
        ranks: reads_ranks.then(|| QueryRanks::new(std::iter::once((&metrics[..], &counted[..])))),
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
