//! Lists against the evaluation of the scorer that made them, and every kind of file that is refused.

use std::io::{Cursor, Read, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::data::SourceIds;
use crate::digest::Digest;
use crate::error::{Kind, Result};
use crate::kit::Table;
use crate::metrics::{Candidates, Draw, Protocol};
use crate::queries::Queries;
use crate::rank::{Evaluation, Ranker};
use crate::rng::Stream;
use crate::split::{HeldOut, Split, UserItems};

mod labelled;

const USERS: usize = 30;
const ITEMS: usize = 40;

/// Every user has six training items; all but the last user have test items, one or two.
fn split(targets: usize) -> Split {
    let mut stream = Stream::new(3, "tests", "lists", 0);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for user in 0..USERS as u32 {
        let drawn = stream.without_replacement(ITEMS as u32, 6 + targets);
        train.extend(drawn[..6].iter().map(|&item| (user, item)));
        if (user as usize) < USERS - 1 {
            test.extend(drawn[6..].iter().map(|&item| (user, item)));
        }
    }
    let lists = |pairs: &[(u32, u32)]| UserItems::from_pairs(USERS, pairs);
    Split { n_users: USERS, n_items: ITEMS, train: lists(&train), valid: lists(&[]), test: lists(&test) }
}

fn ranker(candidates: Candidates, metrics: &[&str]) -> Ranker {
    let metrics = metrics.iter().map(|metric| metric.parse().unwrap()).collect();
    let one = matches!(candidates, Candidates::Sampled { .. });
    let queries = Queries::of_users(&split(if one { 1 } else { 2 }), HeldOut::Test);
    Ranker::new(&Protocol::new(candidates, metrics).unwrap(), queries).unwrap()
}

fn ids(noun: &str, n: usize) -> SourceIds {
    (0..n).map(|number| format!("{noun}{number}")).collect()
}

/// Scores on a grid, so that there are ties.
fn scorer() -> Table {
    let mut stream = Stream::new(4, "tests", "lists", 1);
    let scores = stream.normals(USERS * ITEMS, 1.0).iter().map(|score| (4.0 * score).round() / 4.0).collect();
    Table { n_items: ITEMS, scores }
}

fn judged(ranker: &Ranker, file: impl Into<Vec<u8>>) -> Result<JudgedLists> {
    let test = ListTest { ranker, askers: ids("u ", USERS) };
    let items = IdTable::new(ids("i,", ITEMS));
    judge_lists(&[test], &items, Digest::of(b"split"), Cursor::new(file.into()), Path::new("lists.csv"))
}

fn refused(ranker: &Ranker, file: impl Into<Vec<u8>>) -> String {
    judged(ranker, file).expect_err("it is refused").to_string()
}

/// The lists of a scorer as the files that are written, by their end.
fn written(ranker: &Ranker, k: usize, askers: &SourceIds, items: &SourceIds) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let header = ListsHeader {
        spec: "s",
        profile: "p",
        trial: "t",
        seed: 0,
        split: Digest::of(b"split"),
        protocol: ranker.protocol().digest(),
    };
    let lists = ranker.lists(&scorer(), k).unwrap();
    let named = NamedLists { noun: "user", askers, items, lists: &lists };
    let files = write_lists(folder.path(), "lists", &header, &named).unwrap();
    let end = |path: &Path| path.extension().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (end(path), std::fs::read(path).unwrap())).collect()
}

fn same(found: &Evaluation, expected: &Evaluation, ranks: bool) {
    for (metric, value) in &expected.values {
        assert_eq!(found.values[metric].to_bits(), value.to_bits(), "{metric}");
    }
    if ranks {
        assert_eq!((&found.ranks, &found.pessimistic_ranks), (&expected.ranks, &expected.pessimistic_ranks));
        assert_eq!(found.pessimistic, expected.pessimistic);
    }
}

const SAMPLED: Candidates = Candidates::Sampled { negatives: 9, seed: 1, draw: Draw::Stream };

