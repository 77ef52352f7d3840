//! Whole runs over a made-up stream.

use harness::error::Kind;
use harness::method::Trained;
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::split::HeldOut;

use super::reservoir::{draw_weighted, rank_weights};
use super::*;
use crate::kit::impressions::{
    FIRST, LAST, SAMPLES, assert_resumes, bits_of_periods, impressions, pretrained, train_on_impressions,
    with_impressions,
};
use crate::kit::{method, same_on_threads};
use crate::models::embedding_mlp::EmbeddingMlpScorer;

const SPMF: &str = r#"{fraction = 0.4, drawing = {beside-period = {ratio = 0.5}},
    update = {learning_rate = 1e-2, epochs = 1, batch = 16, optimiser = "carried"}}"#;

fn from_both() -> String {
    SPMF.replace("{beside-period = {ratio = 0.5}}", "\"from-both\"")
}

fn run(params: &str) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    train_on_impressions(&*method("spmf", params).unwrap(), true, folder.path(), usize::MAX).unwrap()
}

#[test]
fn it_goes_on_from_any_epoch_of_any_period() {
    for params in [SPMF.to_string(), from_both()] {
        let params = params.replace("epochs = 1", "epochs = 2");
        assert_resumes(&*method("spmf", &params).unwrap(), true, 6, &[&[1], &[2], &[5], &[2, 1, 2]]);
    }
    same_on_threads(|| bits_of_periods(&run(SPMF)));
}

#[test]
fn numbers_are_those_of_the_classes() {
    let periods = impressions(true);
    let counts = |from: usize, to: usize| {
        let samples = periods.samples(from..to).unwrap();
        [samples.positives(), samples.len() - samples.positives()]
    };
    let (beside, both) = (run(SPMF), run(&from_both()));
    for run in [&beside, &both] {
        for (name, count) in ["reservoir_positives", "reservoir_negatives"].into_iter().zip(counts(0, FIRST)) {
            let size = (0.4 * count as f64).floor();
            assert!(run.periods[1..].iter().all(|period| period.facts[name] == size), "{name}");
        }
        assert_eq!((run.periods[0].epochs_run, run.periods.len()), (0, LAST + 1 - FIRST));
    }
    for (at, period) in (FIRST..LAST).enumerate() {
        let drawn: usize = counts(period, period + 1).iter().map(|count| count / 2).sum();
        let facts = &beside.periods[at + 1].facts;
        assert_eq!((facts["drawn"], facts["training"]), (drawn as f64, (drawn + SAMPLES) as f64));
        let facts = &both.periods[at + 1].facts;
        assert_eq!((facts["drawn"], facts["training"]), (SAMPLES as f64, SAMPLES as f64));
    }
}

