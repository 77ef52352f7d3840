//! The split of a spec as files, from which any other program can train and make lists.
//!
//! ```text
//! export.json      what it is: digests, counts, protocol, metrics, seeds, and every file with its digest
//! users, items     the dataset's own ids by the numbers that decide ties
//! train, valid, test, candidates of a sampled protocol; of a stream, every period
//! ```
//!
//! All other files use the dataset's own ids. The same spec gives the same bytes on every machine.

mod csv_files;
mod folder;
mod recbole;
mod record;
mod rows;
mod source;
mod trec;

pub use record::{ExportCounts, ExportDigests, ExportFile, ExportMetric, ExportPeriod, ExportProtocol, ExportRecord};
pub use source::{EXPORT, Source};

use std::path::{Path, PathBuf};

use self::folder::Folder;
use crate::error::{Error, Kind, Result};
use crate::program::ExportFormat;
use crate::split::Cut;

/// Writes the split into `folder`, which is made if it is not there; each file appears by rename, `export.json` last. Returns
/// the paths of all files.
///
/// # Errors
/// [`Input`](Kind::Input): the folder has something else in it, or the format cannot hold this split or its ids;
/// [`Io`](Kind::Io).
pub fn export(source: Source<'_>, format: ExportFormat, folder: &Path) -> Result<Vec<PathBuf>> {
    let stream = matches!(source.data.task.data, Cut::Periods(_));
    if stream && format == ExportFormat::RecBole {
        return Err(Error::new(Kind::Input, format!("`{}` has no single split for RecBole", source.spec.id))
            .expected("a split rule that is no stream of periods")
            .got(source.spec.split.describe())
            .hint("`--format csv` writes every period"));
    }
    let mut files = Folder::open(folder, source.spec, format)?;
    csv_files::maps(source, &mut files)?;
    match format {
        ExportFormat::Csv => csv_files::parts(source, &mut files)?,
        ExportFormat::RecBole => recbole::parts(source, &mut files)?,
        ExportFormat::Trec => trec::parts(source, &mut files)?,
    }
    csv_files::candidates(source, &mut files)?;
    files.close(source)
}
