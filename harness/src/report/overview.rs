//! All specs in one table, for the README and the head of the HTML page.

use super::claims;
use super::contents::Report;
use super::text::{NONE, tally};
use crate::compare::Agreement;
use crate::error::{Error, Kind, Result};
use crate::spec::Spec;
use crate::table::{Align, Table};

/// One row for each spec of a paper that has runs; `link` gives the place of its report.
pub fn overview<'a>(reports: impl IntoIterator<Item = &'a Report<'a>>, link: impl Fn(&Report) -> String) -> Table {
    let columns = ["Paper", "Spec", "Dataset", "Runs a trial", "Claims", "Published cells", "Published effects"];
    let mut table = Table::new("", columns.map(|name| (name, Align::Left)));
    for report in reports.into_iter().filter(|report| report.has_runs()) {
        let Some(paper) = &report.basis.paper else { continue };
        let spec = report.basis.spec;
        let or_none = |told: Option<String>| told.unwrap_or(NONE.into());
        table.push(vec![
            paper.clone(),
            format!("[`{}`]({}){}", spec.id, link(report), in_profile(spec)),
            spec.dataset.clone(),
            runs(report),
            or_none(report.claims_told()),
            or_none(report.cells_told()),
            or_none(report.effects_told()),
        ]);
    }
    table
}

impl Report<'_> {
    /// How many claims hold, in words; `None` if the spec has none.
    pub fn claims_told(&self) -> Option<String> {
        (!self.findings.is_empty()).then(|| claims::counts(&self.findings))
    }

    /// How many published cells agree with ours, in words; `None` if the spec compares none. Single periods are left out: a paper
    /// that prints every period would outweigh all others.
    pub fn cells_told(&self) -> Option<String> {
        told(self.beside.iter().flat_map(|of| of.cells_of_runs()).map(|cell| cell.agreement))
    }

    /// How many published effects agree with ours, in words, as of cells.
    pub fn effects_told(&self) -> Option<String> {
        told(self.beside.iter().flat_map(|of| of.effects_of_runs()).map(|effect| effect.agreement))
    }
}

fn told(words: impl Iterator<Item = Agreement>) -> Option<String> {
    let words: Vec<Agreement> = words.collect();
    (!words.is_empty()).then(|| tally(words))
}

/// The profile, such as `, `cpu``, where it is not the spec as written.
fn in_profile(spec: &Spec) -> String {
    if spec.is_base_profile() { String::new() } else { format!(", `{}`", spec.profile) }
}

/// Number of runs of a trial: `3`, or `1 to 5` where trials differ.
fn runs(report: &Report) -> String {
    let counts = report.basis.spec.trials.iter().map(|trial| report.ours.runs.trial(&trial.id).len());
    let (least, most) = counts.fold((usize::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}

const BEGIN: &str = "<!-- verdicts: made by `reprise report --readme`; do not edit -->";
const END: &str = "<!-- /verdicts -->";

/// The page with the table in place of what stands between its two marks. Lines end as that of the first mark does.
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
        let mut table = Table::new("", [("A", Align::Left)]);
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
}
