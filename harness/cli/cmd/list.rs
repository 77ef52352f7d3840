//! `reprise list`: the specs.

use harness::data::status;
use harness::error::Result;
use harness::report::{Align, Table};
use harness::spec;

use crate::args::Places;
use crate::home::Home;
use crate::terminal::{print, table, talk};

pub fn run(args: &Places) -> Result<()> {
    let home = Home::find(args)?;
    let catalog = home.catalog()?;
    let mut rows = Vec::new();
    for listed in spec::discover(&home.reproductions())? {
        match listed.summary {
            Ok(summary) => {
                let data = match catalog.get(&summary.dataset) {
                    Ok(manifest) => super::data::word(status(&manifest, &home.cache, home.mirror.as_deref())),
                    Err(_) => "unknown dataset",
                };
                let profiles = summary.profiles.join(", ");
                rows.push(vec![listed.id, summary.title, summary.dataset, data.to_string(), profiles]);
            }
            Err(error) => talk(&format!("error: {error}\n")),
        }
    }
    let header = ["spec", "title", "dataset", "data", "profiles"].map(String::from).to_vec();
    print(&table(&Table { title: String::new(), header, rows, align: vec![Align::Left; 5] }));
    Ok(())
}
