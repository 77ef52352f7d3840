//! A baseline from records.

use super::*;
use crate::drift::Accepted;
use crate::error::Kind;
use crate::record::Program;

fn one() -> Fixture {
    world(&[("student", &[0.1, 0.2])])
}

#[track_caller]
fn refused(result: Result<Baseline>, kind: Kind, words: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind);
    for words in words {
        assert!(error.to_string().contains(words), "`{words}` is not in {error}");
    }
}

#[test]
fn a_reason_is_needed() {
    refused(one().accept(" \n", &[], &[], None), Kind::Input, &["without a reason", "--reason TEXT"]);
    assert_eq!(one().accept(" why \n", &[], &[], None).unwrap().newest().reason, "why");
}

#[test]
fn every_run_of_the_spec_is_needed() {
    let mut world = world(&[("student", &[0.1; 7])]);
    world.records.retain(|record| record.seed == 2);
    world.missing.insert(("student".into(), 0), "its record is stale: its run is a, today's is b".into());
    let words =
        ["6 runs without", "each of 7 runs", "student, seed 0 (its record is stale", "seed 1; ", "; 2 more", "--rerun"];
    refused(
        world.accept("x", &[], &[], None),
        Kind::Missing,
        &["without a record of today", words[1], words[2], words[3], words[4], words[5]],
    );
    world.records.clear();
    refused(world.accept("x", &[], &[], None), Kind::Missing, &["without a record of today; nothing was accepted"]);
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    refused(one().accept("x", &["studnt"], &[], None), Kind::Input, &["no trial `studnt`", "did you mean `student`?"]);
    let matters = [("hr@6", 1.0)];
    refused(one().accept("x", &[], &matters, None), Kind::Input, &["no metric `hr@6`", "one of `hr@5`, `recall@5`"]);
}

#[test]
fn history_and_what_matters_are_kept_and_inexact_is_said_anew() {
    let first = one().accept("first", &["student"], &[("hr@5", 0.5)], None).unwrap();
    assert_eq!(first.matters, [("hr@5".to_string(), 0.5), ("recall@5".to_string(), 1.0)].into());
    assert!(first.inexact.contains("student"));
    let second = one().accept("second", &[], &[("recall@5", 2.0), ("recall@5", 3.0)], Some(first)).unwrap();
    assert_eq!(second.matters, [("hr@5".to_string(), 0.5), ("recall@5".to_string(), 3.0)].into());
    assert!(second.inexact.is_empty());
    assert_eq!(second.accepted.iter().map(|a| &*a.reason).collect::<Vec<_>>(), ["first", "second"]);
}

#[test]
fn the_commit_is_that_of_all_runs_or_none() {
    let by = |commits: [Option<&str>; 2], dirty: bool| {
        let mut world = one();
        for (record, commit) in world.records.iter_mut().zip(commits) {
            record.program = Program { version: "1".into(), commit: commit.map(String::from), dirty: Some(dirty) };
        }
        let Accepted { commit, .. } = world.baseline().newest().clone();
        commit
    };
    assert_eq!(by([Some("abc"), Some("abc")], false), Some("abc".into()));
    assert_eq!(by([Some("abc"), Some("abc")], true), None);
    assert_eq!(by([Some("abc"), Some("def")], false), None);
    assert_eq!(by([None, None], false), None);
}

#[test]
fn the_arithmetic_with_the_most_records_is_accepted() {
    let mut both = one();
    both.records.extend(one().elsewhere().records.into_iter().take(1));
    let baseline = both.baseline();
    assert_eq!(baseline.class, "x86_64-avx512");
    assert_eq!(baseline.runs["student"].0.keys().collect::<Vec<_>>(), [&0, &1]);
}
