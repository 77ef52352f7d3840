//! Trains the runs of a job that are not done yet.

use std::path::Path;
use std::time::Duration;

use super::external::{self, Programs, check_allowed};
use super::judge::check_place;
use super::measure::record;
use super::plan::Run;
use super::prepared::Prepared;
use super::{Job, ModelStore};
use crate::data::Lock;
use crate::error::{Error, Kind, Place, Result};
use crate::file;
use crate::meter::PeakMemory;
use crate::method::Method;
use crate::program::ExternalProgram;
use crate::record::{Record, Records, Stored as _};
use crate::spec::{SpecData, Trainer, Trial, run_fingerprint};
use crate::train::{Checkpoint, Context, Teacher};
use crate::weights::Artefact;

/// How runs are trained.
#[derive(Clone, Copy, Debug)]
pub struct TrainingOptions {
    /// Whether runs that are done are trained again.
    pub fresh: bool,
    /// Time between two saved states of a run.
    pub checkpoint_every: Duration,
    /// Whether programs of others, where trials are such, may be started.
    pub allow_programs: bool,
    /// Whether runs that others of the spec learn from need their model in the cache, also where no such run is asked for.
    pub keep_teachers: bool,
    /// Whether the models with which the periods of a stream are tested are kept, from which lists are made.
    pub keep_tested_models: bool,
}

/// What became of the runs of a job.
#[derive(Debug, Default)]
pub struct Executed {
    /// Number of runs that were trained.
    pub trained: usize,
    /// Number of runs that were done before, on any CPU, with today's fingerprint.
    pub skipped: usize,
    /// Runs that failed; the others are not affected.
    pub failed: Vec<FailedRun>,
    /// Whether a person stopped it before all runs were done.
    pub interrupted: bool,
}

/// A run that has no record, and the reason.
#[derive(Debug)]
pub struct FailedRun {
    /// Id of the trial.
    pub trial: String,
    pub seed: u64,
    pub error: Error,
}

/// Trains the runs that are not done yet and writes a record of each.
///
/// A run that diverges or whose teacher failed is reported in the outcome and does not stop the others; nothing that is
/// finished is lost.
///
/// # Errors
/// What concerns all runs: a trial or seed that the spec does not have, data that is missing or wrong, a protocol that
/// does not fit the split, a trial that cannot learn from the data or on the device, folders that cannot be written.
pub fn execute(job: &Job<'_>, options: TrainingOptions) -> Result<Executed> {
    check_writable("the records", &job.results, "--results DIR")?;
    check_writable("states and models", job.cache.runs(), "--cache DIR")?;
    // The report would refuse a stray copy, but only after hours of training.
    Records::check_places(&job.results.join(&job.spec.profile))?;
    job.filter.check(job.spec)?;
    let (data, ids) = SpecData::read_with_ids(job.spec, job.manifest, job.cache)?;
    let mut prepared = Prepared::of(job, data);
    for run in prepared.runs.iter_mut().filter(|_| options.keep_tested_models) {
        run.keeps_tested_models |= run.trial.trainer.makes().is_some();
    }
    for run in prepared.runs.iter_mut().filter(|_| options.keep_teachers) {
        run.teaches |= job.spec.teaches(&run.trial.id);
    }
    check_allowed(&prepared, options.allow_programs, options.fresh)?;
    check_trials(&prepared)?;
    check_origins(&prepared)?;
    if options.fresh {
        forget(&prepared)?;
    }
    let mut programs = None;
    let mut outcome = Executed::default();
    for (index, run) in prepared.runs.iter().enumerate() {
        if job.observer.interrupted() {
            outcome.interrupted = true;
            break;
        }
        let name = run.name();
        job.observer.run_begins(index, prepared.runs.len(), &name);
        let teacher = run.trial.teacher.as_ref();
        let result = if outcome.failed.iter().any(|failed| failed.seed == run.seed && Some(&failed.trial) == teacher) {
            Err(Error::new(Kind::Missing, "not trained: its teacher failed"))
        } else {
            match &run.trial.trainer {
                Trainer::Method(method) => one(&prepared, run, &**method, options.checkpoint_every),
                Trainer::Program(program) => run_program(&prepared, run, program, options.fresh, || {
                    if programs.is_none() {
                        programs = Some(Programs::new(&prepared, &ids)?);
                    }
                    Ok(programs.as_mut().expect("made above"))
                }),
                Trainer::Brought => brought(&prepared, run),
            }
        };
        match result {
            Ok(Done::Before) => {
                outcome.skipped += 1;
                job.observer.run_ends(&name, Ok("done before"));
            }
            Ok(Done::Elsewhere) => {
                outcome.skipped += 1;
                job.observer.run_ends(&name, Ok("lists of another program, judged before"));
            }
            Ok(Done::NotHere(how)) => job.observer.run_ends(&name, Ok(&how)),
            Ok(Done::For(spec)) => {
                outcome.skipped += 1;
                job.observer.run_ends(&name, Ok(&format!("done before, for {spec}")));
            }
            Ok(Done::Now(headline)) => {
                outcome.trained += 1;
                job.observer.run_ends(&name, Ok(&headline));
            }
            Err(error) if error.kind() == Kind::Interrupted => {
                job.observer.run_ends(&name, Err(&error));
                outcome.interrupted = true;
                break;
            }
            Err(error) => {
                job.observer.run_ends(&name, Err(&error));
                outcome.failed.push(FailedRun { trial: run.trial.id.clone(), seed: run.seed, error });
            }
        }
    }
    Ok(outcome)
}

