use serde_json::json;

use super::*;
use crate::golden;

fn metric(text: &str) -> Metric {
    text.parse().unwrap()
}

fn evaluation(values: &[(&str, f64)]) -> Evaluation {
    let values: BTreeMap<Metric, f64> = values.iter().map(|(name, value)| (metric(name), *value)).collect();
    let pessimistic = values.clone();
    Evaluation {
        queries: vec![0],
        targets: vec![1],
        ranks: vec![1],
        pessimistic_ranks: vec![1],
        pairs: 0,
        values,
        pessimistic,
    }
}

fn stopping(watch: &[&str], patience: usize, decimals: u32) -> Stopping {
    serde_json::from_value(json!({"watch": watch, "patience": patience, "every": 1, "decimals": decimals})).unwrap()
}

const CUTOFFS: [&str; 3] = ["loo-hr@5", "loo-hr@10", "loo-hr@20"];

/// The authors' rule, by the reference vectors of tests/golden/metrics-topn.json.
#[test]
fn agrees_with_the_reference_vectors() {
    for (name, patience) in [("early_stopping_patience2", 2), ("early_stopping_patience3", 3)] {
        let case = golden::case("metrics-topn.json", name);
        let row = |part: &str, epoch: usize| -> Vec<(&str, f64)> {
            let values = case["inputs"][part][epoch].as_array().unwrap();
            CUTOFFS.into_iter().zip(values.iter().map(|v| v.as_f64().unwrap())).collect()
        };
        let mut selection = Selection::new(stopping(&CUTOFFS, patience, 4));
        let trace = case["expected"]["trace"].as_array().unwrap();
        for (epoch, expected) in trace.iter().enumerate() {
            assert!(!selection.is_exhausted(), "{name}: stopped before epoch {epoch}");
            let valid = evaluation(&row("valid_H5_H10_H20_per_epoch", epoch));
            let test = evaluation(&row("test_H5_H10_H20_per_epoch", epoch));
            let improved = selection.observe(Some(epoch), &valid, || Ok(Some(test))).unwrap();
            assert_eq!(json!(improved), expected["improved"], "{name}: epoch {epoch}");
            assert_eq!(json!(selection.patience().0), expected["counter"], "{name}: epoch {epoch}");
        }
        assert!(selection.is_exhausted(), "{name}: goes on after the trace");
        let selected = Selected::new(selection, trace.len(), Curve::default());
        assert_eq!(json!(selected.epoch), case["expected"]["last_improving_epoch"]);
        for (index, name) in CUTOFFS.into_iter().enumerate() {
            let best = selected.reported(metric(name)).unwrap();
            assert_eq!(json!(best.value), case["expected"]["best_valid_H5_H10_H20"][index]);
            assert_eq!(
                json!(best.test.as_ref().unwrap().values[&metric(name)]),
                case["expected"]["reported_test_H5_H10_H20"][index]
            );
        }
    }
}

/// ADER's rule: strict improvement of one metric, patience 5; its epochs count from 1.
#[test]
fn agrees_with_the_vector_of_a_single_metric() {
    let case = golden::case("ader.json", "early_stopping");
    let patience = case["inputs"]["patience"].as_u64().unwrap() as usize;
    let mut selection = Selection::new(stopping(&["recall@20"], patience, 15));
    let values = golden::doubles(&case["inputs"]["valid_recall20_by_epoch"]);
    let mut epochs = 0;
    for value in values {
        if selection.is_exhausted() {
            break;
        }
        let result = evaluation(&[("recall@20", value)]);
        selection.observe(Some(epochs), &result, || Ok(None)).unwrap();
        epochs += 1;
    }
    assert_eq!(json!(epochs), case["expected"]["stopped_after_epoch"]);
    assert_eq!(
        json!(Selected::new(selection, epochs, Curve::default()).epoch.unwrap() + 1),
        case["expected"]["best_epoch"]
    );
}

