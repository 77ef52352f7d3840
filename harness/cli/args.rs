//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use harness::plan::ScriptForm;
use harness::program::ExportFormat;
use harness::run::{DeviceChoice, GivenLists};

use crate::values::{Columns, folder, parse_lists, parse_matters, parse_minutes, parse_name, parse_threads};

/// Exit codes; the same text stands in `--help` and in METHOD.md.
const EXIT_CODES: &str = "Exit codes:
  0    done; of `check`: nothing drifted
  1    something failed: a run diverged, data is wrong, a file could not be written;
       of `check`: drift, and nothing else
  2    nothing could be started: a mistake in the command line, a spec or a manifest,
       or data or a device is missing; of `check`: it could not judge
  130  interrupted; the same command continues from there";

/// Re-runs published recommender-system papers and reports, number by number, whether the results hold
#[derive(Parser)]
#[command(name = "reprise", version, after_help = format!("{EXIT_CODES}\n\n{START}"))]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const START: &str = "Start here:
  reprise run quick      two minutes on the embedded data, no network
  reprise list           the other experiments";

#[derive(Subcommand)]
pub enum Command {
    /// Lists the experiments (specs) with title, dataset and whether it is available, profiles, records
    #[command(after_help = "Example:\n  reprise list")]
    List(ListArgs),
    /// Lists, fetches, verifies and describes datasets
    #[command(subcommand_required = true, after_help = "Example:\n  reprise data list")]
    Data(DataArgs),
    /// Trains the models of a spec, writes records and a report
    #[command(after_help = RUN_EXAMPLE)]
    Run(RunArgs),
    /// Lists the runs that are missing, teachers first, and writes a script that starts each as a process of its own
    #[command(after_help = PLAN_EXAMPLE)]
    Plan(PlanArgs),
    /// Says of every run of a spec whether it is done, stale, running, saved or missing
    #[command(after_help = "Example:\n  reprise status quick")]
    Status(StatusArgs),
    /// Writes the split of a spec as files, from which any other program can train and make lists
    #[command(after_help = EXPORT_EXAMPLE)]
    Export(ExportArgs),
    /// Judges lists that another program made, as runs of a spec's trials
    #[command(after_help = JUDGE_EXAMPLE)]
    Judge(JudgeArgs),
    /// Writes reports from the existing records, without training
    #[command(after_help = "Examples:\n  reprise report quick\n  reprise report --html report.html")]
    Report(ReportArgs),
    /// Compares today's records with the accepted baseline and says whether results drifted
    #[command(after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
    /// Measures and records the latency of requests to trained models
    #[command(after_help = "Example:\n  reprise latency quick")]
    Latency(LatencyArgs),
    /// Shows which repository of specs and manifests is used, and which folders
    #[command(after_help = "Example:\n  reprise home")]
    Home(Places),
    /// Prints the completions of this command line for a shell
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions { shell: Shell },
    /// Prints the page of this program for `man`, or writes it and those of all commands into a folder
    #[command(after_help = "Example:\n  reprise man")]
    Man {
        /// Folder to write all pages into
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Checks what works on this machine and what is missing, with hints
    #[command(after_help = "Example:\n  reprise doctor")]
    Doctor(Places),
}

const DESCRIBE_EXAMPLE: &str = "What the rows do not tell is guessed, and said to be; nothing is overwritten.

Examples:
  reprise data describe ratings.csv.gz
  reprise data describe --to data-manifests/shop.toml train.tsv valid.tsv test.tsv";

const RUN_EXAMPLE: &str =
    "An interrupted run continues from its last saved state; a run that has a record is not trained again.

Examples:
  reprise run quick
  reprise run quick --trial student --seed 0";

const PLAN_EXAMPLE: &str =
    "All processes need the same cache and the same folder of records: on a cluster, folders that all nodes share.

Examples:
  reprise plan quick --format sh --to quick-plan
  reprise plan quick --estimate";

const EXPORT_EXAMPLE: &str = "Lists that another program makes of it are judged by `reprise judge`.

Example:
  reprise export quick --to quick-split --format csv";

const JUDGE_EXAMPLE: &str = "Lists are files of three forms, compressed by gzip or not:
  user,item,score                     a table with a header, commas or tabs; without scores the order counts
  query Q0 item rank score tag        a run file of TREC
  {\"query\": \"7\", \"items\": [\"3\", \"1\"], \"scores\": [0.5, 0.25]}    JSON, one line a list
Ids are the dataset's own; `reprise export` writes them.

Example:
  reprise judge quick --explain";

const CHECK_EXAMPLE: &str = "Exit codes: 0 nothing drifted, 1 drift, 2 could not judge.

Examples:
  reprise check
  reprise check quick --rerun";

const COMPLETIONS_EXAMPLE: &str = "A shell reads them from where it looks for completions, for bash
~/.local/share/bash-completion/completions/reprise.

Example:
  reprise completions bash";

impl Args {
    /// Number of threads that the command line asks for.
    pub fn threads(&self) -> Option<usize> {
        match &self.command {
            Command::Run(run) => run.threads,
            Command::Check(check) => check.threads,
            Command::Latency(latency) => latency.threads,
            _ => None,
        }
    }
}

/// Folders.
#[derive(ClapArgs, Clone)]
pub struct Places {
    /// Repository, with `data-manifests/` and `reproductions/` [default: this folder or the nearest one above it, else the one
    /// that is compiled into the program]
    #[arg(long, env = "REPRISE_HOME", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Folder of fetched data, saved states and models [default: the system's cache folder]
    #[arg(long, env = "REPRISE_CACHE", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub cache: Option<PathBuf>,
    /// Folder with copies of data files, which is searched before the network
    #[arg(long, env = "REPRISE_MIRROR", value_name = "DIR", value_parser = folder(), hide_env_values = true)]
    pub mirror: Option<PathBuf>,
    /// Folder of records and reports [default: `results` in the repository; of a spec outside of it, beside the spec; where the
    /// repository is the program's own, in this folder]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub struct ListArgs {
    /// Names of specs, or files of specs outside of the repository [default: all of the repository]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Subcommand)]
pub enum DataCommand {
    /// Lists the datasets and where each is available
    #[command(after_help = "Example:\n  reprise data list")]
    List {
        #[command(flatten)]
        places: Places,
    },
    /// Gets datasets into the cache, from the mirror folder or else from the network
    #[command(after_help = "Example:\n  reprise data fetch movietweetings-100k")]
    Fetch {
        /// Names of datasets (see `reprise data list`), or files of manifests outside of the repository
        #[arg(required = true, value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
    /// Writes the manifest of a table that has none: separator, header, columns, ids, unit of times, counts, digest
    #[command(after_help = DESCRIBE_EXAMPLE)]
    Describe {
        /// Files of one dataset, as text or gzip: a table of interactions, or its parts
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The manifest, whose name is the dataset's id; `-` prints it [default: NAME.toml beside the first file]
        #[arg(long, value_name = "MANIFEST")]
        to: Option<PathBuf>,
        /// What the columns hold, in their order, instead of a guess: such as `user,item,skip,time`
        #[arg(long, value_name = "KINDS", value_parser = Columns::parse)]
        columns: Option<Columns>,
    },
    /// Checks size, digest and counts of datasets in the cache
    #[command(after_help = "Example:\n  reprise data verify movietweetings-100k")]
    Verify {
        /// Names of datasets, or files of manifests outside of the repository [default: all that are in the cache]
        #[arg(value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
}

#[derive(ClapArgs)]
pub struct RunArgs {
    /// Name of the spec (see `reprise list`), or the file of one outside of the repository, such as `./mine.toml`
    #[arg(required_unless_present = "plan")]
    pub spec: Option<String>,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Do one run of a plan (see `reprise plan`), and write no report
    #[arg(long, value_name = "FILE", requires = "index", conflicts_with_all = ["spec", "profile", "trials", "seeds", "fresh", "save_lists", "print_spec"])]
    pub plan: Option<PathBuf>,
    /// Index of the run in the plan, from 0
    #[arg(long, value_name = "N", requires = "plan")]
    pub index: Option<usize>,
    /// Only this trial and its teachers (may be given several times)
    #[arg(long = "trial", value_name = "TRIAL")]
    pub trials: Vec<String>,
    /// Only this seed (may be given several times)
    #[arg(long = "seed", value_name = "SEED")]
    pub seeds: Vec<u64>,
    /// Device: `cpu`, `cuda` or `cuda:N`
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
    /// Number of threads [default: all]
    #[arg(long, value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// Train runs again that have a record (to continue after an interruption, leave this option out)
    #[arg(long)]
    pub fresh: bool,
    /// Time between two saved states of a run, in seconds
    #[arg(long, default_value = "15", value_name = "SECONDS")]
    pub checkpoint_every: u64,
    /// Also write the K best items of every test query, in every form that `reprise judge` reads, beside the records
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub save_lists: Option<u32>,
    /// Start the programs of others that are trials of the spec; each is shown
    #[arg(long)]
    pub allow_programs: bool,
    /// Print the resolved spec with the origin of each value, and do nothing else
    #[arg(long)]
    pub print_spec: bool,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct PlanArgs {
    /// Names of specs (see `reprise list`)
    #[arg(required = true, value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// What is written: the plan alone, or a script, too
    #[arg(long, value_enum, default_value_t = PlanForm::Json)]
    pub format: PlanForm,
    /// Folder to write the plan and the script into
    #[arg(long, value_name = "DIR", default_value = "reprise-plan")]
    pub to: PathBuf,
    /// Threads of each run
    #[arg(long, value_parser = parse_threads, default_value = "1")]
    pub threads: usize,
    /// Print what all of it takes, and write nothing
    #[arg(long)]
    pub estimate: bool,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanForm {
    /// The plan alone
    Json,
    /// A shell script: one run after the other
    Sh,
    /// Slurm: an array job for each trial, students after their teachers
    Slurm,
    /// Snakemake: a rule for each trial
    Snakemake,
}

impl PlanForm {
    /// The script beside the plan.
    pub fn script(self) -> Option<ScriptForm> {
        match self {
            Self::Json => None,
            Self::Sh => Some(ScriptForm::Sh),
            Self::Slurm => Some(ScriptForm::Slurm),
            Self::Snakemake => Some(ScriptForm::Snakemake),
        }
    }
}

#[derive(ClapArgs)]
pub struct StatusArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    #[command(flatten)]
    pub places: Places,
}

#[derive(ClapArgs)]
pub struct ExportArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Folder to write into: a new or an empty one, or that of the same export
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Form of the files
    #[arg(long, value_enum)]
    pub format: ExportForm,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// Comma-separated tables with headers
    Csv,
    /// RecBole's atomic files, with a configuration that makes it take exactly this split
    Recbole,
    /// Relevance judgements (qrels) for trec_eval and its kin; the training part as CSV
    Trec,
}

impl From<ExportForm> for ExportFormat {
    fn from(form: ExportForm) -> Self {
        match form {
            ExportForm::Csv => Self::Csv,
            ExportForm::Recbole => Self::RecBole,
            ExportForm::Trec => Self::Trec,
        }
    }
}

#[derive(ClapArgs)]
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

#[derive(ClapArgs)]
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

#[derive(ClapArgs)]
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

#[derive(ClapArgs)]
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
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
