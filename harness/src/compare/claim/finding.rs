//! The verdicts on all claims of a spec.

use super::evidence::{Evidence, PValues};
use crate::compare::verdict::ALPHA;
use crate::compare::{Matched, MatchedColumn, Measurements, PublishedEffect, Verdict};
use crate::spec::{Claim, Inequality};
use crate::stats::holm;

/// A claim of the paper, the evidence for and against it, and the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding<'a> {
    /// The claim, as the spec states it.
    pub claim: &'a Claim,
    /// The evidence on each inequality of the claim.
    pub evidence: Vec<Evidence<'a>>,
    /// Two-sided p-value, corrected for all claims of the spec; `None` where nothing was tested.
    pub p: Option<f64>,
    /// Whether all quantities of the claim were counted, so that there is nothing to test.
    pub counted: bool,
    /// Whether the claim holds.
    pub verdict: Verdict,
}

/// Judges all claims of a spec together: their p-values are corrected for the number of claims. `tables` are the spec's
/// comparisons, from which the paper's own effects are taken.
pub fn findings<'a>(claims: &'a [Claim], tables: &[Matched], ours: &Measurements) -> Vec<Finding<'a>> {
    let evidence = |inequality: Inequality<'a>| {
        let published = published_effect(&inequality, tables);
        Evidence::new(inequality, published, ours)
    };
    judge(claims.iter().map(|claim| (claim, claim.statement.parts().into_iter().map(evidence).collect())).collect())
}

fn judge<'a>(claims: Vec<(&'a Claim, Vec<Evidence<'a>>)>) -> Vec<Finding<'a>> {
    let both: Vec<Option<PValues>> = claims.iter().map(|(_, evidence)| together(evidence)).collect();
    // Whichever side is meant, one test of two was made.
    let two_sided = |p: &PValues| (2.0 * p.holds.min(p.fails)).min(1.0);
    // A claim with too few runs is one of the family: findings on other claims must not change when its runs come.
    let tested = both.iter().filter(|both| !both.is_some_and(|p| p.exact));
    let tested: Vec<f64> = tested.map(|both| both.as_ref().map_or(1.0, two_sided)).collect();
    let mut corrected = holm(&tested).into_iter();
    claims
        .into_iter()
        .zip(both)
        .map(|((claim, evidence), both)| {
            let counted = both.is_some_and(|both| both.exact);
            let corrected = if counted { None } else { corrected.next() };
            let found = counted || corrected.is_some_and(|p| p < ALPHA);
            let verdict = match both.filter(|_| found) {
                Some(both) if both.holds < both.fails => Verdict::Holds,
                Some(both) if both.fails < both.holds => Verdict::Fails,
                _ => Verdict::Undecided,
            };
            Finding { claim, evidence, p: corrected.filter(|_| both.is_some()), counted, verdict }
        })
        .collect()
}

/// The p-values of a claim from those of its inequalities. It holds if all of them do: the largest. It fails if one of
/// them does: the smallest, times their number (Bonferroni). `None` if one of them could not be tested.
fn together(evidence: &[Evidence<'_>]) -> Option<PValues> {
    let all = evidence.iter().map(|evidence| evidence.p).collect::<Option<Vec<_>>>()?;
    Some(PValues {
        holds: all.iter().map(|p| p.holds).fold(0.0, f64::max),
        fails: (all.len() as f64 * all.iter().map(|p| p.fails).fold(1.0, f64::min)).min(1.0),
        exact: all.iter().all(|p| p.exact),
    })
}

/// The paper's own a − b over whole runs: from the first comparison that has both trials and the measure, and is judged.
fn published_effect(inequality: &Inequality<'_>, tables: &[Matched]) -> Option<PublishedEffect> {
    tables.iter().filter(|table| table.is_judged()).find_map(|table| {
        let row = |trial: &str| table.rows.iter().find(|row| row.trial == trial);
        let of_runs = |column: &&MatchedColumn| column.measure == inequality.of && column.scope.period().is_none();
        let column = table.columns.iter().find(of_runs)?;
        table.effect(row(inequality.a)?, row(inequality.b)?, column)
    })
}