#[test]
fn what_differs_beyond_the_stated_decimals_is_no_improvement() {
    let run = |decimals| {
        let mut selection = Selection::new(stopping(&["ndcg@10"], 5, decimals));
        let mut observe = |epoch, value| {
            let result = evaluation(&[("ndcg@10", value)]);
            selection.observe(Some(epoch), &result, || Ok(None)).unwrap()
        };
        (observe(0, 0.30001), observe(1, 0.30004))
    };
    assert_eq!(run(4), (true, false));
    assert_eq!(run(5), (true, true));
}

#[test]
fn of_tied_epochs_the_spec_may_keep_the_later() {
    let run = |ties| {
        let mut rule = stopping(&["auc"], 2, 4);
        rule.ties = ties;
        let mut selection = Selection::new(rule);
        let mut observe = |epoch, value| {
            let result = evaluation(&[("auc", value)]);
            selection.observe(Some(epoch), &result, || Ok(None)).unwrap()
        };
        let improved = [observe(0, 0.67121), observe(1, 0.67118), observe(2, 0.6696)];
        (improved, Selected::new(selection, 3, Curve::default()).epoch)
    };
    assert_eq!(run(EpochTies::Earlier), ([true, false, false], Some(0)));
    assert_eq!(run(EpochTies::Later), ([true, true, false], Some(1)));
    let read = |ties: serde_json::Value| {
        let rule = json!({"watch": ["auc"], "patience": 2, "every": 1, "decimals": 4, "ties": ties});
        serde_json::from_value::<Stopping>(rule).map(|rule| rule.ties)
    };
    assert_eq!((read(json!("later")).unwrap(), stopping(&["auc"], 2, 4).ties), (EpochTies::Later, EpochTies::Earlier));
    assert!(read(json!("last")).is_err());
}

#[test]
fn of_a_loss_the_lowest_is_the_best() {
    let mut selection = Selection::new(stopping(&["logloss"], 5, 4));
    let mut observe =
        |epoch, value| selection.observe(Some(epoch), &evaluation(&[("logloss", value)]), || Ok(None)).unwrap();
    assert_eq!([observe(0, 0.7), observe(1, 0.6), observe(2, 0.6), observe(3, 0.65)], [true, true, false, false]);
    assert_eq!(Selected::new(selection, 4, Curve::default()).epoch, Some(1));
}

#[test]
fn a_metric_without_a_watched_cutoff_comes_from_the_first_watched() {
    let mut selection = Selection::new(stopping(&["ndcg@20", "ndcg@10"], 5, 4));
    for (epoch, at10, at20) in [(0, 0.1, 0.5), (1, 0.2, 0.4)] {
        let result = evaluation(&[("ndcg@10", at10), ("ndcg@20", at20)]);
        selection.observe(Some(epoch), &result, || Ok(None)).unwrap();
    }
    let selected = Selected::new(selection, 2, Curve::default());
    let epoch = |name| selected.reported(metric(name)).unwrap().epoch.unwrap();
    assert_eq!([epoch("recall@10"), epoch("recall@20"), epoch("recall@5"), epoch("ap")], [1, 0, 0, 0]);
    assert_eq!(selected.epoch, Some(1));
}

/// AdaRec's code keeps the inherited model unless an epoch of fine-tuning beats it.
#[test]
fn the_start_may_be_kept() {
    let run = |values: [f64; 3]| {
        let mut selection = Selection::new(stopping(&["loo-hr@5"], 5, 4));
        for (epoch, value) in [None, Some(0), Some(1)].into_iter().zip(values) {
            selection.observe(epoch, &evaluation(&[("loo-hr@5", value)]), || Ok(None)).unwrap();
        }
        let selected = Selected::new(selection, 2, Curve::default());
        (selected.epoch, selected.best()[0].epoch, selected.best()[0].value)
    };
    assert_eq!(run([0.5, 0.4, 0.5]), (None, None, 0.5));
    assert_eq!(run([0.5, 0.4, 0.6]), (Some(1), Some(1), 0.6));
    let read = |text: &str| serde_json::from_str::<Stopping>(text).map(|rule| rule.from_start);
    let rule = r#"{"watch": ["auc"], "patience": 2, "every": 1, "decimals": 4"#;
    assert!(!read(&format!("{rule}}}")).unwrap() && read(&format!("{rule}, \"from_start\": true}}")).unwrap());
}
