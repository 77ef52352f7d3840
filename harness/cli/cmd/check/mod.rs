//! `reprise check`: compares our own results with the accepted baseline.

mod args;
mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use harness::data::Manifest;
use harness::digest::Digest;
use harness::drift::{Acceptance, Baseline, DriftVerdict, Judgement, Suite, Today, format, judge};
use harness::error::{Error, Kind, Place, Result};
use harness::record::{Checked, Records, Stored as _};
use harness::run::{ComputeDevice, Executed, TrainingOptions, expected};
use harness::scratch::ScratchFolder;
use harness::spec::{Filter, Spec};

pub use self::args::CheckArgs;
use self::args::Format;
use self::sample::{Pool, RunChoice};
use super::report::{checked, data_digest};
use super::run::{command_line, train};
use crate::home::{BaselineFiles, Home};
use crate::progress::clock;
use crate::terminal::{print, table, talk};

pub fn run(args: &CheckArgs) -> Result<DriftVerdict> {
    let home = Home::find(&args.places)?;
    if args.accept {
        args.specs.iter().try_for_each(|id| accept(&home, args, id))?;
        return Ok(DriftVerdict::Fine);
    }
    let mut asked = asked(&home, args)?;
    choose(args, &mut asked)?;
    let mut suites = Vec::new();
    let mut interrupted = false;
    for Asked { id: spec, profile, found } in asked {
        let found = found.and_then(|reference| judged(&home, args, &reference));
        // One bad baseline does not hide the others.
        if let Err(error) = &found {
            talk(&format!("error: {error}\n"));
        }
        let found = found.map(|(judgement, stopped)| {
            interrupted |= stopped;
            judgement
        });
        suites.push(Suite { spec, profile, found });
        if interrupted {
            break;
        }
    }
    show(args, &suites);
    if interrupted {
        return Err(Error::new(Kind::Interrupted, "interrupted: the above covers only what was compared so far")
            .hint("nothing of `--rerun` is kept; `--trial`, `--seed` and `--sample` ask for less"));
    }
    Ok(Suite::overall(&suites))
}

fn show(args: &CheckArgs, suites: &[Suite]) {
    match args.format {
        Format::Text => {
            for rerun in suites.iter().filter(|_| args.rerun).filter_map(format::reruns) {
                print(&format!("{}\n{}\n", rerun.title, table(&rerun)));
            }
            for moved in suites.iter().filter_map(format::table) {
                print(&format!("{}\n{}\n", moved.title, table(&moved)));
            }
            print(&format::lines(suites));
        }
        Format::Json => print(&format::json(suites)),
        Format::Junit => print(&format::junit(suites)),
        Format::Github => print(&format::github(suites)),
    }
}

/// A spec in a profile that is to be judged, or the error that prevents it.
struct Asked {
    id: String,
    profile: String,
    found: Result<Reference>,
}

/// What today's runs of a spec are compared with.
struct Reference {
    spec: Spec,
    manifest: Manifest,
    baseline: Baseline,
    /// The runs that are compared.
    filter: Filter,
}

