use std::num::NonZeroUsize;

use super::*;
use crate::data::{Clock, Dataset, Interaction};
use crate::error::Kind;
use crate::kit::{dataset, three_periods};
use crate::split::Ties;

fn rows(lists: &UserItems) -> Vec<Vec<u32>> {
    lists.rows().map(<[u32]>::to_vec).collect()
}

#[test]
fn a_period_is_learnt_from_those_before_it() {
    let periods = given(&three_periods(), Roles::after_the_first(2), Catalogue::Growing).unwrap();
    assert_eq!((periods.last(), periods.n_items()), (2, 9));
    let [first, second] = [1, 2].map(|number| periods.period(number));
    let sessions = |period: Period<'_>, window| period.sessions(window).map(<[u32]>::to_vec).collect::<Vec<_>>();
    assert_eq!(sessions(first, Limit::All), [vec![0, 2], vec![1, 0], vec![1]]);
    // The second piece of session 1 is a session of its own.
    assert_eq!(sessions(second, Limit::At(1)), [vec![3, 4], vec![0, 3, 1], vec![2, 1]]);
    assert_eq!(sessions(second, Limit::All).len(), 6);
    assert_eq!(sessions(second, Limit::At(9)).len(), 6, "a window may reach beyond the first period");
    assert_eq!([first.items_before(), first.items(), second.items_before(), second.items()], [0, 3, 3, 5]);
    let full = given(&three_periods(), Roles::after_the_first(2), Catalogue::Full).unwrap();
    assert_eq!([full.period(1).items(), full.period(2).items()], [9, 9]);
    assert_ne!(full.digest(), periods.digest());
    assert_ne!(
        given(&three_periods(), Roles::after_the_first(1), Catalogue::Growing).unwrap().digest(),
        periods.digest()
    );
}

#[test]
fn data_that_is_no_stream_is_refused() {
    let refused =
        |dataset: &Dataset, last| given(dataset, Roles::after_the_first(last), Catalogue::Growing).unwrap_err();
    let error = refused(&three_periods(), 3);
    assert!(error.kind() == Kind::Input && error.to_string().contains("has no part `period-3`"), "{error}");
    assert!(error.to_string().contains("period-0, period-1, period-2"), "{error}");
    for (part, events, says) in [
        (1, &[][..], "period 1 of `made-up` has no event"),
        (1, &[(4, 0, 0), (4, 5, 0)], "period 1 of `made-up` has new items that do not go on"),
        (2, &[(6, 5, 0), (6, 6, 0)], "period 2 of `made-up` has nothing to predict"),
        (0, &[(1, 0, 0), (2, 1, 0), (3, 2, 0)], "period 0 of `made-up` has nothing to learn from"),
    ] {
        let mut dataset = three_periods();
        let events = events.iter().map(|&(user, item, time)| Interaction {
            user,
            item,
            time: time.into(),
            value: 1.0,
            session: 0,
        });
        dataset.parts[part].interactions = events.collect();
        let error = refused(&dataset, 2);
        assert!(error.kind() == Kind::Data && error.to_string().contains(says), "{says}: {error}");
    }
}

#[test]
fn time_is_cut_into_periods() {
    const DAY: i64 = 86_400;
    // Given out of order; item 8 has one interaction, and is dropped.
    let events: &[(u32, u32, i64)] = &[
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
    let dataset = dataset(20, 9, &[("all", events)]);
    let by_time = |dataset: &Dataset, [days, first, last]: [usize; 3], least, catalogue| {
        by_time(dataset, [days, first], least, Roles::after_the_first(last), catalogue, Ties::FileOrder)
    };
    let cut =
        |days, first, last| by_time(&dataset, [days, first, last], 2, Catalogue::Growing).map(|(periods, _)| periods);
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
    // More periods than there is memory for are refused before there are any.
    assert!(cut(2, 1, 100_000_000_000).unwrap_err().to_string().contains("ends before period 100000000000 does"));
    let unordered = Dataset { clock: Clock::Order, ..dataset.clone() };
    let error = by_time(&unordered, [2, 1, 2], 2, Catalogue::Growing).unwrap_err();
    assert!(error.kind() == Kind::Input && error.to_string().contains("no times that count in days"), "{error}");
    assert!(by_time(&dataset, [2, 1, 2], 9, Catalogue::Growing).unwrap_err().to_string().contains("at least 9"));
    // User 2 has items 7 and 5 at one time in period 1, but 7 is not known; with all items known its second is asked for.
    assert_eq!(by_time(&dataset, [2, 1, 2], 2, Catalogue::Growing).unwrap().1, 0);
    assert_eq!(by_time(&dataset, [2, 1, 2], 2, Catalogue::Full).unwrap().1, 1);
    assert_eq!(rows(&cut(2, 2, 1).unwrap().sessions[0]), [vec![0, 1, 1, 0], vec![0, 2, 1]]);
}

#[test]
fn sessions_are_warmed_up_on_too() {
    let roles = Roles::new(2, None, NonZeroUsize::new(2)).unwrap();
    let warm = given(&three_periods(), roles, Catalogue::Growing).unwrap();
    let all = given(&three_periods(), Roles::after_the_first(2), Catalogue::Growing).unwrap();
    assert_eq!(
        warm.period(1).tested_sessions().collect::<Vec<_>>(),
        all.period(1).tested_sessions().collect::<Vec<_>>()
    );
    assert_ne!(warm.digest(), all.digest());
}