#[test]
fn lists_of_a_scorer_have_the_values_of_its_evaluation() {
    for (candidates, metrics) in [
        (Candidates::Full, &["recall@5", "ndcg@10", "ap"][..]),
        (Candidates::All, &["recall@5", "mrr@10", "map@3", "ap"]),
        (SAMPLED, &["loo-hr@5", "loo-ndcg@5"]),
    ] {
        let ranker = ranker(candidates, metrics);
        let expected = ranker.evaluate(&scorer()).unwrap();
        assert_ne!(expected.ranks, expected.pessimistic_ranks, "there are ties");
        let files = written(&ranker, ITEMS, &ids("u ", USERS), &ids("i,", ITEMS));
        assert!(files.iter().map(|(end, _)| &**end).eq(["jsonl", "csv"]), "blanks cannot stand in a file of TREC");
        for (end, file) in files {
            let found = judged(&ranker, file).unwrap();
            assert_eq!((found.lists, found.unasked, found.scored), (USERS - 1, 0, true), "{end}");
            same(&found.evaluations[0], &expected, true);
        }
        let (askers, items) = (ids("u", USERS), ids("i", ITEMS));
        let files = written(&ranker, ITEMS, &askers, &items);
        assert_eq!(files.len(), 3);
        for (_, file) in files {
            let test = [ListTest { ranker: &ranker, askers: askers.clone() }];
            let split = Digest::of(b"split");
            let found = judge_lists(&test, &IdTable::new(items.clone()), split, Cursor::new(file), Path::new("x"));
            same(&found.unwrap().evaluations[0], &expected, true);
        }
    }
}

#[test]
fn lists_as_long_as_the_largest_cutoff_are_enough_and_shorter_ones_are_not() {
    let ranker = ranker(Candidates::Full, &["recall@5", "ndcg@10"]);
    let expected = ranker.evaluate(&scorer()).unwrap();
    let file = |k| written(&ranker, k, &ids("u ", USERS), &ids("i,", ITEMS)).remove(1).1;
    same(&judged(&ranker, file(10)).unwrap().evaluations[0], &expected, false);
    let error = refused(&ranker, file(9));
    assert!(error.contains("shorter than the largest cutoff") && error.contains("at least 10"), "{error}");
    assert!(error.contains("lists.csv:11"), "found where the next list begins\n{error}");
}

/// The rows of the table, in lines, without the header.
fn rows(ranker: &Ranker) -> Vec<String> {
    let file = written(ranker, ITEMS, &ids("u ", USERS), &ids("i,", ITEMS)).remove(1).1;
    String::from_utf8(file).unwrap().lines().skip(1).map(String::from).collect()
}

fn table(rows: &[String]) -> String {
    format!("user,item,score\n{}\n", rows.join("\n"))
}

#[test]
fn order_marks_line_ends_and_compression_change_nothing() {
    let ranker = ranker(Candidates::Full, &["recall@5", "ndcg@10"]);
    let expected = ranker.evaluate(&scorer()).unwrap();
    let rows = rows(&ranker);
    let mut turned = rows.clone();
    turned.reverse();
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let text = table(&rows);
    let files: [Vec<u8>; 7] = [
        text.clone().into(),
        text.trim_end().into(),
        text.replace('\n', "\r\n").into(),
        format!("\u{feff}{text}\n\n").into(),
        table(&turned).into(),
        gzip(&text),
        gzip(&format!("\u{feff}{}", text.replace('\n', "\r\n"))),
    ];
    let digests: std::collections::BTreeSet<_> = files.iter().map(|file| Digest::of(file)).collect();
    let found: Vec<JudgedLists> = files.iter().map(|file| judged(&ranker, file.clone()).unwrap()).collect();
    found.iter().for_each(|found| same(&found.evaluations[0], &expected, true));
    assert!(found.iter().map(|found| found.digest).collect::<std::collections::BTreeSet<_>>() == digests);
    assert_eq!(found[5].bytes, files[5].len() as u64);
    // A file that ends within its gzip data.
    let cut = &files[5][..files[5].len() - 9];
    assert!(refused(&ranker, cut).contains("cut or damaged"));
}

#[test]
fn integers_are_scores_and_lists_of_those_who_ask_nothing_are_counted() {
    let ranker = ranker(Candidates::Full, &["recall@5"]);
    let n = ITEMS as i64;
    let mut text = String::from("user,item,score\n");
    for (asker, list) in ranker.lists(&scorer(), ITEMS).unwrap() {
        for (rank, ranked) in list.iter().enumerate() {
            text += &format!("u {asker},\"i,{}\",{}\n", ranked.item, n - rank as i64);
        }
    }
    text += &format!("u {},\"i,3\",7\n", USERS - 1);
    let found = judged(&ranker, text).unwrap();
    assert_eq!((found.lists, found.unasked), (USERS - 1, 1));
    same(&found.evaluations[0], &ranker.evaluate(&scorer()).unwrap(), false);
}

