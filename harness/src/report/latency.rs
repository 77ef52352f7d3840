//! Size and speed of served models, student against teacher: the columns of RD's Table 5 (Tang and Wang, KDD
//! 2018: time on a CPU, time on a GPU, parameters, ratio), and more of the first.

use std::collections::BTreeMap;

use super::number::{NO_GPU, NONE, count, decimals};
use super::{Align, Experiment, Table, TrialText};
use crate::record::LatencyRecord;
use crate::stats::Summary;

/// A model that was measured.
#[derive(Clone, Debug)]
pub struct Served {
    /// For people.
    pub label: String,
    /// The trial whose model it is, where it is of one.
    pub trial: Option<String>,
    /// The label of the model that it learnt from.
    pub teacher: Option<String>,
    pub cpu: Option<Speed>,
    pub gpu: Option<Speed>,
    pub parameters: u64,
    pub bytes: u64,
}

/// How fast a model answers on one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Microseconds of one request.
    pub p50_us: f64,
    pub p99_us: f64,
    /// Queries per second in batches.
    pub per_second: f64,
}

/// One row per model. A ratio is the model's figure in per cent of its teacher's; of the teacher itself it
/// is 100, as in RD's table.
pub fn served_table(title: &str, served: &[Served]) -> Table {
    let names = [
        "Time CPU p50 (µs)",
        "p99 (µs)",
        "Queries/s",
        "Time GPU p50 (µs)",
        "#Params",
        "Bytes",
        "Ratio CPU",
        "Ratio GPU",
        "Ratio #Params",
    ];
    let columns = names.map(|name| (name.to_string(), Align::Right));
    let mut table = Table::new(title, std::iter::once(("Model".to_string(), Align::Left)).chain(columns));
    for model in served {
        let ratio = |of: fn(&Served) -> Option<f64>| ratio(served, model, of);
        let cpu = |of: fn(&Speed) -> f64| significant(model.cpu.as_ref().map(of));
        let row = vec![
            model.label.clone(),
            cpu(|speed| speed.p50_us),
            cpu(|speed| speed.p99_us),
            cpu(|speed| speed.per_second),
            significant(model.gpu.map(|speed| speed.p50_us)),
            count(model.parameters),
            count(model.bytes),
            ratio(|model| model.cpu.map(|speed| speed.p50_us)),
            ratio(|model| model.gpu.map(|speed| speed.p50_us)),
            ratio(|model| Some(model.parameters as f64)),
        ];
        push(&mut table, model, row);
    }
    table
}

/// Seconds to rank for all of so many queries at once, as RD and DE-RRD print them. One row per model.
pub fn passes_table(title: &str, served: &[Served], queries: u64) -> Table {
    let all = count(queries);
    let columns =
        [format!("{all} queries, CPU (s)"), format!("{all} queries, GPU (s)"), "Ratio CPU".into(), "Ratio GPU".into()];
    let columns = columns.map(|name| (name, Align::Right));
    let mut table = Table::new(title, std::iter::once(("Model".to_string(), Align::Left)).chain(columns));
    for model in served {
        let pass = |speed: Option<Speed>| speed.map(|speed| queries as f64 / speed.per_second);
        let row = vec![
            model.label.clone(),
            seconds(pass(model.cpu), NONE),
            seconds(pass(model.gpu), NO_GPU),
            ratio(served, model, |model| model.cpu.map(|speed| speed.per_second.recip())),
            ratio(served, model, |model| model.gpu.map(|speed| speed.per_second.recip())),
        ];
        push(&mut table, model, row);
    }
    table
}

/// A model's figure in per cent of its teacher's.
fn ratio(served: &[Served], model: &Served, of: impl Fn(&Served) -> Option<f64>) -> String {
    let teaches = served.iter().any(|other| other.teacher.as_ref() == Some(&model.label));
    let teacher = match &model.teacher {
        Some(teacher) => served.iter().find(|other| other.label == *teacher),
        None => teaches.then_some(model),
    };
    let share = teacher.and_then(|teacher| Some(100.0 * of(model)? / of(teacher)?));
    share.map_or(NONE.into(), |percent| format!("{percent:.1} %"))
}

fn push(table: &mut Table, model: &Served, row: Vec<String>) {
    match &model.trial {
        Some(trial) => table.push_of(trial, row),
        None => table.push(row),
    }
}

/// To the millisecond: a small model needs few of them.
fn seconds(value: Option<f64>, none: &str) -> String {
    value.map_or(none.into(), |value| format!("{value:.3}"))
}

/// Three digits or the whole part.
fn significant(value: Option<f64>) -> String {
    value.map_or(NONE.into(), |value| {
        let decimals = decimals(value);
        if decimals == 0 { count(value.round() as u64) } else { format!("{value:.decimals$}") }
    })
}

/// Of one request and of all queries: the trials that have records, in the order of the spec; means over the seeds
/// that were measured, on the CPU of a host and on the GPU beside it.
pub fn latency_tables(experiment: &Experiment, host: Host<'_>, records: &[LatencyRecord]) -> [Table; 2] {
    let served = experiment.trials.iter().filter_map(|trial| {
        let (gpu, cpu): (Vec<_>, Vec<_>) = shown(host, records, &trial.id).partition(|record| on_gpu(record));
        let first = cpu.first().or(gpu.first())?;
        Some(Served {
            label: trial.label.clone(),
            trial: Some(trial.id.clone()),
            teacher: label_of_teacher(experiment, trial),
            cpu: speed(&cpu),
            gpu: speed(&gpu),
            parameters: first.parameter_count,
            bytes: first.parameter_bytes,
        })
    });
    let served: Vec<_> = served.collect();
    [served_table("Size and speed", &served), passes_table("All queries", &served, queries(host, records))]
}

