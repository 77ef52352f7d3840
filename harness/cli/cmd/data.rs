//! `reprise data`: list, fetch, verify; `describe` has a file of its own.

use std::path::PathBuf;

use harness::data::{FetchEvent, FileState, Manifest, Verification, fetch, status, verify};
use harness::error::{Error, Kind, Result};
use harness::table::{Align, Table};

use super::describe;
use crate::home::Home;
use crate::outside::named_file;
use crate::places::Places;
use crate::progress::interrupted;
use crate::terminal::{print, table, talk};
use crate::values::Columns;

const DESCRIBE_EXAMPLE: &str = "What the rows do not tell is guessed, and said to be; nothing is overwritten.

Examples:
  reprise data describe ratings.csv.gz
  reprise data describe --to data-manifests/shop.toml train.tsv valid.tsv test.tsv";

#[derive(clap::Args)]
pub struct DataArgs {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(clap::Subcommand)]
pub enum DataCommand {
    /// Lists the datasets and where each is available
    #[command(after_help = "Example:\n  reprise data list")]
    List {
        #[command(flatten)]
        places: Places,
    },
    /// Gets datasets into the cache, from the mirror folder or else from the network
    #[command(after_help = "Example:\n  reprise data fetch movietweetings-100k")]
    Fetch {
        /// Names of datasets (see `reprise data list`), or files of manifests outside of the repository
        #[arg(required = true, value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
    /// Writes the manifest of a table that has none: separator, header, columns, ids, unit of times, counts, digest
    #[command(after_help = DESCRIBE_EXAMPLE)]
    Describe {
        /// Files of one dataset, as text or gzip: a table of interactions, or its parts
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The manifest, whose name is the dataset's id; `-` prints it [default: NAME.toml beside the first file]
        #[arg(long, value_name = "MANIFEST")]
        to: Option<PathBuf>,
        /// What the columns hold, in their order, instead of a guess: such as `user,item,skip,time`
        #[arg(long, value_name = "KINDS", value_parser = Columns::parse)]
        columns: Option<Columns>,
    },
    /// Checks size, digest and counts of datasets in the cache
    #[command(after_help = "Example:\n  reprise data verify movietweetings-100k")]
    Verify {
        /// Names of datasets, or files of manifests outside of the repository [default: all that are in the cache]
        #[arg(value_name = "DATASET")]
        ids: Vec<String>,
        #[command(flatten)]
        places: Places,
    },
}

pub fn run(args: &DataArgs) -> Result<()> {
    match &args.command {
        DataCommand::List { places } => list(places),
        DataCommand::Fetch { ids, places } => fetch_all(ids, places),
        DataCommand::Verify { ids, places } => verify_all(ids, places),
        DataCommand::Describe { files, to, columns } => {
            describe::run(files, to.as_deref(), columns.as_ref().map(|columns| &*columns.0))
        }
    }
}

/// Where a dataset can be obtained, as `data list` and `doctor` print it.
pub fn word(state: FileState) -> &'static str {
    match state {
        FileState::Embedded => "embedded",
        FileState::Beside => "beside its manifest",
        FileState::Cached => "in the cache",
        FileState::AtMirror => "at the mirror",
        FileState::AtUrl => "to be fetched",
        FileState::ByHand => "by hand",
        FileState::Unpinned => "here, no digest pinned",
    }
}

fn list(places: &Places) -> Result<()> {
    let home = Home::find(places)?;
    let catalog = home.catalog()?;
    let [left, right] = [Align::Left, Align::Right];
    let columns = [
        ("dataset", left),
        ("users", right),
        ("items", right),
        ("interactions", right),
        ("data", left),
        ("serves", left),
    ];
    let mut rows = Table::new("", columns);
    let mut wrong = Ok(());
    for id in catalog.ids() {
        match catalog.get(id) {
            Ok(manifest) => {
                let number = |n: Option<usize>| n.map_or("?".into(), |n| n.to_string());
                let interactions = manifest.interactions.as_ref().map(|parts| parts.values().sum());
                rows.push(vec![
                    id.to_string(),
                    number(manifest.users.count),
                    number(manifest.items.count),
                    number(interactions),
                    word(status(&manifest, &home.cache, home.mirror.as_deref())).into(),
                    manifest.serves,
                ]);
            }
            Err(error) => later(&mut wrong, error),
        }
    }
    print(&table(&rows));
    wrong
}

