//! Writes lists in all forms that are read.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::form::ListForm;
use super::json::VERSION;
use crate::data::SourceIds;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::file::{by_rename, process_mark};
use crate::rank::AskerList;

/// What lists are of, as their file in JSON says in its first line.
#[derive(Serialize)]
pub struct ListsHeader<'a> {
    pub spec: &'a str,
    pub profile: &'a str,
    pub trial: &'a str,
    pub seed: u64,
    /// Digest of the split that they were made from.
    pub split: Digest,
    /// Digest of the protocol.
    pub protocol: Digest,
}

/// Lists, and the ids of what is in them.
pub struct NamedLists<'a> {
    /// The word for an asker, the column's name.
    pub noun: &'a str,
    /// By asker.
    pub askers: &'a SourceIds,
    /// By item.
    pub items: &'a SourceIds,
    /// Askers, and the best items of each, best first.
    pub lists: &'a [AskerList],
}

/// Writes lists beside each other as `STEM.jsonl`, `STEM.csv` and `STEM.trec`; each appears by rename. Ids with blanks cannot
/// stand in a file of TREC, which is then left out. Returns the paths of the files.
///
/// # Errors
/// [`Io`](Kind::Io); [`Input`](Kind::Input): an id that is not UTF-8, which JSON cannot hold.
pub fn write_lists(
    folder: &Path,
    stem: &str,
    header: &ListsHeader<'_>,
    named: &NamedLists<'_>,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (form, end) in ListForm::WRITTEN {
        if form == ListForm::Trec && !fits_trec(named) {
            continue;
        }
        let path = folder.join(format!("{stem}.{end}"));
        let part = folder.join(format!(".{stem}.{end}.{}.part", process_mark()));
        by_rename(&path, &part, |part| {
            let failed = |error: io::Error| match error.kind() {
                io::ErrorKind::InvalidData => Error::new(Kind::Input, "an id is no text, which JSON cannot hold"),
                _ => Error::io("cannot write lists", &path, &error),
            };
            let mut file = BufWriter::new(File::create(part).map_err(failed)?);
            let all = match form {
                ListForm::Json => json(&mut file, header, named),
                ListForm::Trec => trec(&mut file, header, named),
                ListForm::Csv => csv(&mut file, named),
                ListForm::Tsv | ListForm::Parquet => unreachable!("not among the forms that are written"),
            };
            all.and_then(|()| file.flush()).map_err(failed)
        })?;
        written.push(path);
    }
    Ok(written)
}

fn fits_trec(named: &NamedLists<'_>) -> bool {
    let fits = |id: &[u8]| !id.is_empty() && !id.iter().any(u8::is_ascii_whitespace);
    named.askers.iter().all(fits) && named.items.iter().all(fits)
}

fn json(file: &mut impl Write, header: &ListsHeader<'_>, named: &NamedLists<'_>) -> io::Result<()> {
    #[derive(Serialize)]
    struct Header<'a> {
        lists: u32,
        #[serde(flatten)]
        of: &'a ListsHeader<'a>,
    }
    #[derive(Serialize)]
    struct List<'a> {
        query: &'a str,
        items: Vec<&'a str>,
        scores: Vec<f32>,
    }
    let text = |id| std::str::from_utf8(id).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
    serde_json::to_writer(&mut *file, &Header { lists: VERSION, of: header })?;
    file.write_all(b"\n")?;
    for (asker, list) in named.lists {
        let items = list.iter().map(|ranked| text(named.items.of(ranked.item))).collect::<io::Result<_>>()?;
        let scores = list.iter().map(|ranked| ranked.score).collect();
        serde_json::to_writer(&mut *file, &List { query: text(named.askers.of(*asker))?, items, scores })?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn csv(file: &mut impl Write, named: &NamedLists<'_>) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(file);
    rows.write_record([named.noun, "item", "score"])?;
    for (asker, list) in named.lists {
        for ranked in list {
            let score = ranked.score.to_string();
            rows.write_record([named.askers.of(*asker), named.items.of(ranked.item), score.as_bytes()])?;
        }
    }
    rows.flush()
}

fn trec(file: &mut impl Write, header: &ListsHeader<'_>, named: &NamedLists<'_>) -> io::Result<()> {
    for (asker, list) in named.lists {
        for (rank, ranked) in (1..).zip(list) {
            file.write_all(named.askers.of(*asker))?;
            file.write_all(b" Q0 ")?;
            file.write_all(named.items.of(ranked.item))?;
            writeln!(file, " {rank} {} {}", ranked.score, header.trial)?;
        }
    }
    Ok(())
}
