//! `reprise run`: fetch, train, record, report.

use std::time::{Duration, Instant};

use harness::data::fetch;
use harness::error::{Error, Kind, Result};
use harness::record::Program;
use harness::run::{ComputeDevice, Filter, Job, Outcome, execute};
use harness::spec::print_spec;
use harness::train::Observer as _;

use super::report::{self, Basis};
use crate::args::Run;
use crate::home::Home;
use crate::progress::{Progress, clock};
use crate::terminal::{print, talk};

pub fn run(args: &Run) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    if args.print_spec {
        print(&print_spec(&spec));
        return Ok(());
    }
    let began = Instant::now();
    let device = ComputeDevice::open(args.device)?;
    let manifest = home.catalog()?.get(&spec.dataset)?;
    let basis = Basis::read(&home, &spec, &manifest)?;
    fetch(&manifest, &home.cache, home.mirror.as_deref(), &mut super::data::tell)?;
    let results = home.results_of(&spec);
    let command = command_line();
    talk(&format!(
        "{} (profile {}), {} trials × {} seeds on {}, {} threads",
        spec.id,
        spec.profile,
        spec.trials.len(),
        spec.seeds.len(),
        device.name,
        rayon::current_num_threads()
    ));
    let progress = Progress::new()?;
    let job = Job {
        spec: &spec,
        manifest: &manifest,
        filter: Filter { trials: args.trials.clone(), seeds: args.seeds.clone() },
        cache: &home.cache,
        results: &results,
        device: &device,
        fresh: args.fresh,
        checkpoint_every: Duration::from_secs(args.checkpoint_every),
        command: &command,
        program: program(&home),
        observer: &progress,
    };
    let outcome = execute(&job)?;
    let interrupted = progress.interrupted();
    drop(progress);
    report::write(&home, &spec, &manifest, &basis)?;
    talk(&format!("\n{} trained, {} done before, in {}", outcome.trained, outcome.skipped, clock(began.elapsed())));
    verdict(outcome, interrupted, args.fresh)
}

/// The exit: failures were told when they happened; here only what to do about them.
fn verdict(outcome: Outcome, interrupted: bool, fresh: bool) -> Result<()> {
    let again = if fresh { "the same command without `--fresh`" } else { "the same command" };
    if outcome.interrupted || interrupted {
        return Err(Error::new(Kind::Interrupted, "interrupted: finished runs are recorded")
            .hint(format!("{again} goes on from here")));
    }
    let n = outcome.failed.len();
    match outcome.failed.into_iter().next() {
        None => Ok(()),
        Some((name, error)) => {
            let kind = error.kind();
            let names = if n == 1 { name } else { format!("{name} and {} more", n - 1) };
            Err(Error::new(kind, format!("{n} run{} failed: {names}", if n == 1 { "" } else { "s" }))
                .got(error.what().to_string())
                .hint(format!("the other runs are recorded; {again} tries the failed ones again")))
        }
    }
}

/// The command as it was typed, but for this machine's folders: the program goes by its name, and
/// where things were kept changes no result.
fn command_line() -> String {
    let mut args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let mut words = vec!["reprise".to_string()];
    while let Some(arg) = args.next() {
        match arg.split_once('=').map_or(&*arg, |(name, _)| name) {
            "--home" | "--cache" | "--mirror" | "--results" => {
                if !arg.contains('=') {
                    args.next();
                }
            }
            _ => words.push(arg),
        }
    }
    words.join(" ")
}

/// Version and, inside a git checkout, the commit; the absence of git is no error.
fn program(home: &Home) -> Program {
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git").arg("-C").arg(&home.root).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "HEAD"]);
    // Records and reports of earlier runs do not change what the program computes.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"]);
    let dirty = commit.as_ref().and(changed).map(|changes| !changes.is_empty());
    Program { version: env!("CARGO_PKG_VERSION").into(), commit, dirty }
}
