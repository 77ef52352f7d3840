//! The lists against a full sort, and whole training runs.

use harness::error::Kind;
use harness::metrics::Scorer;
use harness::weights::Weights;

use super::*;
use crate::kit::{World, method, on_threads, parse, queries, same_on_threads};
use crate::models::caser::CaserSizes;
use crate::models::fossil::{self, History};
use crate::models::sequence::{WindowScorer, scorer};
use crate::models::sequential_kind;
use harness::nn::Activation;

mod loss;

use loss::{hybrid, weighting};

/// `reads`: length and targets.
fn training([length, targets]: [usize; 2]) -> String {
    format!(
        "{{ length = {length}, targets = {targets}, negatives = 3, learning_rate = 1e-2, weight_decay = 1e-4, \
         batch = 50, epochs = 5, stopping = \"none\" }}"
    )
}

fn caser(reads: [usize; 2]) -> String {
    format!(
        "{{ dim = 6, vertical_filters = 2, horizontal_filters = 3, convolution = \"identity\", hidden = \"sigmoid\", \
         dropout = 0.5, training = {} }}",
        training(reads)
    )
}

fn fossil(reads: [usize; 2]) -> String {
    format!("{{ dim = 6, alpha = 0.2, history = \"causal\", init_std = 0.1, training = {} }}", training(reads))
}

