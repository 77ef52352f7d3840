//! Samples by what they must be, and the term against its formula.

use harness::train::Model;

use super::*;
use crate::kit::on_threads;
use crate::models::bpr::{FusedBpr, of_tables};

const USERS: usize = 90;
const ITEMS: usize = 60;

fn lists(owners: usize, partners: usize, width: usize, purpose: &str) -> TopLists {
    let row = |owner| Stream::new(0, "rrd-test", purpose, owner).without_replacement(partners as u32, width);
    TopLists::new(width, (0..owners as u64).flat_map(row).collect())
}

/// Of lists of 12.
fn options(lambda: f64, interesting: usize, uninteresting: usize, top: Interesting) -> RrdOptions {
    let [list, interesting, uninteresting] = [12, interesting, uninteresting].map(|n| n.try_into().unwrap());
    RrdOptions { lambda: lambda.try_into().unwrap(), list, interesting, uninteresting, top }
}

/// Lists of 12, of which 5 are drawn; `seen` are partners that are in no list.
fn samples(side: Side, top: Interesting) -> RrdSamples {
    let (owners, partners) = match side {
        Side::User => (USERS, ITEMS),
        Side::Item => (ITEMS, USERS),
    };
    let list = lists(owners, partners, 20, "lists");
    let seen: Vec<(u32, u32)> =
        (0..owners as u32).flat_map(|owner| list.of(owner)[12..].iter().map(move |&p| (owner, p))).collect();
    let top_lists = TopLists::new(12, (0..owners as u32).flat_map(|o| list.of(o)[..12].to_vec()).collect());
    let options = options(0.5, 5, 7, top);
    RrdSamples::of(side, options, top_lists, &UserItems::from_pairs(owners, &seen).sorted(), partners).unwrap()
}

fn sampled() -> Interesting {
    Interesting::Sampled { sharpness: 10.0.try_into().unwrap() }
}

#[test]
fn a_sample_is_some_of_the_list_in_its_order_and_others_that_are_new() {
    for (side, top) in [(Side::User, sampled()), (Side::Item, sampled()), (Side::User, Interesting::Head)] {
        let mut samples = samples(side, top);
        samples.draw(Stream::new(0, "rrd-test", "draw", 0));
        let first = samples.partners.clone();
        for owner in 0..samples.top.len() as u32 {
            let (interesting, others) = samples.of_owner(owner).split_at(5);
            let list = samples.top.of(owner);
            let places: Vec<_> = interesting.iter().map(|p| list.iter().position(|q| q == p).unwrap()).collect();
            assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
            assert!(top != Interesting::Head || places == [0, 1, 2, 3, 4]);
            let taken = samples.taken.of(owner);
            assert_eq!(taken.len(), 20);
            assert!(others.iter().all(|other| taken.binary_search(other).is_err()));
            assert!((1..7).all(|k| !others[..k].contains(&others[k])), "distinct");
        }
        samples.draw(Stream::new(0, "rrd-test", "draw", 1));
        assert_ne!(samples.partners, first, "drawn anew in every epoch");
        for threads in [1, 3] {
            on_threads(threads, || samples.draw(Stream::new(0, "rrd-test", "draw", 0)));
            assert_eq!(samples.partners, first, "{threads} threads");
        }
    }
}

#[test]
fn an_owner_with_too_few_partners_left_is_told() {
    let list = lists(3, 20, 12, "short");
    let options = options(1.0, 2, 9, Interesting::Head);
    let none = UserItems::from_pairs(3, &[]);
    let error = RrdSamples::of(Side::Item, options, list, &none, 20).err().expect("20 − 12 < 9").to_string();
    assert!(error.contains("item 0 has too few users") && error.contains("got:      8"), "{error}");
}

/// Over the distinct users of the batch λ · ℓ of their samples, and over the distinct items among these
/// the item side; in f64, by the letter.
#[test]
fn the_term_is_the_weighted_sum_over_distinct_owners() {
    let dim = 4;
    let mut stream = Stream::new(0, "rrd-test", "student", 0);
    let mut student =
        FusedBpr::new(of_tables(dim, stream.normals(USERS * dim, 1.0), stream.normals(ITEMS * dim, 1.0))).unwrap();
    let tables = student.weights().unwrap().parameters;
    let score = |user: u32, item: u32| -> f64 {
        let of = |table: usize, row: u32| &tables[table].values[row as usize * dim..][..dim];
        of(0, user).iter().zip(of(1, item)).map(|(a, b)| f64::from(a * b)).sum()
    };
    let loss = |scores: &[f64]| -> f64 {
        let c = |k: usize| scores[k..].iter().map(|s| s.exp()).sum::<f64>().ln();
        (0..5).map(|k| c(k) - scores[k]).sum()
    };
    let mut term = Rrd {
        users: samples(Side::User, sampled()),
        items: Some(samples(Side::Item, sampled())),
        named: vec![false; ITEMS],
    };
    term.users.draw(Stream::new(0, "rrd-test", "users", 0));
    term.items.as_mut().unwrap().draw(Stream::new(0, "rrd-test", "items", 0));
    let users = [7, 3, 80];
    let batch = Batch {
        triples: &[[7, 1, 2], [3, 1, 5], [7, 4, 2], [80, 0, 9]],
        users: &users,
        positives: &[],
        negatives: &[],
    };
    student.forward_backward(batch.triples).unwrap();
    let got = term.add(&batch, &mut student).unwrap();
    let of_users: f64 =
        users.iter().map(|&u| loss(&term.users.of_owner(u).iter().map(|&i| score(u, i)).collect::<Vec<_>>())).sum();
    let items: std::collections::BTreeSet<u32> = users.iter().flat_map(|&u| term.users.of_owner(u)).copied().collect();
    let sides = term.items.as_ref().unwrap();
    let of_items: f64 =
        items.iter().map(|&i| loss(&sides.of_owner(i).iter().map(|&u| score(u, i)).collect::<Vec<_>>())).sum();
    let want = 0.5 * (of_users + of_items);
    assert!((got - want).abs() < 1e-4 * want, "{got} {want}");
    assert!(term.named.iter().all(|&named| !named));
}
