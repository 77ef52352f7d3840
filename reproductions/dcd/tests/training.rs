//! Gradients of the term, and whole runs.

use candle_core::Device;
use harness::error::Kind;
use harness::split::{Split, UserItems};
use harness::train::Model;
use harness::weights::Weights;

use super::*;
use crate::kit::{self, Bits, Watcher, World, method, parse, same_on_threads};
use crate::models::Lists;
use crate::models::bpr::{GraphBpr, of_tables};

/// ∂(base + terms)/∂tables.
fn gradients(student: &mut dyn Recommender, terms: &mut dyn FnMut(&mut dyn Recommender) -> f64) -> Vec<f64> {
    let (_, tables) = kit::gradients(student, &["user", "item"], &[[0, 1, 2], [3, 0, 4]], terms);
    tables.concat().into_iter().map(f64::from).collect()
}

/// Σ ℓ over the lists in f64, by the formula, from tables of `dim` columns.
fn exact(side: Side, lists: &Lists, dim: usize, users: &[f64], items: &[f64]) -> f64 {
    let (own, other) = match side {
        Side::User => (users, items),
        Side::Item => (items, users),
    };
    let row = |table: &[f64], id: u32| table[id as usize * dim..][..dim].to_vec();
    let mut sum = 0.0;
    for k in 0..lists.len() {
        let (owner, partners) = lists.of(k);
        let owner = row(own, owner);
        let score = |&partner: &u32| owner.iter().zip(row(other, partner)).map(|(a, b)| a * b).sum::<f64>();
        let scores: Vec<f64> = partners.iter().map(score).collect();
        for first in 0..scores.len() / 2 {
            sum += scores[first..].iter().map(|s| s.exp()).sum::<f64>().ln() - scores[first];
        }
    }
    sum
}

#[test]
fn gradients_agree_with_finite_differences_on_both_paths() {
    let (n_users, n_items, dim) = (40, 45, 3);
    let options = DcdOptions { list: 30, sampled: 5, top: sampled(0.1) };
    let mut fused = student(n_users, n_items, dim, 1);
    let tables: Vec<Vec<f32>> = fused.weights().unwrap().parameters.into_iter().map(|p| p.values).collect();
    let mut graph = GraphBpr::new(of_tables(dim, tables[0].clone(), tables[1].clone()), &Device::Cpu).unwrap();
    let sides = corrections(options, &mut fused, n_users, n_items);
    let owners = [vec![3, 0, 17, 39], vec![44, 1, 0, 7, 30]];
    let stream = |k: usize| Stream::new(0, "dcd-test", "gradient", k as u64);
    let exact = |users: &[f64], items: &[f64]| -> f64 {
        let of = |k: usize, weight: f64| {
            let lists = sides[k].draw(&owners[k], &mut stream(k));
            weight * exact(sides[k].side(), &lists, dim, users, items)
        };
        of(0, 0.3) + of(1, 0.2)
    };
    let [users, items] = [0, 1].map(|t| tables[t].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
    let students: [&mut dyn Recommender; 2] = [&mut fused, &mut graph];
    for student in students {
        let term = |student: &mut dyn Recommender| {
            (0..2).map(|k| sides[k].add(&owners[k], &mut stream(k), student).unwrap()).sum()
        };
        // The base alone has the same gradient before and after: its part is taken away.
        let mut value = 0.0;
        let mut base = FusedBpr::new(of_tables(dim, tables[0].clone(), tables[1].clone())).unwrap();
        let base = gradients(&mut base, &mut |_| 0.0);
        let all = gradients(student, &mut |student| {
            value = term(student);
            value
        });
        assert!((value - exact(&users, &items)).abs() < 1e-5 * value, "{value}");
        let h = 1e-5;
        for at in 0..all.len() {
            let moved = |by: f64| {
                let (mut users, mut items) = (users.clone(), items.clone());
                let n = users.len();
                if at < n {
                    users[at] += by
                } else {
                    items[at - n] += by
                };
                exact(&users, &items)
            };
            let want = (moved(h) - moved(-h)) / (2.0 * h);
            let got = all[at] - base[at];
            assert!((got - want).abs() < 2e-5, "element {at}: {got} {want}");
        }
    }
}

const USERS: usize = 60;
const ITEMS: usize = 80;

/// Four tastes, and a teacher that knows them.
fn world() -> World {
    World { split: split(), teacher: teacher(), kind: "bpr" }
}

fn split() -> Split {
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..USERS as u32 {
        let mut stream = Stream::new(0, "dcd-test", "split", u64::from(user));
        // Taste: items of the user's quarter.
        let items = stream.without_replacement(20, 12);
        let pairs: Vec<(u32, u32)> = items.into_iter().map(|item| (user, item + user % 4 * 20)).collect();
        train.extend_from_slice(&pairs[..10]);
        valid.push(pairs[10]);
        test.push(pairs[11]);
    }
    let [train, valid, test] = [train, valid, test].map(|pairs| UserItems::from_pairs(USERS, &pairs));
    Split { n_users: USERS, n_items: ITEMS, train, valid, test }
}

/// Factors of the four tastes and some noise.
fn teacher() -> Weights {
    let table = |name: &str, rows: usize, taste: fn(usize) -> usize| {
        let mut values = Stream::new(0, "dcd-test", name, 0).normals(rows * 4, 0.3);
        (0..rows).for_each(|row| values[row * 4 + taste(row)] += 1.0);
        values
    };
    of_tables(4, table("user", USERS, |user| user % 4), table("item", ITEMS, |item| item / 20))
}

const STUDENT: &str = r#"dim = 5, learning_rate = 1e-2, weight_decay = 1e-3, batch = 64, init_std = 0.1, epochs = 8,
    stopping = { watch = ["recall@10"], patience = 8, every = 1, decimals = 4 }"#;

fn params(changes: &[(&str, &str)]) -> String {
    let mut all = [
        ("list", "30"),
        ("refresh", "3"),
        ("sampled", "5"),
        ("top", "{ sampled = { epsilon = 0.1 } }"),
        ("lambda_user", "0.02"),
        ("lambda_item", "0.01"),
        ("rkd", "\"none\""),
    ];
    for change in changes {
        *all.iter_mut().find(|(name, _)| *name == change.0).expect("a parameter") = *change;
    }
    let rest: Vec<String> = all.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ student = {{ bpr = {{ {STUDENT} }} }}, {} }}", rest.join(", "))
}

