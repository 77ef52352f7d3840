//! Writes the lists of trained models as files that other programs read, and that `judge` reads back.

use std::path::PathBuf;

use super::Job;
use super::execute::judged;
use super::latency::{is_there, model};
use super::prepared::Prepared;
use crate::error::{Error, Kind, Place, Result};
use crate::lists::{ListsHeader, NamedLists, write_lists};
use crate::method::Registry;
use crate::metrics::Candidates;
use crate::spec::{Spec, SpecData};

/// Refuses lists that could not be written or judged, before anything is trained.
///
/// # Errors
/// [`Input`](Kind::Input): a protocol that ranks nothing, a stream of periods, or lists shorter than the largest cutoff.
pub fn check_lists(spec: &Spec, k: usize) -> Result<()> {
    let refuse = |what: String, expected: &str, got: String| {
        Err(Error::new(Kind::Input, what).at(Place::file(&spec.file)).expected(expected).got(got))
    };
    if spec.protocol.candidates == Candidates::Labelled || matches!(spec.split.roles(), Ok(Some(_))) {
        let what = format!("the runs of `{}` have no single lists to save", spec.id);
        return refuse(what, "a split of users, and a protocol that ranks candidates", spec.split.describe());
    }
    match spec.protocol.largest_cutoff() {
        Some(cutoff) if k < cutoff as usize => {
            let expected = format!("at least {cutoff}, the largest cutoff of the metrics");
            refuse("`--save-lists`: such lists could not be judged".into(), &expected, k.to_string())
        }
        _ => Ok(()),
    }
}

/// Writes the `k` best items of every test query of each run of the job, or all candidates of a sampled protocol, beside the
/// run's record, in every form. Lists are of the weights that are kept: those of the last epoch at which a watched
/// metric improved. Models come from the cache; counting baselines are counted again; a run without a model is told of and
/// left out. Returns the paths of the files.
///
/// # Errors
/// As [`check_lists`]; data that is missing or wrong, a damaged model; [`Io`](Kind::Io).
pub fn save_lists(job: &Job<'_>, models: &Registry, k: usize) -> Result<Vec<PathBuf>> {
    check_lists(job.spec, k)?;
    let (data, ids) = SpecData::read_with_ids(job.spec, job.manifest, job.cache)?;
    let (noun, askers) = data.askers(&ids);
    let prepared = Prepared::of(job, data);
    let mut written = Vec::new();
    for run in &prepared.runs {
        if job.observer.interrupted() {
            return Err(Error::new(Kind::Interrupted, "interrupted: not all lists were written"));
        }
        if judged(&prepared, run)?.is_some() {
            job.observer.note(&format!("{}: its lists are of another program", run.name()));
            continue;
        }
        if !is_there(&prepared, run) {
            job.observer.note(&format!("{}: no model is kept, and so there are no lists", run.name()));
            continue;
        }
        let (scorer, _) = model(&prepared, models, run)?;
        let lists = prepared.data.task.test.lists(&*scorer, k)?;
        let record = job.results.join(prepared.id(run).path());
        let (folder, stem) = (record.with_file_name(""), format!("seed-{}.lists", run.seed));
        let header = ListsHeader {
            spec: &job.spec.id,
            profile: &job.spec.profile,
            trial: &run.trial.id,
            seed: run.seed,
            split: prepared.split_digest,
            protocol: job.spec.protocol.digest(),
        };
        let named = NamedLists { noun, askers: &askers, items: &ids.items, lists: &lists };
        written.extend(write_lists(&folder, &stem, &header, &named)?);
    }
    Ok(written)
}
