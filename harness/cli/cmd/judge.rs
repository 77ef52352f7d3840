//! `reprise judge`: lists that another program made, as runs of a spec's trials.

use std::path::{Path, PathBuf};

use harness::data::fetch;
use harness::error::{Error, Kind, Result};
use harness::metrics::explain;
use harness::run::{ComputeDevice, DeviceChoice, GivenLists, judge};
use harness::spec::Filter;

use super::report;
use super::run::{command_line, job};
use crate::home::Home;
use crate::places::Places;
use crate::progress::{Progress, interrupted};
use crate::terminal::{print, talk};
use crate::values::{parse_lists, parse_name};

#[derive(clap::Args)]
pub struct JudgeArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// File with the lists of a trial at a seed (may be given several times)
    #[arg(long = "run", value_name = "TRIAL:SEED=FILE", value_parser = parse_lists)]
    pub runs: Vec<GivenLists>,
    /// The `export.json` that the lists were made from [default: one beside the file of lists, if there is one]
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Whose lists they are, such as a program with its version; it stands in records and reports
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub by: Option<String>,
    /// Print each metric with its formula, its ties, and what RecBole, Elliot, LensKit, ranx and trec_eval call it
    #[arg(long)]
    pub explain: bool,
    #[command(flatten)]
    pub places: Places,
}

pub fn run(args: &JudgeArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let mut spec = home.spec(&args.spec, args.profile.as_deref())?;
    if args.explain {
        print(explain(&spec.protocol).trim_end());
    }
    if args.runs.is_empty() {
        return if args.explain { Ok(()) } else { Err(nothing()) };
    }
    let manifest = home.manifest(&spec)?;
    report::basis(&home, &spec, &manifest)?;
    let runs = args.runs.iter().map(|lists| (lists.trial.clone(), lists.seed)).collect();
    let filter = Filter {
        trials: args.runs.iter().map(|lists| lists.trial.clone()).collect(),
        seeds: args.runs.iter().map(|lists| lists.seed).collect(),
        runs: Some(runs),
    };
    // A mistyped trial or seed is reported before anything is fetched.
    filter.check(&spec)?;
    fetch(&manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
    let (device, observer) = (ComputeDevice::open(DeviceChoice::Cpu)?, Progress::new()?);
    let records = judge(
        &job(&home, &spec, &manifest, &filter, &device, &observer, command_line()),
        &args.runs,
        args.export.as_deref(),
        args.by.as_deref(),
    )?;
    report::write(&home, &mut spec, &manifest)?;
    for record in &records {
        let Some(lists) = &record.lists else { continue };
        talk(&format!(
            "{}, seed {}: {} lists of {}, ties: {}",
            record.trial,
            record.seed,
            lists.lists,
            shown(&lists.file),
            lists.ties
        ));
    }
    Ok(())
}

fn shown(file: &str) -> std::path::Display<'_> {
    Path::new(file).display()
}

fn nothing() -> Error {
    Error::new(Kind::Input, "there is nothing to judge")
        .expected("`--run TRIAL:SEED=FILE`, once for each file of lists")
        .hint("`--explain` prints the metrics, and what other tools call them")
}
