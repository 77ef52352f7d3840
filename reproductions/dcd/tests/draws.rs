//! Draws against exact probabilities, by counting.

use super::*;
use crate::dcd::discrepancy::{Discrepancies, Row};
use crate::dcd::sampling::{DrawnPositions, Sampler};
use crate::kit::same_on_threads;

fn positions(drawn: &DrawnPositions) -> Vec<usize> {
    let mut positions = Vec::new();
    drawn.for_each(|position| positions.push(position));
    positions
}

fn row(differences: &[i16]) -> Row<'_> {
    let of = |sign| differences.iter().filter(|d| d.signum() == sign).count();
    Row { differences, counts: [of(1), of(-1)] }
}

/// The probability that each position is among `count` successive draws in proportion to `weights`.
fn inclusion(weights: &[f64], count: usize) -> Vec<f64> {
    fn walk(weights: &[f64], left: usize, probability: f64, taken: &mut Vec<usize>, into: &mut [f64]) {
        if left == 0 {
            taken.iter().for_each(|&position| into[position] += probability);
            return;
        }
        let sum: f64 = (0..weights.len()).filter(|k| !taken.contains(k)).map(|k| weights[k]).sum();
        for k in 0..weights.len() {
            if weights[k] > 0.0 && !taken.contains(&k) {
                taken.push(k);
                walk(weights, left - 1, probability * weights[k] / sum, taken, into);
                taken.pop();
            }
        }
    }
    let mut into = vec![0.0; weights.len()];
    walk(weights, count, 1.0, &mut Vec::new(), &mut into);
    into
}

/// Draws often, and holds each position's share in both sets to its exact probability.
fn check(differences: &[i16], epsilon: f64, count: usize) {
    let (row, sampler) = (row(differences), Sampler::new(epsilon, differences.len(), count));
    let mut stream = Stream::new(0, "dcd-test", "inclusion", differences.len() as u64);
    let (mut drawn, mut counts) = (DrawnPositions::default(), vec![[0; 2]; differences.len()]);
    let n = 60_000;
    let pairs = row.pairs(count);
    for _ in 0..n {
        assert_eq!(sampler.draw(row, &mut stream, &mut drawn), pairs);
        let positions = positions(&drawn);
        assert_eq!(positions.len(), 2 * pairs);
        for (set, positions) in positions.chunks(pairs).enumerate() {
            assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
            positions.iter().for_each(|&position| counts[position][set] += 1);
        }
    }
    for (set, sign) in [(0, 1), (1, -1)] {
        let weight = |&d: &i16| if d.signum() == sign { (epsilon * f64::from(d.abs())).tanh() } else { 0.0 };
        let weights: Vec<f64> = differences.iter().map(weight).collect();
        for (position, want) in inclusion(&weights, pairs).into_iter().enumerate() {
            let got = f64::from(counts[position][set]) / f64::from(n);
            assert!((got - want).abs() < 0.01, "set {set}, position {position}: {got} {want}");
        }
    }
}

#[test]
fn positions_come_with_their_probabilities() {
    check(&[3, -1, 0, 1, -3, 2, -2, 1, -1, 5], 0.1, 2);
    check(&[3, -1, 0, 1, -3, 2, -2, 1, -1, 5], 1.0, 3);
    // All of one set, a draw of the other.
    check(&[2, -1, 4, 0, 1, -3, 0, 3], 0.3, 2);
}

/// Weights so small beside the largest that hardly a uniform draw is accepted.
#[test]
fn what_rejection_leaves_is_drawn_with_the_same_probabilities() {
    let mut differences = vec![0; 400];
    for (position, difference) in [(3, 1), (70, 3), (201, 2), (399, 1), (5, -1), (64, -4), (300, -2)] {
        differences[position] = difference;
    }
    check_sparse(&differences, 1e-3, 2);
}

/// As [`check`], over the positions that are not 0 alone, so that the enumeration stays small.
fn check_sparse(differences: &[i16], epsilon: f64, count: usize) {
    let (row, sampler) = (row(differences), Sampler::new(epsilon, differences.len(), count));
    let mut stream = Stream::new(0, "dcd-test", "sparse", 0);
    let mut drawn = DrawnPositions::default();
    let mut counts = vec![0; differences.len()];
    let n = 40_000;
    for _ in 0..n {
        sampler.draw(row, &mut stream, &mut drawn);
        drawn.for_each(|position| counts[position] += 1);
    }
    for sign in [1, -1] {
        let positions: Vec<usize> = (0..differences.len()).filter(|&k| differences[k].signum() == sign).collect();
        let weights: Vec<f64> = positions.iter().map(|&k| (epsilon * f64::from(differences[k].abs())).tanh()).collect();
        for (&position, want) in positions.iter().zip(inclusion(&weights, count)) {
            let got = f64::from(counts[position]) / f64::from(n);
            assert!((got - want).abs() < 0.01, "position {position}: {got} {want}");
        }
    }
}

