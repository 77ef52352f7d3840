//! The command line: the commands, each of whose arguments stand with it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::cmd::bundle::BundleArgs;
use crate::cmd::check::CheckArgs;
use crate::cmd::data::DataArgs;
use crate::cmd::export::ExportArgs;
use crate::cmd::judge::JudgeArgs;
use crate::cmd::latency::LatencyArgs;
use crate::cmd::list::ListArgs;
use crate::cmd::plan::PlanArgs;
use crate::cmd::report::ReportArgs;
use crate::cmd::run::RunArgs;
use crate::cmd::schema::SchemaOf;
use crate::cmd::status::StatusArgs;
use crate::places::Places;

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
    /// Packs the results of a spec for reviewers: records, report, digests, metadata; or checks such a bundle
    #[command(after_help = BUNDLE_EXAMPLE)]
    Bundle(BundleArgs),
    /// Shows which repository of specs and manifests is used, and which folders
    #[command(after_help = "Example:\n  reprise home")]
    Home(Places),
    /// Prints the JSON schema (draft 7) of specs, manifests or published tables, by which editors check and complete them
    #[command(after_help = SCHEMA_EXAMPLE)]
    Schema { of: SchemaOf },
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

const BUNDLE_EXAMPLE: &str = "A bundle has the identity of the data, and the data only where their licence allows it.

Examples:
  reprise bundle quick --to quick.zip
  reprise bundle --check quick.zip";

const CHECK_EXAMPLE: &str = "Exit codes: 0 nothing drifted, 1 drift, 2 could not judge.

Examples:
  reprise check
  reprise check quick --rerun";

const SCHEMA_EXAMPLE: &str = "An editor finds it by the first line of the TOML file: `#:schema ./spec.json`.

Example:
  reprise schema spec";

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