fn run(method: &dyn Method, folder: &std::path::Path, end_after: usize) -> Result<Bits> {
    world().watched(method, folder, &Watcher::until(end_after))
}

fn dcd(changes: &[(&str, &str)]) -> Dcd {
    parse(&params(changes)).unwrap()
}

const RRD: &str = r#"{ lambda = 0.01, list = 20, interesting = 5, uninteresting = 5, top.sampled.sharpness = 10.0 }"#;

#[test]
fn a_run_that_is_interrupted_between_refreshes_ends_as_if_it_were_not() {
    let rrd = format!("{{ rrd = {RRD} }}");
    for change in [("refresh", "3"), ("top", "\"head\""), ("rkd", &*rrd)] {
        let method = dcd(&[change]);
        let folder = tempfile::tempdir().unwrap();
        let whole = run(&method, folder.path(), usize::MAX).unwrap();
        for end_after in [1, 4, 5, 6] {
            let folder = tempfile::tempdir().unwrap();
            let error = run(&method, folder.path(), end_after).expect_err("interrupted");
            assert_eq!(error.kind(), Kind::Interrupted);
            assert_eq!(run(&method, folder.path(), usize::MAX).unwrap(), whole, "{change:?}, after {end_after} epochs");
        }
    }
}

#[test]
fn without_its_weights_it_is_what_is_left_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let other = |name: &str, params: &str| run(&*method(name, params).unwrap(), folder.path(), usize::MAX).unwrap();
    let with = |changes: &[(&str, &str)]| run(&dcd(changes), folder.path(), usize::MAX).unwrap();
    let off = [("lambda_user", "0"), ("lambda_item", "0")];
    let plain = other("bpr", &format!("{{ {STUDENT} }}"));
    let rrd = other("rrd", &format!("{{ student = {{ bpr = {{ {STUDENT} }} }}, rrd = {RRD} }}"));
    assert_eq!(with(&[off[0], off[1], ("rkd", &format!("{{ rrd = {RRD} }}"))]), rrd);
    let [users, items, both] = [with(&off[1..]), with(&off[..1]), with(&[])];
    assert!(users != plain && items != plain && rrd != plain && both != users && both != items);
}

#[test]
fn lists_that_are_too_short_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let notes = |sampled: &str| {
        let watcher = Watcher::until(usize::MAX);
        world().watched(&dcd(&[("sampled", sampled)]), folder.path(), &watcher).unwrap();
        let notes = watcher.notes.into_inner().unwrap();
        notes.into_iter().filter(|note| note.starts_with("epoch")).collect::<Vec<_>>()
    };
    // Half of a list on each side is had only where no difference is 0 and the signs are even.
    let told = notes("15");
    assert!(told.iter().any(|note| note.starts_with("epoch 0: ") && note.contains("of 60 users")), "{told:?}");
    assert!(told.iter().any(|note| note.contains("of 80 items")), "{told:?}");
    assert_eq!(notes("1"), Vec::<String>::new());
}

#[test]
fn a_run_is_the_same_on_any_threads() {
    same_on_threads(|| run(&dcd(&[]), tempfile::tempdir().unwrap().path(), usize::MAX).unwrap());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let refused = |changes: &[(&str, &str)]| parse::<Dcd>(&params(changes)).err().expect("refused");
    assert!(refused(&[("sampled", "16")]).contains("at most half of `list`"));
    assert!(refused(&[("list", "40000")]).contains("at most 32768"));
    assert!(refused(&[("sampled", "0")]).contains("from 1"));
    assert!(refused(&[("top", "{ sampled = { epsilon = 0 } }")]).contains("above 0"));
    assert!(refused(&[("lambda_user", "0"), ("lambda_item", "0")]).contains("both sides are off"));
    assert!(refused(&[("top", "\"all\"")]).contains("all"));
    assert!(parse::<Dcd>(&params(&[("sampled", "15")])).is_ok());
}
