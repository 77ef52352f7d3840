//! What a run will take, by the records of such runs.

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::spec::Trial;

/// What is known or guessed of the cost of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Largest resident memory, in bytes.
    pub bytes: u64,
    /// Where the two are from, for people.
    pub from: String,
}

/// The guess where no such run was recorded.
const GUESSED_SECONDS: f64 = 3600.0;
const GUESSED_BYTES: u64 = 2 << 30;

impl Need {
    /// The medians over the records of the trial at any seed or, where there is none, over those of its method.
    pub(super) fn of(trial: &Trial, records: &[Record]) -> Self {
        let timed = |such: &dyn Fn(&Record) -> bool| -> Vec<&Record> {
            records.iter().filter(|record| record.is_timed() && such(record)).collect()
        };
        let of_trial = timed(&|record| record.trial == trial.id);
        let of_method = timed(&|record| record.method == trial.method);
        let (such, of) = match (&of_trial[..], &of_method[..]) {
            ([], []) => {
                let from = "a guess: no such run is recorded".into();
                return Self { seconds: GUESSED_SECONDS, bytes: GUESSED_BYTES, from };
            }
            ([], such) => (such, format!("the method `{}`", trial.method)),
            (such, _) => (such, "this trial".into()),
        };
        let seconds = such.iter().filter_map(|record| record.seconds.get("total").copied());
        let bytes = such.iter().filter_map(|record| record.memory.peak_rss_bytes);
        Self {
            seconds: median(seconds.collect()).unwrap_or(GUESSED_SECONDS),
            bytes: median(bytes.map(|bytes| bytes as f64).collect()).map_or(GUESSED_BYTES, |bytes| bytes as u64),
            from: format!("the median of {} record{} of {of}", such.len(), if such.len() == 1 { "" } else { "s" }),
        }
    }
}

/// The upper one of an even number of values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(3.0));
        assert_eq!(median(Vec::new()), None);
    }
}
