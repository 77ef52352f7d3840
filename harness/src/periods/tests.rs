use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use candle_core::Device;

use super::*;
use crate::data::{Dataset, Interaction, Part};
use crate::error::{Error, Kind, Result};
use crate::meter::Meter;
use crate::method::Parameter;
use crate::metrics::{Candidates, Protocol, Scorer};
use crate::rank::Ranker;
use crate::train::{Checkpoint, Context, Ending, Epoch, Model, Observer, State};

/// User, item, time.
type Events<'a> = &'a [(u32, u32, i64)];

fn dataset(parts: &[(&str, Events<'_>)]) -> Dataset {
    let part = |(name, events): &(&str, Events<'_>)| Part {
        name: (*name).into(),
        interactions: events.iter().map(|&(user, item, time)| Interaction { user, item, time, value: 1.0 }).collect(),
    };
    Dataset { name: "made-up".into(), n_users: 20, n_items: 9, parts: parts.iter().map(part).collect() }
}

/// Session 1 goes on in period 1; items 3 and 4 are new in period 1, and 5 in period 2.
fn three() -> Dataset {
    dataset(&[
        ("period-0", &[(1, 0, 0), (2, 1, 1), (1, 2, 2), (2, 0, 3), (3, 1, 4)]),
        ("period-1", &[(1, 3, 5), (4, 0, 6), (4, 3, 7), (4, 1, 8), (5, 2, 9), (1, 4, 10), (5, 1, 11)]),
        ("period-2", &[(6, 3, 12), (6, 5, 13), (6, 4, 14), (7, 5, 15), (7, 0, 16)]),
    ])
}

fn rows(lists: &UserItems) -> Vec<Vec<u32>> {
    lists.rows().map(<[u32]>::to_vec).collect()
}

#[test]
fn a_period_is_learnt_from_those_before_it() {
    let periods = given(&three(), 2, Catalogue::Growing).unwrap();
    assert_eq!((periods.last(), periods.n_items()), (2, 9));
    let [first, second] = [1, 2].map(|number| periods.period(number));
    let sessions = |period: Period<'_>, window| period.sessions(window).map(<[u32]>::to_vec).collect::<Vec<_>>();
    assert_eq!(sessions(first, Limit::All), [vec![0, 2], vec![1, 0], vec![1]]);
    // The second piece of session 1 is a session of its own.
    assert_eq!(sessions(second, Limit::At(1)), [vec![3, 4], vec![0, 3, 1], vec![2, 1]]);
    assert_eq!(sessions(second, Limit::All).len(), 6);
    assert_eq!(sessions(second, Limit::At(9)).len(), 6, "a window may reach beyond the first period");
    assert_eq!([first.items_before(), first.items(), second.items_before(), second.items()], [0, 3, 3, 5]);
    let full = given(&three(), 2, Catalogue::Full).unwrap();
    assert_eq!([full.period(1).items(), full.period(2).items()], [9, 9]);
    assert_ne!(full.digest(), periods.digest());
    assert_ne!(given(&three(), 1, Catalogue::Growing).unwrap().digest(), periods.digest());
}

#[test]
fn a_test_asks_every_event_after_the_first_of_what_is_known() {
    let periods = given(&three(), 2, Catalogue::Growing).unwrap();
    let test = periods.period(1).test();
    // Items 3 and 4 are not known yet: session 1 is gone, and session 4 is 0, 1.
    assert_eq!((rows(&test.train), rows(&test.test)), (vec![vec![0], vec![2]], vec![vec![1], vec![1]]));
    assert_eq!((test.n_users, test.n_items, test.valid.len()), (2, 3, 0));
    let test = periods.period(2).test();
    assert_eq!((rows(&test.train), rows(&test.test)), (vec![vec![3]], vec![vec![4]]));
    let full = given(&three(), 2, Catalogue::Full).unwrap().period(2).test();
    assert_eq!(rows(&full.train), [vec![3, 5], vec![3], vec![5]], "longest first");
    let valid = queries([&[1u32, 2, 3][..], &[4]].into_iter(), 9, HeldOut::Valid);
    assert_eq!((rows(&valid.train), rows(&valid.valid)), (vec![vec![1, 2]], vec![vec![3]]), "one item asks nothing");
}

#[test]
fn data_that_is_no_stream_is_refused() {
    let refused = |dataset: &Dataset, last| given(dataset, last, Catalogue::Growing).unwrap_err();
    let error = refused(&three(), 3);
    assert!(error.kind() == Kind::Input && error.to_string().contains("has no part `period-3`"), "{error}");
    assert!(error.to_string().contains("period-0, period-1, period-2"), "{error}");
    for (part, events, says) in [
        (1, &[][..], "period 1 has no event"),
        (1, &[(4, 0, 0), (4, 5, 0)], "period 1 has new items that do not go on"),
        (2, &[(6, 5, 0), (6, 6, 0)], "period 2 has nothing to predict"),
        (0, &[(1, 0, 0), (2, 1, 0), (3, 2, 0)], "period 0 has nothing to learn from"),
    ] {
        let mut dataset = three();
        let events = events.iter().map(|&(user, item, time)| Interaction { user, item, time, value: 1.0 });
        dataset.parts[part].interactions = events.collect();
        let error = refused(&dataset, 2);
        assert!(error.kind() == Kind::Data && error.to_string().contains(says), "{says}: {error}");
    }
}

#[test]
fn time_is_cut_into_periods() {
    const DAY: i64 = 86_400;
    // Given out of order; item 8 has one interaction, and is dropped.
    let events: Events<'_> = &[
        (1, 5, 3 * DAY),
        (1, 2, 3 * DAY + 1),
        (1, 2, 0),
        (1, 5, 1),
        (2, 8, DAY),
        (2, 2, 2 * DAY - 1),
        (2, 7, 2 * DAY),
        (2, 5, 2 * DAY),
        (1, 7, 5 * DAY),
        (1, 2, 4 * DAY),
        (3, 7, 7 * DAY),
    ];
    let dataset = dataset(&[("all", events)]);
    let cut = |days, first, last| by_time(&dataset, [days, first, last], 2, Catalogue::Growing);
    // Days 0 to 1 are period 0, 2 to 3 period 1, 4 to 5 period 2; what follows is left out. Items are numbered
    // as they occur: 2 → 0, 5 → 1, 7 → 2.
    let periods = cut(2, 1, 2).unwrap();
    assert_eq!(
        periods.sessions.iter().map(rows).collect::<Vec<_>>(),
        [vec![vec![0, 1], vec![0]], vec![vec![2, 1], vec![1, 0]], vec![vec![0, 2]]]
    );
    assert_eq!((periods.n_items(), &periods.seen[..]), (3, &[2, 3, 3][..]));
    let error = cut(2, 1, 3).unwrap_err().to_string();
    assert!(error.contains("ends before period 3 does") && error.contains("3 × 2 days and a part"), "{error}");
    assert!(by_time(&dataset, [2, 1, 2], 9, Catalogue::Growing).unwrap_err().to_string().contains("at least 9"));
    assert_eq!(rows(&cut(2, 2, 1).unwrap().sessions[0]), [vec![0, 1, 1, 0], vec![0, 2, 1]]);
}

/// Scores items by how often they came, with noise; what it carries is the counts, and a number that each period's
/// end doubles.
struct Counter {
    counts: Vec<f32>,
    carried: f32,
    sessions: Vec<Vec<u32>>,
    items: usize,
}

struct Scores(Vec<f32>);

impl Scorer for Scores {
    fn n_items(&self) -> usize {
        self.0.len()
    }
    fn score(&self, _: u32, items: &[u32], out: &mut [f32]) {
        out.iter_mut().zip(items).for_each(|(score, &item)| *score = self.0[item as usize]);
    }
    fn score_all(&self, _: u32, out: &mut [f32]) {
        out.copy_from_slice(&self.0);
    }
}

impl Model for Counter {
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        Ok(Box::new(Scores(self.counts[..self.items].to_vec())))
    }
    fn parameters(&self) -> Result<Vec<Parameter>> {
        Ok(vec![Parameter { name: "counts".into(), shape: vec![9], values: self.counts.clone() }])
    }
    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        self.counts.clone_from(&parameters[0].values);
        Ok(())
    }
    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        state.put("counts", Cow::Borrowed(&self.counts[..]));
        Ok(())
    }
    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.counts = state.take("counts", 9)?;
        Ok(())
    }
}

