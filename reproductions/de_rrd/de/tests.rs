//! The term: its parts, its sum over a batch, its life through epochs.

use harness::train::Model;

use super::*;
use crate::golden::{assert_near, case, doubles};
use crate::kit::{bits, same_on_threads};
use crate::models::bpr::{FusedBpr, of_tables};

mod reference;

fn options(text: &str) -> std::result::Result<DeOptions, String> {
    toml::from_str(text).map_err(|error| error.message().to_string())
}

/// The authors' settings, with another number of experts.
fn of_authors(experts: usize) -> DeOptions {
    options(&format!(
        "lambda = 0.01\nexperts = {experts}\ndistance = \"squared\"\ntemperature_start = 1\n\
         temperature_end = 1e-10\ntemperature_epochs = 1000\ngate_epsilon = 1e-10"
    ))
    .unwrap()
}

#[test]
fn the_temperature_falls_as_in_the_authors_code() {
    let case = case("de.json", "temperature_used_in_epoch_code");
    let epochs = doubles(&case["inputs"]["epochs_0based"]);
    for (epoch, want) in epochs.into_iter().zip(doubles(&case["expected"]["T"])) {
        let got = of_authors(30).temperature(epoch as usize);
        assert!((got / want - 1.0).abs() < 1e-11, "epoch {epoch}: {got} {want}");
    }
    assert_eq!(of_authors(30).temperature(5000), 1e-10);
}

#[test]
fn gumbel_values_come_from_uniform_ones() {
    let case = case("de.json", "gumbel_from_uniform");
    let mut values = doubles(&case["inputs"]["u"]);
    gumbel::of_uniform(&mut values);
    assert_near(&values, &doubles(&case["expected"]["g"]), 1e-6, "noise");
}

#[test]
fn sets_are_weighted_as_in_the_reference_vector() {
    let case = case("de.json", "batch_combination");
    let of = |part: &str, key: &str| case[part][key].as_f64().unwrap();
    let [users, items] = weights(of("inputs", "lambda_DE"));
    let of_items = items * (of("inputs", "pos_item_loss") + of("inputs", "neg_item_loss"));
    let total = users * of("inputs", "user_loss") + of_items;
    assert!((total - of("inputs", "lambda_DE") * of("expected", "de_total")).abs() < 1e-12);
    assert!((of("inputs", "base_sum") + total - of("expected", "batch_total")).abs() < 1e-9);
}

#[test]
fn a_start_below_the_end_and_unknown_words_are_refused() {
    let text = "lambda = 0\nexperts = 2\ndistance = \"norm\"\ntemperature_start = 1\n\
                temperature_end = 1\ntemperature_epochs = 1\ngate_epsilon = 0";
    assert_eq!(options(text).unwrap().distance, Distance::Norm);
    let message = options(&text.replace("end = 1", "end = 2")).unwrap_err();
    assert!(message.contains("above the start") && message.contains("`temperature_start`, which is 1"), "{message}");
    assert!(options(&text.replace("\"norm\"", "\"plain\"")).unwrap_err().contains("squared"));
    assert!(options(&text.replace("gate_epsilon = 0", "")).unwrap_err().contains("gate_epsilon"));
    assert!(options(&format!("{text}\nmore = 1")).unwrap_err().contains("more"));
}

const USERS: usize = 60;
const ITEMS: usize = 150;

fn stream(purpose: &str, epoch: usize) -> Stream {
    Stream::new(0, "de-test", purpose, epoch as u64)
}

fn de(width: usize, of_teacher: usize, options: DeOptions) -> De {
    let teachers = [("users", USERS), ("items", ITEMS)]
        .map(|(name, n)| (of_teacher, stream(name, 0).normals(n * of_teacher, 0.3)));
    De::of_representations(teachers, width, options, stream)
}

fn student(width: usize) -> FusedBpr {
    let mut stream = stream("student", 0);
    FusedBpr::new(of_tables(width, stream.normals(USERS * width, 0.1), stream.normals(ITEMS * width, 0.1))).unwrap()
}

fn distinct(ids: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut all = Vec::new();
    ids.for_each(|id| {
        if !all.contains(&id) {
            all.push(id);
        }
    });
    all
}

/// Epochs of four batches; the loss of each step and the final weights, the student's first.
fn train(term: &mut De, student: &mut FusedBpr, epochs: std::ops::Range<usize>) -> (Vec<f64>, Vec<Vec<f32>>) {
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    let mut losses = Vec::new();
    for epoch in epochs {
        // As far apart as temperatures of 1 and of 0.03 are.
        term.begin(epoch * 50, stream("noise", epoch));
        let mut draws = stream("batches", epoch);
        for _ in 0..4 {
            let mut draw = |n: usize| draws.below(n as u32);
            let triples: Vec<[u32; 3]> = (0..300).map(|_| [draw(USERS), draw(ITEMS), draw(ITEMS)]).collect();
            let [users, positives, negatives] = [0, 1, 2].map(|k| distinct(triples.iter().map(|t| t[k])));
            let batch = Batch { triples: &triples, users: &users, positives: &positives, negatives: &negatives };
            losses.push(student.forward_backward(&triples).unwrap());
            losses.push(term.add(&batch, student).unwrap());
            student.step(&adam).unwrap();
            term.step(&adam).unwrap();
        }
        student.settle();
    }
    let mut weights: Vec<Vec<f32>> = student.weights().unwrap().parameters.into_iter().map(|p| p.values).collect();
    weights.extend(term.sides.iter().flat_map(|side| [side.experts.weights.clone(), side.gate.weights.clone()]));
    (losses, weights)
}