/// Refuses a trial that cannot learn from the data before hours are spent on its teacher.
fn check_trials(prepared: &Prepared<'_>) -> Result<()> {
    prepared.runs.iter().try_for_each(|run| {
        let place = || Place::file(&prepared.job.spec.file).key(format!("trial.{}", run.trial.id));
        let Some(method) = run.trial.trainer.method() else { return Ok(()) };
        method.check(&prepared.data.task, &prepared.job.device.device).map_err(|error| error.or_at(place()))
    })
}

/// Refuses to train a seed of a trial whose other seeds are lists of another program, and the reverse.
fn check_origins(prepared: &Prepared<'_>) -> Result<()> {
    for run in &prepared.runs {
        if run.trial.trainer.method().is_none() {
            check_place(prepared, run)?;
            continue;
        }
        if prepared.judged(run)?.is_some() {
            continue;
        }
        if let Some(file) = prepared.recorded_otherwise(run, false)? {
            let what = format!("`{}` has a record of lists that another program made", run.trial.id);
            return Err(Error::new(Kind::Input, what)
                .at(Place::file(file))
                .expected("no record of the trial, or those of our own runs alone")
                .hint(
                    "`--trial` picks other trials; `--results DIR` trains it for another folder; or remove the record",
                ));
        }
    }
    Ok(())
}

enum Done {
    Before,
    /// Another program made its lists, which were judged.
    Elsewhere,
    /// Its lists were not brought yet, and how they are.
    NotHere(String),
    /// By the runs of another spec.
    For(String),
    /// With a metric for the progress line.
    Now(String),
}

/// What is to be said of a trial whose lists are brought.
fn brought(prepared: &Prepared<'_>, run: &Run<'_>) -> Result<Done> {
    if prepared.judged(run)?.is_some() {
        return Ok(Done::Elsewhere);
    }
    let spec = prepared.job.spec;
    let profile = if spec.is_base_profile() { String::new() } else { format!(" --profile {}", spec.profile) };
    let command = format!("reprise judge {}{profile} --run {}:{}=FILE", spec.argument(), run.trial.id, run.seed);
    Ok(Done::NotHere(format!("its lists are yet to be brought: `{command}`")))
}

/// Runs the program of others that a trial is, unless there are its lists; with `fresh` also where it ran before.
fn run_program<'p, 'a>(
    prepared: &Prepared<'p>,
    run: &Run<'p>,
    program: &ExternalProgram,
    fresh: bool,
    programs: impl FnOnce() -> Result<&'a mut Programs<'p>>,
) -> Result<Done>
where
    'p: 'a,
{
    if external::is_done(prepared, run, fresh)? {
        return Ok(Done::Elsewhere);
    }
    let store = prepared.store(run.fingerprint);
    let _lock = lock(prepared.job, &store)?;
    if external::is_done(prepared, run, fresh)? {
        return Ok(Done::Elsewhere);
    }
    let record = programs()?.run(run, program)?;
    put(prepared, run, &record)?;
    Ok(Done::Now(headline(prepared, &record)))
}

