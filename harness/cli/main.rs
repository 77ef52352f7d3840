//! The program: arguments in, exit code out. The only place of the project that prints or exits.

mod allocator;
mod args;
mod cmd;
mod embedded;
mod home;
mod identity;
mod outside;
mod places;
mod progress;
mod terminal;
mod values;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use harness::drift::DriftVerdict;
use harness::error::Kind;
use harness::simd::Level;

fn main() -> ExitCode {
    let args = args::Args::parse();
    // A wrong cap is told before the first kernel looks for its level.
    if let Err(error) = Level::cap().and_then(|_| allocator::set_up(args.threads())) {
        return exit(Err(error));
    }
    let done = match args.command {
        args::Command::List(args) => cmd::list::run(&args),
        args::Command::Data(args) => cmd::data::run(&args),
        args::Command::Run(args) => cmd::run::run(&args),
        args::Command::Export(args) => cmd::export::run(&args),
        args::Command::Judge(args) => cmd::judge::run(&args),
        args::Command::Latency(args) => cmd::latency::run(&args),
        args::Command::Report(args) => cmd::report::run(&args),
        args::Command::Check(args) => return exit_of_check(cmd::check::run(&args)),
        args::Command::Plan(args) => cmd::plan::run(&args),
        args::Command::Status(args) => cmd::status::run(&args),
        args::Command::Bundle(args) => cmd::bundle::run(&args),
        args::Command::Home(args) => cmd::home::run(&args),
        args::Command::Schema { of } => cmd::schema::run(of),
        args::Command::Completions { shell } => cmd::manual::completions(shell, args::Args::command()),
        args::Command::Man { to } => cmd::manual::pages(to.as_deref(), args::Args::command()),
        args::Command::Doctor(args) => cmd::doctor::run(&args),
    };
    exit(done.and_then(|()| terminal::check_output()))
}

fn exit(result: harness::error::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    terminal::talk(&format!("error: {error}"));
    match error.kind() {
        Kind::Input | Kind::Missing => ExitCode::from(2),
        Kind::Data | Kind::Io | Kind::Diverged | Kind::Internal => ExitCode::from(1),
        Kind::Interrupted => ExitCode::from(130),
    }
}

/// `check` says by its code what it found: 1 is drift alone, so whatever went wrong is 2.
fn exit_of_check(found: harness::error::Result<DriftVerdict>) -> ExitCode {
    match found.and_then(|verdict| terminal::check_output().map(|()| verdict)) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            terminal::talk(&format!("error: {error}"));
            ExitCode::from(if error.kind() == Kind::Interrupted {
                130
            } else {
                DriftVerdict::CouldNotJudge.exit_code()
            })
        }
    }
}
