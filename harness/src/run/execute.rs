//! Does the runs of a spec that are not done yet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::measure::{Measured, record};
use super::world::World;
use super::{Artefact, ComputeDevice, Filter, ModelStore, Plan, Run};
use crate::data::{Cache, Lock, Manifest, load};
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::file;
use crate::meter::PeakMemory;
use crate::record::{Program, Record, Records};
use crate::spec::Spec;
use crate::train::{Checkpoint, Context, Observer, Teacher};

/// What to run, where, and who watches.
pub struct Job<'a> {
    pub spec: &'a Spec,
    pub manifest: &'a Manifest,
    pub filter: Filter,
    pub cache: &'a Cache,
    /// Folder of this spec's records.
    pub results: &'a Path,
    pub device: &'a ComputeDevice,
    /// The command line, for the records.
    pub command: &'a str,
    pub program: Program,
    pub observer: &'a dyn Observer,
}

/// How runs are trained that are not done yet.
#[derive(Clone, Copy, Debug)]
pub struct Training {
    /// Trains again what is done already.
    pub fresh: bool,
    pub checkpoint_every: Duration,
}

/// What became of the runs.
#[derive(Debug, Default)]
pub struct Outcome {
    pub trained: usize,
    /// Done before, on any CPU, with today's fingerprint.
    pub skipped: usize,
    /// Runs that failed and why; the others are not touched by it.
    pub failed: Vec<(String, Error)>,
    pub interrupted: bool,
}

/// Trains what is not done yet and writes a record for each run.
///
/// A run that diverges or whose teacher failed is reported in the outcome and does not stop the
/// others; nothing that is finished is lost.
///
/// # Errors
/// What concerns all runs: data that is missing or wrong, a protocol that does not fit the split,
/// folders that cannot be written.
pub fn execute(job: &Job<'_>, training: Training) -> Result<Outcome> {
    check_writable("the records", job.results, "--results DIR")?;
    check_writable("states and models", job.cache.runs(), "--cache DIR")?;
    // A stray copy would be told by the report, after hours of training.
    Records::check_places(&job.results.join(&job.spec.profile))?;
    let dataset = load(job.manifest, job.cache)?;
    let world = World::new(job.spec, dataset, &job.device.name)?;
    let plan = Plan::new(job.spec, world.dataset_digest, &job.filter)?;
    if training.fresh {
        forget(job, &world, &plan)?;
    }
    let mut outcome = Outcome::default();
    let mut failed_fingerprints: Vec<Digest> = Vec::new();
    for (index, run) in plan.runs.iter().enumerate() {
        if job.observer.interrupted() {
            outcome.interrupted = true;
            break;
        }
        let name = run.name();
        job.observer.run_begins(index, plan.runs.len(), &name);
        let result = match run.teacher {
            Some(teacher) if failed_fingerprints.contains(&teacher) => {
                Err(Error::new(Kind::Missing, "not trained: its teacher failed"))
            }
            _ => one(job, &world, run, training.checkpoint_every),
        };
        match result {
            Ok(Done::Before) => {
                outcome.skipped += 1;
                job.observer.run_ends(&name, Ok("done before"));
            }
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
                failed_fingerprints.push(run.fingerprint);
                outcome.failed.push((name, error));
            }
        }
    }
    Ok(outcome)
}

enum Done {
    Before,
    /// By the runs of another spec.
    For(String),
    /// With a metric for the progress line.
    Now(String),
}

fn one(job: &Job<'_>, world: &World, run: &Run<'_>, checkpoint_every: Duration) -> Result<Done> {
    let store = ModelStore::new(job.cache, run.fingerprint, world.arithmetic);
    if is_done(job, world, run, &store, &|_| {})? {
        store.tidy();
        return Ok(Done::Before);
    }
    let _lock = lock(job, &store)?;
    // Now for good, so damage is told from here on.
    if is_done(job, world, run, &store, &|note| job.observer.note(note))? {
        return Ok(Done::Before);
    }
    if let Some(spec) = adopt(job, world, run, &store)? {
        return Ok(Done::For(spec));
    }
    let teacher = run.teacher.map(|fingerprint| teacher(job, world, run, fingerprint)).transpose()?;
    let peak = PeakMemory::start();
    let started = jiff::Timestamp::now();
    let checkpoint = Checkpoint::new(store.checkpoint(), checkpoint_every).of(run.fingerprint);
    let begun = Context::new(&world.task, &run.trial.id, run.seed, &job.device.device, checkpoint, job.observer);
    let mut cx = Context { teacher: teacher.as_ref(), ..begun };
    let trained = run.trial.built.train(&mut cx)?;
    let measured = Measured::new(&mut cx, job, trained, &peak)?;
    let headline = measured.headline();
    let record = record(job, world, run, &measured, started);
    // First the model: of a run that is recorded nobody looks for it again. But the record is what a run is for: one
    // whose model cannot be kept is recorded all the same, unless it teaches.
    match store
        .save(run.trial.built.makes(), &measured.weights, world.split_digest)
        .and_then(|()| record.write(&store.record()))
    {
        Err(error) if !run.teaches => job.observer.note(&format!("the model is not kept: {error}")),
        kept => kept?,
    }
    put(job, world, run, &record)?;
    cx.checkpoint.remove();
    Ok(Done::Now(headline))
}

