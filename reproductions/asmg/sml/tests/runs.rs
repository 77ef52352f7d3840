//! Whole runs over a made-up stream.

use harness::error::Kind;
use harness::method::Trained;

use crate::kit::impressions::{
    FIRST, LAST, SAMPLES, assert_resumes, bits_of_periods, impressions, pretrained, train_on_impressions,
    with_impressions,
};
use crate::kit::{method, same_on_threads};
use crate::models::embedding_mlp::{self, without_moments};

const SML: &str = r#"{transfer = {learning_rate = 2e-2, epochs = 3, batch = 16},
    base = {learning_rate = 1e-2, epochs = 2, batch = 16}, report = "best-epoch", checkpoint = "best-transfer-epoch",
    tables = {mix = [4, 3], hidden = 7}, layers = {mix = [3, 2], hidden = [6, 5, 4, 3, 2, 1]}}"#;
const MF: &str = r#"{transfer = {learning_rate = 2e-2, epochs = 3, batch = 16},
    base = {learning_rate = 1e-2, epochs = 2, batch = 16}, report = "best-epoch", checkpoint = "best-transfer-epoch",
    tables = {mix = [4, 3], hidden = 7}, pretraining = {model = {dim = 4}, learning_rate = 2e-2, epochs = 5, batch = 20,
    stopping = {watch = ["auc"], patience = 5, every = 1, decimals = 4, ties = "later"}}}"#;

fn run(name: &str, params: &str) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    train_on_impressions(&*method(name, params).unwrap(), true, folder.path(), usize::MAX).unwrap()
}

#[test]
fn it_goes_on_from_any_epoch_of_any_period() {
    let (sml, mf) = (method("sml", SML).unwrap(), method("sml-mf", MF).unwrap());
    let last = SML.replace("best-epoch", "last-epoch").replace("best-transfer-epoch", "last-transfer-epoch");
    for with_categories in [true, false] {
        assert_resumes(&*sml, with_categories, 6, &[&[1], &[2], &[3], &[2, 1, 2]]);
    }
    assert_resumes(&*method("sml", &last).unwrap(), true, 6, &[&[1], &[4]]);
    assert_resumes(&*mf, false, 11, &[&[1], &[5], &[8], &[4, 2, 3]]);
}

#[test]
fn threads_change_nothing() {
    for (name, params) in [("sml", SML), ("sml-mf", MF)] {
        same_on_threads(|| bits_of_periods(&run(name, params)));
    }
}

