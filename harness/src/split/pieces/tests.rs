use super::*;
use crate::data::{Clock, Values};
use crate::kit::{self, applied};
use crate::metrics::{Candidates, Draw, Protocol};
use crate::queries::Queries;
use crate::rank::Ranker;
use crate::split::{Cut, SplitRule};
use crate::{golden, split::TimeTies};

fn slicing(text: &str) -> std::result::Result<Slicing, String> {
    match toml::from_str::<SplitRule>(&format!("rule = \"pieces\"\n{text}")).map_err(|error| error.to_string())? {
        SplitRule::Pieces(slicing) => Ok(slicing),
        other => panic!("{other:?}"),
    }
}

fn of_users(length: usize, shortest: usize) -> Slicing {
    let (sequences, test_input) = (SequenceUnit::Users, TestInput::Training);
    Slicing { sequences, at_least: Vec::new(), length, shortest, test_input }
}

fn pieces(slicing: &Slicing, dataset: &Dataset) -> Pieces {
    match SplitRule::Pieces(slicing.clone()).apply(dataset, Ties::FileOrder).unwrap().cut {
        Cut::Pieces(pieces) => pieces,
        other => panic!("{other:?}"),
    }
}

fn rows(lists: &UserItems) -> Vec<Vec<u32>> {
    lists.rows().map(<[u32]>::to_vec).collect()
}

/// Whole pieces, with their owners.
fn whole(pieces: &Pieces) -> Vec<(u32, Vec<u32>)> {
    let Split { train, valid, test, .. } = &pieces.split;
    let parts = train.rows().zip(valid.rows()).zip(test.rows());
    let whole = parts.map(|((train, valid), test)| [train, valid, test].concat());
    pieces.owners.of_askers().iter().copied().zip(whole).collect()
}

/// The vector `slicing_and_splits` of tests/golden/adarec.json, one user a sequence. Its inputs are padded to the left with 0.
#[test]
fn pieces_and_their_parts_are_those_of_the_reference_vector() {
    let case = golden::case("adarec.json", "slicing_and_splits");
    let shortest = case["inputs"]["min_len"].as_u64().unwrap() as usize;
    let mut expected = case["expected"]["rows"].as_array().unwrap().iter();
    for source in case["inputs"]["sources"].as_array().unwrap() {
        let (sequence, length) = (golden::ids(&source["seq"]), source["max_len"].as_u64().unwrap() as usize);
        // Items 1 to 14 of one user, and another user with all of them, so that their numbers stay.
        let events: Vec<_> = (0..).zip(&sequence).map(|(time, &item)| (0, item - 1, time)).collect();
        let all: Vec<_> = (0..14).map(|item| (1, item, 99)).collect();
        let dataset = kit::dataset(2, 14, &[("all", &events), ("more", &all)]);
        let pieces = pieces(&of_users(length, shortest), &dataset);
        let [valid, test] = Queries::of_pieces(&pieces);
        let of_first = pieces.owners.of_askers().iter().filter(|owner| **owner == 0).count();
        for (piece, row) in (0..of_first as u32).zip(&mut expected) {
            let ids = |key: &str| golden::ids(&row[key]);
            let padded = |items: &[u32]| {
                let zeros = std::iter::repeat_n(0, length - items.len());
                zeros.chain(items.iter().map(|item| item + 1)).collect::<Vec<u32>>()
            };
            let train = pieces.split.train.of(piece);
            assert_eq!(row["source_len"].as_u64().unwrap() as usize, sequence.len());
            assert_eq!(whole(&pieces)[piece as usize].1.iter().map(|item| item + 1).collect::<Vec<_>>(), ids("slice"));
            assert_eq!(padded(&train[..train.len() - 1]), ids("train_input"));
            assert_eq!(padded(&train[1..]), ids("train_label"));
            for (queries, part) in [(&valid, "valid"), (&test, "test")] {
                assert_eq!(padded(queries.inputs().of(piece)), ids(&format!("{part}_input")));
                let (_, targets) = queries.iter().nth(piece as usize).unwrap();
                assert_eq!(u64::from(targets[0] + 1), row[format!("{part}_target")].as_u64().unwrap());
            }
        }
    }
    assert!(expected.next().is_none(), "as many pieces as expected");
}