#[test]
fn lists_without_scores_are_taken_in_the_order_given() {
    let ranker = ranker(Candidates::Full, &["recall@5", "ndcg@10"]);
    let bare = |rows: &[String]| -> String {
        let bare = |row: &String| row.rsplit_once(',').unwrap().0.to_string();
        format!("user,item\n{}\n", rows.iter().map(bare).collect::<Vec<_>>().join("\n"))
    };
    let rows = rows(&ranker);
    let found = judged(&ranker, bare(&rows)).unwrap();
    assert!(!found.scored);
    let evaluation = &found.evaluations[0];
    same(evaluation, &ranker.evaluate(&scorer()).unwrap(), false);
    assert_eq!(evaluation.ranks, evaluation.pessimistic_ranks, "no tie is known");
    let mut turned = rows;
    turned.reverse();
    assert_ne!(judged(&ranker, bare(&turned)).unwrap().evaluations[0].ranks, evaluation.ranks);
    let json = "{\"query\":\"u 0\",\"items\":[\"i,1\"]}\n{\"query\":\"u 1\",\"items\":[\"i,1\"],\"scores\":[1]}";
    assert!(refused(&self::ranker(Candidates::All, &["recall@1"]), json).contains("no scores, as the lists before it"));
}

#[test]
fn wrong_rows_are_refused_with_their_line() {
    let ranker = ranker(Candidates::Full, &["recall@5", "ndcg@10"]);
    let rows = rows(&ranker);
    let seen = ranker.excluded(0)[0];
    let item = |row: &str| row.split("\",").next().unwrap().rsplit("\"").next().unwrap().to_string();
    let (first, second) = (item(&rows[0]), item(&rows[1]));
    let length = ITEMS - ranker.excluded(0).len();
    // What becomes of the second row, which is line 3.
    let cases = [
        (format!("u 99,\"{second}\",1"), "an unknown user"),
        (format!("u 0 ,\"{second}\",1"), "an unknown user"),
        ("u 0,\"i,99\",1".into(), "an unknown item"),
        ("u 0,i 1,1".into(), "an unknown item"),
        (format!("u 0,\"i,{seen}\",1"), "the protocol excludes an item"),
        (format!("u 0,\"{first}\",1"), "an item is twice in a list"),
        (format!("u 0,\"{second}\",1e400"), "a score cannot be ranked"),
        (format!("u 0,\"{second}\",nan"), "a score cannot be ranked"),
        (format!("u 0,\"{second}\",-inf"), "a score cannot be ranked"),
        (format!("u 0,\"{second}\","), "a score is no number"),
        (format!("u 0,\"{second}\",1,5"), "a line of the file of lists is no row"),
        (format!("u 0,\"{second}\""), "a line of the file of lists is no row"),
        (format!("u 0,\"{second},1"), "a quote that ends on its line"),
        (format!("u 0 {second} 1"), "a line of the file of lists is no row"),
    ];
    for (row, expected) in cases {
        let mut wrong = rows.clone();
        wrong[1] = row.clone();
        let error = refused(&ranker, table(&wrong));
        assert!(error.contains(expected) && error.contains("lists.csv:3\n"), "{row}\n{error}");
    }
    let mut apart = rows.clone();
    apart.push(format!("u 0,\"i,{seen}\",1"));
    let error = refused(&ranker, table(&apart));
    assert!(error.contains("goes on here") && error.contains(&format!("lists.csv:{}", rows.len() + 2)), "{error}");
    let error = refused(&ranker, table(&rows[length..]));
    assert!(error.contains("1 of 29 queries have no list") && error.contains("none for `u 0`"), "{error}");
    // Cut within a line, and between two.
    let text = table(&rows);
    let error = refused(&ranker, &text[..text.len() - 12]);
    assert!(error.contains("the file ends within this line") || error.contains("no list"), "{error}");
    assert!(refused(&ranker, table(&rows[..rows.len() / 2])).contains("was the file cut"));
}