impl Reference {
    /// The accepted baseline or, with `--rerun` and without a baseline, the records. A spec that has none of the trials,
    /// seeds or runs that are asked for is an error or, with `pass_over`, `None`.
    fn find(home: &Home, args: &CheckArgs, file: &Path, profile: &str, pass_over: bool) -> Result<Option<Self>> {
        let spec = home.spec_in(file, Some(profile))?;
        let manifest = home.manifest(&spec)?;
        let mut filter = Filter { trials: args.trials.clone(), seeds: args.seeds.clone(), runs: None };
        if pass_over {
            // Where no spec is named, only those that have the trials and seeds count.
            filter.trials.retain(|trial| spec.trial(trial).is_some());
            filter.seeds.retain(|seed| spec.seeds.contains(seed));
            if filter.trials.is_empty() != args.trials.is_empty() || filter.seeds.is_empty() != args.seeds.is_empty() {
                return Ok(None);
            }
        }
        // A mistyped trial or seed is reported before a baseline that is missing.
        filter.check(&spec)?;
        let BaselineFiles { compared, accepted: file } = home.baseline_beside(&spec.file, &spec.id, &spec.profile);
        let baseline = match Baseline::find(&compared, &spec.id, &spec.profile)? {
            Some(baseline) => {
                let others = spec.trials.iter().any(|trial| trial.trainer.method().is_none());
                if args.rerun && (others || baseline.has_external()) {
                    // Lists of other programs are not made again here.
                    let ours = |trial: &str| spec.trial(trial).is_some_and(|trial| trial.trainer.method().is_some());
                    let own: BTreeSet<_> = baseline
                        .own_keys()
                        .filter(|(trial, seed)| ours(trial) && filter.asks_for(trial, *seed))
                        .collect();
                    if own.is_empty() {
                        return Err(no_own_run(&spec, &file));
                    }
                    filter.runs = Some(own);
                }
                baseline
            }
            None if args.rerun => {
                let mut records = checked(home, &spec, &manifest)?;
                records.current.retain(|record| !record.is_external());
                for stale in &records.stale {
                    talk(&format!("not compared: {}, seed {}: {}", stale.id.trial, stale.id.seed, stale.why));
                }
                let recorded = Baseline::of_records(&spec.id, &spec.profile, &records.current);
                let recorded = recorded.ok_or_else(|| no_reference(&spec, &file))?;
                let runs: BTreeSet<_> = recorded.keys().filter(|(trial, seed)| filter.asks_for(trial, *seed)).collect();
                if runs.is_empty() && pass_over {
                    return Ok(None);
                }
                if runs.is_empty() {
                    return Err(no_reference(&spec, &file));
                }
                filter.runs = Some(runs);
                recorded
            }
            None => return Err(no_baseline(&spec.id, &file)),
        };
        Ok(Some(Self { spec, manifest, baseline, filter }))
    }

    /// The runs that could be trained again and compared.
    fn runs(&self) -> Vec<(String, u64)> {
        self.baseline
            .keys()
            .filter(|(trial, seed)| self.spec.trial(trial).is_some() && self.filter.asks_for(trial, *seed))
            .collect()
    }
}

/// Narrows the runs that are trained again to the sample that is asked for. Teachers that must be trained for it are
/// compared too where they have a record, since that costs nothing.
fn choose(args: &CheckArgs, asked: &mut Vec<Asked>) -> Result<()> {
    if args.sample.is_none() && args.within.is_none() {
        return Ok(());
    }
    let references: Vec<_> = asked.iter_mut().filter_map(|asked| asked.found.as_mut().ok()).collect();
    if references.is_empty() {
        return Ok(()); // Each has an error that says why.
    }
    let pool: Vec<_> =
        references.iter().map(|of| Pool { spec: &of.spec, reference: &of.baseline, runs: of.runs() }).collect();
    let within = args.within.map(|minutes| 60.0 * minutes);
    let chosen = RunChoice { most: args.sample, seed: args.sample_seed, within }.choose(&pool);
    drop(pool);
    if chosen.runs.is_empty() {
        return Err(Error::new(Kind::Missing, "no recorded run can be trained again in that time")
            .expected("a larger `--within MINUTES`")
            .got(format!("{} runs to choose from", chosen.of)));
    }
    talk(&format!(
        "{} of {} recorded runs, {}; some {} by their records",
        chosen.runs.len(),
        chosen.of,
        if args.within.is_some() { "the cheapest".into() } else { format!("drawn with the seed {}", args.sample_seed) },
        clock(Duration::from_secs_f64(chosen.seconds)),
    ));
    for (at, reference) in references.into_iter().enumerate() {
        let of_spec = chosen.runs.iter().filter(|(spec, ..)| *spec == at);
        let runs: BTreeSet<_> = of_spec.map(|(_, trial, seed)| (trial.clone(), *seed)).collect();
        let alone = Filter { runs: Some(runs), ..Filter::default() };
        let recorded: BTreeSet<_> = reference.baseline.keys().collect();
        let trained = alone.runs(&reference.spec).into_iter().map(|(trial, seed)| (trial.id.clone(), seed));
        let compared = trained.filter(|run| recorded.contains(run)).collect();
        reference.filter = Filter { runs: Some(compared), ..Filter::default() };
    }
    // Specs of which nothing was drawn are not mentioned.
    asked.retain(|asked| {
        asked.found.as_ref().map_or(true, |of| of.filter.runs.as_ref().is_none_or(|runs| !runs.is_empty()))
    });
    Ok(())
}

