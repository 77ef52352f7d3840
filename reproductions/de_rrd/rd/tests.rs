//! Samples, and the whole term against finite differences and autograd.

use candle_core::{Device, Var};

use super::*;
use crate::golden::assert_near;
use crate::kit::{gradients, parse};
use crate::models::bpr::{FusedBpr, GraphBpr, of_tables};

const DIM: usize = 5;
const USERS: usize = 4;
const ITEMS: usize = 12;

fn hybrid(start_epoch: usize) -> RdWeighting {
    let text = format!(
        "{{ hybrid = {{ position_lambda = 2, normalised = true, start_epoch = {start_epoch}, \
         discrepancy = {{ mu = 0.1, samples = 6, rank_estimate = \"paper\" }} }} }}"
    );
    parse(&text).unwrap()
}

fn tables() -> [Vec<f32>; 2] {
    let table = |name: &str, rows: usize| Stream::new(0, "rd-test", name, 0).normals(rows * DIM, 0.7);
    [table("user", USERS), table("item", ITEMS)]
}

fn seen() -> UserItems {
    UserItems::from_pairs(USERS, &[(0, 1), (0, 4), (1, 0), (2, 11), (3, 3), (3, 5), (3, 6)])
}

fn lists() -> TopLists {
    TopLists::new(3, vec![2, 0, 3, 5, 1, 2, 0, 4, 10, 7, 8, 9])
}

fn batch(users: &[u32]) -> Batch<'_> {
    Batch { triples: &[], users, positives: &[], negatives: &[] }
}

#[test]
fn samples_are_uniform_outside_the_training_items_and_new_in_each_epoch() {
    let seen = seen();
    let discrepancy = "{ discrepancy = { mu = 0.1, samples = 600, rank_estimate = \"code\" } }";
    let mut term = ListTerm::new(lists(), 1.0, parse(discrepancy).unwrap(), &seen, ITEMS);
    let mut counts = vec![vec![0u32; ITEMS]; USERS];
    let mut last = Vec::new();
    for epoch in 0..10 {
        term.draw(epoch, Stream::new(0, "rd-test", "samples", epoch as u64));
        assert_ne!(term.samples, last);
        last = term.samples.clone();
        for (user, row) in last.chunks_exact(600).enumerate() {
            row.iter().for_each(|&item| counts[user][item as usize] += 1);
        }
    }
    for (user, counts) in counts.iter().enumerate() {
        let taken = seen.of(user as u32);
        assert!(taken.iter().all(|&item| counts[item as usize] == 0));
        let expected = 6000.0 / (ITEMS - taken.len()) as f64;
        let free = (0..ITEMS as u32).filter(|item| !taken.contains(item));
        let chi2: f64 = free.map(|item| (f64::from(counts[item as usize]) - expected).powi(2) / expected).sum();
        // 10 degrees of freedom at most: 29.6 is its 99.9 % point.
        assert!(chi2 < 29.6, "user {user}: {counts:?}");
    }
}

#[test]
fn weights_are_static_before_the_start_epoch() {
    let seen = seen();
    let add = |term: &mut ListTerm<'_>| {
        let [users, items] = tables();
        term.add(&batch(&[2, 0, 3]), &mut FusedBpr::new(of_tables(DIM, users, items)).unwrap()).unwrap()
    };
    let mut position = ListTerm::new(lists(), 0.5, parse("{ position = { lambda = 2 } }").unwrap(), &seen, ITEMS);
    let mut term = ListTerm::new(lists(), 0.5, hybrid(2), &seen, ITEMS);
    for epoch in 0..2 {
        term.draw(epoch, Stream::new(0, "rd-test", "start", epoch as u64));
        assert!(term.samples.is_empty());
        assert_eq!(add(&mut term), add(&mut position));
    }
    term.draw(2, Stream::new(0, "rd-test", "start", 2));
    assert_eq!(term.samples.len(), USERS * 6);
    assert_ne!(add(&mut term), add(&mut position));
}

/// The loss by its formula, with the weights held where they were: in f64, or by candle's autograd.
#[test]
fn loss_and_gradients_of_the_term_equal_candles_autograd() {
    let seen = seen();
    let users = [2u32, 0, 3, 1];
    let [p, q] = tables();
    let mut term = ListTerm::new(lists(), 0.7, hybrid(0), &seen, ITEMS);
    term.draw(0, Stream::new(0, "rd-test", "autograd", 0));
    let score = |user: u32, item: u32| -> f32 {
        let (p, q) = (&p[user as usize * DIM..][..DIM], &q[item as usize * DIM..][..DIM]);
        p.iter().zip(q).map(|(a, b)| a * b).sum()
    };
    let position = list_weights::position(3, 2.0);
    let (mut coefficients, mut owners, mut partners) = (Vec::new(), Vec::new(), Vec::new());
    for user in users {
        let list = term.lists.of(user);
        let samples = &term.samples[user as usize * 6..][..6];
        let mut of_list: Vec<f64> = list
            .iter()
            .enumerate()
            .map(|(r, &item)| {
                let above = samples.iter().filter(|&&sample| score(user, sample) > score(user, item)).count();
                let rank = above * (ITEMS - seen.of(user).len() - 1) / 6 + 1;
                let behind = rank as f64 - (r + 1) as f64;
                f64::from(position[r]) * (0.1 * behind).tanh().max(0.0)
            })
            .collect();
        let sum: f64 = of_list.iter().sum();
        assert!(sum > 0.0, "a user whose weights are all 0 checks nothing");
        of_list.iter_mut().for_each(|w| *w *= 0.7 / sum);
        coefficients.extend(of_list.iter().map(|&w| w as f32));
        owners.extend(list.iter().map(|_| user));
        partners.extend_from_slice(list);
    }
    let cpu = Device::Cpu;
    let user = Var::from_slice(&p, (USERS, DIM), &cpu).unwrap();
    let item = Var::from_slice(&q, (ITEMS, DIM), &cpu).unwrap();
    let rows = |table: &Var, ids: &[u32]| table.index_select(&candle_core::Tensor::new(ids, &cpu).unwrap(), 0).unwrap();
    let scores = (rows(&user, &owners) * rows(&item, &partners)).unwrap().sum(1).unwrap();
    let losses = (scores.neg().unwrap().exp().unwrap() + 1.0).unwrap().log().unwrap();
    let coefficients = candle_core::Tensor::new(&coefficients[..], &cpu).unwrap();
    let want = (losses * coefficients).unwrap().sum_all().unwrap();
    let grads = want.backward().unwrap();
    let want_loss = f64::from(want.to_scalar::<f32>().unwrap());
    let models: [Box<dyn Recommender>; 2] = [
        Box::new(FusedBpr::new(of_tables(DIM, p.clone(), q.clone())).unwrap()),
        Box::new(GraphBpr::new(of_tables(DIM, p.clone(), q.clone()), &cpu).unwrap()),
    ];
    for mut model in models {
        let mut loss = 0.0;
        // One triple of the same item on both sides: no gradient but the term's.
        let (_, got) = gradients(&mut *model, &["user", "item"], &[[0, 0, 0]], |model| {
            loss = term.add(&batch(&users), model).unwrap();
            loss
        });
        assert!((loss - want_loss).abs() < 1e-6 * want_loss, "{loss} {want_loss}");
        for (got, var) in got.iter().zip([&user, &item]) {
            let want: Vec<f32> = grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert!(want.iter().any(|g| g.abs() > 1e-3));
            assert_near(got, &want, 1e-6, "gradients");
        }
    }
}
