//! Judging lists from text beside reading the same bytes with the csv crate: 5,220 users × 1,000 items. Names are stable keys.

mod support;

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use harness::data::SourceIds;
use harness::digest::Digest;
use harness::lists::{IdTable, ListTest, judge_lists};
use harness::metrics::{Candidates, Protocol};
use harness::queries::Queries;
use harness::rank::Ranker;
use harness::rng::Stream;
use harness::split::{HeldOut, Split, UserItems};

/// As many as CiteULike has in DE-RRD.
const ITEMS: u32 = 25_182;
const LIST: u32 = 1_000;
/// Training items of a user, then one for validation and one for the test.
const TRAINED: usize = 20;

/// A file in memory that several readers share.
#[derive(Clone)]
struct Bytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn main() {
    let mut c = support::criterion();
    let mut stream = Stream::new(0, "bench", "lists", 0);
    let users = support::USERS;
    let (mut train, mut test, mut text) = (Vec::new(), Vec::new(), String::from("user,item,score\n"));
    for user in 0..users as u32 {
        let drawn = stream.without_replacement(ITEMS, TRAINED + LIST as usize);
        train.extend(drawn[..TRAINED].iter().map(|&item| (user, item)));
        let list = &drawn[TRAINED..];
        test.push((user, list[user as usize % list.len()]));
        for (place, item) in list.iter().enumerate() {
            text += &format!("{user},{item},{}\n", (LIST as f32 - place as f32) * 0.013_7);
        }
    }
    let lists = |pairs: &[(u32, u32)]| UserItems::from_pairs(users, pairs);
    let (train, valid, test) = (lists(&train), lists(&[]), lists(&test));
    let split = Split { n_users: users, n_items: ITEMS as usize, train, valid, test };
    let metrics = ["recall@50", "recall@1000", "ndcg@100", "mrr@1000"].map(|metric| metric.parse().expect("a metric"));
    let protocol = Protocol::new(Candidates::Full, metrics.to_vec()).expect("a protocol");
    let ranker = Ranker::new(&protocol, Queries::of_users(&split, HeldOut::Test)).expect("queries");
    let numbers = |n: usize| -> SourceIds { (0..n).map(|number| number.to_string()).collect() };
    let items = IdTable::new(numbers(ITEMS as usize));
    let bytes = Bytes(Arc::new(text.into_bytes()));

    let mut group = c.benchmark_group("lists");
    group.sample_size(10);
    group.bench_function("read-with-csv", |b| {
        b.iter(|| {
            let mut rows = csv::Reader::from_reader(Cursor::new(bytes.clone()));
            let (mut row, mut fields) = (csv::ByteRecord::new(), 0);
            while rows.read_byte_record(&mut row).expect("a table") {
                fields += row.len();
            }
            black_box(fields)
        });
    });
    group.bench_function("judge-csv", |b| {
        b.iter(|| {
            let test = ListTest { ranker: &ranker, askers: numbers(users) };
            let input = Cursor::new(bytes.clone());
            judge_lists(&[test], &items, Digest::of(b"split"), input, Path::new("lists.csv")).expect("lists").lists
        });
    });
    group.finish();
    c.final_summary();
}
