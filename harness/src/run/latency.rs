//! How fast the trained models of a spec answer, and how large they are.

use std::path::PathBuf;
use std::time::Duration;

use candle_core::Device;

use super::measure::request;
use super::world::World;
use super::{Job, ModelStore, Plan, Run};
use crate::data::load;
use crate::error::{Error, Kind, Place, Result};
use crate::meter;
use crate::method::Registry;
use crate::metrics::Scorer;
use crate::rank::{Index, OnDevice, Server};
use crate::record::{Batch, LATENCY_FORMAT, LatencyRecord, ModelDigests, Record};
use crate::train::{Checkpoint, Context};
use crate::weights::Weights;

/// Measures the models that the wanted runs have made, and writes a record of each: a model is read from
/// the cache, or made again where making it is counting. Returns the records in the order of the plan.
///
/// On an accelerator only a dot product can be served; other models are told and left out.
///
/// # Errors
/// A model that is not there, before any is measured; data that is missing or wrong; what the device
/// says; a record that cannot be written.
pub fn measure_latency(job: &Job<'_>, models: &Registry) -> Result<Vec<LatencyRecord>> {
    let dataset = load(job.manifest, job.cache)?;
    let world = World::new(job.spec, dataset, &job.device.name)?;
    let plan = Plan::new(job.spec, world.dataset_digest, &job.filter)?;
    if let Some(run) = plan.runs.iter().find(|run| !is_there(job, &world, run)) {
        return Err(missing(job, &world, run));
    }
    let mut records = Vec::new();
    for (index, run) in plan.runs.iter().enumerate() {
        if job.observer.interrupted() {
            return Err(Error::new(Kind::Interrupted, "interrupted: what was measured is recorded"));
        }
        job.observer.run_begins(index, plan.runs.len(), &run.name());
        match one(job, models, &world, run)? {
            Some(record) => {
                record.write(&job.results.join(record.path()))?;
                let word = format!("p50 {:.1} µs, {:.0} queries/s", record.request.p50_us, record.batch.per_second);
                job.observer.run_ends(&run.name(), Ok(&word));
                records.push(record);
            }
            None => job.observer.run_ends(&run.name(), Ok("left out: no dot product, which is all a device can serve")),
        }
    }
    Ok(records)
}

fn store(job: &Job<'_>, world: &World, run: &Run<'_>) -> ModelStore {
    ModelStore::new(job.cache, run.fingerprint, world.arithmetic)
}

/// A model that is counted need not be.
fn is_there(job: &Job<'_>, world: &World, run: &Run<'_>) -> bool {
    run.trial.built.makes().is_none() || store(job, world, run).model().exists()
}

fn missing(job: &Job<'_>, world: &World, run: &Run<'_>) -> Error {
    let (spec, trial, seed) = (job.spec, &run.trial.id, run.seed);
    let mut command = format!("reprise run {} --trial {trial} --seed {seed}", spec.id);
    if !spec.is_base_profile() {
        command += &format!(" --profile {}", spec.profile);
    }
    if let Some(device) = job.device.name.split(' ').next().filter(|device| *device != "cpu") {
        command += &format!(" --device {device}");
    }
    // A run that is recorded, as the spec has it today, is not trained again unasked.
    let ours = |file: &PathBuf| Record::read(file).is_ok_and(|record| record.digests.run == run.fingerprint);
    let hint = if world.id(spec, run).files(job.results).is_ok_and(|files| files.iter().any(ours)) {
        format!("its record is here without it: `{command} --results DIR` trains it beside, `--fresh` in its place")
    } else {
        format!("`{command}` trains it")
    };
    Error::new(Kind::Missing, format!("the model of `{trial}`, seed {seed}, is not in the cache"))
        .at(Place::file(store(job, world, run).model()))
        .hint(hint)
}

/// The trained model of a run, as it is served, and its weights.
fn model(job: &Job<'_>, models: &Registry, world: &World, run: &Run<'_>) -> Result<(Box<dyn Scorer>, Weights)> {
    let Some(kind) = run.trial.built.makes() else { return counted(job, world, run) };
    let serve = models.model(kind).ok_or_else(|| {
        Error::new(Kind::Internal, format!("nothing is known of how a model of the kind `{kind}` is served"))
    })?;
    let kept = store(job, world, run).load(world.split_digest)?;
    let weights = kept.ok_or_else(|| missing(job, world, run))?.weights;
    Ok((serve(&weights, world.task.test.queries())?, weights))
}

/// A model that training makes by counting, and from no teacher.
fn counted(job: &Job<'_>, world: &World, run: &Run<'_>) -> Result<(Box<dyn Scorer>, Weights)> {
    let checkpoint = Checkpoint::new(store(job, world, run).checkpoint(), Duration::MAX);
    let mut cx = Context::new(&world.task, &run.trial.id, run.seed, &job.device.device, checkpoint, job.observer);
    let trained = run.trial.built.train(&mut cx)?;
    Ok((trained.scorer, trained.weights))
}

/// `None` if the device cannot serve the model.
fn one(job: &Job<'_>, models: &Registry, world: &World, run: &Run<'_>) -> Result<Option<LatencyRecord>> {
    let started = jiff::Timestamp::now();
    let (scorer, weights) = model(job, models, world, run)?;
    let (digest, parameter_count) = (weights.digest(), weights.count());
    drop(weights); // What is served has a copy of its own.
    let server: Box<dyn Server + '_> = match &job.device.device {
        Device::Cpu => Box::new(Index::new(&*scorer)),
        device => match OnDevice::new(&*scorer, device)? {
            Some(server) => Box::new(server),
            None => return Ok(None),
        },
    };
    let latency = meter::latency(&*server, &world.task.seen)?;
    let throughput = meter::throughput(&*server, scorer.n_items(), &world.task.seen, &latency)?;
    Ok(Some(LatencyRecord {
        format: LATENCY_FORMAT,
        spec: job.spec.id.clone(),
        profile: job.spec.profile.clone(),
        trial: run.trial.id.clone(),
        seed: run.seed,
        command: job.command.to_string(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: ModelDigests { run: run.fingerprint, weights: digest },
        device: job.device.name.clone(),
        machine: world.machine.clone(),
        parameter_count,
        parameter_bytes: parameter_count * size_of::<f32>() as u64,
        request: request(&latency),
        batch: Batch {
            queries: throughput.queries as u64,
            threads: rayon::current_num_threads(),
            per_second: throughput.per_second,
        },
    }))
}
