//! What was typed.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use harness::run::DeviceChoice;

use crate::EXIT_CODES;

/// Re-runs published recommender-system papers and says, cell by cell, whether the result holds.
#[derive(Parser)]
#[command(name = "reprise", version, after_help = format!("{EXIT_CODES}\n\n{START}"))]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const START: &str = "Start here:
  reprise run quick      two minutes on the embedded data, no network
  reprise list           what else there is";

#[derive(Subcommand)]
pub enum Command {
    /// Lists the specs: paper, data at hand, profiles, records
    #[command(after_help = "Example:\n  reprise list")]
    List(Places),
    /// Lists, fetches and verifies datasets
    #[command(subcommand_required = true, after_help = "Example:\n  reprise data list")]
    Data(DataArgs),
    /// Trains what a spec asks for, writes records and a report
    #[command(after_help = RUN_EXAMPLE)]
    Run(RunArgs),
    /// Writes the reports of the records that are here, without training
    #[command(after_help = "Examples:\n  reprise report quick\n  reprise report --html report.html")]
    Report(ReportArgs),
    /// Says whether our own results drifted: today's records against the accepted baseline
    #[command(after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
    /// Measures how fast trained models answer, and records it
    #[command(after_help = "Example:\n  reprise latency quick")]
    Latency(LatencyArgs),
    /// Looks at this machine: what works, what is missing, what to do about it
    #[command(after_help = "Example:\n  reprise doctor")]
    Doctor(Places),
}

const RUN_EXAMPLE: &str =
    "A run that was stopped goes on where its last state was saved; a run that is done is not done again.

Examples:
  reprise run quick
  reprise run quick --trial student --seed 0";

const CHECK_EXAMPLE: &str = "Exit codes: 0 nothing drifted, 1 drift, 2 could not judge.

Examples:
  reprise check
  reprise check quick --rerun";

impl Args {
    /// Threads asked for.
    pub fn threads(&self) -> Option<usize> {
        match &self.command {
            Command::Run(run) => run.threads,
            Command::Check(check) => check.threads,
            Command::Latency(latency) => latency.threads,
            _ => None,
        }
    }
}