#[test]
fn other_files_are_refused() {
    let ranker = ranker(Candidates::Full, &["recall@5"]);
    let cases: [(&[u8], &str); 9] = [
        (b"", "the file of lists is empty"),
        (b"\n\r\n", "the file of lists is empty"),
        (b"user;item;score\n", "in none of the forms"),
        (b"user,item,score,time\n", "a column `time`"),
        (b"\x1f\x8b\x08nothing", "cut or damaged"),
        (b"{\"query\":\"u 0\"}", "a list with the keys"),
        (b"{\"query\":\"u 0\",\"items\":[\"i,1\"],\"scores\":[NaN]}", "no row"),
        (b"{\"query\":\"u 0\",\"items\":[\"i,1\"],\"scores\":[1e400]}", "no row"),
        (b"{\"query\":\"u 0\",\"items\":[\"i,1\",\"i,2\"],\"scores\":[1]}", "a score for each item"),
    ];
    for (file, expected) in cases {
        let error = refused(&ranker, file);
        assert!(error.contains(expected), "{}\n{error}", String::from_utf8_lossy(file));
    }
    let header = |split: &[u8]| format!("{{\"lists\":1,\"split\":\"{}\"}}\n", Digest::of(split));
    assert!(refused(&ranker, header(b"other")).contains("for another split"));
    assert!(refused(&ranker, header(b"split")).contains("have no list"));
}

#[test]
fn candidates_of_a_sampled_protocol_are_all_there_and_no_other_item() {
    let ranker = ranker(SAMPLED, &["loo-hr@5"]);
    let rows = rows(&ranker);
    let mut fewer = rows.clone();
    fewer.remove(3);
    let error = refused(&ranker, table(&fewer));
    assert!(error.contains("a list lacks candidates") && error.contains("at least 10"), "{error}");
    let other = (0..ITEMS as u32).find(|item| {
        ranker.negatives(0).unwrap().binary_search(item).is_err() && !ranker.queries().targets_of(0).contains(item)
    });
    let mut strange = rows;
    strange[0] = format!("u 0,\"i,{}\",1", other.unwrap());
    assert!(refused(&ranker, table(&strange)).contains("none of the query's candidates"));
}

/// A list that never ends must not fill the memory.
#[test]
fn a_line_without_end_is_refused() {
    let ranker = ranker(Candidates::Full, &["recall@5"]);
    let test = [ListTest { ranker: &ranker, askers: ids("u ", USERS) }];
    for start in ["user,item,score\n", "{\"query\":\"u 0\",\"items\":[", "u"] {
        let endless = Cursor::new(start.as_bytes()).chain(std::io::repeat(b'7'));
        let items = IdTable::new(ids("i,", ITEMS));
        let error = judge_lists(&test, &items, Digest::of(b"split"), endless, Path::new("x")).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }
    let rows = Cursor::new("user,item,score\n").chain(Endless("u 0,\"i,1\",1\n".into(), 0));
    let items = IdTable::new(ids("i,", ITEMS));
    let error = judge_lists(&test, &items, Digest::of(b"split"), rows, Path::new("x")).unwrap_err();
    assert!(error.to_string().contains("x:"), "refused at once, not at the end: {error}");
}

/// The same text for ever.
struct Endless(String, usize);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.0.as_bytes();
        for slot in &mut *buffer {
            *slot = bytes[self.1 % bytes.len()];
            self.1 += 1;
        }
        Ok(buffer.len())
    }
}

/// Bytes that were changed, lost or added at random: an error about the file, or lists that can be ranked, and no panic.
#[test]
fn damaged_files_are_errors_about_the_file() {
    let ranker = ranker(Candidates::Full, &["recall@5", "ndcg@10"]);
    let (askers, items) = (ids("u", USERS), ids("i", ITEMS));
    let table = IdTable::new(items.clone());
    let mut stream = Stream::new(5, "tests", "damage", 0);
    let (mut refused, mut read) = (0, 0);
    for (end, file) in written(&ranker, 12, &askers, &items) {
        for _ in 0..200 {
            let mut bytes = file.clone();
            for _ in 0..1 + stream.below(2) {
                let at = stream.below(bytes.len() as u32) as usize;
                match stream.below(4) {
                    0 => bytes[at] = stream.below(256) as u8,
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"0,\"\n\t {}:-e"[stream.below(11) as usize]),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let test = ListTest { ranker: &ranker, askers: askers.clone() };
            match judge_lists(&[test], &table, Digest::of(b"split"), Cursor::new(bytes), Path::new("x")) {
                Ok(found) => {
                    assert!(found.evaluations[0].values.values().all(|value| (0.0..=1.0).contains(value)), "{end}");
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Data, "{end}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100 && read > 0, "{refused} refused, {read} read");
}
