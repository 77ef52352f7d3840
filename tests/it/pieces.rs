//! AdaRec's pieces and negatives of real data are those that an independent program prepared.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use harness::data::Dataset;
use harness::digest::Digest;
use harness::metrics::{Candidates, Draw, Protocol};
use harness::queries::Queries;
use harness::rank::Ranker;
use harness::split::{AtLeast, Cut, Events, Pieces, SequenceUnit, Slicing, Split, SplitRule, TestInput, Ties};

use crate::periods::at_mirror;

/// ML-2K's rule: one sequence a user.
fn of_users(least: usize, length: usize) -> Slicing {
    let least = NonZeroUsize::new(least).unwrap();
    Slicing {
        sequences: SequenceUnit::Users,
        at_least: vec![AtLeast::Items(least), AtLeast::Users(least)],
        length,
        shortest: 4,
        test_input: TestInput::Training,
    }
}

fn of_sessions() -> Slicing {
    let number = |n| NonZeroUsize::new(n).unwrap();
    let at_least = vec![AtLeast::Sessions(number(2)), AtLeast::Items(number(5)), AtLeast::Sessions(number(3))];
    Slicing { sequences: SequenceUnit::Sessions, at_least, ..of_users(1, 20) }
}

/// The pieces of the events of a dataset that count.
fn pieces(dataset: Dataset, events: &str, slicing: Slicing) -> Pieces {
    let events: Events = toml::from_str(events).unwrap();
    match SplitRule::Pieces(slicing).apply(&events.keep(dataset).unwrap(), Ties::FileOrder).unwrap().cut {
        Cut::Pieces(pieces) => pieces,
        other => panic!("{other:?}"),
    }
}

/// Users, items, pieces, and the digest of the pieces: one line a piece, `user<TAB>i1 i2 …`, numbers from 1.
fn measured(pieces: &Pieces) -> (usize, usize, usize, String) {
    let Split { train, valid, test, .. } = &pieces.split;
    let mut text = String::new();
    for (piece, owner) in (0..).zip(pieces.owners.of_askers()) {
        let items = train.of(piece).iter().chain(valid.of(piece)).chain(test.of(piece));
        let items: Vec<String> = items.map(|item| (item + 1).to_string()).collect();
        writeln!(text, "{}\t{}", owner + 1, items.join(" ")).unwrap();
    }
    let owners = pieces.owners.items().n_users();
    (owners, pieces.split.n_items, pieces.split.n_users, Digest::of(text.as_bytes()).to_string())
}

/// The digest of the 100 negatives of each user: `user<TAB>n1 … n100`, in the order of their digests.
fn negatives(pieces: &Pieces) -> String {
    let candidates = Candidates::Sampled { negatives: 100, seed: 42, draw: Draw::Sha256 };
    let [valid, test] = Queries::of_pieces(pieces);
    let protocol = Protocol::new(candidates, vec!["loo-hr@5".parse().unwrap()]).unwrap();
    let valid = Ranker::new(&protocol, valid).unwrap();
    let test = valid.beside(test).unwrap();
    let (mut text, mut last) = (String::new(), None);
    for (piece, &owner) in (0..).zip(pieces.owners.of_askers()) {
        assert_eq!(valid.negatives(piece), test.negatives(piece));
        if last.replace(owner) == Some(owner) {
            continue;
        }
        let digest = |item: u32| Digest::of(format!("42/{}/{}", owner + 1, item + 1).as_bytes());
        let mut items = test.negatives(piece).unwrap().to_vec();
        items.sort_by_key(|item| digest(*item));
        let items: Vec<String> = items.iter().map(|item| (item + 1).to_string()).collect();
        writeln!(text, "{}\t{}", owner + 1, items.join(" ")).unwrap();
    }
    Digest::of(text.as_bytes()).to_string()
}

#[test]
fn pieces_of_movies_are_those_of_an_independent_program() {
    let dataset = at_mirror("movietweetings-100k").expect("the dataset is embedded");
    let pieces = pieces(dataset, "ratings_at_least = 6", of_users(10, 10));
    let digest = "426ba0223ee586b9b6a9542bcdb33b027c116a0391d7c1bb3ce69abcfd44a1e9";
    assert_eq!(measured(&pieces), (1_872, 1_375, 4_080, digest.into()));
    assert_eq!(negatives(&pieces), "faa56684d30ea1c7f09f938201f728af9361c2695ce6a126952c4adb8930ad80");
}

#[test]
fn pieces_and_negatives_of_movielens_are_those_of_an_independent_program() {
    let Some(dataset) = at_mirror("movielens-100k") else { return };
    for (length, count, digest) in [
        (20, 4_388, "9a03db1c147831621130f865f41ab2e1bc6a1401744c59f1e33cee44bbad717d"),
        (50, 2_065, "3e7847cc05defddbe09c2e2446a3c3dc9aec2c29202dce0ea61705c7e24895c5"),
    ] {
        let pieces = pieces(dataset.clone(), "ratings_at_least = 3", of_users(4, length));
        assert_eq!(measured(&pieces), (943, 1_268, count, digest.into()));
        assert_eq!(negatives(&pieces), "37d20c5bc07ac33fd8c20887068aebd4ef9f2a20742fee2375c0b2d1350b8f77");
    }
    // By kilosecond nearly all times of a user are equal: the lines of the file make another order.
    let coarse = pieces(dataset, "ratings_at_least = 3\nwhole_kiloseconds = true", of_users(4, 20));
    assert_eq!(
        measured(&coarse),
        (943, 1_268, 4_388, "e61aa3abf19e1665eb7cb98e6b8ca95764bc255d535a30f124498ba14f44c7cb".into())
    );
}

#[test]
fn pieces_of_an_order_alone_have_their_counts() {
    let Some(dataset) = at_mirror("movielens-1m-order") else { return };
    let pieces = pieces(dataset, "ratings_at_least = 3", of_users(4, 50));
    let (users, items, count, _) = measured(&pieces);
    assert_eq!((users, items, count), (6_038, 3_347, 19_295));
}

/// The digest is that of a program of some lines in Python, written from the specification.
#[test]
fn pieces_of_sessions_of_music_have_their_counts() {
    let Some(dataset) = at_mirror("30music-sample") else { return };
    let pieces = pieces(dataset, "", of_sessions());
    let digest = "9cb62db38bb74330fc12649a90221d44ccb4c9d9bda81d9dca3d6f2a40e65c9f";
    assert_eq!(measured(&pieces), (14_260, 9_976, 34_594, digest.into()));
}
