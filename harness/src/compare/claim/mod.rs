//! The paper's claims, held against our runs.

mod part;
#[cfg(test)]
mod tests;

pub use part::{Against, Part, Theirs};

use super::cell::judged;
use super::verdict::ALPHA;
use super::{Column, Published, Verdict};
use crate::error::Result;
use crate::record::Runs;
use crate::spec::{Claim, Comparison, Inequality, Measure};
use crate::stats::holm;

/// What we found of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding<'a> {
    pub claim: &'a Claim,
    pub parts: Vec<Part<'a>>,
    /// Two-sided, corrected for all claims of the spec; `None` where nothing was tested.
    pub p: Option<f64>,
    /// Whether all of it was counted, so that there is nothing to test.
    pub counted: bool,
    pub verdict: Verdict,
}

/// Judges all claims of a spec together. `published` holds the tables that `comparisons` name.
///
/// # Errors
/// [`Input`](crate::error::Kind::Input) if a comparison names what was not published.
pub fn findings<'a>(
    claims: &'a [Claim],
    comparisons: &[Comparison],
    published: Option<&Published>,
    runs: &Runs,
) -> Result<Vec<Finding<'a>>> {
    let mut all = Vec::with_capacity(claims.len());
    for claim in claims {
        let part = |inequality: Inequality<'a>| {
            let theirs = effect(&inequality, comparisons, published)?;
            Ok(Part::new(inequality, theirs, runs))
        };
        let parts = claim.statement.parts().into_iter().map(part).collect::<Result<Vec<_>>>()?;
        all.push((claim, parts));
    }
    Ok(judge(all))
}

fn judge<'a>(claims: Vec<(&'a Claim, Vec<Part<'a>>)>) -> Vec<Finding<'a>> {
    let both: Vec<Option<Against>> = claims.iter().map(|(_, parts)| together(parts)).collect();
    // Whichever side is meant, one test of two was made.
    let two_sided = |p: &Against| (2.0 * p.holds.min(p.fails)).min(1.0);
    // A claim without runs enough is one of the family: what is found of others must not change when they come.
    let tested = both.iter().filter(|both| !both.is_some_and(|p| p.exact));
    let tested: Vec<f64> = tested.map(|both| both.as_ref().map_or(1.0, two_sided)).collect();
    let mut corrected = holm(&tested).into_iter();
    claims
        .into_iter()
        .zip(both)
        .map(|((claim, parts), both)| {
            let counted = both.is_some_and(|both| both.exact);
            let corrected = if counted { None } else { corrected.next() };
            let found = counted || corrected.is_some_and(|p| p < ALPHA);
            let verdict = match both.filter(|_| found) {
                Some(both) if both.holds < both.fails => Verdict::Holds,
                Some(both) if both.fails < both.holds => Verdict::Fails,
                _ => Verdict::Undecided,
            };
            Finding { claim, parts, p: corrected.filter(|_| both.is_some()), counted, verdict }
        })
        .collect()
}

/// A claim holds if all of its parts do: its p-value is the largest. It fails if one of them does: the
/// smallest, times their number (Bonferroni). `None` if a part could not be tested.
fn together(parts: &[Part<'_>]) -> Option<Against> {
    let all = parts.iter().map(|part| part.p).collect::<Option<Vec<_>>>()?;
    Some(Against {
        holds: all.iter().map(|p| p.holds).fold(0.0, f64::max),
        fails: (all.len() as f64 * all.iter().map(|p| p.fails).fold(1.0, f64::min)).min(1.0),
        exact: all.iter().all(|p| p.exact),
    })
}

/// The paper's own a − b: from the first comparison that has both rows and the column, and can be judged.
fn effect(
    inequality: &Inequality<'_>,
    comparisons: &[Comparison],
    published: Option<&Published>,
) -> Result<Option<Theirs>> {
    let (Measure::Metric(metric), Some(published)) = (inequality.of, published) else { return Ok(None) };
    let metric = metric.to_string();
    for comparison in comparisons {
        let table = published.table(&comparison.table)?;
        if !judged(comparison, table) {
            continue;
        }
        let row = |trial: &str| comparison.rows.iter().find(|(_, known)| known == trial).map(|(row, _)| row);
        let columns = Column::all(comparison, table)?;
        // Claims are of runs, not of single periods.
        let column = columns.iter().find(|column| column.metric == metric && column.over.period().is_none());
        let (Some(a), Some(b), Some(column)) = (row(inequality.a), row(inequality.b), column) else { continue };
        let theirs = |row: &str| column.theirs(comparison, published, table, row);
        if let Some((a, b)) = theirs(a)?.zip(theirs(b)?) {
            return Ok(Some(Theirs { value: a - b, rounding: 2.0 * comparison.rounding() }));
        }
    }
    Ok(None)
}
