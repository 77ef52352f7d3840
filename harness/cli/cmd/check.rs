//! `reprise check`: whether our own results are what was accepted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use harness::digest::Digest;
use harness::drift::{Acceptance, Baseline, Judgement, Suite, Today, Verdict, format, judge};
use harness::error::{Error, Kind, Place, Result};
use harness::record::Checked;
use harness::run::{ComputeDevice, Filter, Outcome, Plan, Training, expected};
use harness::spec::{self, Spec};

use super::report::{checked, data_digest};
use super::run::Wanted;
use crate::args::{Check, Format};
use crate::home::Home;
use crate::terminal::{print, table, talk};

pub fn run(args: &Check) -> Result<Verdict> {
    let home = Home::find(&args.places)?;
    if args.accept {
        args.specs.iter().try_for_each(|id| accept(&home, args, id))?;
        return Ok(Verdict::Fine);
    }
    let mut suites = Vec::new();
    for Asked { id: spec, profile, wrong } in asked(&home, args)? {
        let found = match wrong {
            Some(error) => Err(error),
            None => judged(&home, args, &spec, &profile),
        };
        match &found {
            Err(error) if error.kind() == Kind::Interrupted => return Err(error.clone()),
            // One bad baseline does not hide the others.
            Err(error) => talk(&format!("error: {error}\n")),
            Ok(_) => {}
        }
        suites.push(Suite { spec, profile, found });
    }
    match args.format {
        Format::Text => {
            for moved in suites.iter().filter_map(format::table) {
                print(&format!("{}\n{}\n", moved.title, table(&moved)));
            }
            print(&format::lines(&suites));
        }
        Format::Json => print(&format::json(&suites)),
        Format::Junit => print(&format::junit(&suites)),
        Format::Github => print(&format::github(&suites)),
    }
    Ok(Suite::overall(&suites))
}

/// A spec in a profile that is to be judged, or why it cannot be.
struct Asked {
    id: String,
    profile: String,
    wrong: Option<Error>,
}

/// The specs and profiles that were asked for: where none is named, all that have a baseline.
fn asked(home: &Home, args: &Check) -> Result<Vec<Asked>> {
    for id in &args.specs {
        spec::find(&home.reproductions(), id)?;
    }
    let mut asked = Vec::new();
    for listed in spec::discover(&home.reproductions())? {
        let named = args.specs.contains(&listed.id);
        if !named && !args.specs.is_empty() {
            continue;
        }
        let one = |profile: String, wrong| Asked { id: listed.id.clone(), profile, wrong };
        match (listed.summary, &args.profile) {
            (Err(error), profile) => asked.push(one(profile.clone().unwrap_or("?".into()), Some(error))),
            // That it has no baseline, or no such profile, is told when it is judged.
            (Ok(_), Some(profile)) if named => asked.push(one(profile.clone(), None)),
            (Ok(summary), wanted) => {
                let has = |profile: &String| {
                    wanted.as_ref().is_none_or(|wanted| wanted == profile)
                        && home.baseline_beside(&listed.file, profile).exists()
                };
                let profiles: Vec<_> = summary.profiles.iter().filter(|profile| has(profile)).collect();
                if named && profiles.is_empty() {
                    let base = summary.profiles[0].clone();
                    let error = no_baseline(&listed.id, &home.baseline_beside(&listed.file, &base));
                    asked.push(one(base, Some(error)));
                }
                asked.extend(profiles.into_iter().map(|profile| one(profile.clone(), None)));
            }
        }
    }
    if asked.is_empty() {
        let profile = args.profile.as_ref().map(|profile| format!(" in the profile `{profile}`")).unwrap_or_default();
        return Err(Error::new(Kind::Missing, format!("no spec has a baseline{profile} yet")).hint(ACCEPT));
    }
    Ok(asked)
}

const ACCEPT: &str = "`reprise run SPEC`, look at the report, then `reprise check SPEC --accept --reason TEXT`";

