//! `reprise latency`: how fast trained models answer requests.

use harness::compare::HostLatencies;
use harness::error::{Error, Kind, Result};
use harness::report::{latency_tables, report_command};
use harness::run::{ComputeDevice, DeviceChoice, measure_latency};
use harness::spec::Filter;

use super::report::basis;
use super::run::{command_line, job};
use crate::home::Home;
use crate::places::Places;
use crate::progress::Progress;
use crate::terminal::{print, table, talk};
use crate::values::parse_threads;

#[derive(clap::Args)]
pub struct LatencyArgs {
    /// Name of the spec whose models are measured (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Only this trial and its teachers (may be given several times)
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// Seed of the models [default: the spec's first]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Device that computes scores: `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// Number of threads for batches; a single request uses one [default: all]
    #[arg(long, value_parser = parse_threads)]
    pub threads: Option<usize>,
    #[command(flatten)]
    pub places: Places,
}

pub fn run(args: &LatencyArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    // A checked spec has a seed.
    let seed = args.seed.into_iter().chain(spec.seeds.first().copied()).next();
    let filter = Filter { trials: args.trials.clone(), seeds: seed.into_iter().collect(), runs: None };
    // A mistyped trial or seed is reported before anything is read.
    filter.check(&spec)?;
    let device = ComputeDevice::open(args.device)?;
    let manifest = home.manifest(&spec)?;
    // A report that could not show the records is refused before anything is measured.
    basis(&home, &spec, &manifest)?;
    talk(&format!(
        "{} (profile {}) on {}, {} threads",
        spec.id,
        spec.profile,
        device.name,
        rayon::current_num_threads()
    ));
    let progress = Progress::new()?;
    let measured =
        measure_latency(&job(&home, &spec, &manifest, &filter, &device, &progress, command_line()), &home.registry);
    drop(progress);
    let records = measured?;
    let Some(first) = records.first() else {
        return Err(Error::new(Kind::Missing, "none of these models can be served on this device")
            .expected("a model whose score is a dot product")
            .hint("leave `--device` out to serve on the CPU"));
    };
    let tables = latency_tables(&spec, &HostLatencies::beside(first, &records));
    print(&tables.iter().map(table).collect::<Vec<_>>().join("\n\n"));
    talk(&format!(
        "\n{} recorded in {}; `{}` shows them",
        records.len(),
        home.results_of(&spec).join(&spec.profile).display(),
        report_command(&spec)
    ));
    Ok(())
}
