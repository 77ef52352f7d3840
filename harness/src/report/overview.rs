//! All specs in one table, for the README and the head of the page.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::number::NONE;
use super::{Align, Experiment, Report, Table, claims};
use crate::compare::Word;
use crate::error::{Error, Kind, Result};
use crate::spec::base_profile;

/// One row per spec of a paper that has runs; `link` gives the place of its report.
pub fn overview(reports: &[Report], link: impl Fn(&Report) -> String) -> Table {
    let columns = ["Paper", "Spec", "Dataset", "Runs a trial", "Claims", "Published cells", "Published effects"];
    let mut table = Table::new("", columns.map(|name| (name.to_string(), Align::Left)));
    for report in reports.iter().filter(|report| report.runs.arithmetic.is_some()) {
        let Some(published) = report.published else { continue };
        let experiment = report.experiment;
        let claims = if report.findings.is_empty() { NONE.into() } else { claims::tally(&report.findings) };
        let words = |words: Vec<Word>| if words.is_empty() { NONE.into() } else { tally(words) };
        table.push(vec![
            published.name(),
            format!("[`{}`]({}){}", experiment.spec, link(report), in_profile(experiment)),
            experiment.dataset.clone(),
            runs(report),
            claims,
            // Of whole runs: a paper that prints every period would outweigh all others.
            words(report.beside.iter().flat_map(|of| of.of_runs()).map(|cell| cell.word).collect()),
            words(report.beside.iter().flat_map(|of| of.effects_of_runs()).map(|effect| effect.word).collect()),
        ]);
    }
    table
}

/// `, `cpu``, where it is not the spec as written.
fn in_profile(experiment: &Experiment) -> String {
    if experiment.profile == base_profile(true) { String::new() } else { format!(", `{}`", experiment.profile) }
}

/// `3`, or `1 to 5` where trials differ.
fn runs(report: &Report) -> String {
    let counts = report.experiment.trials.iter().map(|trial| report.runs.trial(&trial.id).len());
    let (least, most) = counts.fold((usize::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}

/// `12 *matches*, 4 *close*`, in the order of the words.
pub(super) fn tally<W: Ord + Display>(words: impl IntoIterator<Item = W>) -> String {
    let mut counts = BTreeMap::<W, usize>::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} *{word}*")).collect();
    counts.join(", ")
}

const BEGIN: &str = "<!-- verdicts: made by `reprise report --readme`; do not edit -->";
const END: &str = "<!-- /verdicts -->";

/// Puts the table between the two marks of a page, in the place of what was there. Lines end as that of the first mark does.
///
/// # Errors
/// [`Input`](Kind::Input) if the page has not each mark once, on a line of its own, in their order.
pub fn splice(page: &str, table: &Table) -> Result<String> {
    let once = |mark: &str| page.match_indices(mark).count() == 1;
    let places = page.find(BEGIN).zip(page.find(END)).filter(|(begin, end)| once(BEGIN) && once(END) && begin < end);
    let line_end = |(begin, _): &(usize, usize)| {
        ["\n", "\r\n"].into_iter().find(|line_end| page[begin + BEGIN.len()..].starts_with(line_end))
    };
    let Some(((begin, end), line_end)) = places.and_then(|places| Some((places, line_end(&places)?))) else {
        return Err(Error::new(Kind::Input, "the page has no place for the table of verdicts")
            .expected(format!("the lines `{BEGIN}` and `{END}`, each once")));
    };
    let table = table.markdown().replace('\n', line_end);
    Ok(format!("{}{line_end}{table}{}", &page[..begin + BEGIN.len()], &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_between_the_marks() {
        let mut table = Table::new("", [("A".to_string(), Align::Left)]);
        table.push(vec!["new".into()]);
        let page = format!("before\n\n{BEGIN}\n| old |\n{END}\nafter\n");
        let spliced = splice(&page, &table).unwrap();
        assert_eq!(spliced, format!("before\n\n{BEGIN}\n| A |\n| --- |\n| new |\n{END}\nafter\n"));
        assert_eq!(splice(&spliced, &table).unwrap(), spliced);
        let windows = |page: &str| page.replace('\n', "\r\n");
        assert_eq!(splice(&windows(&page), &table).unwrap(), windows(&spliced), "as Git checks it out on Windows");
        for bad in ["", BEGIN, &format!("{END}{BEGIN}"), &format!("{BEGIN}\n{END}\n{END}"), &format!("{BEGIN} {END}")] {
            assert!(splice(bad, &table).is_err(), "{bad}");
        }
    }

    #[test]
    fn tallies_in_order() {
        assert_eq!(tally([Word::Close, Word::Matches, Word::Close]), "1 *matches*, 2 *close*");
    }
}
