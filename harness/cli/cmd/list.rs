//! `reprise list`: the specs.

use harness::data::{FileState, status};
use harness::error::Result;
use harness::record::Records;
use harness::table::{Align, Table};

use crate::home::Home;
use crate::places::Places;
use crate::terminal::{print, table, talk};

#[derive(clap::Args)]
pub struct ListArgs {
    /// Names of specs, or files of specs outside of the repository [default: all of the repository]
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
    #[command(flatten)]
    pub places: Places,
}

pub fn run(args: &ListArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let columns = ["spec", "title", "dataset", "data", "profiles"];
    let mut rows = Table::new("", columns.map(|name| (name, Align::Left)));
    let mut wrong = Ok(());
    let mut missing = false;
    for listed in home.listed(&args.specs)? {
        match listed.summary {
            Ok(summary) => {
                let data = match home.manifest_of(&listed.file, &summary.dataset) {
                    Ok(manifest) => {
                        let state = status(&manifest, &home.cache, home.mirror.as_deref());
                        missing |= matches!(state, FileState::AtUrl | FileState::ByHand | FileState::Unpinned);
                        super::data::word(state)
                    }
                    Err(_) => "no such manifest, or a wrong one",
                };
                let folder = home.results_beside(&listed.file, &listed.id);
                let profiles: Vec<String> = summary
                    .profiles
                    .iter()
                    .map(|profile| match Records::count(&folder.join(profile)) {
                        Ok(0) => profile.clone(),
                        Ok(n) => format!("{profile} ({n} record{})", if n == 1 { "" } else { "s" }),
                        Err(_) => format!("{profile} (records cannot be listed)"),
                    })
                    .collect();
                rows.push(vec![listed.id, summary.title, summary.dataset, data.to_string(), profiles.join(", ")]);
            }
            Err(error) => super::data::later(&mut wrong, error),
        }
    }
    print(&table(&rows));
    if missing {
        talk("\n`reprise data fetch DATASET` gets what is to be fetched, and says what a person must do for the rest");
    }
    wrong
}
