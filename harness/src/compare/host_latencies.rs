//! Latency records that may stand in one table.

use std::collections::BTreeMap;

use crate::record::LatencyRecord;

/// The latency records of one host: a processor, with the GPUs beside it. Times of different processors do not compare.
pub struct HostLatencies<'r> {
    /// The name that the processor gives itself, where the system tells it.
    pub processor: Option<&'r str>,
    /// In the order in which they were read.
    records: Vec<&'r LatencyRecord>,
}

/// Ends the class of a machine whose GPU did the work.
const CUDA: &str = "-cuda";

/// The class of a record's machine without its GPU, and the name of its processor.
fn host(record: &LatencyRecord) -> (&str, Option<&str>) {
    (record.machine.class.trim_end_matches(CUDA), record.machine.cpu.as_deref())
}

fn is_on_gpu(record: &LatencyRecord) -> bool {
    record.machine.class.ends_with(CUDA)
}

impl<'r> HostLatencies<'r> {
    /// Selects those of `records` that are of the same host as `record`.
    pub fn beside(record: &'r LatencyRecord, records: &'r [LatencyRecord]) -> Self {
        let of_host = |other: &&LatencyRecord| host(other) == host(record);
        Self { processor: host(record).1, records: records.iter().filter(of_host).collect() }
    }

    /// Selects the records of the host that has the most; of equals, the first by name. `None` without records.
    pub fn of_most(records: &'r [LatencyRecord]) -> Option<Self> {
        let mut counts = BTreeMap::<_, (usize, &LatencyRecord)>::new();
        for record in records {
            counts.entry(host(record)).or_insert((0, record)).0 += 1;
        }
        let most = counts.into_values().rev().max_by_key(|(count, _)| *count);
        most.map(|(_, record)| Self::beside(record, records))
    }

    /// The records of a trial, on the CPU and on the GPU.
    pub fn trial(&self, trial: &str) -> impl Iterator<Item = &'r LatencyRecord> {
        self.records.iter().copied().filter(move |record| record.trial == trial)
    }

    /// The records of a trial on the CPU.
    pub fn on_cpu(&self, trial: &str) -> impl Iterator<Item = &'r LatencyRecord> {
        self.trial(trial).filter(|record| !is_on_gpu(record))
    }

    /// The records of a trial on the GPU.
    pub fn on_gpu(&self, trial: &str) -> impl Iterator<Item = &'r LatencyRecord> {
        self.trial(trial).filter(|record| is_on_gpu(record))
    }

    /// The number of all queries: the largest batch. A model that is too slow for all of them in a few seconds was
    /// measured on fewer.
    pub fn queries(&self) -> u64 {
        self.records.iter().map(|record| record.batch.queries).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::latency_sample;

    #[test]
    fn times_of_two_processors_do_not_stand_in_one_table() {
        let mut records = [0, 1, 2].map(|seed| latency_sample("teacher", seed));
        for record in &mut records[1..] {
            record.machine.cpu = Some("Another".into());
        }
        let latencies = HostLatencies::of_most(&records).unwrap();
        assert_eq!(latencies.processor, Some("Another"));
        assert_eq!(latencies.trial("teacher").map(|record| record.seed).collect::<Vec<_>>(), [1, 2]);
    }
}
