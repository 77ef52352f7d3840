//! `reprise report`: writes the reports of the records that are here.

use std::path::PathBuf;

use harness::data::{Manifest, load};
use harness::digest::Digest;
use harness::error::{Error, Kind, Place, Result};
use harness::file::{read_to_string, write_by_rename, write_to};
use harness::plot::Pixels;
use harness::record::{Checked, LatencyRecord, Records};
use harness::report::{self, Basis, Paper, Report, html, mark_external, overview, splice};
use harness::run::expected;
use harness::spec::Spec;

use crate::home::{Home, Origin};
use crate::places::Places;
use crate::terminal::{print, table, talk};

#[derive(clap::Args)]
pub struct ReportArgs {
    /// Names of specs (see `reprise list`), or files such as `./mine.toml` [default: all that have records]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Also write all reports as one self-contained HTML file; `-` for standard output, instead of the tables
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also write each figure as PNG
    #[arg(long)]
    pub png: bool,
    /// End with the code 2, after the reports, if a run of these specs has no record of today's; each is listed
    #[arg(long)]
    pub require_complete: bool,
    /// Also update the table of verdicts in README.md
    #[arg(long, conflicts_with_all = ["specs", "profile", "results"])]
    pub readme: bool,
    #[command(flatten)]
    pub places: Places,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let mut specs = Vec::new();
    let chosen = chosen(&home, args)?;
    if chosen.is_empty() {
        talk("no spec has records here; `reprise run quick` makes some");
    }
    for (file, profile) in chosen {
        let mut spec = home.spec_in(&file, profile.as_deref())?;
        let manifest = home.manifest(&spec)?;
        let records = checked(&home, &spec, &manifest)?;
        mark_external(&mut spec, &records);
        specs.push((spec, manifest, records));
    }
    let bases = specs.iter().map(|(spec, manifest, _)| basis(&home, spec, manifest)).collect::<Result<Vec<_>>>()?;
    let reports = bases.iter().zip(&specs).map(|(basis, (.., records))| Report::new(basis, records));
    let reports = reports.collect::<Result<Vec<_>>>()?;
    let page_is_output = args.html.as_ref().is_some_and(|file| file.as_os_str() == "-");
    // First of all, so that missing fonts are reported before anything is written.
    let pixels = args.png.then(Pixels::new).transpose()?;
    for ((spec, _, records), report) in specs.iter().zip(&reports) {
        put(&home, records, report, reports.len() == 1 && !page_is_output)?;
        if let Some(pixels) = &pixels {
            let folder = home.results_of(spec).join(&spec.profile);
            for (name, svg) in report.files().iter().filter(|(name, _)| name.ends_with(".svg")) {
                write_by_rename(&folder.join(name).with_extension("png"), &pixels.png(svg)?)?;
            }
        }
    }
    if let Some(file) = &args.html {
        let papers = papers(&home, &reports)?;
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
    if args.require_complete { complete(&home, &specs) } else { Ok(()) }
}

/// Refuses specs of which a run has no record of today's.
fn complete(home: &Home, specs: &[(Spec, Manifest, Checked)]) -> Result<()> {
    let mut missing = 0;
    for (spec, manifest, records) in specs {
        let has = |(trial, seed): &(String, u64)| {
            records.current.iter().any(|record| record.trial == *trial && record.seed == *seed)
        };
        for run in expected(spec, data_digest(home, manifest)?).keys().filter(|run| !has(run)) {
            talk(&format!("missing: {} (profile {}): {}, seed {}", spec.id, spec.profile, run.0, run.1));
            missing += 1;
        }
    }
    match missing {
        0 => Ok(()),
        n => Err(Error::new(Kind::Missing, format!("{n} {} no record", if n == 1 { "run has" } else { "runs have" }))
            .expected("a record of today's for every trial and seed")
            .hint("`reprise run SPEC` trains what is missing; `reprise status SPEC` says how far each run is")),
    }
}

/// The profile that only shows that everything works: its records stay out of git, and it is reported only when asked for.
const SMOKE_PROFILE: &str = "quick";

/// The files of the named specs, or else of those with records in any profile but the smoke profile, each with its profile; those of a paper
/// stand together.
fn chosen(home: &Home, args: &ReportArgs) -> Result<Vec<(PathBuf, Option<String>)>> {
    let mut chosen = Vec::new();
    for listed in home.listed(&args.specs)? {
        match listed.summary {
            _ if !args.specs.is_empty() => chosen.push((listed.file, args.profile.clone())),
            Ok(summary) => {
                let profiles = match &args.profile {
                    Some(asked) => vec![asked.clone()],
                    None => summary.profiles.into_iter().filter(|name| name != SMOKE_PROFILE).collect(),
                };
                let folder = home.results_beside(&listed.file, &listed.id);
                let there = profiles.into_iter().filter(|profile| folder.join(profile).is_dir());
                chosen.extend(there.map(|profile| (listed.file.clone(), Some(profile))));
            }
            // A spec that cannot be read does not keep the others from being reported.
            Err(error) => talk(&format!("error: {error}\n")),
        }
    }
    Ok(chosen)
}

/// The reports paper by paper, with the notes of each.
pub fn papers<'a>(home: &Home, reports: &'a [Report<'a>]) -> Result<Vec<Paper<'a>>> {
    // Specs stand in the order of their ids, so those of a paper are neighbours.
    let groups = reports.chunk_by(|a, b| a.basis.spec.paper == b.basis.spec.paper);
    let paper = |reports: &'a [Report<'a>]| {
        let spec = reports[0].basis.spec;
        let notes = home.paper_of(spec).map(|paper| paper.join("NOTES.md")).filter(|file| file.is_file());
        let text =
            |file: PathBuf| read_to_string(&file).map_err(|error| Error::io("cannot read the notes", &file, &error));
        Ok(Paper { folder: spec.paper.as_deref(), reports, notes: notes.map(text).transpose()? })
    };
    groups.map(paper).collect()
}

/// Puts the table of verdicts between the marks of README.md.
fn splice_readme(home: &Home, reports: &[Report<'_>]) -> Result<()> {
    if home.origin == Origin::Embedded {
        return Err(Error::new(Kind::Input, "the program's own repository has no README.md")
            .expected("a checkout, here or above")
            .hint("`--home DIR` names one"));
    }
    let file = home.root().join("README.md");
    let page = read_to_string(&file).map_err(|error| Error::io("cannot read the page", &file, &error))?;
    let link = |report: &Report<'_>| {
        let spec = report.basis.spec;
        format!("results/{}/{}/REPORT.md", home.folder_of(&spec.file, &spec.id).display(), spec.profile)
    };
    let spliced = splice(&page, &overview(reports, link)).map_err(|error| error.at(Place::file(&file)))?;
    write_by_rename(&file, spliced.as_bytes())?;
    talk(&format!("table:   {}", file.display()));
    Ok(())
}

/// What a report of a spec needs besides records, read from the folder of its paper. `run` asks for it before hours of
/// training, because a report that could not be made is refused here.
pub fn basis<'a>(home: &'a Home, spec: &'a Spec, manifest: &'a Manifest) -> Result<Basis<'a>> {
    Basis::read(spec, manifest, &home.registry, home.paper_of(spec).as_deref())
}

/// Writes the report of a spec's records, prints its table, and says where everything is. Marks the trials of the spec whose
/// lists another program made.
pub fn write(home: &Home, spec: &mut Spec, manifest: &Manifest) -> Result<()> {
    let records = checked(home, spec, manifest)?;
    mark_external(spec, &records);
    let basis = basis(home, spec, manifest)?;
    put(home, &records, &Report::new(&basis, &records)?, true)
}

/// Writes a report and says where it is; `shown`: prints its table, too.
fn put(home: &Home, records: &Checked, report: &Report<'_>, shown: bool) -> Result<()> {
    let spec = report.basis.spec;
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

/// The records of a spec, checked against its fingerprints of today.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The message against an edited spec of this repository.
    fn refused(edit: fn(&mut Spec)) -> String {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let places =
            Places { home: Some(root.clone()), cache: Some(root.join("no-cache")), mirror: None, results: None };
        let home = Home::find(&places).unwrap();
        let mut spec = home.spec("de-rrd/citeulike", None).unwrap();
        let manifest = home.manifest(&spec).unwrap();
        basis(&home, &spec, &manifest).unwrap();
        edit(&mut spec);
        basis(&home, &spec, &manifest).err().expect("the spec is refused").to_string()
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
