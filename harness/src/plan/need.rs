//! What a run will take, by the records of such runs.

use serde::{Deserialize, Serialize};

use crate::meter::Arithmetic;
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
    /// The median time and the largest memory of the trial's records of the CPU at any seed or, where there is none, of those of
    /// its method. Records of as many threads count before others.
    pub(super) fn of(trial: &Trial, threads: usize, records: &[Record]) -> Self {
        let such = |such: &dyn Fn(&Record) -> bool| -> Vec<&Record> {
            let on_cpu = |record: &Record| record.is_timed() && record.id().arithmetic == Arithmetic::Cpu;
            records.iter().filter(|record| on_cpu(record) && such(record)).collect()
        };
        let of_trial = such(&|record| record.trial == trial.id);
        let of_method = such(&|record| record.method == trial.method);
        let (mut found, of) = match (&of_trial[..], &of_method[..]) {
            ([], []) => {
                let from = "a guess: no such run is recorded".into();
                return Self { seconds: GUESSED_SECONDS, bytes: GUESSED_BYTES, from };
            }
            ([], _) => (of_method, format!("of the method `{}`", trial.method)),
            (_, _) => (of_trial, "of this trial".into()),
        };
        let mut at = "any number of threads".to_string();
        if found.iter().any(|record| record.threads == threads) {
            found.retain(|record| record.threads == threads);
            at = format!("{threads} thread{}", plural(threads));
        }
        let seconds = found.iter().filter_map(|record| record.seconds.get("total").copied());
        Self {
            seconds: median(seconds.collect()).unwrap_or(GUESSED_SECONDS),
            bytes: found.iter().filter_map(|record| record.memory.peak_rss_bytes).max().unwrap_or(GUESSED_BYTES),
            from: format!("by {} record{} {of} at {at}", found.len(), plural(found.len())),
        }
    }
}

pub(super) fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
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
