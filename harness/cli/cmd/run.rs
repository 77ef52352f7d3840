//! `reprise run`: fetch, train, record, report.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::data::{Manifest, fetch};
use harness::error::{Error, Kind, Place, Result};
use harness::record::Program;
use harness::run::{
    ComputeDevice, DeviceChoice, Executed, FailedRun, Job, TrainingOptions, check_lists, execute, expected, save_lists,
};
use harness::spec::{Filter, Spec, print_spec};
use harness::train::Observer;

use super::report;
use crate::home::Home;
use crate::outside::named_file;
use crate::places::Places;
use crate::progress::{Progress, clock, interrupted};
use crate::terminal::{print, talk};
use crate::values::parse_threads;

#[derive(clap::Args)]
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

pub fn run(args: &RunArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    if let (Some(plan), Some(index)) = (&args.plan, args.index) {
        return run_planned(args, &home, plan, index);
    }
    let mut spec = home.spec(args.spec.as_deref().unwrap_or_default(), args.profile.as_deref())?;
    if args.print_spec {
        print(&print_spec(&spec));
        return Ok(());
    }
    let began = Instant::now();
    let filter = Filter { trials: args.trials.clone(), seeds: args.seeds.clone(), runs: None };
    let device = ComputeDevice::open(args.device)?;
    let manifest = home.manifest(&spec)?;
    // Before hours of training: a report that could not be made is refused, and so are lists.
    report::basis(&home, &spec, &manifest)?;
    if let Some(k) = args.save_lists {
        check_lists(&spec, k as usize)?;
    }
    let options = options(args);
    let outcome = train(&home, &spec, &manifest, &filter, &device, options, command_line())?;
    if let Some(k) = args.save_lists.filter(|_| !outcome.interrupted) {
        let observer = Progress::new()?;
        let job = job(&home, &spec, &manifest, &filter, &device, &observer, command_line());
        let files = save_lists(&job, &home.registry, k as usize)?;
        if let Some(first) = files.first() {
            talk(&format!("lists:   {} files, such as {}", files.len(), first.display()));
        }
    }
    report::write(&home, &mut spec, &manifest)?;
    talk(&format!("\n{} trained, {} done before, in {}", outcome.trained, outcome.skipped, clock(began.elapsed())));
    if outcome.trained == 0 && outcome.skipped > 0 {
        talk(
            "every run was done before: `--fresh` trains our own again, `--results DIR` trains again into another folder",
        );
    }
    verdict(outcome, args.fresh)
}

/// Does one run of a plan, and first that of its teacher where its model is not in the cache.
fn run_planned(args: &RunArgs, home: &Home, plan: &Path, index: usize) -> Result<()> {
    let planned = super::plan::planned(plan, index)?;
    let spec = home.spec(&planned.spec, Some(&planned.profile))?;
    let manifest = home.manifest(&spec)?;
    fetch(&manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
    let run = (planned.trial.clone(), planned.seed);
    let today = expected(&spec, report::data_digest(home, &manifest)?);
    planned.must_be(today.get(&run)).map_err(|error| error.at(Place::file(plan)))?;
    let filter = Filter { runs: Some([run].into()), ..Filter::default() };
    let device = ComputeDevice::open(args.device)?;
    // What anybody can type: plans come and go.
    let command = format!(
        "reprise run {} --profile {} --trial {} --seed {} --threads {}",
        planned.spec,
        planned.profile,
        planned.trial,
        planned.seed,
        rayon::current_num_threads(),
    );
    let outcome = train(home, &spec, &manifest, &filter, &device, options(args), command)?;
    talk(&format!("{} trained, {} done before", outcome.trained, outcome.skipped));
    verdict(outcome, false)
}

fn options(args: &RunArgs) -> TrainingOptions {
    TrainingOptions {
        fresh: args.fresh,
        checkpoint_every: Duration::from_secs(args.checkpoint_every),
        allow_programs: args.allow_programs,
        keep_teachers: args.plan.is_some(),
        keep_tested_models: args.save_lists.is_some(),
    }
}

/// Fetches the data and trains into the folders of `home`.
pub fn train(
    home: &Home,
    spec: &Spec,
    manifest: &Manifest,
    filter: &Filter,
    device: &ComputeDevice,
    options: TrainingOptions,
    command: String,
) -> Result<Executed> {
    // A mistyped trial or seed is reported before anything is fetched.
    filter.check(spec)?;
    fetch(manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
    talk(&format!(
        "{} (profile {}), {} of {} runs on {}, {} threads",
        spec.id,
        spec.profile,
        filter.runs(spec).len(),
        spec.trials.len() * spec.seeds.len(),
        device.name,
        rayon::current_num_threads()
    ));
    execute(&job(home, spec, manifest, filter, device, &Progress::new()?, command), options)
}

/// The job of this command; `command` is what records say of it.
pub fn job<'a>(
    home: &'a Home,
    spec: &'a Spec,
    manifest: &'a Manifest,
    filter: &'a Filter,
    device: &'a ComputeDevice,
    observer: &'a dyn Observer,
    command: String,
) -> Job<'a> {
    let results = home.results_of(spec);
    let program = program();
    Job { spec, manifest, filter, cache: &home.cache, results, device, command, program, observer }
}

