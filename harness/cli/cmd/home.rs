//! `reprise home`: which folders are used.

use harness::error::Result;

use crate::home::Home;
use crate::places::Places;
use crate::terminal::print;

pub fn run(places: &Places) -> Result<()> {
    let home = Home::find(places)?;
    print(&format!("repository  {} ({})", home.root().display(), home.origin));
    print(&format!("results     {}", home.results().display()));
    print(&format!("cache       {}", home.cache.root().display()));
    print(&format!(
        "mirror      {}",
        home.mirror.as_ref().map_or("none".into(), |mirror| mirror.display().to_string())
    ));
    Ok(())
}
