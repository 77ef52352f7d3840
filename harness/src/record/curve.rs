//! Learning curves in records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Significant digits of a value. Curves are plotted, and losses are sums of f32: more digits would only make records
/// larger.
const DIGITS: usize = 7;

/// Learning curve: loss and validation metrics by epoch, rounded to seven significant digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveRecord {
    /// Names of the columns: `loss` (mean of the batch losses), then its parts where the method has some, then metrics on
    /// validation data.
    pub columns: Vec<String>,
    /// `rows[epoch][column]`, from epoch 0 on; `None` where nothing was measured in that epoch.
    pub rows: Vec<Vec<Option<f64>>>,
    /// Metrics on validation data of the weights that training started from, where these were evaluated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub start: BTreeMap<String, f64>,
}

impl CurveRecord {
    /// A curve of no epochs.
    pub fn new(columns: Vec<String>) -> Self {
        Self { columns, rows: Vec::new(), start: BTreeMap::new() }
    }

    /// Adds the next epoch, with one value per column.
    ///
    /// # Panics
    /// If the number of values is not the number of columns.
    pub fn push(&mut self, values: &[Option<f64>]) {
        assert_eq!(values.len(), self.columns.len(), "a curve's row has one value per column");
        self.rows.push(values.iter().map(|value| value.map(rounded)).collect());
    }

    /// Says what the weights that training started from came to, by metric.
    pub fn set_start(&mut self, values: impl Iterator<Item = (String, f64)>) {
        self.start = values.map(|(metric, value)| (metric, rounded(value))).collect();
    }

    /// The measured points (epoch, value) of a column; `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<Vec<(f64, f64)>> {
        let index = self.columns.iter().position(|column| column == name)?;
        let points = self.rows.iter().enumerate();
        Some(points.filter_map(|(epoch, row)| Some((epoch as f64, row[index]?))).collect())
    }
}

fn rounded(value: f64) -> f64 {
    let text = format!("{value:.*e}", DIGITS - 1);
    text.parse().expect("Rust parses the numbers that it prints")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_skips_what_was_not_measured() {
        let mut curve = CurveRecord::new(vec!["loss".into(), "hr@5".into()]);
        curve.push(&[Some(706.123_456_78), None]);
        curve.push(&[Some(1.0), Some(0.447_307_913_393)]);
        assert_eq!(curve.column("loss"), Some(vec![(0.0, 706.1235), (1.0, 1.0)]));
        assert_eq!(curve.column("hr@5"), Some(vec![(1.0, 0.447_307_9)]));
        assert_eq!(curve.column("hr@10"), None);
    }
}