/// The specs and profiles that are asked for. Where none is named, these are all that have a baseline or, for a sample
/// of runs that are trained again, records; those that lack the trials or seeds that are asked for are left out, unless
/// all do.
fn asked(home: &Home, args: &CheckArgs) -> Result<Vec<Asked>> {
    let found = if args.specs.is_empty() { having(home, args, true)? } else { Vec::new() };
    if found.is_empty() { having(home, args, false) } else { Ok(found) }
}

fn having(home: &Home, args: &CheckArgs, pass_over: bool) -> Result<Vec<Asked>> {
    let mut asked = Vec::new();
    let named = !args.specs.is_empty();
    for listed in home.listed(&args.specs)? {
        let one = |profile: String, error: Option<Error>| {
            let found = error
                .map_or_else(|| Reference::find(home, args, &listed.file, &profile, pass_over), Err)
                .transpose()?;
            Some(Asked { id: listed.id.clone(), profile, found })
        };
        let records_count = args.rerun && (named || args.sample.is_some() || args.within.is_some());
        match (listed.summary, &args.profile) {
            (Err(error), profile) => asked.extend(one(profile.clone().unwrap_or("?".into()), Some(error))),
            // A missing baseline or profile is reported when it is judged.
            (Ok(_), Some(profile)) if named => asked.extend(one(profile.clone(), None)),
            (Ok(summary), wanted) => {
                let results = home.results_beside(&listed.file, &listed.id);
                let recorded = |profile: &str| Records::count(&results.join(profile)).is_ok_and(|n| n > 0);
                let has = |profile: &String| {
                    wanted.as_ref().is_none_or(|wanted| wanted == profile)
                        && (home.baseline_beside(&listed.file, &listed.id, profile).compared.exists()
                            || (records_count && recorded(profile)))
                };
                let profiles: Vec<_> = summary.profiles.iter().filter(|profile| has(profile)).collect();
                if named && profiles.is_empty() {
                    let base = summary.profiles[0].clone();
                    // The attempt reports what is missing.
                    asked.extend(one(base, None));
                }
                asked.extend(profiles.into_iter().filter_map(|profile| one(profile.clone(), None)));
            }
        }
    }
    if asked.is_empty() && !pass_over {
        let profile = args.profile.as_ref().map(|profile| format!(" in the profile `{profile}`")).unwrap_or_default();
        return Err(Error::new(Kind::Missing, format!("no spec has a baseline{profile} yet")).hint(ACCEPT));
    }
    Ok(asked)
}

const ACCEPT: &str = "`reprise run SPEC`, look at the report, then `reprise check SPEC --accept --reason TEXT`";

fn no_baseline(id: &str, file: &Path) -> Error {
    Error::new(Kind::Missing, format!("`{id}` has no baseline")).at(Place::file(file)).hint(ACCEPT)
}

fn no_own_run(spec: &Spec, file: &Path) -> Error {
    Error::new(Kind::Missing, format!("`{}` has no run that could be trained again", spec.id))
        .at(Place::file(file))
        .expected("a run that this program trained")
        .got("lists of other programs")
        .hint("without `--rerun` their records are compared")
}

fn no_reference(spec: &Spec, file: &Path) -> Error {
    Error::new(Kind::Missing, format!("`{}` has neither a baseline nor records of these runs", spec.id))
        .at(Place::file(file))
        .hint("`reprise run` makes records; then `--rerun` trains again and compares with them")
}

/// The judgement, and whether it was interrupted before all runs were trained.
fn judged(home: &Home, args: &CheckArgs, reference: &Reference) -> Result<(Judgement, bool)> {
    let Reference { spec, manifest, baseline, filter } = reference;
    let now = Now::find(home, args, spec, manifest, filter)?;
    Ok((judge(baseline, &now.today(filter)), now.interrupted))
}