/// Whose times may stand in one table: one processor by its own name, with the GPUs beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host<'r> {
    /// The class of its machine, as if no GPU did the work.
    class: &'r str,
    /// The name that the processor gives itself, where the system tells.
    pub processor: Option<&'r str>,
}

impl<'r> Host<'r> {
    pub fn of(record: &'r LatencyRecord) -> Self {
        let class = record.machine.class.trim_end_matches(CUDA);
        Self { class, processor: record.machine.cpu.as_deref() }
    }

    /// The one with the most records; of equals, the first by name.
    pub(super) fn of_most(records: &'r [LatencyRecord]) -> Option<Self> {
        let mut counts = BTreeMap::<Self, usize>::new();
        for record in records {
            *counts.entry(Self::of(record)).or_default() += 1;
        }
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(host, _)| host)
    }
}

/// All queries: the largest batch of a host. That of a model too slow for all of them in some seconds is smaller.
pub(super) fn queries(host: Host<'_>, records: &[LatencyRecord]) -> u64 {
    beside(host, records).map(|record| record.batch.queries).max().unwrap_or(0)
}

/// Ends the class of a machine whose GPU did the work.
const CUDA: &str = "-cuda";

pub(super) fn on_gpu(record: &LatencyRecord) -> bool {
    record.machine.class.ends_with(CUDA)
}

/// The records of a trial on the CPU of a host and on the GPU beside it.
pub(super) fn shown<'r>(
    host: Host<'r>,
    records: &'r [LatencyRecord],
    trial: &str,
) -> impl Iterator<Item = &'r LatencyRecord> {
    beside(host, records).filter(move |record| record.trial == trial)
}

fn beside<'r>(host: Host<'r>, records: &'r [LatencyRecord]) -> impl Iterator<Item = &'r LatencyRecord> {
    records.iter().filter(move |record| Host::of(record) == host)
}

fn label_of_teacher(experiment: &Experiment, trial: &TrialText) -> Option<String> {
    trial.teacher.as_ref().map(|teacher| experiment.label(teacher).to_string())
}

fn speed(records: &[&LatencyRecord]) -> Option<Speed> {
    let mean = |of: fn(&LatencyRecord) -> f64| {
        let values: Vec<f64> = records.iter().map(|record| of(record)).collect();
        Summary::of(&values).map(|summary| summary.mean)
    };
    Some(Speed {
        p50_us: mean(|record| record.request.p50_us)?,
        p99_us: mean(|record| record.request.p99_us)?,
        per_second: mean(|record| record.batch.per_second)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(label: &str, teacher: Option<&str>, p50_us: f64, parameters: u64) -> Served {
        Served {
            label: label.into(),
            trial: None,
            teacher: teacher.map(String::from),
            cpu: Some(Speed { p50_us, p99_us: 2.0 * p50_us, per_second: 1e6 / p50_us }),
            gpu: None,
            parameters,
            bytes: 4 * parameters,
        }
    }

    #[test]
    fn times_of_two_processors_do_not_stand_in_one_table() {
        let mut records = [0, 1, 2].map(|seed| crate::record::latency_sample("teacher", seed));
        for record in &mut records[1..] {
            record.machine.cpu = Some("Another".into());
        }
        let host = Host::of_most(&records).unwrap();
        assert_eq!(host.processor, Some("Another"));
        assert_eq!(shown(host, &records, "teacher").map(|record| record.seed).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn ratios_are_against_the_teacher() {
        let mut models =
            [model("T", None, 400.0, 6_080_400), model("S", Some("T"), 41.26, 608_040), model("POP", None, 8.0, 100)];
        let columns = "| Model | Time CPU p50 (µs) | p99 (µs) | Queries/s | Time GPU p50 (µs) | #Params | Bytes | \
                       Ratio CPU | Ratio GPU | Ratio #Params |\n\
                       | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        let pop = "| POP | 8.00 | 16.0 | 125,000 | – | 100 | 400 | – | – | – |\n";
        assert_eq!(
            served_table("", &models).markdown(),
            format!(
                "{columns}| T | 400 | 800 | 2,500 | – | 6,080,400 | 24,321,600 | 100.0 % | – | 100.0 % |\n\
                 | S | 41.3 | 82.5 | 24,237 | – | 608,040 | 2,432,160 | 10.3 % | – | 10.0 % |\n{pop}"
            )
        );
        for (model, p50_us) in models.iter_mut().zip([50.0, 40.0]) {
            model.gpu = Some(Speed { p50_us, p99_us: p50_us, per_second: 1.0 });
        }
        let student = &served_table("", &models).rows[1];
        assert_eq!((&*student[4], &*student[8]), ("40.0", "80.0 %"));
        let passes = passes_table("", &models, 1000);
        assert_eq!(passes.header[1], "1,000 queries, CPU (s)");
        assert_eq!(passes.rows[0], ["T", "0.400", "1000.000", "100.0 %", "100.0 %"]);
        assert_eq!(passes.rows[1], ["S", "0.041", "1000.000", "10.3 %", "100.0 %"]);
        assert_eq!(passes.rows[2], ["POP", "0.008", "no GPU run", "–", "–"]);
        // Its teacher was not measured.
        assert_eq!(served_table("", &models[1..]).rows[0][7..], ["–", "–", "–"]);
    }
}
