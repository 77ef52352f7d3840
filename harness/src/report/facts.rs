//! What methods report of their models, as a table.

use std::collections::{BTreeMap, BTreeSet};

use super::block::PageBlock;
use super::figure::{ARCHITECTURES, Figure};
use super::text::{NONE, count, decimals, number, seeds};
use crate::record::{Record, Runs};
use crate::spec::Spec;
use crate::stats::Summary;
use crate::table::{Align, Table};
use crate::train::Fact;

/// Appends the section on facts; nothing where no run has any.
pub(super) fn blocks<'a>(spec: &Spec, runs: &Runs, figures: &'a [Figure], blocks: &mut Vec<PageBlock<'a>>) {
    let Some(table) = table(spec, runs) else { return };
    blocks.push(PageBlock::Heading(2, "What the methods report".into()));
    blocks.push(PageBlock::Text(
        "Numbers are means ± standard deviations over seeds, or the one value that all seeds have; of texts each \
         different one, with the seeds that came to it; *as* another trial: the same ones of the same seeds."
            .into(),
    ));
    blocks.push(PageBlock::Table(table));
    blocks.extend(figures.iter().find(|figure| figure.file == ARCHITECTURES).map(PageBlock::Figure));
}

/// A row for each trial that reports something, numbers first; `None` if there is none such.
fn table(spec: &Spec, runs: &Runs) -> Option<Table> {
    let facts = || runs.all().flat_map(|record| &record.facts);
    let texts: BTreeSet<&str> =
        facts().filter(|(_, fact)| matches!(fact, Fact::Text(_))).map(|(name, _)| &**name).collect();
    let numbers: BTreeSet<&str> = facts().map(|(name, _)| &**name).filter(|name| !texts.contains(name)).collect();
    let columns = [("Trial", Align::Left)]
        .into_iter()
        .chain(numbers.iter().map(|name| (*name, Align::Right)))
        .chain(texts.iter().map(|name| (*name, Align::Left)));
    let mut table = Table::new("", columns);
    // Label of the first trial with these texts: the students of a search share its architectures.
    let mut first = BTreeMap::<(&str, String), &str>::new();
    for trial in &spec.trials {
        let of_trial = runs.trial(&trial.id);
        if of_trial.iter().any(|record| !record.facts.is_empty()) {
            let mut row = vec![trial.label.clone()];
            row.extend(numbers.iter().map(|name| over_seeds(of_trial, name)));
            for name in &texts {
                let (different, cell) = by_text(of_trial, name);
                let known = first.get(&(*name, cell.clone())).filter(|_| different > 1);
                row.push(known.map_or_else(|| cell.clone(), |label| format!("as {label}")));
                first.entry((*name, cell)).or_insert(&trial.label);
            }
            table.push_of(&trial.id, row);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The one value of a fact, or the mean and standard deviation of those that seeds have.
fn over_seeds(runs: &[&Record], name: &str) -> String {
    let value = |record: &&Record| match record.facts.get(name) {
        Some(Fact::Number(value)) => Some(*value),
        _ => None,
    };
    let values: Vec<f64> = runs.iter().filter_map(value).collect();
    let Some(Summary { mean, sd: Some(sd), .. }) =
        Summary::of(&values).filter(|_| values[1..] != values[..values.len() - 1])
    else {
        return values.first().map_or(NONE.into(), |value| number(*value));
    };
    let is_count = |value: &f64| value.fract() == 0.0 && (0.0..1e15).contains(value);
    if values.iter().all(is_count) {
        match decimals(mean) {
            0 => format!("{} ± {}", count(mean.round() as u64), count(sd.round() as u64)),
            decimals => format!("{mean:.decimals$} ± {sd:.decimals$}"),
        }
    } else {
        format!("{mean:.4} ± {sd:.4}")
    }
}

/// The different texts of a fact, in the order of seeds, each with those that have it unless all runs have the one; their
/// number, and all in one cell.
fn by_text(runs: &[&Record], name: &str) -> (usize, String) {
    let mut texts = Vec::<String>::new();
    let mut of = BTreeMap::<String, Vec<u64>>::new();
    for record in runs {
        let Some(fact) = record.facts.get(name) else { continue };
        let text = match fact {
            Fact::Text(text) => format!("`{}`", text.replace('`', "'")),
            Fact::Number(value) => number(*value),
        };
        if !of.contains_key(&text) {
            texts.push(text.clone());
        }
        of.entry(text).or_default().push(record.seed);
    }
    let cell = match &texts[..] {
        [] => NONE.into(),
        [text] if of[text].len() == runs.len() => text.clone(),
        texts => texts.iter().map(|text| format!("{text} ({})", seeds(&of[text]))).collect::<Vec<_>>().join("; "),
    };
    (texts.len(), cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::sample;

    #[test]
    fn numbers_are_summarised_and_texts_counted_by_seed() {
        let record = |seed: u64, number: f64, text: &str| {
            let mut record = sample("search", seed);
            record.facts = [("cost".to_string(), number.into()), ("cell".to_string(), text.to_string().into())].into();
            record
        };
        let shown = |records: &[Record]| {
            let records: Vec<_> = records.iter().collect();
            [over_seeds(&records, "cost"), by_text(&records, "cell").1]
        };
        assert_eq!(shown(&[record(0, 9932.0, "a|b"), record(1, 9932.0, "a|b")]), ["9,932", "`a|b`"]);
        let records = [record(0, 9000.0, "a"), record(1, 11000.0, "b"), record(2, 10000.0, "a")];
        assert_eq!(shown(&records), ["10,000 ± 1,000", "`a` (seeds 0, 2); `b` (seed 1)"]);
        assert_eq!(shown(&[record(0, 0.5, "a")]), ["0.5000", "`a`"]);
        assert_eq!(shown(&[record(0, 0.5, "`a"), record(1, 1.5, "`a")]), ["1.0000 ± 0.7071", "`'a`"]);
        assert_eq!(shown(&[record(0, 3.0, "a"), record(1, 4.0, "a")])[0], "3.50 ± 0.71");
        let mut bare = record(3, 1.0, "a");
        bare.facts.clear();
        // Not all runs have the text: those that have it are named.
        assert_eq!(shown(&[record(0, 3.0, "a"), bare.clone()]), ["3", "`a` (seed 0)"]);
        assert_eq!(shown(&[bare]), [NONE, NONE]);
    }
}
