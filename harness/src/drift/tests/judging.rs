//! The rules.

use super::*;
use crate::drift::Case;

type Edit = fn(&mut Record);

const VALUES: [f64; 3] = [0.1, 0.2, 0.3];

fn two() -> Fixture {
    world(&[("student", &VALUES), ("teacher", &[0.5, 0.6, 0.7])])
}

#[track_caller]
fn found(baseline: &Baseline, today: &Fixture, verdict: DriftVerdict, words: &[&str]) -> Judgement {
    let judgement = judge(baseline, &today.today());
    let told = told(&judgement);
    assert_eq!(judgement.verdict(), verdict, "{told:?}");
    for words in words {
        assert!(told.iter().any(|line| line.contains(words)), "`{words}` is not in {told:?}");
    }
    judgement
}

#[test]
fn the_same_bytes_are_fine_whatever_the_clock_says() {
    let slower = two().edit("student", 1, |record| *record.seconds.get_mut("total").unwrap() *= 100.0);
    let judgement = found(&two().baseline(), &slower, DriftVerdict::Fine, &[]);
    assert_eq!(told(&judgement), [""; 0]);
    assert_eq!(judgement.seconds(), (15.0, 262.5));
    assert!(judgement.trials.iter().all(|trial| trial.exact && trial.seeds == [0, 1, 2]));
}

#[test]
fn runs_over_periods_are_judged_by_their_means() {
    let over_periods = || {
        let mut world = two();
        for record in &mut world.records {
            *record = sample_of_periods(&record.trial, record.seed);
        }
        world
    };
    let baseline = over_periods().baseline();
    // 1 query and 3; the mean of 1 and 0; no epoch is selected for the whole run.
    let run = &baseline.runs["student"].0[&0];
    assert_eq!((run.queries, run.epochs_run, run.metrics["hr@5"]), (Some(4), Some(4), 0.5));
    found(&baseline, &over_periods(), DriftVerdict::Fine, &[]);
    let today = over_periods().edit("student", 0, |record| *record.metrics.get_mut("hr@5").unwrap() += 1e-9);
    found(&baseline, &today, DriftVerdict::Drift, &["student: hr@5"]);
}

#[test]
fn one_bit_of_one_seed_is_drift_on_every_cpu() {
    let flipped = f64::from_bits(VALUES[1].to_bits() + 1);
    let judgement = found(&two().baseline(), &two().on_another_cpu(), DriftVerdict::Fine, &[]);
    assert!(judgement.trials.iter().all(|trial| trial.exact && trial.class == "aarch64-neon"));
    let today = two().on_another_cpu().edit("student", 1, |record| *record.metrics.get_mut("hr@5").unwrap() = flipped);
    found(&two().baseline(), &today, DriftVerdict::Drift, &["student: hr@5: drift: other bytes at seed 1"]);
    let today = two().edit("student", 1, |record| *record.metrics.get_mut("hr@5").unwrap() = flipped);
    let why = "student: hr@5: drift: other bytes at seed 1; seed 1: 0.2 → 0.20000000000000004";
    let judgement = found(&two().baseline(), &today, DriftVerdict::Drift, &[why]);
    assert_eq!(told(&judgement).len(), 1);
    // Units of the seed spread, here 0.1.
    let today = two().edit("student", 1, |record| *record.metrics.get_mut("hr@5").unwrap() = 0.35);
    let judgement = found(&two().baseline(), &today, DriftVerdict::Drift, &[]);
    let case = judgement.trials[0].cases.iter().find(|case| case.name == "hr@5").unwrap();
    assert!((case.values.unwrap().in_spreads.unwrap() - 0.5).abs() < 1e-9, "{case:?}");
}

#[test]
fn counts_and_digests_are_held_to_the_bit() {
    let cases: [(Edit, &str); 6] = [
        (|record| record.parameter_count = Some(29), "parameters 28 → 29 (seed 0)"),
        (|record| record.epochs_run = Some(3), "epochs 2 → 3 (seed 0)"),
        (|record| record.digests.weights = Some(Digest::of(b"other")), " → d9298a10d1b0 (seed 0)"),
        (|record| record.digests.split = Digest::of(b"other"), "split "),
        (|record| record.digests.dataset = Digest::of(b"other"), "dataset "),
        (|record| record.metrics.retain(|name, _| name != "hr@5"), "metrics hr@5 recall@5 → recall@5 (seed 0)"),
    ];
    for (edit, why) in cases {
        found(
            &two().baseline(),
            &two().edit("student", 0, edit),
            DriftVerdict::Drift,
            &["student: counts: drift", why],
        );
    }
    // A record without ranks does not know its queries.
    found(&two().baseline(), &two().edit("student", 0, |record| record.ranks = None), DriftVerdict::Fine, &[]);
}