/// User 0 has ten items, of which item 9 twice; user 1 has four; user 2 two, and so no piece.
fn dataset() -> Dataset {
    let first = [5, 9, 1, 9, 4, 3, 2, 7, 8, 6].map(|item| (0, item, 0));
    let first: Vec<_> = first.iter().zip(1..).map(|(event, time)| (event.0, event.1, time)).collect();
    let others = [(2, 0, 1), (1, 0, 4), (1, 1, 3), (1, 2, 2), (1, 3, 1), (2, 9, 2)];
    kit::dataset(3, 11, &[("all", &first), ("late", &others)])
}

#[test]
fn pieces_are_askers_and_their_users_own_what_they_had() {
    let found = pieces(&of_users(4, 3), &dataset());
    // Item 10 has no interaction. The first two items of user 0 are too few.
    assert_eq!((found.split.n_users, found.split.n_items), (3, 10));
    assert_eq!(whole(&found), [(0, vec![2, 7, 8, 6]), (0, vec![1, 9, 4, 3]), (1, vec![3, 2, 1, 0])]);
    let histories = [vec![1, 2, 3, 4, 5, 6, 7, 8, 9], vec![0, 1, 2, 3], vec![0, 9]];
    assert_eq!(rows(found.owners.items()), histories);
    let [valid, test] = Queries::of_pieces(&found);
    assert_eq!((valid.len(), test.len(), test.owner(1), test.owner(2)), (3, 3, 0, 1));
    assert_eq!(rows(&test.taken()), histories, "all of a user, not of a piece alone");
    assert!(test.asks_as(&valid) && test.has_owners_of(&valid));
    assert!(test.name(2).starts_with("piece number 2") && test.name_of_owner(1).starts_with("user number 1"));
    assert_eq!(rows(valid.seen())[0], [2, 7]);
}

#[test]
fn the_test_may_be_asked_from_the_validation_item_too() {
    let with = Slicing { test_input: TestInput::WithValidation, ..of_users(4, 3) };
    let (with, without) = (pieces(&with, &dataset()), pieces(&of_users(4, 3), &dataset()));
    assert_eq!((with.split.clone(), with.owners.clone()), (without.split.clone(), without.owners.clone()));
    assert_ne!(with.digest(), without.digest());
    let [valid, test] = Queries::of_pieces(&with);
    assert_eq!(rows(valid.inputs()), [[2, 7], [1, 9], [3, 2]]);
    assert_eq!(rows(test.inputs()), [[2, 7, 8], [1, 9, 4], [3, 2, 1]]);
    assert!(!test.asks_as(&valid) && test.has_owners_of(&valid));
}

/// Whole sessions of users in the order of the source's ids, and filters one after the other.
#[test]
fn sessions_are_sequences_in_the_order_of_their_ids() {
    // User, session, item, time: the source's ids of sessions go down, and those of users, too.
    let rows = [
        (0, 0, 3, 1),
        (0, 0, 1, 2),
        (0, 1, 2, 5),
        (0, 0, 2, 4),
        (0, 1, 2, 3),
        (0, 1, 1, 9),
        (1, 2, 1, 7),
        (1, 2, 2, 7),
        (1, 2, 2, 8),
        (1, 3, 4, 1),
        (1, 4, 1, 1),
        (1, 4, 2, 2),
        (1, 4, 4, 3),
    ];
    let mut dataset = kit::dataset(2, 5, &[("all", &rows.map(|(user, _, item, time)| (user, item, time)))]);
    let sessions = rows.iter().zip(&mut dataset.parts[0].interactions);
    sessions.for_each(|(row, event)| event.session = row.1);
    dataset.session_places = vec![4, 3, 2, 1, 0];
    dataset.user_places = vec![1, 0];
    let text = |filters: &str| {
        format!("sequences = \"sessions\"\nat_least = [{filters}]\nlength = 4\nshortest = 3\ntest_input = \"training\"")
    };
    let cut = |filters: &str| whole(&pieces(&slicing(&text(filters)).unwrap(), &dataset));
    // User 1 comes first; of it session 4 before session 2. Items 1 to 4 become 0 to 3.
    assert_eq!(
        cut(""),
        [(0, vec![0, 1, 3]), (0, vec![0, 1, 1]), (1, vec![1, 1, 0]), (1, vec![2, 0, 1])],
        "of equal times the first line comes first"
    );
    // Session 3 goes first, and with it an event of item 4; then items 3 and 4; then what is too short by then.
    let filtered = cut("{ sessions = 2 }, { items = 2 }, { sessions = 3 }");
    assert_eq!(filtered, [(0, vec![0, 1, 1]), (1, vec![1, 1, 0])]);
    assert_eq!(cut("{ items = 2 }, { sessions = 3 }"), [(0, vec![0, 1, 2]), (0, vec![0, 1, 1]), (1, vec![1, 1, 0])]);
    // User 0 of the source has six events, user 1 seven.
    assert_eq!(cut("{ users = 7 }"), [(0, vec![0, 1, 2]), (0, vec![0, 1, 1])]);
    let error = SplitRule::Pieces(slicing(&text("")).unwrap()).apply(&self::dataset(), Ties::FileOrder).unwrap_err();
    assert!(error.to_string().contains("`made-up` has no sessions"), "{error}");
    let users = Slicing { at_least: vec![AtLeast::Sessions(NonZeroUsize::MIN)], ..of_users(4, 3) };
    let error = SplitRule::Pieces(users).apply(&self::dataset(), Ties::FileOrder).unwrap_err();
    assert!(error.to_string().contains("a column `session` in its manifest"), "{error}");
}

