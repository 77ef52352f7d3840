//! The mark of trials whose lists another program made.

use crate::record::{Checked, Origin};
use crate::spec::Spec;

/// Puts a mark behind the labels of trials that have such records, wherever labels are shown: in tables, cells, claims,
/// figures and the page. Nothing else hangs on a label.
pub fn mark_external(spec: &mut Spec, records: &Checked) {
    for trial in &mut spec.trials {
        let is_external = records.current.iter().any(|record| record.trial == trial.id && record.is_external());
        if is_external && !trial.label.ends_with(Origin::MARK) {
            trial.label += Origin::MARK;
        }
    }
}