#[test]
fn of_the_counts_only_what_is_the_same_everywhere_counts_elsewhere() {
    let learnt: Edit = |record| {
        record.digests.weights = Some(Digest::of(b"other"));
        record.epochs_run = Some(3);
    };
    let baseline = two().baseline();
    let judgement = found(&baseline, &two().elsewhere().edit("student", 0, learnt), DriftVerdict::Fine, &[]);
    assert!(judgement.trials.iter().all(|trial| !trial.exact && trial.class == "x86_64-avx512-cuda"));
    let size: Edit = |record| record.parameter_count = Some(29);
    found(&baseline, &two().elsewhere().edit("student", 0, size), DriftVerdict::Drift, &["parameters 28 → 29"]);
    let split: Edit = |record| record.digests.split = Digest::of(b"other");
    found(&baseline, &two().elsewhere().edit("student", 0, split), DriftVerdict::Drift, &["split "]);
}

/// By hand: both sides have variance 1 and n = 3, so the half width is t(0.975; 4)·√(2/3) = 2.267.
#[test]
fn elsewhere_a_metric_drifts_if_zero_is_outside_and_the_change_is_large() {
    let baseline = |matters: f64| {
        let world = world(&[("student", &[1.0, 2.0, 3.0])]);
        world.accept("x", &[], &[("hr@5", matters), ("recall@5", matters)], None).unwrap()
    };
    let today = |values: &[f64]| world(&[("student", values)]).elsewhere();
    let up = today(&[4.0, 5.0, 6.0]);
    let outside = "zero is outside the 95 % interval +0.7330 to +5.2670";
    let spreads = "the change is more than 2.9 seed spreads, the least that matters";
    found(&baseline(2.9), &up, DriftVerdict::Drift, &[outside, spreads]);
    found(
        &baseline(1.0),
        &today(&[-2.0, -1.0, 0.0]),
        DriftVerdict::Drift,
        &["-5.2670 to -0.7330", "more than 1 seed spread,"],
    );
    // Not larger than what matters; and large, but not clear of zero.
    found(&baseline(3.0), &up, DriftVerdict::Fine, &[outside, "no more than 3 seed spreads"]);
    found(
        &baseline(1.0),
        &today(&[3.0, 4.0, 5.0]),
        DriftVerdict::Fine,
        &["zero is in the 95 % interval", "is more than 1"],
    );
}

#[test]
fn what_need_not_be_exact_is_judged_by_the_interval_on_the_same_class() {
    let baseline = two().accept("x", &["student"], &[], None).unwrap();
    let bit: Edit = |record| *record.metrics.get_mut("hr@5").unwrap() += 1e-9;
    found(&baseline, &two().edit("student", 0, bit), DriftVerdict::Fine, &["student: hr@5: fine: zero is in"]);
    found(&baseline, &two().edit("teacher", 0, bit), DriftVerdict::Drift, &["teacher: hr@5: drift: other bytes"]);
}

#[test]
fn what_has_no_spread_must_not_change_at_all() {
    let baseline = world(&[("pop", &[0.25; 3])]).baseline();
    found(&baseline, &world(&[("pop", &[0.25; 3])]).elsewhere(), DriftVerdict::Fine, &[]);
    let today = world(&[("pop", &[0.25, 0.25, 0.250_000_1])]).elsewhere();
    found(&baseline, &today, DriftVerdict::Drift, &["pop: hr@5: drift: the baseline has no spread"]);
}

#[test]
fn one_seed_is_too_few_for_an_interval_unless_nothing_changed() {
    let baseline = world(&[("student", &[0.1])]).baseline();
    found(&baseline, &world(&[("student", &[0.1])]).elsewhere(), DriftVerdict::Fine, &[]);
    let why = "student: hr@5: could not judge: an interval of the difference needs two seeds";
    found(&baseline, &world(&[("student", &[0.2])]).elsewhere(), DriftVerdict::CouldNotJudge, &[why]);
    found(&baseline, &world(&[("student", &[0.2])]), DriftVerdict::Drift, &["other bytes"]);
}

