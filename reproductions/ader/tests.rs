//! The parts of ADER against the reference vectors, and exemplars end to end.

use harness::nn::padded;
use harness::rng::Stream;
use harness::split::periods::sessions::{answerable, sessions, sub_sequences};
use harness::train::Model;

use super::batches::{Cycle, Plan};
use super::ewc::Penalty;
use super::memory::Memory;
use super::sample::sample;
use super::split::{split, train_size};
use super::weight::Growth;
use super::*;
use crate::golden::{case, doubles, ids};
use crate::kit::same_on_threads;
use crate::models::sasrec::{BatchPart, SasRec, SasRecEncoder, SasRecSizes, Sequences};
use harness::nn::Dropout;
use harness::nn::softmax::Target;

fn lists(value: &serde_json::Value) -> Vec<Vec<u32>> {
    value.as_array().unwrap().iter().map(ids).collect()
}

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "ader-test", purpose, 0)
}

#[test]
fn sub_sequences_agree_with_the_reference() {
    let case = case("ader.json", "subsequence_expansion");
    let sessions = lists(&case["inputs"]["sessions"]);
    let got: Vec<&[u32]> = sessions.iter().flat_map(|session| sub_sequences(session)).collect();
    assert_eq!(got, lists(&case["expected"]["subsequences"]));
}

#[test]
fn inputs_and_labels_agree_with_the_reference() {
    let case = case("ader.json", "pad_and_label");
    let expected = case["expected"]["rows"].as_array().unwrap();
    for (item, want) in case["inputs"]["items"].as_array().unwrap().iter().zip(expected) {
        let sub_sequence = ids(&item["sub"]);
        let got = sample(&sub_sequence, item["maxlen"].as_u64().unwrap() as usize).unwrap();
        // The reference pads on the left with zeros, which are no items.
        let padded = ids(&want["seq"]);
        assert_eq!(got.input, padded.into_iter().skip_while(|&id| id == 0).collect::<Vec<_>>());
        assert_eq!(got.label, want["label"].as_u64().unwrap() as u32);
    }
    assert!(sample(&[7], 50).is_none() && sample(&[], 50).is_none());
}

#[test]
fn the_filter_of_a_test_period_agrees_with_the_reference() {
    let case = case("ader.json", "test_period_filter");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    // From 1 there, from 0 here.
    let known = ids(&inputs["known_items"]);
    assert_eq!(known, [1, 2, 3, 4, 5]);
    let events = lists(&inputs["events_session_item"]);
    let sessions = sessions(events.iter().map(|event| (event[0], event[1] - 1)));
    let got = answerable(sessions.iter().map(Vec::as_slice), known.len());
    let here =
        |value| lists(value).into_iter().map(|list| list.iter().map(|id| id - 1).collect()).collect::<Vec<Vec<u32>>>();
    assert_eq!(got, here(&expected["sessions"]));
    assert_eq!(events.len() - got.iter().map(Vec::len).sum::<usize>(), expected["removed_actions"]);
    let expanded: Vec<&[u32]> = got.iter().flat_map(|session| sub_sequences(session)).collect();
    assert_eq!(expanded, here(&expected["expanded"]));
    assert_eq!(expanded.iter().filter_map(|sub| sample(sub, 50)).count(), expected["predictions"]);
    assert_eq!(harness::split::periods::sessions::sessions([(4, 0), (2, 1), (4, 2)]), [vec![0, 2], vec![1]]);
    assert!(answerable([&[9, 8][..]].into_iter(), 5).is_empty(), "a period of new items");
}