fn students() -> [(&'static str, String); 2] {
    [("caser", caser([3, 1])), ("fossil", fossil([3, 1]))]
}

/// A world whose teacher is of this kind, with weights from which its scores differ much.
fn world(kind: &'static str) -> World {
    let world = World::new();
    let stream = |purpose: &str| Stream::new(0, "teacher", purpose, 0);
    let (users, items) = (world.split.n_users, world.split.n_items);
    let mut teacher: Weights = match kind {
        "caser" => {
            let (convolution, hidden) = (Activation::Identity, Activation::Sigmoid);
            let ids = items + 1;
            CaserSizes { users, ids, dim: 9, length: 4, vertical: 2, horizontal: 3, convolution, hidden }
                .initial(stream)
        }
        _ => {
            let history = History::Causal;
            fossil::FossilSizes { users, items, dim: 9, length: 4, targets: 1, alpha: 0.2, history }
                .initial(0.1, stream)
        }
    };
    teacher.parameters.iter_mut().flat_map(|p| &mut p.values).for_each(|value| *value *= 3.0);
    if kind == "caser" {
        // The padding is good enough for some lists.
        teacher.parameters[9].values[0] = 1.0;
    }
    World { teacher, kind, ..world }
}

fn params((kind, student): &(&str, String), list: usize, seen: bool, combination: &str, weighting: &str) -> String {
    format!(
        "{{ student.{kind} = {student}, list = {list}, exclude_seen = {seen}, combination = {combination}, \
         weighting = {weighting} }}"
    )
}

const DISCREPANCY: &str = "{ discrepancy = { mu = 0.1, samples.with-replacement = 11, rank_estimate = \"code\" } }";

fn ways(student: &(&str, String)) -> Vec<String> {
    let one = "{ added = 1 }";
    let code = hybrid("code", false, "with-replacement = 11");
    let paper = hybrid("paper", true, "without-replacement = 11");
    vec![
        params(student, 4, false, one, "\"uniform\""),
        params(student, 4, true, one, "{ position = { lambda = 1 } }"),
        params(student, 4, false, one, DISCREPANCY),
        params(student, 4, false, one, &code),
        params(student, 4, true, one, &code),
        params(student, 4, false, "{ mixed = 0.5 }", &code),
        params(student, 4, true, "{ mixed = 0.5 }", &paper),
    ]
}

#[test]
fn a_term_of_weight_0_is_plain_training() {
    for student in students() {
        let world = world(student.0);
        let plain = world.run(student.0, &student.1, &[]).unwrap();
        for combination in ["{ added = 0 }", "{ mixed = 0 }"] {
            for weighting in ["\"uniform\"", DISCREPANCY] {
                let params = params(&student, 4, false, combination, weighting);
                assert!(world.run("rd-sequential", &params, &[]).unwrap() == plain, "{params}");
            }
        }
    }
}

#[test]
fn every_way_learns_something_of_its_own() {
    for student in students() {
        let world = world(student.0);
        let plain = world.run(student.0, &student.1, &[]).unwrap();
        let (first, last) = (f64::from_bits(plain.0[0]), f64::from_bits(plain.0[4]));
        assert!(last < first, "{}: the loss falls from {first} to {last}", student.0);
        let mut seen = vec![plain];
        for params in ways(&student) {
            let bits = world.run("rd-sequential", &params, &[]).unwrap();
            assert!(bits.0.iter().all(|&loss| f64::from_bits(loss).is_finite()));
            assert!(!seen.contains(&bits), "{params}");
            seen.push(bits);
        }
    }
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    for student in students() {
        let world = world(student.0);
        let ways = ways(&student);
        let runs = [(student.0, &student.1), ("rd-sequential", &ways[3]), ("rd-sequential", &ways[6])];
        for (name, params) in runs {
            let whole = same_on_threads(|| world.run(name, params, &[]).unwrap());
            // After epochs 1, 2 and 4.
            assert!(on_threads(2, || world.run(name, params, &[1, 1, 2]).unwrap()) == whole, "{params}");
        }
    }
}

#[test]
fn targets_of_several_items_and_short_sequences_train() {
    for student in [("caser", caser([5, 3])), ("fossil", fossil([5, 3])), ("caser", caser([12, 1]))] {
        let world = world(student.0);
        world.run(student.0, &student.1, &[]).unwrap();
        for params in ways(&student) {
            world.run("rd-sequential", &params, &[]).unwrap();
        }
    }
}

/// A last batch is a mean over its own windows, as any other.
#[test]
fn a_batch_with_room_left_weighs_its_windows_as_a_full_one() {
    for student in students() {
        let world = world(student.0);
        let windows = Windows::new(&world.split.train, 3, 1).unwrap().len();
        for (name, params) in [(student.0, student.1.clone()), ("rd-sequential", ways(&student).remove(6))] {
            let run = |batch: usize| {
                let params = params.replace("batch = 50", &format!("batch = {batch}"));
                world.run(name, &params, &[]).unwrap()
            };
            assert!(run(windows) == run(10 * windows), "{params}");
        }
    }
}

/// Against a full sort of all scores, by both rules.
#[test]
fn lists_are_the_teachers_best_of_what_may_stand_in_them() {
    for student in students() {
        let (world, kind) = (world(student.0), sequential_kind(student.0).unwrap());
        let seen = world.split.train.sorted();
        let windows = Windows::new(&world.split.train, 3, 1).unwrap();
        let (scorer, first) = window_scorer(kind, &world.teacher, &world.split.train, windows.as_slice()).unwrap();
        assert_eq!(scorer.n_items() as u32 + first, 81, "the padding has a row in Caser alone");
        for exclude_seen in [false, true] {
            let method = params(&student, 5, exclude_seen, "{ added = 1 }", "\"uniform\"");
            let method: Sequential = parse(&method).unwrap();
            let lists = world.with_context(|cx| method.lists(cx, &windows)).unwrap();
            let mut padded = 0;
            for (number, window) in windows.as_slice().iter().enumerate() {
                let mut scores = vec![0.0; scorer.n_items()];
                scorer.score_all(number as u32, &mut scores);
                let target = id_of(window.targets(&world.split.train, 1)[0]);
                let may = |id: u32| match exclude_seen {
                    true => id != 0 && !seen.of(window.user).contains(&(id - 1)),
                    false => id != target,
                };
                let mut ids: Vec<u32> = (0..scores.len() as u32).map(|row| row + first).filter(|&id| may(id)).collect();
                ids.sort_by(|a, b| scores[(b - first) as usize].total_cmp(&scores[(a - first) as usize]));
                assert_eq!(lists[number * 5..][..5], ids[..5], "{} {exclude_seen}", student.0);
                padded += usize::from(lists[number * 5..][..5].contains(&0));
            }
            assert!(exclude_seen || student.0 == "fossil" || padded > 0, "the code's rule lets the padding in");
        }
    }
}

#[test]
fn samples_are_outside_the_training_items_and_distinct_where_they_must_be() {
    let seen = UserItems::from_pairs(1, &[(0, 2), (0, 5)]);
    for (samples, distinct) in [("with-replacement = 6", false), ("without-replacement = 6", true)] {
        let weighting = weighting(&hybrid("paper", true, samples));
        let term = WindowListTerm {
            lists: vec![7, 1, 7, 8],
            k: 2,
            combination: parse("{ added = 1 }").unwrap(),
            weighting: &weighting,
            fixed: weighting.fixed(2),
            seen: &seen,
            n_items: 9,
            epoch: 2,
        };
        let mut repeats = 0;
        let mut counts = [0; 10];
        for k in 0..200 {
            let mut ids = [0; 8];
            term.items(1, Window { user: 0, place: 2 }, &mut Stream::new(0, "rd", "samples", k), &mut ids);
            assert_eq!(ids[..2], [7, 8]);
            assert!(ids[2..].iter().all(|id| (1..=9).contains(id) && ![3, 6].contains(id)));
            let mut sorted = ids[2..].to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            repeats += usize::from(sorted.len() < 6);
            ids[2..].iter().for_each(|&id| counts[id as usize] += 1);
        }
        assert_eq!(repeats == 0, distinct);
        // 1,200 draws over 7 items: 171 each.
        assert!([1, 2, 4, 5, 7, 8, 9].iter().all(|&id| (120..230).contains(&counts[id])), "{counts:?}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for student in students() {
        let world = world(student.0);
        let refused = |params: &str, words: &[&str]| {
            let error = world.run("rd-sequential", params, &[]).unwrap_err();
            assert_eq!(error.kind(), Kind::Input);
            let error = error.to_string();
            words.iter().for_each(|word| assert!(error.contains(word), "{word}: {error}"));
        };
        let one = "{ added = 1 }";
        // 80 items, 8 of them seen; Caser's padding is one more.
        refused(
            &params(&student, 81, false, one, "\"uniform\""),
            &["list for user number 0 of the split", "at least 81"],
        );
        refused(
            &params(&student, 73, true, one, "\"uniform\""),
            &["cannot be filled", "got:      72", "hint: a shorter"],
        );
        let many = hybrid("paper", true, "without-replacement = 73");
        refused(
            &params(&student, 4, true, one, &many),
            &["samples of user number 0 of the split", "at least 73", "got:      72"],
        );
        let long = match student.0 {
            "caser" => caser([3, 8]),
            _ => fossil([3, 8]),
        };
        refused(
            &params(&(student.0, long.clone()), 4, true, one, "\"uniform\""),
            &["no user has a training sequence that is long enough", "more than 8", "8 at most"],
        );
        assert_eq!(world.run(student.0, &long, &[]).unwrap_err().kind(), Kind::Input);
    }
    let mut full = world("caser");
    let all: Vec<(u32, u32)> = (0..80).map(|item| (7, item)).collect();
    let users = full.split.n_users;
    full.split.train = UserItems::from_pairs(users, &all);
    [full.split.valid, full.split.test] = [1, 2].map(|item| UserItems::from_pairs(users, &[(0, item)]));
    let error = full.run("caser", &caser([3, 1]), &[]).unwrap_err().to_string();
    assert!(error.contains("user number 7 of the split") && error.contains("has every item"), "{error}");
    let wrong = |change: &dyn Fn(&mut Weights)| {
        let mut world = world("caser");
        change(&mut world.teacher);
        let params = &ways(&students()[0])[0];
        assert_eq!(world.run("rd-sequential", params, &[]).unwrap_err().kind(), Kind::Internal);
    };
    wrong(&|teacher| drop(teacher.parameters.pop()));
    // Of fewer items than the sequences have.
    wrong(&|teacher| {
        let sizes = CaserSizes {
            users: 150,
            ids: 60,
            dim: 9,
            length: 4,
            vertical: 2,
            horizontal: 3,
            ..CaserSizes::of(teacher).unwrap()
        };
        *teacher = sizes.initial(|purpose| Stream::new(0, "teacher", purpose, 0));
    });
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let refused = |name: &str, params: &str, why: &str| {
        let error = method(name, params).err().expect("an error");
        assert!(error.contains(why), "{params}: {error}");
    };
    let [student, _] = students();
    let good = params(&student, 4, true, "{ mixed = 0.5 }", DISCREPANCY);
    refused("caser", &student.1.replace("dropout = 0.5", "dropout = 1"), "at least 0 and below 1");
    refused("caser", &student.1.replace("sigmoid", "tanh"), "unknown variant `tanh`");
    refused("caser", &student.1.replace("length = 3", "length = 0"), "from 1");
    refused("caser", &student.1.replace("negatives = 3, ", ""), "missing field `negatives`");
    refused("caser", &student.1.replace("dim = 6", "dim = 6, nv = 2"), "unknown field `nv`");
    refused("fossil", &fossil([3, 1]).replace("causal", "all"), "unknown variant `all`");
    refused("rd-sequential", &good.replace("mixed = 0.5", "mixed = 1"), "at least 0 and below 1");
    refused("rd-sequential", &good.replace("mixed", "sum"), "unknown variant `sum`");
    refused("rd-sequential", &good.replace("with-replacement", "drawn"), "unknown variant `drawn`");
    refused("rd-sequential", &good.replace("exclude_seen = true, ", ""), "missing field `exclude_seen`");
    for (student, kind) in students().iter().zip(["caser", "fossil"]) {
        let plain = method(student.0, &student.1).unwrap();
        assert!(plain.learns_from().is_empty() && plain.makes() == Some(kind));
        let distilled = method("rd-sequential", &ways(student)[0]).unwrap();
        assert!(distilled.learns_from() == [kind] && distilled.makes() == Some(kind));
    }
}

#[test]
fn a_kept_model_is_served_as_it_was_trained() {
    let registry = crate::registry();
    for student in students() {
        let (world, kind) = (world(student.0), sequential_kind(student.0).unwrap());
        let train = &world.split.train;
        let after_all = queries(train, 80);
        let ours = WindowScorer::after_all((kind.encoder)(&world.teacher, train.clone().into()).unwrap(), train);
        let served = registry.model(student.0).unwrap()(&world.teacher, &after_all).unwrap();
        let (mut a, mut b) = (vec![0.0; 80], vec![0.0; 80]);
        for user in 0..150 {
            ours.score_all(user, &mut a);
            served.score_all(user, &mut b);
            assert_eq!(a, b);
        }
        assert!(scorer(kind, &world.teacher, &queries(train, 79)).is_err());
        let mut fewer = world.teacher.clone();
        fewer.parameters.remove(0);
        assert!(scorer(kind, &fewer, &after_all).is_err());
    }
}