/// In the first period the teacher's model is tested as it is, and what serves in the end is of the base model's kind.
#[test]
fn the_pretrained_model_is_tested_first() {
    let run = run("sml", SML);
    let periods = impressions(true);
    let weights = without_moments(pretrained(&periods)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let test = with_impressions(periods, &["auc", "logloss"], folder.path(), 0, |cx| {
        let period = cx.task.periods().unwrap().period(FIRST);
        let ranker =
            harness::rank::Ranker::new(&cx.task.protocol, harness::queries::Queries::of_period(period)).unwrap();
        ranker.evaluate(&*embedding_mlp::scorer(&weights, ranker.queries()).unwrap()).unwrap()
    });
    assert_eq!((run.periods[0].epochs_run, &run.periods[0].test), (0, &test));
    let epochs: Vec<usize> = run.periods.iter().map(|period| period.epochs_run).collect();
    assert_eq!(epochs, [0, 2, 2, 2]);
    assert!(run.periods[1..].iter().all(|period| period.facts["training"] == SAMPLES as f64));
    let shapes = |weights: &harness::weights::Weights| weights.listing().collect::<Vec<_>>();
    assert_eq!(shapes(&run.weights), shapes(&weights));
    // Tables of rows of 4 with mixes 3→4→3, 12 → 7 → 4, and one transfer for each tensor of the layers.
    let table = 12 + 12 + 12 * 7 + 7 + 7 * 4 + 4;
    let layer = |values: usize, hidden: usize| 9 + 6 + 2 * values * hidden + hidden + hidden * values + values;
    let layers = [(200, 6), (10, 5), (50, 4), (5, 3), (5, 2), (1, 1)].map(|(values, hidden)| layer(values, hidden));
    assert_eq!(run.meta.unwrap().count(), (3 * table + layers.iter().sum::<usize>()) as u64);
}

/// Which epoch is tested changes no training.
#[test]
fn training_goes_on_from_the_last_epoch_whichever_is_tested() {
    for (name, params) in [("sml", SML), ("sml-mf", MF)] {
        let params =
            params.replace("base = {learning_rate = 1e-2, epochs = 2", "base = {learning_rate = 5e-2, epochs = 6");
        let (best, last) = (run(name, &params), run(name, &params.replace("\"best-epoch\"", "\"last-epoch\"")));
        let mut differ = 0;
        for (best, last) in best.periods.iter().zip(&last.periods).skip(1) {
            assert_eq!(best.curve.loss, last.curve.loss, "{name}, period {}", best.period);
            let auc = |values: &std::collections::BTreeMap<_, f64>| values[&super::super::learner::auc()];
            let (of_best, of_last) = (auc(&best.test.values), auc(&last.test.values));
            let (_, valid) = best.selected.as_ref().expect("an epoch is chosen");
            assert_eq!(auc(valid), of_best, "on the tested period itself");
            assert!(of_best >= of_last && last.selected.is_none(), "{of_best} {of_last}");
            differ += usize::from(of_best > of_last);
        }
        assert!(differ > 0, "{name}: the best epoch is not always the last");
        assert_eq!(best.meta, last.meta);
    }
}

#[test]
fn the_kept_transfer_epoch_is_where_the_next_period_begins() {
    let params =
        SML.replace("transfer = {learning_rate = 2e-2, epochs = 3", "transfer = {learning_rate = 5e-2, epochs = 6");
    let (best, last) = (run("sml", &params), run("sml", &params.replace("best-transfer", "last-transfer")));
    let losses = |run: &Trained| run.periods.iter().map(|period| period.curve.loss.clone()).collect::<Vec<_>>();
    let (best, last) = (losses(&best), losses(&last));
    assert_eq!(best[..2], last[..2], "nothing is kept before");
    assert!(best[2..] != last[2..]);
    // With one epoch there is nothing to choose.
    let one = SML.replace("epochs = 3", "epochs = 1");
    let of_one = bits_of_periods(&run("sml", &one));
    assert!(of_one == bits_of_periods(&run("sml", &one.replace("best-transfer", "last-transfer"))));
}

/// Of the epochs with the best AUC to four decimals the last is the pre-trained model.
#[test]
fn matrix_factorisation_is_pretrained_by_itself() {
    let run = run("sml-mf", MF);
    assert_eq!(run.periods.iter().map(|period| period.epochs_run).collect::<Vec<_>>(), [5, 2, 2, 2]);
    let first = &run.periods[0];
    assert_eq!(first.facts["training"], (FIRST * SAMPLES) as f64);
    assert!(first.curve.loss[4] < first.curve.loss[0]);
    let aucs = &first.curve.validation[&super::super::learner::auc()];
    let rounded: Vec<f64> = aucs.iter().map(|auc| (auc.unwrap() * 1e4).round()).collect();
    let best = rounded.iter().copied().fold(0.0, f64::max);
    assert_eq!(first.selected.as_ref().unwrap().0, rounded.iter().rposition(|auc| *auc == best).unwrap());
    assert_eq!(run.periods.last().unwrap().period, LAST);
    assert_eq!(run.weights.parameters[0].shape, [40, 5]);
}

#[test]
fn what_does_not_fit_is_refused_before_training() {
    let refused = |name: &str, params: &str, metrics: &[&str]| {
        let (folder, method) = (tempfile::tempdir().unwrap(), method(name, params).unwrap());
        let error = with_impressions(impressions(false), metrics, folder.path(), 0, |cx| method.train(cx));
        let error = error.err().expect("refused");
        assert_eq!(error.kind(), Kind::Input, "{error}");
        error.to_string()
    };
    let large = refused("sml", &SML.replace("epochs = 2, batch = 16", "epochs = 2, batch = 61"), &["auc"]);
    assert!(large.contains("`batch` is larger than period 0") && large.contains("at most its 60 samples"), "{large}");
    assert!(refused("sml-mf", &MF.replace("batch = 20", "batch = 99"), &["auc"]).contains("got:      99"));
    assert!(refused("sml", SML, &["logloss"]).contains("`auc`, which the protocol does not measure"));
    for (from, to) in [
        ("best-epoch", "best"),
        ("[4, 3]", "[4]"),
        ("3, 2, 1]", "3, 2]"),
        ("mix", "mixes"),
        ("hidden = 7", "hidden = 0"),
    ] {
        assert!(method("sml", &SML.replacen(from, to, 1)).is_err(), "{to}");
    }
}
