//! The best of all items.

use super::*;

#[test]
fn lists_are_the_sorted_scores() {
    for (n_items, dim, steps) in [(1117, 1, 4.0), (1117, 20, 1e6), (40, 3, 1.0)] {
        let split = random_split(31, n_items, 9, 1);
        let factors = Factors::new(31, n_items, dim, true, steps);
        let (table, seen) = (factors.table(), split.train.sorted());
        let queries: Vec<u32> = (0..31).rev().collect();
        for k in [1, 7, 31] {
            let expected: Vec<u32> = queries
                .iter()
                .flat_map(|&query| {
                    let score = |i: u32| table.scores[query as usize * n_items + i as usize];
                    let mut list: Vec<u32> = (0..n_items as u32).filter(|i| !seen.of(query).contains(i)).collect();
                    list.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap().then(a.cmp(b)));
                    list.truncate(k);
                    list
                })
                .collect();
            for index in [Index::new(&factors), Index::new(&table)] {
                let lists = index.top_lists(&queries, k, &|query| seen.of(query)).unwrap();
                assert_eq!(lists, expected);
                for block in [1, 5, 13] {
                    let again =
                        on_threads(3, || index.top_lists_in_blocks(&queries, k, &|q| seen.of(q), block)).unwrap();
                    assert_eq!(again, expected, "blocks of {block}");
                }
                for (row, &query) in queries.iter().enumerate() {
                    let served = index.top_k(query, seen.of(query), k).unwrap();
                    assert!(served.iter().map(|r| r.item).eq(expected[row * k..(row + 1) * k].iter().copied()));
                    assert!(served.iter().all(|r| r.score == table.scores[query as usize * n_items + r.item as usize]));
                }
            }
        }
    }
}

#[test]
fn a_list_that_cannot_be_filled_is_refused_and_serving_returns_what_is_left() {
    let table = Table { n_items: 4, scores: vec![-0.0, 0.0, -1.0, 3.0] };
    let index = Index::new(&table);
    let left: Vec<u32> = index.top_k(0, &[3], 9).unwrap().iter().map(|r| r.item).collect();
    assert_eq!(left, [0, 1, 2], "a zero ties with a negative zero");
    assert!(index.top_k(0, &[0, 1, 2, 3], 2).unwrap().is_empty());
    assert!(index.top_k(0, &[], 0).unwrap().is_empty());
    let error = index.top_lists(&[0], 4, &|_| &[3]).unwrap_err().to_string();
    assert!(error.contains("query 0 has too few items") && error.contains("got:      3"), "{error}");
}

/// The path of an accelerator, on the CPU.
#[test]
fn a_device_serves_the_same_items() {
    let (n_users, n_items, k) = (600, 300, 7);
    let device = candle_core::Device::Cpu;
    let queries: Vec<u32> = (0..n_users as u32).rev().collect();
    let split = random_split(n_users, n_items, 9, 1);
    let seen = split.train.sorted();
    // Products of quarters are exact, whatever the order of a sum; they tie often.
    for biased in [false, true] {
        let factors = Factors::new(n_users, n_items, 3, biased, 4.0);
        let (index, served) = (Index::new(&factors), OnDevice::new(&factors, &device).unwrap().unwrap());
        let lists = index.top_lists(&queries, k, &|query| seen.of(query)).unwrap();
        let again = same_on_threads(|| served.top_lists(&queries, k, &|query| seen.of(query)).unwrap());
        assert_eq!(again, lists, "more than a block of queries");
        for query in [0, 17] {
            assert_eq!(served.top_k(query, seen.of(query), k).unwrap(), index.top_k(query, seen.of(query), k).unwrap());
        }
    }
    let mut factors = Factors::new(n_users, n_items, 3, true, 4.0);
    assert!(OnDevice::new(&factors.table(), &device).unwrap().is_none(), "a table is no dot product");
    let all: Vec<u32> = (0..n_items as u32).collect();
    let served = OnDevice::new(&factors, &device).unwrap().unwrap();
    let error = served.top_lists(&[3], 5, &|_| &all[2..]).unwrap_err().to_string();
    assert!(error.contains("query 3 has too few items") && error.contains("got:      2"), "{error}");
    drop(served);
    factors.bias.as_mut().unwrap()[77] = f32::NAN;
    let served = OnDevice::new(&factors, &device).unwrap().unwrap();
    let error = served.top_k(4, &[], 5).unwrap_err();
    assert!(error.kind() == crate::error::Kind::Diverged && error.to_string().contains("item 77 for query 4"));
}
