//! The columns of learning curves: the loss, its parts and other numbers of the training, metrics on validation data.

use crate::metrics::Metric;
use crate::record::Runs;
use crate::spec::LoggedCurve;

/// The column of the training loss, which is drawn on a logarithmic axis.
pub(super) const LOSS: &str = LoggedCurve::LOSS;

/// Whether a column is a metric on validation data.
pub(super) fn is_metric(column: &str) -> bool {
    column.parse::<Metric>().is_ok()
}

/// Whether a column is a part of the loss, or another number of the training, such as a temperature.
pub(super) fn is_part(column: &str) -> bool {
    column != LOSS && !is_metric(column)
}

/// Columns of the curves of trials, in the order in which they first appear.
pub(super) fn columns<'a>(runs: &Runs<'a>, trials: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut columns = Vec::new();
    for trial in trials {
        for column in
            runs.trial(trial).iter().filter_map(|record| record.curve.as_ref()).flat_map(|curve| &curve.columns)
        {
            if !columns.contains(&&**column) {
                columns.push(column);
            }
        }
    }
    columns
}
