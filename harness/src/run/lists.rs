//! Writes the lists of trained models as files that other programs read, and that `judge` reads back.

use std::path::PathBuf;

use super::Job;
use super::latency::{is_there, model};
use super::plan::Run;
use super::prepared::Prepared;
use crate::data::SourceIds;
use crate::error::{Error, Kind, Place, Result};
use crate::lists::{ListsHeader, NamedLists, write_lists};
use crate::method::Registry;
use crate::metrics::Candidates;
use crate::rank::AskerList;
use crate::spec::{Spec, SpecData, Test};

/// Refuses lists that could not be written or judged, before anything is trained.
///
/// # Errors
/// [`Input`](Kind::Input): lists shorter than the largest cutoff.
pub fn check_lists(spec: &Spec, k: usize) -> Result<()> {
    match spec.protocol.largest_cutoff() {
        Some(cutoff) if k < cutoff as usize => {
            Err(Error::new(Kind::Input, "`--save-lists`: such lists could not be judged")
                .at(Place::file(&spec.file))
                .expected(format!("at least {cutoff}, the largest cutoff of the metrics"))
                .got(k.to_string()))
        }
        _ => Ok(()),
    }
}

/// Writes the `k` best items of every test query of each run of the job, or all candidates of a sampled protocol or labelled pairs, beside the
/// run's record, in every form. Lists are of the weights that are kept: those of the last epoch at which a watched
/// metric improved; of a stream every period's are of the model with which it was tested. Models come from the cache; counting
/// baselines are counted again, but not of a stream; a run without a model is told of and left out. Returns the paths of the files.
///
/// # Errors
/// As [`check_lists`]; data that is missing or wrong, a damaged model; [`Io`](Kind::Io).
pub fn save_lists(job: &Job<'_>, models: &Registry, k: usize) -> Result<Vec<PathBuf>> {
    check_lists(job.spec, k)?;
    let (data, ids) = SpecData::read_with_ids(job.spec, job.manifest, job.cache)?;
    let prepared = Prepared::of(job, data);
    let tests = Test::all(&prepared.data.task)?;
    tell_of_short_lists(job, &tests, k);
    let noun = tests[0].ranker.queries().noun();
    let of_tests: Vec<SourceIds> = tests.iter().map(|test| test.askers(&ids).1).collect();
    let askers: SourceIds = of_tests.iter().flat_map(SourceIds::iter).collect();
    let first: Vec<u32> =
        of_tests.iter().scan(0, |next, of| Some(std::mem::replace(next, *next + of.len() as u32))).collect();
    let mut written = Vec::new();
    for run in &prepared.runs {
        if job.observer.interrupted() {
            return Err(Error::new(Kind::Interrupted, "interrupted: not all lists were written"));
        }
        if run.trial.trainer.method().is_none() || prepared.judged(run)?.is_some() {
            job.observer.note(&format!("{}: its lists are of another program", run.name()));
            continue;
        }
        let Some(lists) = lists_of(&prepared, models, run, &tests, &first, k)? else {
            job.observer.note(&format!("{}: no model is kept, and so there are no lists", run.name()));
            continue;
        };
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

/// Tells of lists that this spec could not judge: where a metric has no cutoff, they must be complete. More can be written later,
/// without training.
fn tell_of_short_lists(job: &Job<'_>, tests: &[Test<'_>], k: usize) {
    let protocol = &job.spec.protocol;
    let are_cut = matches!(protocol.candidates, Candidates::Full | Candidates::All);
    if !are_cut || protocol.list_length().is_some() {
        return;
    }
    let candidates = |test: &Test<'_>| {
        let queries = test.ranker.queries();
        queries.ids().iter().map(|&asker| queries.n_items() - test.ranker.excluded(asker).len()).max()
    };
    let most = tests.iter().filter_map(candidates).max().unwrap_or(0);
    if k < most {
        job.observer.note(&format!(
            "`--save-lists {k}`: a metric without a cutoff needs lists of all candidates, up to {most}; this spec cannot judge shorter ones"
        ));
    }
}

/// Askers of all tests, numbered one test after the other from `first` on, with their best items; `None` where a model is not kept.
fn lists_of(
    prepared: &Prepared<'_>,
    models: &Registry,
    run: &Run<'_>,
    tests: &[Test<'_>],
    first: &[u32],
    k: usize,
) -> Result<Option<Vec<AskerList>>> {
    if prepared.data.task.periods().is_none() {
        if !is_there(prepared, run) {
            return Ok(None);
        }
        let (scorer, _) = model(prepared, models, run)?;
        return tests[0].ranker.lists(&*scorer, k).map(Some);
    }
    let kept = prepared.store(run.fingerprint).tested_models(prepared.split_digest);
    let mut lists = Vec::new();
    for (test, first) in tests.iter().zip(first) {
        let Some(artefact) = kept.read(test.period.unwrap_or_default())? else { return Ok(None) };
        let Some(serve) = artefact.kind.as_deref().and_then(|kind| models.model(kind)) else { return Ok(None) };
        let scorer = serve(&artefact.weights, test.ranker.queries())?;
        lists.extend(test.ranker.lists(&*scorer, k)?.into_iter().map(|(asker, list)| (first + asker, list)));
    }
    Ok(Some(lists))
}