/// What is learnt is the period and samples of the reservoirs, the oldest first; the reservoirs change when it has ended.
#[test]
fn a_period_is_learnt_after_old_samples() {
    let folder = tempfile::tempdir().unwrap();
    let fraction = Rate::try_from(0.4).unwrap();
    for drawing in [Drawing::BesidePeriod { ratio: Rate::try_from(0.5).unwrap() }, Drawing::FromBoth] {
        with_impressions(impressions(true), &["auc"], folder.path(), 0, |cx| {
            let periods = cx.task.periods().unwrap();
            let mut model = EmbeddingMlp::new(pretrained(periods)).unwrap();
            let mut spmf = Spmf::new(fraction, drawing);
            spmf.end(cx, periods.period(FIRST)).unwrap();
            for number in FIRST + 1..=LAST {
                let (period, reservoirs) = (periods.period(number), spmf.reservoirs.clone());
                let set = spmf.training_set(cx, period, &mut model).unwrap();
                let of_period = ((number - 1) * SAMPLES) as u32..(number * SAMPLES) as u32;
                let training = &set.positions;
                assert!(training.is_sorted_by(|a, b| a < b) && set.order == Order::AsGiven, "{training:?}");
                let own = training.iter().filter(|sample| of_period.contains(sample)).count();
                assert_eq!(own == SAMPLES, drawing.keeps_period(), "{own} of the period itself");
                // Positives are drawn by what the model that is to be updated gives them.
                let is_positive = |sample: &u32| set.samples.get(*sample as usize).label;
                let mut pool = reservoirs[0].samples().to_vec();
                if !drawing.keeps_period() {
                    pool.extend(of_period.clone().filter(is_positive));
                }
                let queries = Queries::of_samples(set.samples, periods.n_items(), HeldOut::Valid);
                let queries = queries.with_categories(periods.categories());
                let scorer = EmbeddingMlpScorer::new(&model.weights().unwrap(), &queries).unwrap();
                let scores: Vec<f32> = pool
                    .iter()
                    .map(|&sample| {
                        let (mut score, pair) = ([0.0], queries.pairs()[sample as usize]);
                        scorer.score(pair.asker, &[pair.item], &mut score);
                        score[0]
                    })
                    .collect();
                assert!(scores.iter().any(|score| *score != scores[0]));
                let positives = of_period.clone().filter(is_positive).count();
                let mut stream = cx.stream("draw-positives", 0);
                let drawn = draw_weighted(&rank_weights(&scores), drawing.count(positives), &mut stream);
                let mut want: Vec<u32> = drawn.into_iter().map(|at| pool[at as usize]).collect();
                if drawing.keeps_period() {
                    want.extend(of_period.clone().filter(is_positive));
                }
                want.sort_unstable();
                let got: Vec<u32> = training.iter().copied().filter(is_positive).collect();
                assert_eq!(got, want, "period {number}");
                for (class, reservoir) in reservoirs.iter().enumerate() {
                    let is = |sample: u32| set.samples.get(sample as usize).label == (class == 0);
                    assert!(reservoir.samples().iter().all(|&sample| is(sample) && sample < of_period.start));
                    let old = training.iter().filter(|sample| !of_period.contains(sample) && is(**sample));
                    assert!(old.clone().count() > 3 && old.clone().all(|sample| reservoir.samples().contains(sample)));
                }
                assert_eq!(spmf.reservoirs, reservoirs, "they are updated when the period has ended");
                // The chances of newcomers fall with the number of their class in all periods before.
                let seen = (0..of_period.start).filter(is_positive).count();
                let before = [seen, of_period.start as usize - seen];
                let mut want = reservoirs.clone();
                for (class, reservoir) in want.iter_mut().enumerate() {
                    let new: Vec<u32> =
                        of_period.clone().filter(|sample| is_positive(sample) == (class == 0)).collect();
                    let mut stream = cx.stream(["update-positives", "update-negatives"][class], 0);
                    reservoir.update(&new, before[class], &mut stream);
                }
                spmf.end(cx, period).unwrap();
                assert_eq!(spmf.reservoirs, want);
                for (after, before) in spmf.reservoirs.iter().zip(&reservoirs) {
                    let from = |sample: &&u32| before.samples().contains(sample) || of_period.contains(sample);
                    assert!(after != before && after.samples().iter().filter(from).count() == before.samples().len());
                }
            }
        });
    }
}

#[test]
fn reservoirs_that_do_not_fit_are_refused() {
    let refused = |params: &str| {
        let (folder, method) = (tempfile::tempdir().unwrap(), method("spmf", params).unwrap());
        let error = train_on_impressions(&*method, true, folder.path(), 0).err().expect("refused");
        assert_eq!(error.kind(), Kind::Input, "{error}");
        error.to_string()
    };
    let small = refused(&SPMF.replace("0.5", "9"));
    assert!(
        small.contains("the reservoir of positives is too small for period 3") && small.contains("hint:"),
        "{small}"
    );
    assert!(refused(&SPMF.replace("0.4", "1e-3")).contains("the reservoir of positives is empty"));
    assert!(refused(&SPMF.replace("batch = 16", "batch = 61")).contains("`batch` is larger than period 0"));
    for (from, to, words) in [
        ("0.4", "1.5", "at most 1"),
        ("0.4", "0", "above 0"),
        ("0.5", "-1", "above 0"),
        ("beside-period", "beside", "unknown variant"),
        ("ratio", "ration", "available keys: ratio"),
    ] {
        let error = method("spmf", &SPMF.replace(from, to)).err().expect("refused");
        assert!(error.contains(words), "{to}: {error}");
    }
}
