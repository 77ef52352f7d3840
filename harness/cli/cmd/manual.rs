//! `reprise completions` and `reprise man`: what a package puts beside the program.

use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::{Man, generate_to};
use harness::error::{Error, Result};

use crate::terminal::{print, talk};

/// Prints the completions of a command line.
pub fn completions(shell: Shell, mut of: Command) -> Result<()> {
    let mut text = Vec::new();
    generate(shell, &mut of, "reprise", &mut text);
    print(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

/// Prints the page of the program, or writes all pages into a folder, which is made if it is not there.
pub fn pages(folder: Option<&Path>, of: Command) -> Result<()> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(of).render(&mut page).expect("a page in memory can be written");
        print(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    let failed = |error: std::io::Error| Error::io("cannot write the pages", folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    generate_to(of, folder).map_err(failed)?;
    talk(&format!("pages:   {}", folder.display()));
    Ok(())
}
