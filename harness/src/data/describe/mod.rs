//! Writes the manifest of a table that nobody has described yet.
//!
//! ```text
//! first rows → shape (separator, quotes, header) → guesses (columns) → all rows (counts, digest) → manifest → load
//! ```
//!
//! Rows are read one after the other: in memory are the ids of users, items and sessions, and up to 2²⁵ pairs of them. At
//! the end the manifest is loaded as any other, so that what is written can be read; this takes the memory of a load, and is
//! left out for files of more than [`LOADED_UP_TO`] bytes together.

mod facts;
mod guess;
mod place;
mod rows;
mod shape;
mod survey;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::facts::{Facts, Test};
use self::guess::{BY_PLACE, guess};
use self::place::{beside, content_name, folder_that_is_there, part_of};
use self::shape::Shape;
use self::survey::{Again, Plan, Survey, column, dense, settle, survey};
use self::written::{Written, WrittenFile, WrittenIds, WrittenLayout, kind};
use super::cache::Cache;
use super::layout::FieldKind;
use super::load::{DatasetCounts, load};
use super::manifest::Manifest;
use super::text::visible;
use super::time::{Time, TimeUnit};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

pub use self::place::{default_manifest, kinds_of};

/// Bytes of all files together, decompressed, up to which a described dataset is loaded: 1 GiB, which takes some four of
/// memory.
pub const LOADED_UP_TO: u64 = 1 << 30;

/// What [`describe`] found and wrote.
#[derive(Debug)]
pub struct Description {
    /// The manifest.
    pub text: String,
    /// Of the first file, column by column.
    pub columns: Vec<DescribedColumn>,
    pub counts: DatasetCounts,
    /// Of the dataset, and whether it was loaded; none for [more bytes](LOADED_UP_TO).
    pub prepared: Option<Digest>,
    /// What a person should know: sentences without a full stop.
    pub remarks: Vec<String>,
    /// What a person should answer, since no table tells it.
    pub questions: Vec<String>,
}

/// A column of a described table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedColumn {
    /// From the header; none without one.
    pub name: Option<String>,
    /// Its first field, for people.
    pub example: String,
    /// As a layout writes it.
    pub kind: &'static str,
    pub why: String,
}

/// Describes the table in `files`, which is one dataset, by the text of a manifest that is to stand at `manifest`; the file's
/// stem is the dataset's id. `told` are the kinds of the columns where a person says them; others are guessed. Nothing is
/// written to disk.
///
/// # Errors
/// [`Input`](Kind::Input) where the id or `told` cannot be; [`Data`](Kind::Data), with the line where there is one, for what
/// is no table; [`Io`](Kind::Io).
pub fn describe(files: &[PathBuf], manifest: &Path, told: Option<&[FieldKind]>) -> Result<Description> {
    let mut remarks = Vec::new();
    let mut plans = files.iter().map(|path| plan(path, told)).collect::<Result<Vec<_>>>()?;
    let seen = whole(&mut plans, told.is_some(), &mut remarks)?;
    for (plan, seen) in plans.iter_mut().zip(&seen.files) {
        settle(plan, seen, told.is_some(), &mut remarks)?;
    }
    let first_guesses = guess(&plans[0].shape);
    let columns = described(&plans[0], &seen.files[0].facts, &first_guesses, told.is_some());
    remarks.extend(remarks_on(&plans, &seen));
    let mut written = write_up(&plans, &seen, manifest, &columns, remarks.clone())?;
    let counts = |written: &Written| DatasetCounts {
        users: written.users.count,
        items: written.items.count,
        interactions: written.interactions.iter().map(|(part, n)| (part.clone(), *n)).collect(),
    };
    let total: u64 = seen.files.iter().map(|file| file.bytes).sum();
    // Loaded from a folder that is there already.
    let near = folder_that_is_there(manifest).join(manifest.file_name().unwrap_or_default());
    let checked = Manifest::parse(&write_up(&plans, &seen, &near, &columns, Vec::new())?.text(), &near)?;
    if total <= LOADED_UP_TO {
        written.prepared = Some(load(&checked, &Cache::new(""))?.digest());
    } else {
        remarks.push(format!("of more than {LOADED_UP_TO} bytes it was not loaded: `reprise data verify` does so"));
    }
    let questions = questions(&plans[0], told.is_some(), &first_guesses);
    Ok(Description {
        counts: counts(&written),
        text: written.text(),
        columns,
        prepared: written.prepared,
        remarks,
        questions,
    })
}