impl<'p> Learner<'p> for Counter {
    fn begin(&mut self, cx: &mut Context<'_>, period: Period<'p>) -> Result<Lesson> {
        self.sessions = period.sessions(Limit::At(1)).map(<[u32]>::to_vec).collect();
        let facts = BTreeMap::from([("carried".to_string(), f64::from(self.carried))]);
        let valid = queries(self.sessions.iter().map(Vec::as_slice), period.items(), HeldOut::Valid);
        self.carried += cx.stream("begin", 0).unit() as f32;
        Ok(Lesson { valid, facts })
    }
    fn ask(&mut self, _: Arc<UserItems>, items: usize) {
        self.items = items;
    }
    fn epoch(&mut self, cx: &mut Context<'_>, epoch: usize) -> Result<f64> {
        assert!(cx.split.test.is_empty(), "what is to be tested is not at hand");
        let mut noise = cx.stream("noise", epoch);
        self.sessions.iter().flatten().for_each(|&item| self.counts[item as usize] += noise.unit() as f32);
        Ok(f64::from(self.counts[0] + self.carried))
    }
    fn end(&mut self, _: &mut Context<'_>, _: Period<'p>) -> Result<()> {
        self.carried *= 2.0;
        Ok(())
    }
    fn carry<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.save(state)?;
        state.put("carried", vec![self.carried]);
        Ok(())
    }
    fn take_up(&mut self, state: &mut State<'_>) -> Result<()> {
        self.restore(state)?;
        self.carried = state.take("carried", 1)?[0];
        Ok(())
    }
}