/// Makes all planned runs undone. What was forgotten is trained by this command or, if it is
/// stopped, by the next one without `fresh`.
fn forget(job: &Job<'_>, world: &World, plan: &Plan<'_>) -> Result<()> {
    for run in &plan.runs {
        let store = ModelStore::new(job.cache, run.fingerprint, world.arithmetic);
        let _lock = lock(job, &store)?;
        // What was derived from the model knows its weights, and is left for the same weights to find.
        let files = [store.checkpoint(), store.model(), store.record()];
        for path in recorded(job, world, run)?.into_iter().chain(files).chain(store.periods()) {
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

/// A run is done if its record is here with today's fingerprint, made on whatever CPU, and its model if
/// someone learns from it.
fn is_done(job: &Job<'_>, world: &World, run: &Run<'_>, store: &ModelStore, note: &dyn Fn(&str)) -> Result<bool> {
    let id = world.id(job.spec, run);
    let ours = |record: &Record| record.digests.run == run.fingerprint && record.id() == id;
    let recorded = recorded(job, world, run)?.iter().filter_map(|file| Record::read(file).ok()).find(ours);
    let Some(record) = recorded else { return Ok(false) };
    Ok(!run.teaches || has_model(world, run, &record, store, note)?)
}

/// Whether the run's model is kept, the one that is recorded. One that is damaged or another is as good as none, after
/// saying so.
fn has_model(world: &World, run: &Run<'_>, record: &Record, store: &ModelStore, note: &dyn Fn(&str)) -> Result<bool> {
    match store.load(world.split_digest) {
        Ok(Some(model)) if model.weights.digest() != record.digests.weights => {
            note(&format!("the kept model of `{}` is not the one that is recorded; it is trained again", run.trial.id));
            Ok(false)
        }
        Ok(model) => Ok(model.is_some()),
        Err(error) if error.kind() == Kind::Data => {
            note(&format!("{error}\n`{}` is trained again", run.trial.id));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Takes over the record of the same run, trained for another spec or profile, and returns that spec's
/// id. What this one trained elsewhere (`--results DIR`) is trained here, too: that was asked for.
fn adopt(job: &Job<'_>, world: &World, run: &Run<'_>, store: &ModelStore) -> Result<Option<String>> {
    let Ok(mut record) = Record::read(&store.record()) else { return Ok(None) };
    let same_spec = record.spec == job.spec.id && record.profile == job.spec.profile;
    let has_model = |record: &Record| has_model(world, run, record, store, &|_| {});
    if same_spec || record.digests.run != run.fingerprint || (run.teaches && !has_model(&record)?) {
        return Ok(None);
    }
    let spec = std::mem::replace(&mut record.spec, job.spec.id.clone());
    record.profile.clone_from(&job.spec.profile);
    record.label.clone_from(&run.trial.label);
    put(job, world, run, &record)?;
    Ok(Some(spec))
}

/// The records of a run that are here.
fn recorded(job: &Job<'_>, world: &World, run: &Run<'_>) -> Result<Vec<PathBuf>> {
    world.id(job.spec, run).files(job.results)
}

/// Puts a record in its place. One of an earlier state of the spec, in the old layout, then goes: a run has one record.
fn put(job: &Job<'_>, world: &World, run: &Run<'_>, record: &Record) -> Result<()> {
    let place = job.results.join(world.id(job.spec, run).path());
    record.write(&place)?;
    for old in recorded(job, world, run)?.iter().filter(|file| **file != place) {
        std::fs::remove_file(old).map_err(|error| Error::io("cannot replace an old record", old, &error))?;
    }
    Ok(())
}

fn teacher(job: &Job<'_>, world: &World, run: &Run<'_>, fingerprint: Digest) -> Result<Teacher> {
    let trial = run.trial.teacher.clone().expect("a run with a teacher's fingerprint has a teacher");
    let store = ModelStore::new(job.cache, fingerprint, world.arithmetic);
    let Artefact { kind, weights } = store.load(world.split_digest)?.ok_or_else(|| {
        Error::new(Kind::Missing, format!("the model of teacher `{trial}` is not in the cache"))
            .hint("run the teacher's trial first, with the same `--seed`")
    })?;
    let kind = kind.expect("a spec whose teacher is no model is refused");
    Ok(Teacher { trial, kind, weights, folder: store.derived() })
}

/// Finds out before hours of training whether `what` can be written.
fn check_writable(what: &str, folder: &Path, option: &str) -> Result<()> {
    file::check_writable(folder).map_err(|error| {
        Error::io(format!("{what} cannot be written"), folder, &error)
            .hint(format!("nothing was trained; give a folder that can be written: `{option}`"))
    })
}
