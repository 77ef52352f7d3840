//! An export for the tools of TREC: relevance judgements, and the training part as CSV.

use super::csv_files;
use super::folder::Folder;
use super::rows::{Form, Rows};
use super::source::Source;
use crate::data::SourceIds;
use crate::error::{Error, Kind, Result};
use crate::queries::Queries;
use crate::split::Cut;

pub(super) fn parts(source: Source<'_>, files: &mut Folder) -> Result<()> {
    let Source { data, ids, spec, .. } = source;
    let labelled = data.task.test.queries().pairs();
    if !labelled.is_empty() {
        return Err(Error::new(
            Kind::Input,
            format!("`{}` ranks nothing, so there are no judgements for TREC", spec.id),
        )
        .expected("a protocol that ranks candidates")
        .got(spec.protocol.candidates.describe())
        .hint("`--format csv` writes the labelled pairs"));
    }
    match &data.task.data {
        Cut::Periods(periods) => csv_files::learnt(source, periods, files)?,
        Cut::Split(_) | Cut::Pieces(_) => csv_files::train(source, files)?,
    }
    if let Some(valid) = &data.task.valid {
        files.counts.valid = valid.queries().targets().len() as u64;
        files.put("valid.qrels", qrels(&data.askers(ids).1, valid.queries(), &ids.items)?)?;
    }
    for test in data.tests()? {
        let name = test.period.map_or("test.qrels".into(), |number| format!("period-{number}/test.qrels"));
        let queries = test.ranker.queries();
        files.counts.test += queries.targets().len() as u64;
        files.asked(test.period.unwrap_or_default(), queries.len() as u64);
        files.put(&name, qrels(&test.askers(ids).1, queries, &ids.items)?)?;
    }
    Ok(())
}

/// `query 0 item 1`, a line for each target.
fn qrels(askers: &SourceIds, queries: &Queries, items: &SourceIds) -> Result<Rows> {
    let mut rows = Rows::new(Form::Trec, &[]);
    for (asker, targets) in queries.iter() {
        targets.iter().try_for_each(|&item| rows.push([askers.of(asker), &b"0"[..], items.of(item), b"1"]))?;
    }
    Ok(rows)
}
