//! What the records of one spec say.

use super::basis::Basis;
use super::beside::Beside;
use super::figure::Figure;
use super::figures;
use crate::compare::{Finding, Measurements, findings};
use crate::error::Result;
use crate::record::Checked;

/// A spec's records, held against its published tables and claims.
pub struct Report<'a> {
    /// The spec, and what was read for it.
    pub basis: &'a Basis<'a>,
    pub(super) records: &'a Checked,
    pub(super) ours: Measurements<'a>,
    pub(super) findings: Vec<Finding<'a>>,
    pub(super) beside: Vec<Beside<'a>>,
    pub(super) figures: Vec<Figure>,
}

impl<'a> Report<'a> {
    /// The report of a spec's records.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if a figure cannot be drawn.
    pub fn new(basis: &'a Basis<'a>, records: &'a Checked) -> Result<Self> {
        let ours = Measurements::new(basis.spec, &records.current, &records.latency);
        let beside: Vec<_> = basis.tables.iter().map(|matched| Beside::new(matched, &ours)).collect();
        let findings = findings(&basis.spec.claims, &basis.tables, &ours);
        let figures = figures::all(basis, &ours, &beside)?;
        Ok(Self { basis, records, ours, findings, beside, figures })
    }

    /// Whether there is a current record.
    pub fn has_runs(&self) -> bool {
        self.ours.runs.arithmetic.is_some()
    }
}
