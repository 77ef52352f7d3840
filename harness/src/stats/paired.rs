//! Differences between two trials, run by run.

use std::collections::BTreeMap;

/// a − b for every seed that both trials have, in the order of the seeds. Students of one seed share their teacher; their
/// own draws are independent, because random streams are keyed by trial.
pub fn paired_differences(a: &BTreeMap<u64, f64>, b: &BTreeMap<u64, f64>) -> Vec<f64> {
    a.iter().filter_map(|(seed, a)| Some(a - b.get(seed)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seeds_of_both() {
        let a = [(1, 5.0), (2, 7.0), (4, 1.0)].into();
        let b = [(0, 9.0), (1, 4.0), (4, 3.0)].into();
        assert_eq!(paired_differences(&a, &b), [1.0, -2.0]);
    }
}
