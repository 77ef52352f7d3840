//! `reprise report`: what the records that are here say.

use harness::compare::{Logged, Published};
use harness::data::{Manifest, load};
use harness::digest::Digest;
use harness::error::{Error, Place, Result};
use harness::file::{read_to_string, write_by_rename, write_to};
use harness::metrics::{Candidates, Metric};
use harness::plot::Pixels;
use harness::record::{Checked, LatencyRecord, Records};
use harness::report::{self, Experiment, LoggedCurve, MetricText, Paper, Report, TrialText, html, overview, splice};
use harness::run::expected;
use harness::spec::{Spec, Trial, discover, find};

use crate::args;
use crate::home::Home;
use crate::terminal::{print, table, talk};

pub fn run(args: &args::ReportArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let catalog = home.catalog()?;
    let mut all = Vec::new();
    let chosen = chosen(&home, args)?;
    if chosen.is_empty() {
        talk("no spec has records here; `reprise run quick` makes some");
    }
    for (id, profile) in chosen {
        let spec = home.spec(&id, profile.as_deref())?;
        let manifest = catalog.get(&spec.dataset)?;
        let basis = Basis::read(&home, &spec, &manifest)?;
        let records = checked(&home, &spec, &manifest)?;
        all.push((spec, basis, records));
    }
    let reports = all
        .iter()
        .map(|(_, basis, records)| Report::new(&basis.experiment, records, basis.published.as_ref()))
        .collect::<Result<Vec<_>>>()?;
    let page_is_output = args.html.as_ref().is_some_and(|file| file.as_os_str() == "-");
    // Fonts are missed before anything is written.
    let pixels = args.png.then(Pixels::new).transpose()?;
    for ((spec, _, records), report) in all.iter().zip(&reports) {
        put(&home, spec, records, report, reports.len() == 1 && !page_is_output)?;
        if let Some(pixels) = &pixels {
            let folder = home.results_of(spec).join(&spec.profile);
            for (name, svg) in report.files().iter().filter(|(name, _)| name.ends_with(".svg")) {
                write_by_rename(&folder.join(name).with_extension("png"), &pixels.png(svg)?)?;
            }
        }
    }
    if let Some(file) = &args.html {
        let papers = papers(&home, &all, &reports)?;
        let page = html(&papers);
        if page_is_output {
            print(&page);
        } else {
            write_to(file, page.as_bytes())?;
            talk(&format!("page:    {}", file.display()));
        }
    }
    if args.readme {
        splice_readme(&home, &reports)?;
    }
    Ok(())
}

/// A profile that tries the machinery: its records stay out of git, and it is reported where it is asked for.
const TRIAL_OF_THE_MACHINERY: &str = "quick";

/// The specs that were named, or all that have records in any profile but `quick`; those of a paper stand together.
fn chosen(home: &Home, args: &args::ReportArgs) -> Result<Vec<(String, Option<String>)>> {
    for id in &args.specs {
        find(&home.reproductions(), id)?;
    }
    let mut chosen = Vec::new();
    for listed in discover(&home.reproductions())? {
        match listed.summary {
            _ if args.specs.contains(&listed.id) => chosen.push((listed.id, args.profile.clone())),
            _ if !args.specs.is_empty() => {}
            Ok(summary) => {
                let profiles = match &args.profile {
                    Some(asked) => vec![asked.clone()],
                    None => summary.profiles.into_iter().filter(|name| name != TRIAL_OF_THE_MACHINERY).collect(),
                };
                let folder = home.results_beside(&listed.file);
                let there = profiles.into_iter().filter(|profile| folder.join(profile).is_dir());
                chosen.extend(there.map(|profile| (listed.id.clone(), Some(profile))));
            }
            // It does not hide the reports of the others.
            Err(error) => talk(&format!("error: {error}\n")),
        }
    }
    Ok(chosen)
}

/// The reports paper by paper, with its notes.
fn papers<'a>(home: &Home, all: &'a [(Spec, Basis, Checked)], reports: &'a [Report<'a>]) -> Result<Vec<Paper<'a>>> {
    let mut papers = Vec::new();
    let mut start = 0;
    // Specs stand in the order of their ids, so those of a paper are neighbours.
    for group in all.chunk_by(|(a, ..), (b, ..)| a.paper == b.paper) {
        let (spec, ..) = &group[0];
        let notes = match home.paper_of(spec).map(|paper| paper.join("NOTES.md")).filter(|file| file.is_file()) {
            Some(file) => {
                Some(read_to_string(&file).map_err(|error| Error::io("cannot read the notes", &file, &error))?)
            }
            None => None,
        };
        papers.push(Paper { folder: spec.paper.as_deref(), reports: &reports[start..start + group.len()], notes });
        start += group.len();
    }
    Ok(papers)
}