/// Keeps an error to be returned at the end, and prints the one that was kept before.
pub fn later(kept: &mut Result<()>, error: Error) {
    if let Err(earlier) = std::mem::replace(kept, Err(error)) {
        talk(&format!("error: {earlier}\n"));
    }
}

fn fetch_all(ids: &[String], places: &Places) -> Result<()> {
    let home = Home::find(places)?;
    each(ids, |id| {
        let manifest = manifest(&home, id)?;
        fetch(&manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut tell)?;
        if manifest.is_embedded() {
            talk(&format!("{id}: shipped with the repository, nothing to fetch"));
        } else {
            talk(&format!("{id}: complete. Terms: {}", manifest.licence.terms));
        }
        Ok(())
    })
}

/// The manifest that an argument names: of the repository by its id, else by its file.
fn manifest(home: &Home, argument: &str) -> Result<Manifest> {
    match named_file(argument) {
        Some(file) => Manifest::read(file),
        None => home.catalog()?.get(argument),
    }
}

fn verify_all(ids: &[String], places: &Places) -> Result<()> {
    let home = Home::find(places)?;
    if !ids.is_empty() {
        return each(ids, |id| verify_one(&home, id));
    }
    let catalog = home.catalog()?;
    // Damaged files count as here: they are what this command is for.
    let here = |id: &str| match catalog.get(id) {
        Ok(manifest) => {
            manifest.is_embedded() || manifest.files.iter().any(|file| home.cache.file(id, &file.name).exists())
        }
        Err(_) => true,
    };
    let all: Vec<String> = catalog.ids().filter(|id| here(id)).map(String::from).collect();
    each(&all, |id| verify_one(&home, id))
}

fn verify_one(home: &Home, id: &str) -> Result<()> {
    let verification = verify(&manifest(home, id)?, &home.cache);
    show(id, &verification);
    match verification.error() {
        Some(error) => Err(error.clone()),
        None if verification.prepared.is_none() => Err(Error::new(Kind::Missing, format!("`{id}` is not here"))
            .hint(format!("`reprise data fetch {id}` gets it, or says how"))),
        None => Ok(()),
    }
}

fn show(id: &str, verification: &Verification) {
    for file in &verification.files {
        let state = match &file.here {
            Ok(true) => "ok",
            Ok(false) => "not here",
            Err(_) => "WRONG",
        };
        print(&format!("{id}: {} {state}", file.name));
    }
    if let Some(Ok((counts, digest))) = &verification.prepared {
        let parts: Vec<String> = counts.interactions.iter().map(|(part, n)| format!("{part} {n}")).collect();
        print(&format!(
            "{id}: {} users, {} items, {}, prepared digest {digest}",
            counts.users,
            counts.items,
            parts.join(", ")
        ));
    }
}

/// Does `work` for all ids and returns the last error at the end: one bad dataset does not hide others.
fn each(ids: &[String], mut work: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut wrong = Ok(());
    for id in ids {
        if let Err(error) = work(id) {
            later(&mut wrong, error);
        }
    }
    wrong
}

/// Prints the progress of a fetch, one line a file: datasets are a few megabytes.
pub fn tell(event: FetchEvent<'_>) {
    match event {
        FetchEvent::Ready { .. } | FetchEvent::Received(_) => {}
        FetchEvent::Waiting { dataset } => talk(&format!("{dataset}: another process is fetching it; waiting")),
        FetchEvent::Start { file, from, bytes } => {
            let size = bytes.map(|b| format!(" ({:.1} MB)", b as f64 / 1e6)).unwrap_or_default();
            talk(&format!("{file}: from {from}{size}"));
        }
        FetchEvent::Stored { file } => talk(&format!("{file}: verified")),
    }
}