/// The error of the whole command. Failures were reported when they happened, so this says what to do about them.
fn verdict(outcome: Executed, fresh: bool) -> Result<()> {
    let again = if fresh { "the same command without `--fresh`" } else { "the same command" };
    if outcome.interrupted {
        return Err(Error::new(Kind::Interrupted, "interrupted: finished runs are recorded")
            .hint(format!("{again} goes on from here")));
    }
    let n = outcome.failed.len();
    match outcome.failed.into_iter().next() {
        None => Ok(()),
        Some(FailedRun { trial, seed, error }) => {
            // Exit code 2 would say that nothing could be started.
            let kind = match error.kind() {
                Kind::Input | Kind::Missing => Kind::Data,
                other => other,
            };
            let more = if n == 1 { String::new() } else { format!(" and {} more", n - 1) };
            Err(Error::new(
                kind,
                format!("{n} run{} failed: {trial}, seed {seed}{more}", if n == 1 { "" } else { "s" }),
            )
            .got(error.what().to_string())
            .hint(format!("the other runs are recorded; {again} tries the failed ones again")))
        }
    }
}

/// The command as it was typed, for the records: the program by its name alone, and without the options that name
/// folders of this machine, which change no result; a spec that is named by its file, and files of lists, by the file's name
/// alone.
pub fn command_line() -> String {
    let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let mut words = vec!["reprise".to_string()];
    while let Some(arg) = args.next() {
        match arg.split_once('=').map_or(&*arg, |(name, _)| name) {
            "--home" | "--cache" | "--mirror" | "--results" => {
                if !arg.contains('=') {
                    args.next();
                }
            }
            "--export" => {
                if !arg.contains('=') {
                    args.next();
                }
            }
            _ => words.push(match named_file(&arg).and_then(|file| file.file_name()) {
                Some(name) => format!("./{}", name.to_string_lossy()),
                None => without_folder(arg),
            }),
        }
    }
    words.join(" ")
}

/// `TRIAL:SEED=FILE`, with or without `--run=` before it, by the name of the file alone; any other word as it is.
fn without_folder(word: String) -> String {
    match word.rsplit_once('=') {
        Some((run, file)) if run.contains(':') => {
            let name = std::path::Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
            format!("{run}={}", name.unwrap_or_default())
        }
        _ => word,
    }
}

/// Version and commit that this program was built from.
pub fn program() -> Program {
    Program {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("REPRISE_COMMIT").map(String::from),
        dirty: option_env!("REPRISE_DIRTY").map(|dirty| dirty == "true"),
    }
}
