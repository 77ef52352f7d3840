//! Measures how fast the trained models of a spec answer, and how large they are.

use std::path::PathBuf;
use std::time::Duration;

use candle_core::Device;

use super::Job;
use super::plan::Run;
use super::prepared::Prepared;
use crate::error::{Error, Kind, Place, Result};
use crate::meter;
use crate::method::{Method, Registry};
use crate::metrics::Scorer;
use crate::rank::{Index, OnDevice, Server};
use crate::record::{ImpressionSpeed, LatencyRecord, ModelDigests, Record, Stored as _};
use crate::suggest::quoted;
use crate::train::{Checkpoint, Context};
use crate::weights::Weights;

/// Measures the models that the runs of a job have made, and writes a record of each. Models are read from the cache,
/// except those of counting baselines, which are made again. Returns the records in the order of the runs, teachers
/// first.
///
/// An accelerator can serve only models whose score is a dot product; others are reported to the observer and left out.
///
/// # Errors
/// A model that is not in the cache, before any is measured; data that is missing or wrong; an error of the device; a
/// record that cannot be written.
pub fn measure_latency(job: &Job<'_>, models: &Registry) -> Result<Vec<LatencyRecord>> {
    let mut prepared = Prepared::new(job)?;
    let of_others = prepared.leave_out_others();
    if prepared.runs.is_empty() {
        return Err(Error::new(Kind::Input, "other programs make the lists of these trials")
            .expected("a trial whose model is here")
            .got(quoted(of_others)));
    }
    if !of_others.is_empty() {
        job.observer.note(&format!("left out, since other programs make their lists: {}", quoted(of_others)));
    }
    if let Some(run) = prepared.runs.iter().find(|run| !is_there(&prepared, run)) {
        return Err(missing(&prepared, run));
    }
    let mut records = Vec::new();
    for (index, run) in prepared.runs.iter().enumerate() {
        if job.observer.interrupted() {
            return Err(Error::new(Kind::Interrupted, "interrupted: what was measured is recorded"));
        }
        job.observer.run_begins(index, prepared.runs.len(), &run.name());
        match one(&prepared, models, run)? {
            Some(record) => {
                record.write(&job.results.join(record.path()))?;
                let word = format!("p50 {:.1} µs, {:.0} queries/s", record.request.p50_us, record.batch.per_second);
                job.observer.run_ends(&run.name(), Ok(&word));
                records.push(record);
            }
            None => job.observer.run_ends(
                &run.name(),
                Ok("left out: its score is not a dot product, and this device can serve nothing else"),
            ),
        }
    }
    Ok(records)
}

/// Whether the model of a run is kept; a counting baseline is not, and is counted again. A program of others hands back none.
pub(super) fn is_there(prepared: &Prepared<'_>, run: &Run<'_>) -> bool {
    let Some(method) = run.trial.trainer.method() else { return false };
    method.makes().is_none() || prepared.store(run.fingerprint).model().exists()
}

fn missing(prepared: &Prepared<'_>, run: &Run<'_>) -> Error {
    let what = format!("the model of `{}`, seed {}, is not in the cache", run.trial.id, run.seed);
    Error::new(Kind::Missing, what)
        .at(Place::file(prepared.store(run.fingerprint).model()))
        .hint(how_to_train(prepared, run))
}

/// How a run is trained whose model is not there, or cannot be read.
fn how_to_train(prepared: &Prepared<'_>, run: &Run<'_>) -> String {
    let (job, spec, trial, seed) = (prepared.job, prepared.job.spec, &run.trial.id, run.seed);
    let mut command = format!("reprise run {} --trial {trial} --seed {seed}", spec.argument());
    if !spec.is_base_profile() {
        command += &format!(" --profile {}", spec.profile);
    }
    if let Some(device) = job.device.name.split(' ').next().filter(|device| *device != "cpu") {
        command += &format!(" --device {device}");
    }
    // A run that is recorded, as the spec has it today, is not trained again unasked.
    let ours = |file: &PathBuf| Record::read(file).is_ok_and(|record| record.digests.run == run.fingerprint);
    if prepared.recorded(run).is_ok_and(|files| files.iter().any(ours)) {
        format!("its record is here without it: `{command} --results DIR` trains it beside, `--fresh` in its place")
    } else {
        format!("`{command}` trains it")
    }
}