/// The table of verdicts, between the marks of README.md.
fn splice_readme(home: &Home, reports: &[Report<'_>]) -> Result<()> {
    let file = home.root.join("README.md");
    let page = read_to_string(&file).map_err(|error| Error::io("cannot read the page", &file, &error))?;
    let link = |report: &Report<'_>| {
        let folder = report.experiment.folder.display();
        format!("results/{folder}/{}/REPORT.md", report.experiment.profile)
    };
    let spliced = splice(&page, &overview(reports, link)).map_err(|error| error.at(Place::file(&file)))?;
    write_by_rename(&file, spliced.as_bytes())?;
    talk(&format!("table:   {}", file.display()));
    Ok(())
}

/// All that a report needs besides records.
pub struct Basis {
    pub experiment: Experiment,
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
    let records = checked(home, spec, manifest)?;
    let report = Report::new(&basis.experiment, &records, basis.published.as_ref())?;
    put(home, spec, &records, &report, true)
}

fn put(home: &Home, spec: &Spec, records: &Checked, report: &Report<'_>, shown: bool) -> Result<()> {
    let reports = home.results_of(spec).join(&spec.profile);
    let written = report::write(&reports, &report.files())?;
    if let Some(summary) = report.summary().filter(|_| shown) {
        print(&table(&summary));
    }
    for stale in &records.stale {
        talk(&format!("stale: {} {} seed {}: {}", spec.id, stale.id.trial, stale.id.seed, stale.why));
    }
    let figures = written.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")).count();
    if shown {
        talk(&format!("\nrecords: {}", reports.display()));
    }
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
    let (records, latency) = (Records::read(&folder)?, LatencyRecord::read_all(&folder)?);
    Ok(Checked::new(records, latency, &spec.id, &spec.profile, &expected))
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
        Candidates::All => ("all items that are known, those of the query too".to_string(), None),
        Candidates::Sampled { negatives, seed } => (
            format!(
                "the held-out item and {negatives} items drawn from stream {seed}, the same for every trial and seed"
            ),
            Some(negatives),
        ),
    };
    let mut setting = vec![
        ("Dataset", format!("`{}`: {}", manifest.id, manifest.title)),
        ("Licence", format!("{}: {}", manifest.licence.name, manifest.licence.terms)),
        ("Split", spec.split.describe()),
        ("Candidates", candidates),
    ];
    if let Some(events) = spec.events.describe() {
        setting.insert(2, ("Events", events));
    }
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
        dataset: spec.dataset.clone(),
        folder: home.folder_of(&spec.file),
        command: format!("reprise report {}{profile}", spec.id),
        setting: setting.into_iter().map(|(what, how)| (what.to_string(), how)).collect(),
        sampled,
        metrics: spec.protocol.metrics.iter().copied().map(|m| metric(m, spec.protocol.candidates)).collect(),
        trials: spec
            .trials
            .iter()
            .map(|trial| TrialText {
                id: trial.id.clone(),
                label: trial.label.clone(),
                method: trial.method.clone(),
                teacher: trial.teacher.clone().or_else(|| only_teacher(spec, trial)),
                method_place: home.registry.place(&trial.method).unwrap_or_default(),
                teaches: spec.trials.iter().any(|other| other.teacher.as_ref() == Some(&trial.id)),
            })
            .collect(),
        comparisons: spec.comparisons.clone(),
        curves: spec.curves.iter().map(curve).collect::<Result<_>>()?,
        claims: spec.claims.clone(),
        analysis: spec.analysis.clone(),
        notes: notes(home, spec),
    })
}

/// The trial that a plain student is compared with: another one of the same method, if it is the only one of the spec that
/// teaches.
fn only_teacher(spec: &Spec, trial: &Trial) -> Option<String> {
    let mut teachers = spec.trials.iter().filter_map(|trial| trial.teacher.clone());
    let first = teachers.next()?;
    let alike = first != trial.id && spec.trial(&first).is_some_and(|teacher| teacher.method == trial.method);
    (alike && teachers.all(|other| other == first)).then_some(first)
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
