//! What is measured once a run is trained, and its record.

use std::collections::BTreeMap;

use super::plan::Run;
use super::prepared::Prepared;
use crate::error::Result;
use crate::meter::{self, PeakMemory};
use crate::method::Trained;
use crate::metrics::{Metric, Reads};
use crate::rank::{Evaluation, Index};
use crate::record::{
    CurveRecord, Digests, MemoryUse, MetaModel, ParameterShape, PeriodRecord, QueryRanks, Record, Stored as _,
};
use crate::train::{self, Context, Learnt, Selected};
use crate::weights::Weights;

/// The results that some metrics are reported from: one evaluation, or one for each period.
struct Reported<'t> {
    metrics: Vec<Metric>,
    /// None where the start was kept, or no epoch is selected.
    epoch: Option<usize>,
    tests: Vec<&'t Evaluation>,
    /// Values on the validation part; empty where the split has no such part, or a period selected no epoch.
    valid: Vec<&'t BTreeMap<Metric, f64>>,
}

/// Measures what a run has trained, and makes its record. What training has not evaluated is evaluated here; `peak` and
/// `started` are from before training.
///
/// # Errors
/// A non-finite score.
pub(super) fn record(
    cx: &mut Context<'_>,
    prepared: &Prepared<'_>,
    run: &Run<'_>,
    trained: &Trained,
    peak: &PeakMemory,
    started: jiff::Timestamp,
) -> Result<Record> {
    let (job, metrics) = (prepared.job, &prepared.job.spec.protocol.metrics);
    let Trained { scorer, weights, meta, selected, periods } = trained;
    let mut reported = selected.as_ref().map_or(Vec::new(), |selected| by_epoch(selected, metrics));
    let first_tested = cx.task.periods().map_or(0, |periods| *periods.roles().tested().start());
    let tested = || periods.iter().filter(|period| period.period >= first_tested);
    if !periods.is_empty() {
        let valid = tested().map(|period| Some(&period.selected.as_ref()?.1)).collect::<Option<_>>();
        reported.push(Reported {
            metrics: metrics.clone(),
            epoch: None,
            tests: tested().map(|period| &period.test).collect(),
            valid: valid.unwrap_or_default(),
        });
    }
    let (test, valid);
    if reported.is_empty() {
        let task = cx.task;
        valid = task.valid.as_ref().map(|valid| cx.evaluate(valid, &**scorer)).transpose()?;
        test = cx.evaluate(&task.test, &**scorer)?;
        let valid = valid.iter().map(|valid| &valid.values).collect();
        reported.push(Reported { metrics: metrics.clone(), epoch: None, tests: vec![&test], valid });
    }
    let memory = MemoryUse { peak_rss_bytes: peak.bytes() };
    let latency = meter::latency(&Index::new(&**scorer), cx.seen())?;
    let values = |of: fn(&Evaluation) -> &BTreeMap<Metric, f64>| -> BTreeMap<String, f64> {
        reported.iter().flat_map(|r| means(&r.metrics, r.tests.iter().map(|test| of(test)))).collect()
    };
    let reads_ranks = job.spec.protocol.candidates.reads() == Reads::Ranks;
    let mut seconds: BTreeMap<String, f64> = cx.meter.seconds.iter().map(|(p, s)| (p.name().into(), *s)).collect();
    seconds.insert("total".into(), cx.meter.seconds.values().sum());
    Ok(Record {
        format: Record::FORMAT,
        spec: job.spec.id.clone(),
        profile: job.spec.profile.clone(),
        trial: run.trial.id.clone(),
        label: run.trial.label.clone(),
        method: run.trial.method.clone(),
        seed: run.seed,
        origin: None,
        lists: None,
        command: job.command.clone(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: Digests {
            run: run.fingerprint,
            data: job.manifest.raw_digest(),
            dataset: prepared.data.dataset_digest,
            split: prepared.split_digest,
            weights: Some(weights.digest()),
            lists: None,
        },
        device: job.device.name.clone(),
        threads: rayon::current_num_threads(),
        machine: prepared.machine.clone(),
        parameter_count: Some(weights.count()),
        parameters: shapes(weights),
        meta: meta.as_ref().map(|meta| MetaModel {
            parameters: shapes(meta),
            parameter_count: meta.count(),
            weights: meta.digest(),
        }),
        epochs_run: Some(
            selected.as_ref().map_or(0, |s| s.epochs_run as u64)
                + periods.iter().map(|period| period.epochs_run as u64).sum::<u64>(),
        ),
        selected: reported
            .iter()
            .filter_map(|r| Some((r.epoch?, &r.metrics)))
            .flat_map(|(epoch, metrics)| metrics.iter().map(move |m| (m.to_string(), epoch as u64)))
            .collect(),
        metrics: values(|test| &test.values),
        pessimistic: values(|test| &test.pessimistic),
        validation: reported.iter().flat_map(|r| means(&r.metrics, r.valid.iter().copied())).collect(),
        seconds,
        memory,
        latency: Some(latency),
        facts: cx.facts.clone(),
        curve: selected.as_ref().map(|selected| curve(&selected.curve)),
        periods: periods.iter().map(|learnt| period(learnt, learnt.period < first_tested)).collect(),
        time_ties: prepared.data.time_ties.clone(),
        ranks: reads_ranks.then(|| QueryRanks::new(reported.iter().map(|r| (&r.metrics[..], &r.tests[..])))),
    })
}

fn shapes(weights: &Weights) -> Vec<ParameterShape> {
    weights.listing().map(|(name, shape)| ParameterShape { name, shape }).collect()
}

/// Plain means over evaluations, of those metrics that all of them have. The mean of one is its value, to the bit.
pub(super) fn means<'v>(
    metrics: &[Metric],
    evaluations: impl Iterator<Item = &'v BTreeMap<Metric, f64>> + Clone,
) -> Vec<(String, f64)> {
    let mean = |metric: &Metric| {
        let values: Vec<f64> = evaluations.clone().map(|values| values.get(metric).copied()).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| (metric.to_string(), values.iter().sum::<f64>() / values.len() as f64))
    };
    metrics.iter().filter_map(mean).collect()
}