#[test]
fn held_out_items_beside_one_of_their_time_are_counted() {
    let timed = |times: [i64; 8]| {
        let rows: Vec<_> = (0..).zip(times).map(|(item, time)| (0, item, time)).collect();
        kit::dataset(1, 8, &[("all", &rows)])
    };
    let counted =
        |times, ties| SplitRule::Pieces(of_users(4, 3)).apply(&timed(times), ties).map(|applied| applied.ties);
    let ties = |validation, test| Some(TimeTies { by: "file-order".into(), validation, test });
    // Pieces 0..4 and 4..8: validation at 2 and 6, test at 3 and 7.
    assert_eq!(counted([0, 1, 2, 3, 4, 5, 6, 7], Ties::FileOrder).unwrap(), ties(0, 0));
    assert_eq!(counted([0, 0, 2, 3, 3, 5, 6, 7], Ties::FileOrder).unwrap(), ties(0, 1), "the next piece's first item");
    assert_eq!(counted([0, 2, 2, 3, 4, 5, 6, 6], Ties::FileOrder).unwrap(), ties(2, 1));
    let refused = counted([0, 2, 2, 3, 4, 5, 6, 6], Ties::Refuse).unwrap_err();
    assert!(refused.to_string().contains("1 test and 2 validation items"), "{refused}");
    let positions = Dataset { clock: Clock::Position, ..timed([0, 1, 2, 3, 4, 5, 6, 7]) };
    assert_eq!(SplitRule::Pieces(of_users(4, 3)).apply(&positions, Ties::FileOrder).unwrap().ties, None);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (length, shortest, ties, says) in [
        (3, 3, Ties::FileOrder, "`length`: the pieces are too short"),
        (20, 2, Ties::FileOrder, "`shortest`: no such piece"),
        (4, 5, Ties::FileOrder, "`shortest`: no such piece"),
        (20, 4, Ties::Item, "`ties = \"item\"` would order a piece"),
    ] {
        let rule = SplitRule::Pieces(of_users(length, shortest));
        let checked = rule.check(ties).unwrap_err();
        assert!(checked.kind() == Kind::Input && checked.to_string().contains(says), "{checked}");
        assert_eq!(rule.apply(&dataset(), ties).unwrap_err().to_string(), checked.to_string());
    }
    assert!(SplitRule::Pieces(of_users(4, 4)).check(Ties::Refuse).is_ok());
    let nothing = Slicing { at_least: vec![AtLeast::Items(NonZeroUsize::new(4).unwrap())], ..of_users(4, 4) };
    let error = applied(&SplitRule::Pieces(nothing), &dataset()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("no training interactions are left of `made-up`"), "{error}");
    let unrated: crate::split::Events = toml::from_str("ratings_at_least = 3").unwrap();
    assert_eq!(dataset().values, Values::None);
    assert!(unrated.keep(dataset()).unwrap_err().to_string().contains("no ratings"));
}