fn one(prepared: &Prepared<'_>, run: &Run<'_>, method: &dyn Method, checkpoint_every: Duration) -> Result<Done> {
    let job = prepared.job;
    let store = prepared.store(run.fingerprint);
    if is_done(prepared, run, &store, &|_| {})? {
        store.tidy();
        return Ok(Done::Before);
    }
    if let Some(file) = prepared.judged(run)? {
        if run.teaches {
            return Err(Error::new(
                Kind::Missing,
                "its record is of lists that another program made: there is no model to learn from",
            )
            .at(Place::file(file))
            .hint("`--results DIR` trains it for another folder; or remove the record"));
        }
        return Ok(Done::Elsewhere);
    }
    let _lock = lock(job, &store)?;
    // Asked again under the lock, where another process may have finished it; only now is damage reported.
    if is_done(prepared, run, &store, &|note| job.observer.note(note))? {
        return Ok(Done::Before);
    }
    if let Some(spec) = adopt(prepared, run, &store)? {
        return Ok(Done::For(spec));
    }
    let teacher = teacher(prepared, run.trial, run.seed, method.learns_from_teachers_teacher())?;
    if !store.checkpoint().exists() {
        // A run that starts over makes its own: those of an earlier program could be taken for them.
        store.period_models().iter().for_each(|file| drop(std::fs::remove_file(file)));
    }
    let peak = PeakMemory::start();
    let started = jiff::Timestamp::now();
    let checkpoint = Checkpoint::new(store.checkpoint(), checkpoint_every).of(run.fingerprint);
    let begun =
        Context::new(&prepared.data.task, &run.trial.id, run.seed, &job.device.device, checkpoint, job.observer);
    let tested_models = run.keeps_tested_models.then(|| store.tested_models(prepared.split_digest));
    let mut cx = Context { teacher: teacher.as_ref(), tested_models: tested_models.as_ref(), ..begun };
    let trained = method.train(&mut cx)?;
    let record = record(&mut cx, prepared, run, &trained, &peak, started)?;
    // The model first: nobody looks again for that of a run that is recorded. But the record is what a run is for: it is
    // written even where the model cannot be kept, unless another run learns from it.
    let model = Artefact { kind: method.makes().map(String::from), weights: trained.weights };
    let kept = store.save(&model, prepared.split_digest);
    match kept.and_then(|()| record.write(&store.record())) {
        Err(error) if !run.teaches => job.observer.note(&format!("the model is not kept: {error}")),
        kept => kept?,
    }
    put(prepared, run, &record)?;
    cx.checkpoint.remove();
    Ok(Done::Now(headline(prepared, &record)))
}

/// The first metric of a record.
fn headline(prepared: &Prepared<'_>, record: &Record) -> String {
    let metrics = &prepared.job.spec.protocol.metrics;
    let values = metrics.iter().map(|metric| (metric, record.metrics.get(&metric.to_string())));
    values.filter_map(|(metric, value)| Some(format!("test {metric} {:.4}", value?))).next().unwrap_or_default()
}