fn no_baseline(id: &str, file: &Path) -> Error {
    Error::new(Kind::Missing, format!("`{id}` has no baseline")).at(Place::file(file)).hint(ACCEPT)
}

fn judged(home: &Home, args: &Check, id: &str, profile: &str) -> Result<Judgement> {
    let spec = home.spec(id, Some(profile))?;
    let file = home.baseline_beside(&spec.file, &spec.profile);
    let baseline = Baseline::read(&file, &spec.id, &spec.profile)?.ok_or_else(|| no_baseline(id, &file))?;
    let now = Now::find(home, args, &spec)?;
    Ok(judge(&baseline, &now.today()))
}

fn accept(home: &Home, args: &Check, id: &str) -> Result<()> {
    let spec = home.spec(id, args.profile.as_deref())?;
    let file = home.baseline_beside(&spec.file, &spec.profile);
    // Also so that a damaged one is not overwritten with its history.
    let last = Baseline::read(&file, &spec.id, &spec.profile)?;
    let acceptance = Acceptance {
        reason: args.reason.as_deref().unwrap_or_default(),
        when: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        matters: &args.matters,
        inexact: &args.inexact,
    };
    let now = Now::find(home, args, &spec)?;
    let baseline = acceptance.accept(&spec.id, &spec.profile, &now.today(), last)?;
    baseline.write(&file)?;
    let commit = baseline.newest().commit.as_ref().map_or("no one commit".into(), |commit| format!("commit {commit}"));
    talk(&format!("baseline: {}, {} runs on {}, {commit}", file.display(), now.expected.len(), baseline.class));
    Ok(())
}

/// What there is of a spec today.
struct Now {
    filter: Filter,
    expected: BTreeMap<(String, u64), Digest>,
    records: Checked,
    missing: BTreeMap<(String, u64), String>,
}

impl Now {
    /// Looks for records, or makes them.
    fn find(home: &Home, args: &Check, spec: &Spec) -> Result<Self> {
        let manifest = home.catalog()?.get(&spec.dataset)?;
        let filter = Filter { trials: args.trials.clone(), seeds: args.seeds.clone() };
        // A mistyped trial or seed is told first.
        Plan::new(spec, Digest::of(b""), &filter)?;
        let mut missing = BTreeMap::new();
        let records = if args.rerun {
            let folder = tempfile::tempdir()
                .map_err(|error| Error::io("cannot make a folder to train in", &std::env::temp_dir(), &error))?;
            let beside = home.beside(folder.path());
            let device = &ComputeDevice::open(args.device)?;
            let training = Training { fresh: false, checkpoint_every: Duration::MAX };
            let wanted = Wanted { filter: filter.clone(), device, training };
            let outcome = wanted.train(&beside, spec, &manifest)?;
            missing.extend(failed(spec, &outcome)?);
            checked(&beside, spec, &manifest)?
        } else {
            checked(home, spec, &manifest)?
        };
        for stale in &records.stale {
            let why = format!("its record is stale: {}", stale.why);
            missing.insert((stale.id.trial.clone(), stale.id.seed), why);
        }
        Ok(Self { expected: expected(spec, data_digest(home, &manifest)?), filter, records, missing })
    }

    fn today(&self) -> Today<'_> {
        Today { expected: &self.expected, records: &self.records.current, missing: &self.missing, filter: &self.filter }
    }
}

/// Why runs have no record.
fn failed(spec: &Spec, outcome: &Outcome) -> Result<BTreeMap<(String, u64), String>> {
    if outcome.interrupted {
        return Err(Error::new(Kind::Interrupted, "interrupted: nothing was judged, and nothing of `--rerun` is kept"));
    }
    let plan = Plan::new(spec, Digest::of(b""), &Filter::default())?;
    let why = |(name, error): &(String, Error)| {
        let run = plan.runs.iter().find(|run| run.name() == *name)?;
        Some(((run.trial.id.clone(), run.seed), format!("its run failed: {}", error.what())))
    };
    Ok(outcome.failed.iter().filter_map(why).collect())
}
