//! `reprise run`: fetch, train, record, report.

use std::time::{Duration, Instant};

use harness::data::{Manifest, fetch};
use harness::digest::Digest;
use harness::error::{Error, Kind, Result};
use harness::record::Program;
use harness::run::{ComputeDevice, Filter, Job, Outcome, Plan, Training, execute};
use harness::spec::{Spec, print_spec};

use super::report;
use crate::args::Run;
use crate::home::Home;
use crate::progress::{Progress, clock, interrupted};
use crate::terminal::{print, talk};

pub fn run(args: &Run) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    if args.print_spec {
        print(&print_spec(&spec));
        return Ok(());
    }
    let began = Instant::now();
    let wanted = Wanted {
        filter: Filter { trials: args.trials.clone(), seeds: args.seeds.clone(), runs: None },
        device: &ComputeDevice::open(args.device)?,
        training: Training { fresh: args.fresh, checkpoint_every: Duration::from_secs(args.checkpoint_every) },
    };
    let manifest = home.catalog()?.get(&spec.dataset)?;
    let basis = report::basis(&home, &spec, &manifest)?;
    let outcome = wanted.train(&home, &spec, &manifest)?;
    report::write(&home, &basis)?;
    talk(&format!("\n{} trained, {} done before, in {}", outcome.trained, outcome.skipped, clock(began.elapsed())));
    if outcome.trained == 0 && outcome.skipped > 0 {
        talk(
            "every record was there; `--fresh` trains again, `--results DIR` keeps what is there and trains elsewhere",
        );
    }
    verdict(outcome, args.fresh)
}

/// What to train of a spec, and how.
pub struct Wanted<'a> {
    pub filter: Filter,
    pub device: &'a ComputeDevice,
    pub training: Training,
}

impl Wanted<'_> {
    /// Fetches the data and trains into the folders of `home`.
    pub fn train(&self, home: &Home, spec: &Spec, manifest: &Manifest) -> Result<Outcome> {
        // A mistyped trial or seed is told before anything is fetched; the digest does not matter for that.
        let wanted = Plan::new(spec, Digest::of(b""), &self.filter)?.runs.len();
        fetch(manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
        talk(&format!(
            "{} (profile {}), {wanted} of {} runs on {}, {} threads",
            spec.id,
            spec.profile,
            spec.trials.len() * spec.seeds.len(),
            self.device.name,
            rayon::current_num_threads()
        ));
        execute(
            &Job {
                spec,
                manifest,
                filter: self.filter.clone(),
                cache: &home.cache,
                results: &home.results_of(spec),
                device: self.device,
                command: &command_line(),
                program: program(),
                observer: &Progress::new()?,
            },
            self.training,
        )
    }
}

/// The exit: failures were told when they happened; here only what to do about them.
fn verdict(outcome: Outcome, fresh: bool) -> Result<()> {
    let again = if fresh { "the same command without `--fresh`" } else { "the same command" };
    if outcome.interrupted {
        return Err(Error::new(Kind::Interrupted, "interrupted: finished runs are recorded")
            .hint(format!("{again} goes on from here")));
    }
    let n = outcome.failed.len();
    match outcome.failed.into_iter().next() {
        None => Ok(()),
        Some((name, error)) => {
            // 2 would say that nothing could be started.
            let kind = match error.kind() {
                Kind::Input | Kind::Missing => Kind::Data,
                other => other,
            };
            let names = if n == 1 { name } else { format!("{name} and {} more", n - 1) };
            Err(Error::new(kind, format!("{n} run{} failed: {names}", if n == 1 { "" } else { "s" }))
                .got(error.what().to_string())
                .hint(format!("the other runs are recorded; {again} tries the failed ones again")))
        }
    }
}

/// The command as it was typed, but for this machine's folders: the program goes by its name, and
/// where things were kept changes no result.
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
            _ => words.push(arg),
        }
    }
    words.join(" ")
}

/// Version and commit that this program was built from.
pub fn program() -> Program {
    Program {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: option_env!("REPRISE_COMMIT").map(String::from),
        dirty: option_env!("REPRISE_DIRTY").map(|dirty| dirty == "true"),
    }
}