/// The trained model of a run, as it is served, and its weights.
pub(super) fn model(prepared: &Prepared<'_>, models: &Registry, run: &Run<'_>) -> Result<(Box<dyn Scorer>, Weights)> {
    let method = run.trial.trainer.method().ok_or_else(|| missing(prepared, run))?;
    let Some(kind) = method.makes() else { return counted(prepared, run, method) };
    let serve = models.model(kind).ok_or_else(|| {
        Error::new(Kind::Internal, format!("nothing is known of how a model of the kind `{kind}` is served"))
    })?;
    let kept = prepared.store(run.fingerprint).load(prepared.split_digest).map_err(|error| match error.kind() {
        Kind::Data => error.hint(how_to_train(prepared, run)),
        _ => error,
    })?;
    let weights = kept.ok_or_else(|| missing(prepared, run))?.weights;
    Ok((serve(&weights, prepared.data.task.test.queries())?, weights))
}

/// The model of a counting baseline, which is made again: it takes no training and has no teacher.
fn counted(prepared: &Prepared<'_>, run: &Run<'_>, method: &dyn Method) -> Result<(Box<dyn Scorer>, Weights)> {
    let job = prepared.job;
    let checkpoint = Checkpoint::new(prepared.store(run.fingerprint).checkpoint(), Duration::MAX);
    let mut cx =
        Context::new(&prepared.data.task, &run.trial.id, run.seed, &job.device.device, checkpoint, job.observer);
    let trained = method.train(&mut cx)?;
    Ok((trained.scorer, trained.weights))
}

/// The record of a model; `None` if the device cannot serve it.
fn one(prepared: &Prepared<'_>, models: &Registry, run: &Run<'_>) -> Result<Option<LatencyRecord>> {
    let (job, seen) = (prepared.job, &prepared.data.task.seen);
    let started = jiff::Timestamp::now();
    let (scorer, weights) = model(prepared, models, run)?;
    let (digest, parameter_count) = (weights.digest(), weights.count());
    drop(weights); // The scorer has a copy of its own.
    let server: Box<dyn Server + '_> = match &job.device.device {
        Device::Cpu => Box::new(Index::new(&*scorer)),
        device => match OnDevice::new(&*scorer, device)? {
            Some(server) => Box::new(server),
            None => return Ok(None),
        },
    };
    let request = meter::latency(&*server, seen)?;
    let pairs = prepared.data.task.test.queries().pairs();
    let impressions = (!pairs.is_empty()).then(|| {
        let (request, batch) = meter::impressions(&*scorer, pairs);
        ImpressionSpeed { request, batch }
    });
    // The meta-model is not kept: its size stands in the record of the run that trained it.
    let trained = Record::read(&prepared.store(run.fingerprint).record()).ok();
    let batch = meter::throughput(&*server, scorer.n_items(), seen, &request)?;
    Ok(Some(LatencyRecord {
        format: LatencyRecord::FORMAT,
        spec: job.spec.id.clone(),
        profile: job.spec.profile.clone(),
        trial: run.trial.id.clone(),
        seed: run.seed,
        command: job.command.clone(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: ModelDigests { run: run.fingerprint, weights: digest },
        device: job.device.name.clone(),
        machine: prepared.machine.clone(),
        parameter_count,
        parameter_bytes: parameter_count * size_of::<f32>() as u64,
        meta_parameter_count: trained.and_then(|record| Some(record.meta?.parameter_count)),
        request,
        batch,
        impressions,
    }))
}