/// The selected epochs, each with the metrics that selected it; nothing where no epoch was selected.
fn by_epoch<'t>(selected: &'t Selected, metrics: &[Metric]) -> Vec<Reported<'t>> {
    let mut all: Vec<Reported<'t>> = Vec::new();
    for &metric in metrics {
        let Some((best, test)) = selected.reported(metric).and_then(|best| Some((best, best.test.as_ref()?))) else {
            continue;
        };
        match all.iter_mut().find(|r| r.epoch == best.epoch) {
            Some(reported) => reported.metrics.push(metric),
            None => all.push(Reported {
                metrics: vec![metric],
                epoch: best.epoch,
                tests: vec![test],
                valid: vec![&best.valid.values],
            }),
        }
    }
    all
}

fn period(learnt: &Learnt, warm_up: bool) -> PeriodRecord {
    let named = |values: &BTreeMap<Metric, f64>| values.iter().map(|(metric, v)| (metric.to_string(), *v)).collect();
    PeriodRecord {
        period: learnt.period as u64,
        warm_up,
        items: learnt.items as u64,
        queries: learnt.test.asked() as u64,
        facts: learnt.facts.clone(),
        epochs_run: Some(learnt.epochs_run as u64),
        selected: learnt.selected.as_ref().map(|(epoch, _)| *epoch as u64),
        metrics: named(&learnt.test.values),
        pessimistic: named(&learnt.test.pessimistic),
        validation: learnt.selected.as_ref().map_or(BTreeMap::new(), |(_, values)| named(values)),
        seconds: Some(learnt.seconds),
        training_seconds: learnt.training_seconds,
        curve: curve(&learnt.curve),
    }
}

fn curve(learnt: &train::Curve) -> CurveRecord {
    let validation = &learnt.validation;
    let columns = std::iter::once("loss".to_string()).chain(learnt.parts.keys().cloned());
    let mut curve = CurveRecord::new(columns.chain(validation.keys().map(Metric::to_string)).collect());
    for (epoch, loss) in learnt.loss.iter().enumerate() {
        let parts = learnt.parts.values().map(|part| part[epoch]);
        let row: Vec<_> =
            std::iter::once(Some(*loss)).chain(parts).chain(validation.values().map(|v| v[epoch])).collect();
        curve.push(&row);
    }
    curve.set_start(learnt.start.iter().map(|(metric, value)| (metric.to_string(), *value)));
    curve
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles};

    #[test]
    fn a_run_through_periods_has_the_plain_mean_of_those_tested() {
        let case = case("asmg.json", "test_average");
        let auc: Metric = "auc".parse().unwrap();
        let of = |value: f64| BTreeMap::from([(auc, value)]);
        let periods: Vec<_> = doubles(&case["inputs"]["auc_by_test_period"]).into_iter().map(of).collect();
        let [(_, mean)] = &means(&[auc], periods.iter())[..] else { panic!("one metric") };
        assert!((mean - case["expected"]["average"].as_f64().unwrap()).abs() < 1e-10, "{mean}");
        let one = 0.1 + 0.2;
        assert_eq!(means(&[auc], std::iter::once(&of(one))), [("auc".to_string(), one)]);
        assert!(means(&["logloss".parse().unwrap()], periods.iter()).is_empty(), "a metric that not all have");
    }
}