#[test]
fn the_split_agrees_with_the_reference() {
    let case = case("ader.json", "train_valid_split_sizes");
    let valid = case["inputs"]["valid_portion"].as_f64().unwrap();
    let wanted = ids(&case["expected"]["n_train"]).into_iter().zip(ids(&case["expected"]["n_valid"]));
    for (n, (train, left)) in ids(&case["inputs"]["n"]).into_iter().zip(wanted) {
        assert_eq!((train_size(n as usize, valid), n - train), (train as usize, left));
        let parts = split(n as usize, valid, &mut stream("split"));
        assert_eq!((parts.train.len(), parts.valid.len()), (train as usize, left as usize));
        let mut all = [parts.train, parts.valid].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..n));
    }
    assert_eq!(split(0, valid, &mut stream("split")).train.len(), 0);
}

#[test]
fn batches_agree_with_the_reference() {
    let case = case("ader.json", "exemplar_batching");
    let expected = case["expected"]["rows"].as_array().unwrap();
    for (row, want) in case["inputs"]["rows"].as_array().unwrap().iter().zip(expected) {
        let [train, batch, exemplars] =
            ["n_train", "batch_size", "exemplars"].map(|key| row[key].as_u64().unwrap() as usize);
        let plan = Plan::new(train, batch, exemplars);
        assert_eq!(plan.batches, want["batches"]);
        assert_eq!(plan.exemplars, want["exemplar_batch"]);
        assert_eq!(Cycle::new(exemplars, plan.exemplars).per_pass(), want["exemplar_batches"]);
    }
    // Fewer exemplars than batches, and none.
    assert_eq!(Plan::new(1000, 10, 30), Plan { batches: 100, exemplars: 1 });
    assert_eq!(Plan::new(1000, 10, 0), Plan { batches: 100, exemplars: 0 });
}

#[test]
fn a_cycle_shows_each_once_a_pass_and_goes_on_anywhere() {
    let open = |pass| Stream::new(0, "ader-test", "cycle", pass);
    let mut cycle = Cycle::new(29, 14);
    let all: Vec<Vec<u32>> = (0..9).map(|k| cycle.batch(k, open).to_vec()).collect();
    assert_eq!(
        all.iter().map(Vec::len).collect::<Vec<_>>(),
        [14, 14, 1, 14, 14, 1, 14, 14, 1],
        "a short one ends a pass"
    );
    for pass in all.chunks(3) {
        let mut seen = pass.concat();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..29));
    }
    assert_ne!(all[0], all[3], "another order");
    assert_eq!(Cycle::new(29, 14).batch(7, open), all[7]);
    assert_eq!(Cycle::new(3, 5).batch(2, open).len(), 3);
}

#[test]
fn weights_agree_with_the_reference() {
    let case = case("ader.json", "adaptive_lambda");
    let wanted = doubles(&case["expected"]["lam"]);
    for (row, want) in case["inputs"]["rows"].as_array().unwrap().iter().zip(wanted) {
        let count = |key: &str| row[key].as_u64().unwrap() as usize;
        let base = row["base"].as_f64().unwrap();
        let growth = Growth {
            items_before: count("items_prev"),
            items: count("items_now"),
            exemplars: count("exemplars"),
            train: count("train_subsequences"),
        };
        assert!((ReplayWeighting::Adaptive.weight(base, &growth) - want).abs() < 1e-6);
        assert_eq!(ReplayWeighting::Fixed.weight(base, &growth), base);
    }
}

#[test]
fn options_are_read_strictly() {
    let text = "budget = 30000\nquota = \"multinomial\"\nselection = \"herding-capped\"";
    let read = |text: &str| toml::from_str::<Kept>(text).map_err(|error| error.to_string());
    let kept = read(text).unwrap();
    assert_eq!((kept.quota, kept.selection), (Quota::Multinomial, ExemplarSelection::HerdingCapped));
    assert!(read(&text.replace("30000", "0")).unwrap_err().contains("from 1"), "no room for an exemplar");
    assert!(read(&text.replace("multinomial", "uniform")).unwrap_err().contains("unknown variant `uniform`"));
    assert!(read(&text.replace("budget = 30000\n", "")).unwrap_err().contains("missing field `budget`"));
}

const SIZES: SasRecSizes = SasRecSizes { items: 40, dim: 8, length: 6, blocks: 2, heads: 1 };
/// Items seen so far.
const ITEMS: usize = 30;