#[test]
fn short_rows_give_the_pairs_that_they_have() {
    let draw = |differences: &[i16], count| {
        let (mut drawn, mut stream) = (DrawnPositions::default(), Stream::new(0, "dcd-test", "short", 0));
        let pairs = Sampler::new(0.1, differences.len(), count).draw(row(differences), &mut stream, &mut drawn);
        (pairs, positions(&drawn))
    };
    assert_eq!(draw(&[0; 70], 3), (0, vec![]), "a perfect student");
    assert_eq!(draw(&[1, 2, 0, 3], 2), (0, vec![]), "nothing is overestimated");
    assert_eq!(draw(&[1, -2, 1, 0], 2), (1, vec![draw(&[1, -2, 1, 0], 2).1[0], 1]));
    let mut differences = vec![0; 130];
    for (position, difference) in [(129, 7), (64, 1), (0, -3), (65, -2)] {
        differences[position] = difference;
    }
    assert_eq!(draw(&differences, 40), (2, vec![64, 129, 0, 65]));
}

#[test]
fn heads_are_the_largest_weights_with_the_better_position_first() {
    // One factor: scores are the items' factors. Ranks 4, 5, 0, 1, 2, 3; differences 4, 4, −2, −2, −2, −2.
    let mut student = FusedBpr::new(of_tables(1, vec![1.0], vec![2.0, 1.0, 6.0, 5.0, 4.0, 3.0])).unwrap();
    let teacher = TopLists::new(6, (0..6).collect());
    let refreshed = |heads, student: &mut FusedBpr| {
        let mut discrepancies = Discrepancies::none(1, 6);
        discrepancies.refresh(Side::User, &teacher, heads, student).unwrap();
        (discrepancies.of(0).differences.to_vec(), discrepancies.of(0).counts)
    };
    assert_eq!(refreshed(None, &mut student), (vec![4, 4, -2, -2, -2, -2], [2, 4]));
    assert_eq!(refreshed(Some(1), &mut student), (vec![4, 0, -2, 0, 0, 0], [1, 1]));
    // Not more of one set than of the other.
    assert_eq!(refreshed(Some(3), &mut student), (vec![4, 4, -2, -2, 0, 0], [2, 2]));
    let options = DcdOptions { list: 6, sampled: 2, top: Positions::Head };
    let mut correction = Correction::new(Side::User, 1.0, options, teacher);
    correction.refresh(&mut student).unwrap();
    for epoch in 0..3 {
        let lists = correction.draw(&[0], &mut Stream::new(0, "dcd-test", "head", epoch));
        assert_eq!(lists.of(0), (0, &[0, 1, 2, 3][..]));
    }
}

/// Many rows, more than a block: the sets are disjoint, of the right sign, and the same on any threads.
#[test]
fn threads_change_no_draw() {
    let (n_users, n_items) = (150, 200);
    let options = DcdOptions { list: 100, sampled: 15, top: sampled(0.05) };
    let ([first, second], _) = same_on_threads(|| {
        let mut student = student(n_users, n_items, 3, 0);
        let [users, items] = corrections(options, &mut student, n_users, n_items);
        let draw = |correction: &Correction, owners: usize| {
            let owners: Vec<u32> = (0..owners as u32).rev().collect();
            let mut stream = Stream::new(0, "dcd-test", "threads", 0);
            [correction.draw(&owners, &mut stream), correction.draw(&owners, &mut stream)]
        };
        (draw(&users, n_users), draw(&items, n_items))
    });
    assert_ne!(first, second, "every step draws anew");
    assert_eq!(first.len(), n_users);
    for k in 0..first.len() {
        let mut partners = first.of(k).1.to_vec();
        assert_eq!(partners.len(), 30);
        partners.sort_unstable();
        partners.dedup();
        assert_eq!(partners.len(), 30, "both sets are disjoint");
    }
}

#[test]
fn owners_without_a_pair_are_left_out_and_counted() {
    // User 0 agrees with the teacher, user 1 has it reversed.
    let mut student = FusedBpr::new(of_tables(1, vec![1.0, -1.0], vec![4.0, 3.0, 2.0, 1.0])).unwrap();
    let options = DcdOptions { list: 4, sampled: 2, top: sampled(0.1) };
    let mut correction = Correction::new(Side::User, 1.0, options, TopLists::new(4, vec![0, 1, 2, 3, 0, 1, 2, 3]));
    correction.refresh(&mut student).unwrap();
    assert_eq!(correction.short(), (1, 1, 2));
    let lists = correction.draw(&[0, 1], &mut Stream::new(0, "dcd-test", "left-out", 0));
    assert_eq!((lists.len(), lists.of(0)), (1, (1, &[0, 1, 2, 3][..])));
}