fn accept(home: &Home, args: &CheckArgs, id: &str) -> Result<()> {
    let spec = home.spec(id, args.profile.as_deref())?;
    let BaselineFiles { compared, accepted: file } = home.baseline_beside(&spec.file, &spec.id, &spec.profile);
    // Read first, so that a damaged baseline is not overwritten and its history lost.
    let last = Baseline::find(&compared, &spec.id, &spec.profile)?;
    let acceptance = Acceptance {
        reason: args.reason.as_deref().unwrap_or_default(),
        when: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        matters: &args.matters,
        inexact: &args.inexact,
    };
    if args.rerun && spec.trials.iter().any(|trial| trial.trainer.method().is_none()) {
        return Err(Error::new(
            Kind::Input,
            format!("`{}` has trials of other programs, which `--rerun` does not start", spec.id),
        )
        .expected("`--accept` of the records, without `--rerun`"));
    }
    let manifest = home.manifest(&spec)?;
    let all = Filter::default();
    let now = Now::find(home, args, &spec, &manifest, &all)?;
    if now.interrupted {
        return Err(Error::new(
            Kind::Interrupted,
            "interrupted: nothing was accepted, and nothing of `--rerun` is kept",
        ));
    }
    let baseline = acceptance.accept(&spec.id, &spec.profile, &now.today(&all), last)?;
    baseline.write(&file)?;
    let commit =
        baseline.newest().commit.as_ref().map_or("of no single commit".into(), |commit| format!("commit {commit}"));
    talk(&format!("baseline: {}, {} runs on {}, {commit}", file.display(), now.expected.len(), baseline.class));
    Ok(())
}

/// The state of a spec today.
struct Now {
    expected: BTreeMap<(String, u64), Digest>,
    records: Checked,
    missing: BTreeMap<(String, u64), String>,
    interrupted: bool,
}

impl Now {
    /// Reads the records or, with `--rerun`, makes them.
    fn find(home: &Home, args: &CheckArgs, spec: &Spec, manifest: &Manifest, filter: &Filter) -> Result<Self> {
        let mut missing = BTreeMap::new();
        let mut interrupted = false;
        let records = if args.rerun {
            let scratch = ScratchFolder::new(&home.cache.root().join("rerun"))?;
            let beside = home.beside(&scratch.path());
            let device = &ComputeDevice::open(args.device)?;
            let options = TrainingOptions {
                fresh: false,
                checkpoint_every: Duration::MAX,
                allow_programs: false,
                keep_teachers: false,
                keep_tested_models: false,
            };
            let outcome = train(&beside, spec, manifest, filter, device, options, command_line())?;
            interrupted = outcome.interrupted;
            missing.extend(not_trained(spec, filter, outcome));
            checked(&beside, spec, manifest)?
        } else {
            checked(home, spec, manifest)?
        };
        for stale in &records.stale {
            let why = format!("its record is stale: {}", stale.why);
            missing.insert((stale.id.trial.clone(), stale.id.seed), why);
        }
        Ok(Self { expected: expected(spec, data_digest(home, manifest)?), records, missing, interrupted })
    }

    fn today<'a>(&'a self, filter: &'a Filter) -> Today<'a> {
        Today { expected: &self.expected, records: &self.records.current, missing: &self.missing, filter }
    }
}

/// Reasons why runs have no record, by trial and seed.
fn not_trained(spec: &Spec, filter: &Filter, outcome: Executed) -> BTreeMap<(String, u64), String> {
    let mut why = BTreeMap::new();
    if outcome.interrupted {
        let all = filter.runs(spec).into_iter().map(|(trial, seed)| (trial.id.clone(), seed));
        why.extend(all.map(|run| (run, "interrupted before it was trained".to_string())));
    }
    let failed = outcome.failed.into_iter();
    why.extend(failed.map(|run| ((run.trial, run.seed), format!("its run failed: {}", run.error.what()))));
    why
}