fn plan<'a>(path: &'a Path, told: Option<&[FieldKind]>) -> Result<Plan<'a>> {
    let shape = Shape::of(path)?;
    let kinds = match told {
        Some(told) if told.len() != shape.width => {
            return Err(Error::new(Kind::Input, "the columns that were told are not those of the table")
                .at(Place::file(path))
                .expected(format!("{} columns: {}", shape.width, names(&shape)))
                .got(format!("{}", told.len())));
        }
        Some(told) => told.to_vec(),
        None => guess(&shape).into_iter().map(|guess| guess.kind).collect(),
    };
    for one in [FieldKind::User, FieldKind::Item] {
        let n = kinds.iter().filter(|kind| **kind == one).count();
        if n != 1 {
            let fault = if told.is_some() { Kind::Input } else { Kind::Data };
            return Err(Error::new(fault, format!("the table has {n} columns `{}`", kind(one)))
                .at(Place::file(path))
                .expected("one column `user` and one `item`")
                .got(names(&shape))
                .hint("say what each column is, in their order: `--columns user,item,skip,time`"));
        }
    }
    Ok(Plan { path, shape, kinds })
}

/// The columns of a table as messages list them.
fn names(shape: &Shape) -> String {
    (0..shape.width).map(|at| column(shape, at)).collect::<Vec<_>>().join(", ")
}

