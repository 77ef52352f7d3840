//! `reprise status`: how far the runs of a spec are.

use harness::error::Result;
use harness::run::{Progress, RunStatus, expected, status};
use harness::table::{Align, Table};

use super::report::{checked, data_digest};
use crate::home::Home;
use crate::places::Places;
use crate::terminal::{print, table, talk};

#[derive(clap::Args)]
pub struct StatusArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    pub spec: String,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    #[command(flatten)]
    pub places: Places,
}

pub fn run(args: &StatusArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let spec = home.spec(&args.spec, args.profile.as_deref())?;
    let manifest = home.manifest(&spec)?;
    let today = expected(&spec, data_digest(&home, &manifest)?);
    let runs = status(&spec, &today, &checked(&home, &spec, &manifest)?, &home.cache)?;
    let columns = std::iter::once("trial".to_string()).chain(spec.seeds.iter().map(|seed| format!("seed {seed}")));
    let mut rows = Table::new("", columns.map(|name| (name, Align::Left)));
    for trial in &spec.trials {
        let of_trial = runs.iter().filter(|run| run.trial == trial.id).map(|run| run.progress.to_string());
        rows.push(std::iter::once(trial.id.clone()).chain(of_trial).collect());
    }
    print(&table(&rows));
    for RunStatus { trial, seed, progress } in &runs {
        if let Progress::Stale(why) = progress {
            talk(&format!("stale: {trial}, seed {seed}: {why}"));
        }
    }
    let done = runs.iter().filter(|run| run.progress == Progress::Done).count();
    print(&format!("\n{}, profile {}: {done} of {} runs are done", spec.id, spec.profile, runs.len()));
    Ok(())
}