/// Makes all planned runs of our methods undone. What was forgotten is trained by this command or, if it is stopped, by the next one
/// without `fresh`.
fn forget(prepared: &Prepared<'_>) -> Result<()> {
    for run in &prepared.runs {
        // Lists that were brought cannot be made again here, and those of a program are replaced when there are new ones.
        if run.trial.trainer.method().is_none() || prepared.judged(run)?.is_some() {
            continue;
        }
        let store = prepared.store(run.fingerprint);
        let _lock = lock(prepared.job, &store)?;
        // Files derived from the model name its weights; a model of the same weights uses them again.
        let files = [store.checkpoint(), store.model(), store.record()];
        for path in prepared.recorded(run)?.into_iter().chain(files).chain(store.periods()).chain(store.period_models())
        {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("cannot remove what is to be trained again", &path, &error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn lock(job: &Job<'_>, store: &ModelStore) -> Result<Lock> {
    let waiting = || job.observer.note("another process trains this run; waiting for it");
    store.lock(waiting, || job.observer.interrupted())
}

/// A run is done if there is a record of it with today's fingerprint, made on whatever CPU, and its model if another run
/// learns from it.
fn is_done(prepared: &Prepared<'_>, run: &Run<'_>, store: &ModelStore, note: &dyn Fn(&str)) -> Result<bool> {
    let id = prepared.id(run);
    // The order of the source's ids is no part of a dataset's digest, and splits of samples depend on it.
    let ours = |record: &Record| {
        !record.is_external()
            && record.digests.run == run.fingerprint
            && record.id() == id
            && record.digests.split == prepared.split_digest
    };
    let recorded = prepared.recorded(run)?.iter().filter_map(|file| Record::read(file).ok()).find(ours);
    let Some(record) = recorded else { return Ok(false) };
    Ok(!run.teaches || has_model(prepared, run, &record, store, note)?)
}

/// Whether the model of the record is kept. A damaged or different one does not count, which `note` is told.
fn has_model(
    prepared: &Prepared<'_>,
    run: &Run<'_>,
    record: &Record,
    store: &ModelStore,
    note: &dyn Fn(&str),
) -> Result<bool> {
    match store.load(prepared.split_digest) {
        Ok(Some(model)) if Some(model.weights.digest()) != record.digests.weights => {
            note(&format!("the kept model of `{}` is not that of its record; it is trained again", run.trial.id));
            Ok(false)
        }
        Ok(model) => {
            Ok(model.is_some() && (!run.keeps_tested_models || has_period_models(prepared, run, store, note)?))
        }
        Err(error) if error.kind() == Kind::Data => {
            note(&format!("{error}\n`{}` is trained again", run.trial.id));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether the models that were tested on all periods are kept, undamaged.
fn has_period_models(prepared: &Prepared<'_>, run: &Run<'_>, store: &ModelStore, note: &dyn Fn(&str)) -> Result<bool> {
    let Some(periods) = prepared.data.task.periods() else { return Ok(true) };
    let kept = store.tested_models(prepared.split_digest);
    for period in periods.roles().evaluated() {
        let why = match kept.read(period) {
            Ok(Some(_)) => continue,
            Ok(None) => format!("the model of `{}` that was tested on period {period} is not kept", run.trial.id),
            Err(error) if error.kind() == Kind::Data => error.to_string(),
            Err(error) => return Err(error),
        };
        note(&format!("{why}\n`{}` is trained again: another trial learns from its models", run.trial.id));
        return Ok(false);
    }
    Ok(true)
}

/// Takes over the record of the same run, trained for another spec or profile, and returns that spec's id. A run that
/// this spec trained into another folder (`--results DIR`) is trained again for this one: that was asked for.
fn adopt(prepared: &Prepared<'_>, run: &Run<'_>, store: &ModelStore) -> Result<Option<String>> {
    let spec = prepared.job.spec;
    let Ok(mut record) = Record::read(&store.record()) else { return Ok(None) };
    let same_spec = record.spec == spec.id && record.profile == spec.profile;
    let has_model = |record: &Record| has_model(prepared, run, record, store, &|_| {});
    if same_spec || record.digests.run != run.fingerprint || (run.teaches && !has_model(&record)?) {
        return Ok(None);
    }
    let other = std::mem::replace(&mut record.spec, spec.id.clone());
    record.profile.clone_from(&spec.profile);
    record.label.clone_from(&run.trial.label);
    put(prepared, run, &record)?;
    Ok(Some(other))
}

/// Writes a record in its place, and removes those of the same run in the old layout: a run has one record.
fn put(prepared: &Prepared<'_>, run: &Run<'_>, record: &Record) -> Result<()> {
    let place = prepared.job.results.join(prepared.id(run).path());
    record.write(&place)?;
    for old in prepared.recorded(run)?.iter().filter(|file| **file != place) {
        std::fs::remove_file(old).map_err(|error| Error::io("cannot replace an old record", old, &error))?;
    }
    Ok(())
}

/// The teacher of a trial at a seed; with its own teacher, where `whole_chain`.
fn teacher(prepared: &Prepared<'_>, of: &Trial, seed: u64, whole_chain: bool) -> Result<Option<Teacher>> {
    let Some(trial) = of.teacher.clone() else { return Ok(None) };
    let spec = prepared.job.spec;
    let teaching = spec.trial(&trial).expect("a checked spec has the teachers of its trials");
    let store = prepared.store(run_fingerprint(spec, teaching, seed, prepared.data.dataset_digest));
    let Artefact { kind, weights } = store.load(prepared.split_digest)?.ok_or_else(|| {
        Error::new(Kind::Missing, format!("the model of teacher `{trial}` is not in the cache"))
            .hint("run the teacher's trial first, with the same `--seed`")
    })?;
    let kind = kind.expect("a spec whose teacher is no model is refused");
    let tested_models = store.tested_models(prepared.split_digest);
    let own = if whole_chain { teacher(prepared, teaching, seed, true)?.map(Box::new) } else { None };
    Ok(Some(Teacher { trial, kind, weights, tested_models, folder: store.derived(), teacher: own }))
}

/// Finds out before hours of training whether `what` can be written.
fn check_writable(what: &str, folder: &Path, option: &str) -> Result<()> {
    file::check_writable(folder).map_err(|error| {
        Error::io(format!("{what} cannot be written"), folder, &error)
            .hint(format!("nothing was trained; give a folder that can be written: `{option}`"))
    })
}