/// Reads all rows, once more where they turn out to be otherwise than the first ones.
fn whole(plans: &mut [Plan<'_>], told: bool, remarks: &mut Vec<String>) -> Result<Survey> {
    let mut earlier: Option<Error> = None;
    loop {
        match survey(plans) {
            Ok(seen) => {
                empty(plans, &seen)?;
                return Ok(seen);
            }
            Err(Again::Quotes(at, error)) => {
                let cut = &mut plans[at].shape.cut;
                // Fields in quotes, or else quotes that mean nothing; between other separators only the latter.
                cut.quoted = match cut.quoted {
                    None if cut.separator.byte().is_some() => Some(true),
                    None => Some(false),
                    _ => return Err(error),
                };
                earlier = Some(error);
            }
            Err(Again::Sessions(what)) if !told => {
                for plan in plans.iter_mut() {
                    plan.kinds
                        .iter_mut()
                        .filter(|kind| **kind == FieldKind::Session)
                        .for_each(|k| *k = FieldKind::Skip);
                }
                remarks.push(format!("the column of sessions is skipped, since a session belongs to one user; {what}"));
            }
            Err(Again::Sessions(what)) => {
                return Err(Error::new(Kind::Data, "a session belongs to one user")
                    .at(Place::file(plans[0].path))
                    .got(what));
            }
            // What came of reading quotes otherwise is not blamed on the rows.
            Err(Again::Wrong(error)) => return Err(earlier.unwrap_or(error)),
        }
    }
}

/// A table without rows cannot be told from a header.
fn empty(plans: &[Plan<'_>], seen: &Survey) -> Result<()> {
    match plans.iter().zip(&seen.files).find(|(_, seen)| seen.rows == 0) {
        None => Ok(()),
        Some((plan, _)) => Err(Error::new(Kind::Data, "a table has no row")
            .at(Place::file(plan.path))
            .expected("a row below the header")
            .got(
                plan.shape
                    .header
                    .as_deref()
                    .map_or_else(|| "nothing".into(), |header| format!("`{}`", visible(header))),
            )),
    }
}

fn described(plan: &Plan<'_>, facts: &[Facts], guesses: &[guess::Guess], told: bool) -> Vec<DescribedColumn> {
    let one = |(at, of): (usize, &FieldKind)| {
        let guess = &guesses[at];
        let why = match (told, guess.kind == *of) {
            (true, _) => "as told".into(),
            (false, true) => format!("{}{}", guess.why, details(*of, &facts[at])),
            (false, false) => "not all rows bear out what the first ones said".into(),
        };
        let name = plan.shape.names.as_ref().map(|names| visible(&names[at]));
        DescribedColumn { name, example: facts[at].example.clone(), kind: kind(*of), why }
    };
    plan.kinds.iter().enumerate().map(one).collect()
}

/// What all rows said of a column.
fn details(kind: FieldKind, facts: &Facts) -> String {
    let day = |time: Time| {
        let day = jiff::Timestamp::from_second(time.whole).map(|moment| moment.strftime("%Y-%m-%d").to_string());
        day.unwrap_or_default()
    };
    match (kind, facts.range, facts.moments) {
        (FieldKind::Value, Some((least, most)), _) => format!("; {least} to {most}"),
        (FieldKind::Time, ..) if !facts.all(Test::Moment) => "; an order".into(),
        (FieldKind::Time | FieldKind::IsoTime | FieldKind::IsoDate, _, Some((first, last))) => {
            let unit = facts.unit.filter(|_| kind == FieldKind::Time).map(|unit| format!(" in {}", unit.name()));
            format!("; {} to {}{}", day(first), day(last), unit.unwrap_or_default())
        }
        _ => String::new(),
    }
}

fn remarks_on(plans: &[Plan<'_>], seen: &Survey) -> Vec<String> {
    let mut remarks = Vec::new();
    let rows: usize = seen.files.iter().map(|file| file.rows).sum();
    match seen.repeated {
        Some(0) => {}
        Some(n) => remarks.push(format!("{n} of {rows} rows repeat a pair of user and item")),
        None => remarks.push("repeated pairs of user and item were not counted, of so many rows".into()),
    }
    let has = |kinds: &[FieldKind]| plans.iter().all(|plan| plan.kinds.iter().any(|kind| kinds.contains(kind)));
    if !has(&[FieldKind::Time, FieldKind::IsoTime, FieldKind::IsoDate]) {
        remarks.push("no times are read: the order of the file is the order of events".into());
    }
    if seen.sessions > 0 {
        remarks.push(format!("{} sessions", seen.sessions));
    }
    for (plan, seen) in plans.iter().zip(&seen.files) {
        let name = plan.path.file_name().unwrap_or_default().to_string_lossy();
        let name = visible(&name);
        if seen.mark {
            remarks.push(format!("{name} begins with a byte order mark, which is dropped"));
        }
        if plan.shape.cut.quoted == Some(false) {
            remarks
                .push(format!("in {name} quotes do not stand around whole fields, so they are taken for part of them"));
        }
        for (at, kind) in plan.kinds.iter().enumerate() {
            let (facts, column) = (&seen.facts[at], column(&plan.shape, at));
            let padded = facts.first_failure(Test::Index).filter(|(_, field)| field.starts_with("`0"));
            if let (FieldKind::User | FieldKind::Item, Some((line, field))) = (kind, padded) {
                remarks.push(format!(
                    "ids of {column} are compared as text, so {field} in line {line} is not the same number without zeros"
                ));
            }
            if facts.foreign > 0 && *kind != FieldKind::Skip {
                remarks
                    .push(format!("{} fields of {column} are not UTF-8; ids are compared byte by byte", facts.foreign));
            }
        }
    }
    remarks
}

/// What no table tells.
fn questions(plan: &Plan<'_>, told: bool, guesses: &[guess::Guess]) -> Vec<String> {
    let mut questions =
        vec!["the licence and its terms, where the data is from, what to cite: fill the empty texts in".into()];
    let by_place = guesses.iter().any(|guess| guess.why.starts_with(BY_PLACE));
    if by_place && !told {
        let kinds: Vec<_> = plan.kinds.iter().map(|of| kind(*of)).collect();
        let again = kinds.join(",");
        questions.push(format!(
            "which columns hold users and items: they are guessed by their place; else say it, as `--columns {again}`"
        ));
    }
    if plan.kinds.contains(&FieldKind::Label) {
        questions.push("the number that each label counts as: `labels`".into());
    }
    questions
}

fn write_up(
    plans: &[Plan<'_>],
    seen: &Survey,
    manifest: &Path,
    columns: &[DescribedColumn],
    remarks: Vec<String>,
) -> Result<Written> {
    let id = manifest.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_string();
    let mut interactions = BTreeMap::new();
    let mut files = Vec::new();
    for (plan, seen) in plans.iter().zip(&seen.files) {
        let name = content_name(plan.path, seen.gzip)?;
        let part = if plans.len() == 1 { "all".into() } else { part_of(&name) };
        *interactions.entry(part.clone()).or_default() += seen.rows;
        let unit = plan.kinds.iter().position(|kind| *kind == FieldKind::Time).map(|at| {
            let facts = &seen.facts[at];
            facts.unit.filter(|_| facts.all(Test::Moment)).unwrap_or(TimeUnit::Order)
        });
        let labels = plan.kinds.iter().position(|kind| *kind == FieldKind::Label);
        let layout = WrittenLayout {
            separator: plan.shape.cut.separator,
            quoted: plan.shape.cut.quoted,
            header: plan.shape.header.clone(),
            kinds: plan.kinds.clone(),
            unit,
            labels: labels.map(|at| seen.facts[at].words.clone()).unwrap_or_default(),
        };
        let beside = beside(plan.path, manifest)?;
        files.push(WrittenFile { name, part, digest: seen.digest, bytes: seen.bytes, beside, gzip: seen.gzip, layout });
    }
    // A word counts as the same number in all files.
    let labels: std::collections::BTreeSet<String> =
        files.iter().flat_map(|file| file.layout.labels.iter().cloned()).collect();
    files.iter_mut().filter(|file| !file.layout.labels.is_empty()).for_each(|file| file.layout.labels = labels.clone());
    let ids = |of: FieldKind, count: usize| {
        let columns = plans
            .iter()
            .zip(&seen.files)
            .filter_map(|(plan, seen)| plan.kinds.iter().position(|kind| *kind == of).map(|at| &seen.facts[at]));
        WrittenIds { dense: dense(&columns.collect::<Vec<_>>(), count), count }
    };
    let guesses = columns.iter().zip(1..).map(|(column, n)| {
        let name = column.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        format!("{n}{name}: {}, {}", column.kind, column.why)
    });
    Ok(Written {
        id,
        remarks,
        guesses: guesses.collect(),
        prepared: None,
        users: ids(FieldKind::User, seen.users),
        items: ids(FieldKind::Item, seen.items),
        interactions,
        files,
    })
}
