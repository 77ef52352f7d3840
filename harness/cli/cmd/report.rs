//! `reprise report`: what the records that are here say.

use harness::compare::{Logged, Published};
use harness::data::{Manifest, load};
use harness::digest::Digest;
use harness::error::Result;
use harness::metrics::{Candidates, Metric};
use harness::record::{Checked, Records, Runs};
use harness::report::{self, Experiment, LoggedCurve, MetricText, TrialText};
use harness::run::expected;
use harness::spec::Spec;

use crate::args::Report;
use crate::home::Home;
use crate::terminal::{print, table, talk};

pub fn run(args: &Report) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    let manifest = home.catalog()?.get(&spec.dataset)?;
    let basis = Basis::read(&home, &spec, &manifest)?;
    write(&home, &spec, &manifest, &basis)
}

/// All that a report needs besides records.
pub struct Basis {
    experiment: Experiment,
    published: Option<Published>,
}

impl Basis {
    /// Reads published tables and logged curves and finds out whether the report can be made: `run`
    /// asks before hours of training.
    pub fn read(home: &Home, spec: &Spec, manifest: &Manifest) -> Result<Self> {
        let experiment = experiment(home, spec, manifest)?;
        let published = match home.paper_of(spec) {
            Some(paper) => Some(Published::read(&paper.join("published.toml"))?),
            None => None,
        };
        report::check(&experiment, published.as_ref())?;
        Ok(Self { experiment, published })
    }
}

/// Writes the report of a spec's records, prints its table, and tells where everything is.
pub fn write(home: &Home, spec: &Spec, manifest: &Manifest, basis: &Basis) -> Result<()> {
    let Basis { experiment, published } = basis;
    let records = checked(home, spec, manifest)?;
    let files = report::render(experiment, &records, published.as_ref())?;
    let reports = home.results_of(spec).join(&spec.profile);
    let written = report::write(&reports, &files)?;
    if !records.current.is_empty() {
        print(&table(&report::summary(experiment, &Runs::of(&records.current))));
    }
    for stale in &records.stale {
        talk(&format!("stale: {} seed {}: {}", stale.id.trial, stale.id.seed, stale.why));
    }
    let figures = written.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")).count();
    talk(&format!("\nrecords: {}", reports.display()));
    talk(&format!(
        "report:  {}, {figures} figure{}",
        reports.join("REPORT.md").display(),
        if figures == 1 { "" } else { "s" }
    ));
    Ok(())
}

/// The records of a spec held against what it says today.
pub fn checked(home: &Home, spec: &Spec, manifest: &Manifest) -> Result<Checked> {
    let folder = home.results_of(spec).join(&spec.profile);
    if !folder.exists() {
        return Ok(Checked::default());
    }
    let expected = expected(spec, data_digest(home, manifest)?);
    Ok(Records::read(&folder)?.check(&spec.id, &spec.profile, &expected))
}

/// Digest of the prepared dataset: pinned in the manifest, so that a report needs no data.
pub fn data_digest(home: &Home, manifest: &Manifest) -> Result<Digest> {
    match manifest.prepared {
        Some(digest) => Ok(digest),
        None => Ok(load(manifest, &home.cache)?.digest()),
    }
}

/// What the report must know of a spec, in words.
fn experiment(home: &Home, spec: &Spec, manifest: &Manifest) -> Result<Experiment> {
    let (candidates, sampled) = match spec.protocol.candidates {
        Candidates::Full => ("all items that the user has not interacted with".to_string(), None),
        Candidates::Sampled { negatives, seed } => (
            format!(
                "the held-out item and {negatives} items drawn from stream {seed}, the same for every trial and seed"
            ),
            Some(negatives),
        ),
    };
    let setting = [
        ("Dataset", format!("`{}`: {}", manifest.id, manifest.title)),
        ("Licence", format!("{}: {}", manifest.licence.name, manifest.licence.terms)),
        ("Split", spec.split.describe()),
        ("Candidates", candidates),
    ];
    let curve = |curve: &harness::spec::LoggedCurve| {
        let paper = home.paper_of(spec).expect("a checked spec with curves has a paper");
        let columns: Vec<&str> = curve.columns.iter().map(|(theirs, _)| theirs.as_str()).collect();
        Ok(LoggedCurve {
            trial: curve.trial.clone(),
            label: curve.label.clone(),
            columns: curve.columns.clone(),
            logged: Logged::read(&paper.join(&curve.file), &columns)?,
        })
    };
    let profile = if spec.profile == harness::spec::base_profile(spec.paper.is_some()) {
        String::new()
    } else {
        format!(" --profile {}", spec.profile)
    };
    Ok(Experiment {
        spec: spec.id.clone(),
        profile: spec.profile.clone(),
        title: spec.title.clone(),
        command: format!("reprise report {}{profile}", spec.id),
        setting: setting.map(|(what, how)| (what.to_string(), how)).to_vec(),
        sampled,
        metrics: spec.protocol.metrics.iter().copied().map(|m| metric(m, spec.protocol.candidates)).collect(),
        trials: spec
            .trials
            .iter()
            .map(|t| TrialText { id: t.id.clone(), label: t.label.clone(), method: t.method.clone() })
            .collect(),
        comparisons: spec.comparisons.clone(),
        curves: spec.curves.iter().map(curve).collect::<Result<_>>()?,
        claims: spec.claims.clone(),
        analysis: spec.analysis.clone(),
        notes: notes(home, spec),
    })
}

/// Where the prose about a paper is. The path is that of the repository, so that it reads the same
/// wherever the report is made.
fn notes(home: &Home, spec: &Spec) -> Vec<String> {
    let there = home.paper_of(spec).is_some_and(|paper| paper.join("NOTES.md").is_file());
    let paper = spec.paper.as_ref().filter(|_| there);
    let note = |paper| format!("What is exact here, what differs and why: `reproductions/{paper}/NOTES.md`.");
    paper.into_iter().map(note).collect()
}

fn metric(metric: Metric, candidates: Candidates) -> MetricText {
    MetricText {
        name: metric.to_string(),
        formula: metric.definition().formula().into(),
        ties: candidates.ties().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::args::Places;

    /// The message against an edited spec of this repository.
    fn refused(edit: fn(&mut Spec)) -> String {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let places =
            Places { home: Some(root.clone()), cache: Some(root.join("no-cache")), mirror: None, results: None };
        let home = Home::find(&places).unwrap();
        let mut spec = home.spec("de-rrd/citeulike", None).unwrap();
        let manifest = home.catalog().unwrap().get(&spec.dataset).unwrap();
        Basis::read(&home, &spec, &manifest).unwrap();
        edit(&mut spec);
        Basis::read(&home, &spec, &manifest).err().expect("the spec is refused").to_string()
    }

    #[test]
    fn what_a_report_could_not_show_is_refused_before_there_is_any_record() {
        let error = refused(|spec| spec.comparisons[0].table.push('x'));
        assert!(error.contains("published.toml") && error.contains("no published table"), "{error}");
        let error = refused(|spec| spec.curves[0].file = "curves/none.csv".into());
        assert!(error.contains("cannot read a logged curve") && error.contains("none.csv"), "{error}");
        let error = refused(|spec| spec.curves[0].columns[0].0 = "lossy".into());
        assert!(error.contains("did you mean `loss`?"), "{error}");
    }
}