pub(super) fn model() -> SasRec {
    let mut initial = SIZES.initial(stream);
    // Larger than in training, so that nothing is nearly 0.
    initial.parameters.iter_mut().flat_map(|p| &mut p.values).for_each(|v| *v *= 3.0);
    SasRec::new(initial, Dropout::new(0.0)).unwrap()
}

/// Lists of 1 to 9 items.
pub(super) fn candidates(n: u32) -> Vec<Vec<u32>> {
    let mut stream = stream("candidates");
    (0..n).map(|_| (0..1 + stream.below(9)).map(|_| stream.below(ITEMS as u32)).collect()).collect()
}

pub(super) fn kept(quota: Quota, selection: ExemplarSelection, budget: usize) -> Kept {
    let text = format!("budget = {budget}\nquota = \"equal\"\nselection = \"random\"");
    Kept { quota, selection, ..toml::from_str(&text).unwrap() }
}

pub(super) fn choose(encoder: &SasRecEncoder<'_>, lists: &[Vec<u32>], kept: &Kept) -> Memory {
    let lists: Vec<&[u32]> = lists.iter().map(|list| &list[..]).collect();
    Memory::choose(encoder, ITEMS, &lists, kept, true, stream).unwrap()
}

#[test]
fn exemplars_keep_their_quota_and_what_the_model_answered() {
    let model = model();
    let encoder = model.encoder();
    let lists = candidates(400);
    let usable: Vec<&[u32]> = lists.iter().filter(|list| list.len() > 1).map(|list| &list[..]).collect();
    let tail = |list: &[u32]| list[list.len().saturating_sub(SIZES.length + 1)..].to_vec();
    for selection in [
        ExemplarSelection::HerdingCapped,
        ExemplarSelection::HerdingExact,
        ExemplarSelection::Random,
        ExemplarSelection::Loss,
    ] {
        for quota in [Quota::Multinomial, Quota::Proportional, Quota::Equal] {
            let memory = choose(&encoder, &lists, &kept(quota, selection, 100));
            assert!(memory.len() <= 100 && memory.len() > 60, "{} of {quota:?}, {selection:?}", memory.len());
            assert!(memory.lists().all(|list| usable.iter().any(|usable| tail(usable) == list)));
            assert_eq!(memory.items(), ITEMS);
        }
    }
    // Room for all of them: each stays, and a list that is seen twice is kept twice.
    let memory = choose(&encoder, &lists, &kept(Quota::Proportional, ExemplarSelection::HerdingExact, usable.len()));
    let mut stays: Vec<Vec<u32>> = memory.lists().map(<[u32]>::to_vec).collect();
    let mut wanted: Vec<Vec<u32>> = usable.iter().map(|list| tail(list)).collect();
    stays.sort();
    wanted.sort();
    assert_eq!(stays, wanted);
    // The teacher's answers are the model's.
    let inputs = memory.samples(&[7, 3, 7]).map(|sample| sample.input);
    let x = encoder.encode(&Sequences::new(inputs, SIZES.length, ITEMS).unwrap());
    let answers = memory.answers(&[7, 3, 7]).unwrap();
    let teacher = answers.teacher();
    assert_eq!((teacher.representations, teacher.table.items()), (&x[..], ITEMS));
    for (x, normaliser) in x.chunks_exact(padded(SIZES.dim)).zip(teacher.normalisers) {
        let logit = |item: usize| -> f64 {
            let row = &encoder.items()[item * SIZES.dim..][..SIZES.dim];
            row.iter().zip(x).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let want = (0..ITEMS).map(|item| logit(item).exp()).sum::<f64>().ln();
        assert!((f64::from(*normaliser) - want).abs() < 1e-5);
    }
    let unseen: &[u32] = &[1, ITEMS as u32];
    let few = kept(Quota::Equal, ExemplarSelection::Random, 5);
    assert!(Memory::choose(&encoder, ITEMS, &[unseen], &few, true, stream).is_err());
    let all = kept(Quota::Proportional, ExemplarSelection::Random, 5);
    let untaught = Memory::choose(&encoder, ITEMS, &[&[1, 2]], &all, false, stream).unwrap();
    assert!(untaught.len() == 1 && untaught.answers(&[0]).is_none());
    assert!(choose(&encoder, &[vec![4]], &few).is_empty());
}

#[test]
fn threads_choose_the_same_exemplars() {
    let (model, lists) = (model(), candidates(300));
    same_on_threads(|| {
        let encoder = model.encoder();
        [ExemplarSelection::HerdingCapped, ExemplarSelection::Random]
            .map(|s| choose(&encoder, &lists, &kept(Quota::Multinomial, s, 90)))
    });
}

/// The Fisher information against one step of each sample alone, and the penalty against its own differences.
#[test]
fn fisher_information_is_that_of_single_samples() {
    let mut model = model();
    let lists: Vec<Vec<u32>> = candidates(90).into_iter().filter(|list| list.len() > 1).collect();
    let samples: Vec<_> = lists.iter().map(|list| sample(list, SIZES.length).unwrap()).collect();
    let labels: Vec<u32> = samples.iter().map(|sample| sample.label).collect();
    let all = Sequences::new(samples.iter().map(|sample| sample.input), SIZES.length, ITEMS).unwrap();
    let fisher = model.fisher(&all, &labels, ITEMS).unwrap();
    let mut sums: Vec<Vec<f64>> = fisher.iter().map(|values| vec![0.0; values.len()]).collect();
    for sample in &samples {
        let one = Sequences::new([sample.input], SIZES.length, ITEMS).unwrap();
        let target = Target::Items(&[sample.label]);
        model
            .forward_backward(&one, &[BatchPart { rows: 1, items: ITEMS, target, weight: 1.0 }], &mut stream("unused"))
            .unwrap();
        for (sums, dense) in sums.iter_mut().zip(model.dense_mut()) {
            sums.iter_mut()
                .zip(&dense.gradient)
                .for_each(|(sum, g)| *sum += f64::from(*g).powi(2) / samples.len() as f64);
        }
    }
    for (k, (got, want)) in fisher.iter().zip(&sums).enumerate() {
        let size = want.iter().sum::<f64>() / want.len() as f64;
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 2e-5 * (want + size), "parameter {k}: {got} {want}");
        }
    }
    let penalty = Penalty::new(2.5, &mut model, &all, &labels, ITEMS).unwrap();
    assert_eq!(penalty.add(&mut model).unwrap(), 0.0, "nothing has moved");
    let moved = |model: &SasRec| {
        let mut weights = model.weights().unwrap();
        weights.parameters.iter_mut().for_each(|p| p.values.iter_mut().for_each(|v| *v += 0.1));
        weights
    };
    model.set_weights(moved(&model)).unwrap();
    model.dense_mut().for_each(|dense| dense.gradient.fill(0.0));
    let want = 0.5 * 2.5 * 0.01 * fisher.iter().flatten().map(|f| f64::from(*f)).sum::<f64>();
    let got = penalty.add(&mut model).unwrap();
    assert!((got - want).abs() < 1e-4 * want, "{got} {want}");
    for (dense, fisher) in model.dense_mut().zip(&fisher) {
        for (gradient, fisher) in dense.gradient.iter().zip(fisher) {
            assert!((gradient - 2.5 * fisher * 0.1).abs() < 1e-4 * fisher + 1e-9);
        }
    }
    let mut other = SasRec::new(SasRecSizes { blocks: 1, ..SIZES }.initial(stream), Dropout::new(0.0)).unwrap();
    assert!(penalty.add(&mut other).is_err());
    assert!(model.fisher(&Sequences::default(), &[], ITEMS).is_err());
    assert!(model.fisher(&all, &labels, 3).is_err(), "items that were never seen");
}