#[test]
fn what_is_not_the_same_run_is_not_judged() {
    let baseline = two().baseline();
    let mut changed = two();
    changed.expected.insert(("student".into(), 1), Digest::of(b"another"));
    let stale = "student: runs: could not judge: seed 1: stale baseline: the spec or its data changed";
    let judgement = found(&baseline, &changed, DriftVerdict::CouldNotJudge, &[stale]);
    assert_eq!(judgement.trials[0].seeds, [0, 2]);

    let mut gone = two();
    gone.expected.retain(|(trial, _), _| trial != "student");
    found(
        &baseline,
        &gone,
        DriftVerdict::CouldNotJudge,
        &["seeds 0, 1, 2: stale baseline: the spec has no such run today"],
    );

    let more = world(&[("student", &[0.1, 0.2, 0.3, 0.4]), ("teacher", &[0.5, 0.6, 0.7]), ("wise", &[0.9])]);
    let words = ["student: runs: could not judge: seed 3: the baseline has no such run", "wise: runs: could not"];
    found(&baseline, &more, DriftVerdict::CouldNotJudge, &words);

    let mut few = two();
    few.records.retain(|record| record.trial != "teacher" || record.seed == 1);
    few.missing.insert(("teacher".into(), 2), "its run failed: a score is not finite".into());
    let words = ["seed 0: there is no record of it today", "seed 2: its run failed: a score is not finite"];
    found(&baseline, &few, DriftVerdict::CouldNotJudge, &words);

    // Drift elsewhere wins.
    let drifted = few.edit("student", 0, |record| record.epochs_run = Some(3));
    assert_eq!(found(&baseline, &drifted, DriftVerdict::Drift, &words).verdict().exit_code(), 1);
}

#[test]
fn only_what_is_asked_for_is_judged() {
    let mut today = two().edit("teacher", 0, |record| record.epochs_run = Some(3));
    today.records.retain(|record| record.seed != 2);
    today.filter = Filter { trials: vec!["student".into()], seeds: vec![0, 1], runs: None };
    let judgement = found(&two().baseline(), &today, DriftVerdict::Fine, &[]);
    assert_eq!(judgement.trials.len(), 1);
    assert_eq!(judgement.trials[0].seeds, [0, 1]);
}

#[test]
fn records_of_the_baselines_arithmetic_come_first() {
    let mut today = two();
    let other = two().elsewhere().edit("student", 0, |record| record.parameter_count = Some(29));
    today.records.extend(other.records);
    found(&two().baseline(), &today, DriftVerdict::Fine, &[]);
    // One record of it is enough to be held to the bit: seeds of two arithmetics are not two samples.
    today.records.retain(|record| record.device != "cpu" || record.seed > 0);
    found(
        &two().baseline(),
        &today,
        DriftVerdict::CouldNotJudge,
        &["student: runs: could not judge: seed 0: there is no"],
    );
}

#[test]
fn cuda_is_judged_by_intervals_even_on_one_card() {
    let on = |device: &str| {
        let mut world = two();
        world.records.iter_mut().for_each(|record| record.device = device.into());
        world
    };
    let bit: Edit = |record| *record.metrics.get_mut("hr@5").unwrap() += 1e-9;
    let baseline = on("cuda:0 Example A").baseline();
    for device in ["cuda:0 Example A", "cuda:0 Example B", "cpu"] {
        found(&baseline, &on(device).edit("student", 0, bit), DriftVerdict::Fine, &["zero is in"]);
    }
    let mut moved = on("cuda:0 Example A");
    moved.records.iter_mut().for_each(|record| *record.metrics.get_mut("hr@5").unwrap() += 10.0);
    found(&baseline, &moved, DriftVerdict::Drift, &["zero is outside"]);
}

#[test]
fn to_look_at_nothing_is_to_judge_nothing() {
    assert_eq!(Suite::overall(&[]), DriftVerdict::CouldNotJudge);
    assert!(!Case { name: Case::COUNTS.into(), verdict: DriftVerdict::Fine, values: None, why: String::new() }.moved());
}