#[test]
fn parameters_are_as_many_as_the_authors_log() {
    let case = case("de.json", "parameter_counts_ds20_dt200_M30");
    let term = de(20, 200, of_authors(30));
    assert_eq!(term.sides[0].layout.hidden as u64, case["inputs"]["hidden"].as_u64().unwrap());
    // What pads is 0, and a drawn value never is.
    let count = |of: fn(&Modules) -> &[f32]| {
        let all = term.sides.iter().flat_map(|side| of(side).iter());
        all.filter(|&&v| v != 0.0).count() as u64
    };
    let expected = |key: &str| case["expected"][key].as_u64().unwrap();
    assert_eq!(count(|side| &side.experts.weights), expected("experts_user_plus_item"));
    assert_eq!(count(|side| &side.gate.weights), expected("gates_user_plus_item"));
    let most = |values: &[f32]| values.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
    let (first, second) = term.sides[0].experts.weights[..term.sides[0].layout.expert()].split_at(21 * 112);
    for (values, inputs) in [(first, 20.0f32), (second, 110.0), (&term.sides[1].gate.weights, 200.0)] {
        assert!((most(values) * inputs.sqrt() - 1.0).abs() < 2e-2);
    }
}

/// With one expert there is no noise, so that the term can be put together from its sets.
#[test]
fn the_term_is_the_weighted_sum_over_three_sets() {
    let mut term = de(8, 24, of_authors(1));
    assert!(term.sides.iter().all(|side| side.gate.weights.is_empty()));
    let mut model = student(8);
    let (users, positives, negatives) = ([3, 9, 0], [7, 1], [1, 2, 149, 8]);
    let mut alone = |side: Side, ids: &[u32]| {
        let students = model.representations(side, ids).unwrap();
        let modules = &mut term.sides[side as usize];
        let set = Entities { modules, ids, students: &students, noise: &[], weight: 1.0 };
        forward_backward(&mut [set], &term.selection, Distance::Squared).remove(0).loss
    };
    let want = alone(Side::User, &users) + 0.5 * (alone(Side::Item, &positives) + alone(Side::Item, &negatives));
    let batch = Batch { triples: &[], users: &users, positives: &positives, negatives: &negatives };
    let got = term.add(&batch, &mut model).unwrap();
    assert!((got - 0.01 * want).abs() < 1e-9 * want, "{got} {want}");
    // h = 16: 6 · 9 entities · (8 · 16 + 16 · 24) weights
    assert_eq!(term.work(), 6 * 9 * 512);
}

#[test]
fn training_brings_the_students_representations_nearer() {
    let mut options = of_authors(5);
    options.lambda = 1.0.try_into().unwrap();
    let (mut term, mut model) = (de(8, 24, options), student(8));
    let (losses, _) = train(&mut term, &mut model, 0..1);
    let first = losses[1];
    for _ in 0..60 {
        train(&mut term, &mut model, 0..1);
    }
    let (losses, _) = train(&mut term, &mut model, 0..1);
    assert!(losses[7] < 0.8 * first, "{first} {}", losses[7]);
}

fn bits_of((losses, weights): (Vec<f64>, Vec<Vec<f32>>)) -> (Vec<u64>, Vec<Vec<u32>>) {
    (losses.into_iter().map(f64::to_bits).collect(), weights.iter().map(|weights| bits(weights)).collect())
}

#[test]
fn threads_change_no_bit() {
    same_on_threads(|| bits_of(train(&mut de(8, 24, of_authors(6)), &mut student(8), 0..4)));
}

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let (mut term, mut model) = (de(8, 24, of_authors(6)), student(8));
    train(&mut term, &mut model, 0..2);
    let mut state = State::default();
    model.save(&mut state).unwrap();
    term.save(&mut state).unwrap();
    let (mut second, mut second_model) = (de(8, 24, of_authors(6)), student(8));
    train(&mut second, &mut second_model, 0..1);
    second_model.restore(&mut state).unwrap();
    second.restore(&mut state, &mut second_model).unwrap();
    let straight = bits_of(train(&mut term, &mut model, 2..4));
    assert_eq!(bits_of(train(&mut second, &mut second_model, 2..4)), straight);
    assert!(second.restore(&mut State::default(), &mut second_model).is_err());
}
