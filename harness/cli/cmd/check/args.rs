//! The arguments of `reprise check`.

use harness::run::DeviceChoice;

use crate::places::Places;
use crate::values::{parse_matters, parse_minutes, parse_threads};

#[derive(clap::Args)]
pub struct CheckArgs {
    /// Names of specs (see `reprise list`), or files such as `./mine.toml` [default: all that have a baseline; with
    /// `--sample` or `--within`, records]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: all that have a baseline or, with `--rerun`, records; with `--accept`: the base]
    #[arg(long)]
    pub profile: Option<String>,
    /// Train again in a separate folder, and compare with the baseline or, without one, with the records
    #[arg(long, conflicts_with = "results")]
    pub rerun: bool,
    /// Train only this many recorded runs, drawn at random from all specs together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "rerun", conflicts_with = "accept")]
    pub sample: Option<u32>,
    /// Seed of the random draw
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub sample_seed: u64,
    /// Train only the cheapest runs, as many as fit into this time by their records
    #[arg(long, value_name = "MINUTES", value_parser = parse_minutes, requires = "rerun", conflicts_with = "accept")]
    pub within: Option<f64>,
    /// Only this trial (may be given several times)
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// Only this seed (may be given several times)
    #[arg(long = "seed", value_name = "SEED")]
    pub seeds: Vec<u64>,
    /// Device: `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu", requires = "rerun")]
    pub device: DeviceChoice,
    /// Number of threads [default: all]
    #[arg(long, value_parser = parse_threads, requires = "rerun")]
    pub threads: Option<usize>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Accept the records as the new baseline, in `results` of the repository (or beside a spec outside of it), instead of
    /// comparing them
    #[arg(long, requires_all = ["reason", "specs"], conflicts_with_all = ["trials", "seeds", "format"])]
    pub accept: bool,
    /// Reason for accepting this baseline
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub reason: Option<String>,
    /// Smallest change of a metric that matters, in standard deviations over seeds (may be given several times) [default: as
    /// in the last baseline, else 1]
    #[arg(long, value_name = "METRIC=UNITS", value_parser = parse_matters, requires = "accept")]
    pub matters: Vec<(String, f64)>,
    /// Trial exempt from bit-exact comparison (may be given several times)
    #[arg(long, value_name = "TRIAL", requires = "accept")]
    pub inexact: Vec<String>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences
    Text,
    /// JSON with everything, all digits included
    Json,
    /// JUnit XML
    Junit,
    /// Annotations for GitHub Actions
    Github,
}
