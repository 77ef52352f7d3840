//! An export as tables with headers.

use super::folder::Folder;
use super::record::ExportPeriod;
use super::rows::{Form, Rows};
use super::source::Source;
use crate::data::SourceIds;
use crate::error::Result;
use crate::queries::Queries;
use crate::rank::Ranker;
use crate::split::periods::Periods;
use crate::split::{Cut, UserItems};

/// The maps from the dataset's own ids: the numbers of users and items, and of pieces their users.
pub(super) fn maps(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let ids = source.ids;
    files.counts.items = ids.items.len() as u64;
    files.put("items.csv", numbered("item", &ids.items)?)?;
    if !ids.users.is_empty() {
        files.counts.users = Some(ids.users.len() as u64);
        files.put("users.csv", numbered("user", &ids.users)?)?;
    }
    if let Cut::Pieces(pieces) = &source.data.task.data {
        files.counts.users = Some(pieces.split.n_users as u64);
        let mut rows = Rows::new(Form::Csv, &["piece", "user"]);
        for (piece, &owner) in pieces.owners.of_askers().iter().enumerate() {
            rows.push([piece.to_string().as_bytes(), ids.users.of(owner)])?;
        }
        files.put("pieces.csv", rows)?;
    }
    Ok(())
}

fn numbered(noun: &str, ids: &SourceIds) -> Result<Rows> {
    let mut rows = Rows::new(Form::Csv, &["number", noun]);
    for (number, id) in ids.iter().enumerate() {
        rows.push([number.to_string().as_bytes(), id])?;
    }
    Ok(rows)
}

/// Training, validation and test; of a stream, what is learnt and asked in every period.
pub(super) fn parts(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let Source { data, ids, .. } = source;
    match &data.task.data {
        Cut::Periods(periods) => stream(source, periods, files)?,
        Cut::Split(_) | Cut::Pieces(_) => {
            let split = data.task.split();
            train(source, files)?;
            let (noun, askers) = data.askers(ids);
            for (name, part) in [("valid.csv", &split.valid), ("test.csv", &split.test)] {
                files.put(name, lists(noun, &askers, part, &ids.items)?)?;
            }
            let of = |part: &UserItems| part.len() as u64;
            (files.counts.valid, files.counts.test) = (of(&split.valid), of(&split.test));
            files.counts.queries = data.task.test.queries().len() as u64;
        }
    }
    Ok(())
}

/// The training part of a split, each user's or piece's items in their order.
pub(super) fn train(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let Source { data, ids, .. } = source;
    let (split, (noun, askers)) = (data.task.split(), data.askers(ids));
    files.counts.train = split.train.len() as u64;
    files.put("train.csv", lists(noun, &askers, &split.train, &ids.items)?)
}

fn lists(noun: &str, askers: &SourceIds, lists: &UserItems, items: &SourceIds) -> Result<Rows> {
    let mut rows = Rows::new(Form::Csv, &[noun, "item"]);
    for (asker, item) in lists.pairs() {
        rows.push([askers.of(asker), items.of(item)])?;
    }
    Ok(rows)
}

/// `period-N/train.csv`, what the period adds to what can be learnt; of an evaluated one also its queries.
fn stream(source: Source<'_>, periods: &Periods, files: &mut Folder) -> Result<()> {
    learnt(source, periods, files)?;
    for test in source.data.tests()? {
        let (number, queries) = (test.period.unwrap_or_default(), test.ranker.queries());
        let (noun, askers) = test.askers(source.ids);
        let inputs = lists(noun, &askers, queries.inputs(), &source.ids.items)?;
        files.put(
            &format!("period-{number}/{}.csv", if queries.pairs().is_empty() { "input" } else { "history" }),
            inputs,
        )?;
        files.put(&format!("period-{number}/test.csv"), asked(noun, &askers, queries, &source.ids.items)?)?;
        files.counts.test += (queries.targets().len() + queries.pairs().len()) as u64;
        files.asked(number, queries.len().max(queries.users().map_or(0, <[u32]>::len)) as u64);
    }
    Ok(())
}

/// What each period adds to what can be learnt: sessions, or labelled samples.
pub(super) fn learnt(source: Source<'_>, periods: &Periods, files: &mut Folder) -> Result<()> {
    let ids = source.ids;
    for number in 0..=periods.last() {
        let rows = match periods.samples(number..number + 1) {
            None => {
                let sessions = periods.sessions_of(number);
                let askers = (0..sessions.n_users()).map(|session| session.to_string()).collect();
                lists("session", &askers, sessions, &ids.items)?
            }
            Some(samples) => {
                let mut rows = Rows::new(Form::Csv, &["impression", "user", "item", "label"]);
                let first = samples.iter().next().map_or(0, |sample| sample.impression);
                for sample in samples.iter() {
                    // The ids of the test's askers.
                    let impression = format!("{number}.{}", sample.impression - first);
                    let label = if sample.label { "1" } else { "0" };
                    let (user, item) = (ids.users.of(sample.user), ids.items.of(sample.item));
                    rows.push([impression.as_bytes(), user, item, label.as_bytes()])?;
                }
                rows
            }
        };
        files.counts.train += rows.count;
        let role = periods.roles().of(number).into();
        files.periods.push(ExportPeriod { role, train: rows.count, queries: None });
        files.put(&format!("period-{number}/train.csv"), rows)?;
    }
    Ok(())
}

/// The targets of queries, or their labelled pairs.
fn asked(noun: &str, askers: &SourceIds, queries: &Queries, items: &SourceIds) -> Result<Rows> {
    if queries.pairs().is_empty() {
        let mut rows = Rows::new(Form::Csv, &[noun, "item"]);
        for (asker, targets) in queries.iter() {
            targets.iter().try_for_each(|&item| rows.push([askers.of(asker), items.of(item)]))?;
        }
        return Ok(rows);
    }
    let mut rows = Rows::new(Form::Csv, &[noun, "item", "label"]);
    for pair in queries.pairs() {
        rows.push([askers.of(pair.asker), items.of(pair.item), if pair.label { b"1" } else { b"0" }])?;
    }
    Ok(rows)
}

/// The candidates of a sampled protocol, the target among them, ascending by number; none of other protocols.
pub(super) fn candidates(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let Source { data, ids, .. } = source;
    if let Some(valid) = &data.task.valid {
        let (noun, askers) = data.askers(ids);
        put_candidates("valid-candidates.csv", noun, &askers, valid, &ids.items, files)?;
    }
    for test in data.tests()? {
        let name = match test.period {
            Some(number) => format!("period-{number}/candidates.csv"),
            None => "test-candidates.csv".into(),
        };
        let (noun, askers) = test.askers(ids);
        put_candidates(&name, noun, &askers, &test.ranker, &ids.items, files)?;
    }
    Ok(())
}

fn put_candidates(
    name: &str,
    noun: &str,
    askers: &SourceIds,
    ranker: &Ranker,
    items: &SourceIds,
    files: &mut Folder,
) -> Result<()> {
    let mut rows = Rows::new(Form::Csv, &[noun, "item"]);
    for (asker, targets) in ranker.queries().iter() {
        let Some(negatives) = ranker.negatives(asker) else { return Ok(()) };
        let mut all: Vec<u32> = negatives.iter().chain(targets).copied().collect();
        all.sort_unstable();
        all.iter().try_for_each(|&item| rows.push([askers.of(asker), items.of(item)]))?;
    }
    // Of labelled pairs there is nothing to rank.
    if rows.count > 0 { files.put(name, rows) } else { Ok(()) }
}
