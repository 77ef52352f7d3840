//! Records held against today's spec.

use std::collections::BTreeMap;

use super::{LatencyRecord, Record, Records, RunId};
use crate::digest::Digest;

/// Records of one spec and profile, divided by whether they are of runs that the spec would make today.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Records of today's runs, sorted by [`RunId`].
    pub current: Vec<Record>,
    /// Latency of models that today's runs make, sorted by [`RunId`] and class of machine.
    pub latency: Vec<LatencyRecord>,
    /// Records of other runs, which are listed and never compared.
    pub stale: Vec<Stale>,
}

/// A record that is not of a run of today's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Stale {
    pub id: RunId,
    /// The reason, as a sentence.
    pub why: String,
}

impl Checked {
    /// Keeps the records of one spec and profile, and sets those aside whose fingerprint is not today's. `expected`
    /// holds today's fingerprints, by trial and seed.
    pub fn new(
        records: Records,
        latency: Vec<LatencyRecord>,
        spec: &str,
        profile: &str,
        expected: &BTreeMap<(String, u64), Digest>,
    ) -> Self {
        let mut checked = Self::default();
        for record in records.into_records().filter(|record| record.spec == spec && record.profile == profile) {
            let (id, run) = (record.id(), record.digests.run);
            match expected.get(&(id.trial.clone(), id.seed)) {
                Some(today) if *today == run => checked.current.push(record),
                Some(today) => {
                    let why = format!("its run is {}, today's is {}", run.short(), today.short());
                    checked.stale.push(Stale { id, why });
                }
                None => checked.stale.push(Stale { id, why: "the spec has no such trial or seed today".into() }),
            }
        }
        checked.set_other_splits_aside();
        for record in latency.into_iter().filter(|record| record.spec == spec && record.profile == profile) {
            let run = record.digests.run;
            if expected.get(&(record.trial.clone(), record.seed)) == Some(&run) {
                checked.latency.push(record);
            } else {
                let why = format!("its latency was measured of the run {}, which is not today's", run.short());
                checked.stale.push(Stale { id: record.id(), why });
            }
        }
        checked
    }

    /// Another version of the program may split otherwise by the same rule, which no fingerprint shows: only records
    /// with the split of the newest one are compared.
    fn set_other_splits_aside(&mut self) {
        let Some(newest) = self.current.iter().max_by(|a, b| a.started.cmp(&b.started)) else { return };
        let split = newest.digests.split;
        let (same, other) = std::mem::take(&mut self.current).into_iter().partition(|r| r.digests.split == split);
        self.current = same;
        self.stale.extend(other.into_iter().map(|record: Record| Stale {
            id: record.id(),
            why: format!("its split is {}, the newest record's is {}", record.digests.split.short(), split.short()),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{latency_sample, sample};
    use crate::record::Stored as _;

    const SPEC: &str = "de-rrd/citeulike";

    #[test]
    fn records_of_other_runs_are_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        for record in [0, 1, 2].map(|seed| sample("a", seed)) {
            record.write(&folder.path().join(record.id().path())).unwrap();
        }
        let records = || Records::read(folder.path()).unwrap();
        let expected = [
            (("a".to_string(), 0), sample("a", 0).digests.run),
            (("a".to_string(), 1), Digest::of(b"another")),
            (("b".to_string(), 2), sample("b", 2).digests.run),
        ]
        .into();
        let checked = Checked::new(records(), Vec::new(), SPEC, "paper", &expected);
        assert_eq!(checked.current, [sample("a", 0)]);
        assert_eq!(checked.stale.iter().map(|stale| stale.id.seed).collect::<Vec<_>>(), [1, 2]);
        assert!(checked.stale[0].why.contains("today's"), "{:?}", checked.stale);
        assert!(checked.stale[1].why.contains("no such trial"), "{:?}", checked.stale);
        assert_eq!(Checked::new(records(), Vec::new(), SPEC, "quick", &expected), Checked::default());
    }

    #[test]
    fn so_is_the_latency_of_other_runs() {
        let latency: Vec<_> = ["a", "b", "c"].map(|trial| latency_sample(trial, 0)).into();
        let today = |trial: &str| ((trial.to_string(), 0), latency_sample(trial, 0).digests.run);
        let expected = [today("a"), (("b".to_string(), 0), Digest::of(b"another"))].into();
        let checked = |profile| Checked::new(Records::default(), latency.clone(), SPEC, profile, &expected);
        assert_eq!(checked("paper").latency, latency[..1]);
        let stale = checked("paper").stale;
        assert!(stale.iter().map(|stale| &*stale.id.trial).eq(["b", "c"]));
        assert!(stale[0].why.contains("not today's"), "{stale:?}");
        assert_eq!(checked("quick"), Checked::default());
    }
}