#[test]
fn the_toml_form_is_strict() {
    let whole = "sequences = \"users\"\nat_least = [{ items = 4 }, { users = 4 }]\nlength = 20\nshortest = 4\ntest_input = \"with-validation\"";
    let [items, users] = [AtLeast::Items, AtLeast::Users].map(|of| of(NonZeroUsize::new(4).unwrap()));
    let rule = Slicing { at_least: vec![items, users], test_input: TestInput::WithValidation, ..of_users(20, 4) };
    assert_eq!(slicing(whole).unwrap(), rule);
    assert_eq!(
        serde_json::to_string(&SplitRule::Pieces(rule.clone())).unwrap(),
        r#"{"rule":"pieces","sequences":"users","at_least":[{"items":4},{"users":4}],"length":20,"shortest":4,"test_input":"with-validation"}"#
    );
    assert_eq!(
        rule.describe(),
        "items with at least 4 interactions, then users with at least 4 interactions; each user's sequence is cut from its end \
         into pieces of at most 20 items, those under 4 dropped; a piece, not a user, is asked for its last item (test) and the \
         one before (validation), each from all items before it"
    );
    for line in whole.lines() {
        let key = line.split(' ').next().unwrap();
        let error = slicing(&whole.replace(line, "")).unwrap_err();
        assert!(error.contains(&format!("missing field `{key}`")), "{error}");
    }
    assert!(slicing(&format!("{whole}\nlongest = 3")).unwrap_err().contains("unknown field `longest`"));
    assert!(slicing(&whole.replace("items = 4", "items = 0")).unwrap_err().contains("nonzero"));
    assert!(slicing(&whole.replace("items = 4", "songs = 4")).unwrap_err().contains("unknown variant `songs`"));
}

/// Negatives are those of the user, whichever of its pieces asks and whatever it is asked from.
#[test]
fn all_pieces_of_a_user_have_its_negatives() {
    // 400 items, of which user 0 has 0 to 9; user 1 the others.
    let own: Vec<_> = (0..10).map(|item| (0, item, i64::from(item))).collect();
    let others: Vec<_> = (10..400).map(|item| (1, item, i64::from(item))).collect();
    let dataset = kit::dataset(2, 400, &[("all", &own), ("more", &others)]);
    for test_input in [TestInput::Training, TestInput::WithValidation] {
        // Without the short second piece of user 0: items 0 to 4 are in no piece, and no negatives either.
        let pieces = pieces(&Slicing { test_input, ..of_users(5, 4) }, &dataset);
        for draw in [Draw::Stream, Draw::Sha256] {
            let candidates = Candidates::Sampled { negatives: 9, seed: 42, draw };
            let protocol = Protocol::new(candidates, vec!["loo-hr@5".parse().unwrap()]).unwrap();
            let [valid, test] = Queries::of_pieces(&pieces);
            let valid = Ranker::new(&protocol, valid).unwrap();
            let test = valid.beside(test).unwrap();
            let of_user = |piece| [&valid, &test].map(|ranker| ranker.negatives(piece).unwrap());
            assert_eq!(of_user(0), of_user(1), "two pieces of user 0");
            assert_eq!(of_user(0)[0], of_user(1)[1], "in both parts");
            assert!(of_user(0)[0].iter().all(|item| *item >= 10) && of_user(2)[0].iter().all(|item| *item < 10));
            assert_eq!(pieces.owners.of_askers()[..3], [0, 0, 1]);
        }
        // User 1 has 390 of the 400 items.
        let many = Candidates::Sampled { negatives: 11, seed: 42, draw: Draw::Sha256 };
        let protocol = Protocol::new(many, vec!["loo-hr@5".parse().unwrap()]).unwrap();
        let [valid, _] = Queries::of_pieces(&pieces);
        let error = Ranker::new(&protocol, valid).err().unwrap().to_string();
        for says in ["user number 1 of the split", "at least 11 of 400 items", "10 (the user has 390)"] {
            assert!(error.contains(says), "{error}");
        }
    }
}