/// Asks for the end after some epochs.
struct Until(usize, AtomicUsize);

impl Observer for Until {
    fn epoch(&self, _: Epoch<'_>) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, _: &str) {}
    fn run_begins(&self, _: usize, _: usize, _: &str) {}
    fn run_ends(&self, _: &str, _: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

fn go(folder: &Path, until: usize) -> Result<(Vec<Learnt>, Vec<f32>)> {
    let periods = given(&three(), 2, Catalogue::Growing).unwrap();
    let split = periods.period(2).test();
    let seen = split.train.sorted();
    let protocol = Protocol::new(Candidates::All, vec!["mrr@3".parse().unwrap()]).unwrap();
    let ranker = Ranker::new(&protocol, &split).unwrap();
    let observer = Until(until, AtomicUsize::new(0));
    let mut cx = Context {
        periods: Some(&periods),
        period: None,
        split: &split,
        seen: &seen,
        ranker: &ranker,
        trial: "counter",
        seed: 0,
        device: &Device::Cpu,
        teacher: None,
        meter: Meter::new(&Device::Cpu),
        checkpoint: Checkpoint::new(folder.join("checkpoint"), Duration::MAX),
        observer: &observer,
    };
    let mut counter = Counter { counts: vec![0.0; 9], carried: 1.0, sessions: Vec::new(), items: 9 };
    let stopping = serde_json::json!({"watch": ["mrr@3"], "patience": 9, "every": 1, "decimals": 15});
    let ending = Ending::Early(serde_json::from_value(stopping).unwrap());
    let learnt = learn(&mut cx, &mut counter, 4, &ending)?;
    Ok((learnt, counter.counts))
}

/// All but the seconds.
fn bits((learnt, counts): (Vec<Learnt>, Vec<f32>)) -> String {
    let period = |l: &Learnt| {
        let Learnt { period, items, facts, epochs_run, selected, curve, test, seconds: _ } = l;
        format!("{period} {items} {facts:?} {epochs_run} {selected:?} {curve:?} {test:?}")
    };
    format!("{:?} {counts:?}", learnt.iter().map(period).collect::<Vec<_>>())
}

#[test]
fn a_run_that_is_stopped_anywhere_goes_on_as_if_it_had_not_been() {
    let folder = || tempfile::tempdir().unwrap();
    let whole = go(folder().path(), usize::MAX).unwrap();
    assert_eq!(whole.0.iter().map(|l| (l.period, l.items, l.epochs_run)).collect::<Vec<_>>(), [(1, 3, 4), (2, 5, 4)]);
    assert!(whole.0[1].facts["carried"] > 2.0, "the end of period 1 doubled what was more than 1");
    let whole = bits(whole);
    for stops in [&[1][..], &[3], &[4], &[5], &[7], &[1, 1, 1], &[2, 3, 1]] {
        let folder = folder();
        for &stop in stops {
            // The last epoch of a period is no place to stop at; the period ends first.
            match go(folder.path(), stop) {
                Err(error) => assert_eq!(error.kind(), Kind::Interrupted, "{error}"),
                Ok(_) => panic!("not stopped after {stop} epochs"),
            }
        }
        assert_eq!(bits(go(folder.path(), usize::MAX).unwrap()), whole, "stopped after {stops:?}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["checkpoint"], "no state within a period stays");
    }
}

#[test]
fn a_state_of_something_else_is_told_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let _ = go(folder.path(), 5).unwrap_err();
    let path = folder.path().join("checkpoint");
    let mut state = State::read(&path).unwrap();
    state.arrays.remove("carried");
    state.write(&path).unwrap();
    let error = go(folder.path(), usize::MAX).unwrap_err().to_string();
    assert!(error.contains("the same command starts this run over") && !path.exists(), "{error}");
    std::fs::write(&path, b"nonsense").unwrap();
    go(folder.path(), usize::MAX).unwrap();
}
