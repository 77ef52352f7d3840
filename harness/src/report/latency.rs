//! Size and speed of trained models, student against teacher: the columns of RD's Table 5 (Tang and Wang, KDD
//! 2018: time on a CPU, time on a GPU, parameters, ratio), with more on the CPU.

use super::text::{NO_GPU, NONE, count, decimals};
use crate::compare::HostLatencies;
use crate::record::{ImpressionSpeed, LatencyRecord};
use crate::spec::Spec;
use crate::stats::Summary;
use crate::table::{Align, Table};

/// A trained model whose size and speed were measured.
#[derive(Clone, Debug)]
pub struct ServedModel {
    /// What people call it.
    pub label: String,
    /// Id of its trial, if it is of one.
    pub trial: Option<String>,
    /// Label of the model that it is held against: its teacher.
    pub teacher: Option<String>,
    /// On the CPU, where it was measured.
    pub cpu: Option<Speed>,
    /// On a GPU, where it was measured.
    pub gpu: Option<Speed>,
    /// Number of trained parameters.
    pub parameters: u64,
    /// Their size in memory.
    pub bytes: u64,
}

/// How fast a model answers on one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Median time of one request, in microseconds.
    pub p50_us: f64,
    /// 99th percentile of the same.
    pub p99_us: f64,
    /// Queries answered per second in batches.
    pub per_second: f64,
}

/// Size and time of one request, a row for each model. A ratio is the model's figure in per cent of its teacher's; for a
/// teacher it is 100, as in RD's table.
pub fn served_table(title: &str, served: &[ServedModel]) -> Table {
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
    let columns = names.map(|name| (name, Align::Right));
    let mut table = Table::new(title, std::iter::once(("Model", Align::Left)).chain(columns));
    for model in served {
        let ratio = |of: fn(&ServedModel) -> Option<f64>| ratio(served, model, of);
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

/// Seconds to rank for this many queries in batches, as RD and DE-RRD print them, a row for each model.
pub fn passes_table(title: &str, served: &[ServedModel], queries: u64) -> Table {
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
fn ratio(served: &[ServedModel], model: &ServedModel, of: impl Fn(&ServedModel) -> Option<f64>) -> String {
    let teaches = served.iter().any(|other| other.teacher.as_ref() == Some(&model.label));
    let teacher = match &model.teacher {
        Some(teacher) => served.iter().find(|other| other.label == *teacher),
        None => teaches.then_some(model),
    };
    let share = teacher.and_then(|teacher| Some(100.0 * of(model)? / of(teacher)?));
    share.map_or(NONE.into(), |percent| format!("{percent:.1} %"))
}

fn push(table: &mut Table, model: &ServedModel, row: Vec<String>) {
    match &model.trial {
        Some(trial) => table.push_of(trial, row),
        None => table.push(row),
    }
}

/// Seconds to the millisecond: a small model needs but a few.
fn seconds(value: Option<f64>, none: &str) -> String {
    value.map_or(none.into(), |value| format!("{value:.3}"))
}

/// A number to three significant digits, or its whole part if that has more.
fn significant(value: Option<f64>) -> String {
    value.map_or(NONE.into(), |value| {
        let decimals = decimals(value);
        if decimals == 0 { count(value.round() as u64) } else { format!("{value:.decimals$}") }
    })
}

/// Tables of one request, of all queries and, where the protocol scores labelled pairs, of single impressions: the trials that have latency records, in the order of the spec; means
/// over the seeds that were measured.
pub fn latency_tables(spec: &Spec, latencies: &HostLatencies) -> Vec<Table> {
    let served = spec.trials.iter().filter_map(|trial| {
        let [cpu, gpu]: [Vec<_>; 2] = [latencies.on_cpu(&trial.id).collect(), latencies.on_gpu(&trial.id).collect()];
        let first = cpu.first().or(gpu.first())?;
        Some(ServedModel {
            label: trial.label.clone(),
            trial: Some(trial.id.clone()),
            teacher: spec.larger_model(trial).map(|teacher| spec.label(teacher).to_string()),
            cpu: speed(&cpu),
            gpu: speed(&gpu),
            parameters: first.parameter_count,
            bytes: first.parameter_bytes,
        })
    });
    let served: Vec<_> = served.collect();
    let mut tables =
        vec![served_table("Size and speed", &served), passes_table("All queries", &served, latencies.queries())];
    tables.extend(impressions_table(spec, latencies));
    tables
}

/// Time of scoring one item for the user of an impression, and the size of the meta-model that scoring does not need: means
/// over the seeds that were measured on the CPU. `None` where nothing of the kind was.
fn impressions_table(spec: &Spec, latencies: &HostLatencies) -> Option<Table> {
    let names = ["One impression p50 (µs)", "p99 (µs)", "Impressions/s", "#Params", "#Params of the meta-model"];
    let columns = names.map(|name| (name, Align::Right));
    let mut table = Table::new("Single impressions", std::iter::once(("Model", Align::Left)).chain(columns));
    for trial in &spec.trials {
        let records: Vec<_> = latencies.on_cpu(&trial.id).collect();
        let mean = |of: fn(&ImpressionSpeed) -> f64| {
            let values: Vec<f64> = records.iter().filter_map(|record| record.impressions.as_ref()).map(of).collect();
            Summary::of(&values).map(|summary| summary.mean)
        };
        let Some(p50_us) = mean(|speed| speed.request.p50_us) else { continue };
        let row = vec![
            trial.label.clone(),
            significant(Some(p50_us)),
            significant(mean(|speed| speed.request.p99_us)),
            significant(mean(|speed| speed.batch.per_second)),
            count(records[0].parameter_count),
            records[0].meta_parameter_count.map_or(NONE.into(), count),
        ];
        table.push_of(&trial.id, row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Means over records; `None` without any.
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

    fn model(label: &str, teacher: Option<&str>, p50_us: f64, parameters: u64) -> ServedModel {
        ServedModel {
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