/// Where things are.
#[derive(ClapArgs, Clone)]
pub struct Places {
    /// Repository with `data-manifests/` and `reproductions/` [default: the folder above that has them]
    #[arg(long, env = "REPRISE_HOME", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Folder for fetched data, states and models [default: the system's cache folder]
    #[arg(long, env = "REPRISE_CACHE", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub cache: Option<PathBuf>,
    /// Folder to look in for data files before the network
    #[arg(long, env = "REPRISE_MIRROR", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub mirror: Option<PathBuf>,
    /// Folder of records and reports [default: `results` in the repository]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Lists the datasets and where each can be had
    #[command(after_help = "Example:\n  reprise data list")]
    List {
        #[command(flatten)]
        places: Places,
    },
    /// Brings datasets into the cache: from the mirror folder, else from the network
    #[command(after_help = "Example:\n  reprise data fetch movietweetings-100k")]
    Fetch {
        /// Datasets; see `reprise data list`
        #[arg(required = true, value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
    /// Checks size, digest and counts of the datasets that are here
    #[command(after_help = "Example:\n  reprise data verify movietweetings-100k")]
    Verify {
        /// Datasets [default: all that are here]
        #[arg(value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
}

#[derive(ClapArgs)]
pub struct RunArgs {
    /// Spec; see `reprise list`
    pub spec: String,
    /// Profile of the spec [default: the base, `paper` for a paper's spec]
    #[arg(long)]
    pub profile: Option<String>,
    /// Only this trial (may be given several times); its teachers come along
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// Only this seed (may be given several times)
    #[arg(long = "seed", value_name = "SEED")]
    pub seeds: Vec<u64>,
    /// `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// Threads [default: all]
    #[arg(long, value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// Train again what is done already; if stopped, go on without this option
    #[arg(long)]
    pub fresh: bool,
    /// Seconds between saved states
    #[arg(long, default_value = "15", value_name = "SECONDS")]
    pub checkpoint_every: u64,
    /// Print the resolved spec with the origin of each value, and stop
    #[arg(long)]
    pub print_spec: bool,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct ReportArgs {
    /// Specs; see `reprise list` [default: all that have records]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: the base]
    #[arg(long)]
    pub profile: Option<String>,
    /// Also write all reports as one self-contained HTML file; `-` is standard output, then without tables there
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also each figure as PNG
    #[arg(long)]
    pub png: bool,
    /// Also the table of verdicts in README.md
    #[arg(long, conflicts_with_all = ["specs", "profile", "results"])]
    pub readme: bool,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct CheckArgs {
    /// Specs; see `reprise list` [default: all that have a baseline; with `--sample` or `--within`, records]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: all that have a baseline, or with `--rerun` records; to accept: the base]
    #[arg(long)]
    pub profile: Option<String>,
    /// Train again, beside everything that is here, and judge that: against the baseline or, without one, the records
    #[arg(long, conflicts_with = "results")]
    pub rerun: bool,
    /// Only so many of the recorded runs, drawn at random, of all the specs together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "rerun", conflicts_with = "accept")]
    pub sample: Option<u32>,
    /// What is drawn
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub sample_seed: u64,
    /// Only the cheapest runs, as many as their records say can be done in this time
    #[arg(long, value_name = "MINUTES", value_parser = parse_minutes, requires = "rerun", conflicts_with = "accept")]
    pub within: Option<f64>,
    /// Only this trial (may be given several times)
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// Only this seed (may be given several times)
    #[arg(long = "seed", value_name = "SEED")]
    pub seeds: Vec<u64>,
    /// `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu", requires = "rerun")]
    pub device: DeviceChoice,
    /// Threads [default: all]
    #[arg(long, value_parser = parse_threads, requires = "rerun")]
    pub threads: Option<usize>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Make these records the baseline, in `results` of the repository, instead of judging them
    #[arg(long, requires_all = ["reason", "specs"], conflicts_with_all = ["trials", "seeds", "format"])]
    pub accept: bool,
    /// Why they are the result from now on
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub reason: Option<String>,
    /// The smallest change of a metric that matters, in seed spreads (several times; else as before, or 1)
    #[arg(long, value_name = "METRIC=UNITS", value_parser = parse_matters, requires = "accept")]
    pub matters: Vec<(String, f64)>,
    /// Trial exempt from bit-exact comparison (several times)
    #[arg(long, value_name = "TRIAL", requires = "accept")]
    pub inexact: Vec<String>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct LatencyArgs {
    /// Spec whose models are trained; see `reprise list`
    pub spec: String,
    /// Profile of the spec [default: the base]
    #[arg(long)]
    pub profile: Option<String>,
    /// Only this trial (may be given several times); its teachers come along
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// The models of this seed [default: the spec's first]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Where scores are computed: `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// Threads for batches; a request has one [default: all]
    #[arg(long, value_parser = parse_threads)]
    pub threads: Option<usize>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// Everything, with all digits
    Json,
    /// JUnit's XML
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// A folder; an empty text, as CI sets variables, is told apart by [`Home`](crate::home::Home), and not refused.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes: &f64| minutes.is_finite() && *minutes > 0.0);
    minutes.ok_or("expected a number of minutes above 0".into())
}

fn parse_matters(text: &str) -> Result<(String, f64), String> {
    let units = |(metric, units): (&str, &str)| {
        let units = units.parse().ok().filter(|units: &f64| units.is_finite() && *units >= 0.0)?;
        Some((metric.to_string(), units))
    };
    text.split_once('=').and_then(units).ok_or("expected METRIC=UNITS, such as `ndcg@10=0.5`, of 0 or more".into())
}

/// More threads than this are a typing error, not a machine.
const MOST_THREADS: usize = 4096;

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=MOST_THREADS) => Ok(n),
        _ => Err(format!("expected a number from 1 to {MOST_THREADS}")),
    }
}
