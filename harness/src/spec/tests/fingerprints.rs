//! What a run's fingerprint covers, and what it does not.

use super::*;
use crate::digest::Digest;

fn fingerprint(text: &str, trial: &str) -> Digest {
    let spec = resolve_text(text, None).unwrap();
    run_fingerprint(&spec, spec.trial(trial).unwrap(), 0, Digest::of(b"data"))
}

#[test]
fn fingerprint_forgets_what_makes_no_result() {
    let before = fingerprint(BASE, "student");
    for (from, to) in [
        ("title = \"T\"", "title = \"Other\""),
        ("label = \"Teacher\"", "label = \"Other\""),
        ("First line.", "Other line."),
        ("seeds = [0, 1]", "seeds = [5]"),
        ("method = \"pop\"", "method = \"distil\"\nteacher = \"teacher\"\nparams = { dim = 3 }"),
        ("table = \"main\"", "table = \"other\""),
        ("seeds = [7]", "seeds = [8]"),
        ("learning_rate = 1e-3\ndim = 64", "dim = 6_4 # bigger\nlearning_rate = 0.0010"),
        ("rule = \"leave-last-out\"\ncore = 5", "core = 0x5\nrule = 'leave-last-out'"),
    ] {
        let text = edited(from, to);
        assert_eq!(fingerprint(&text, "student"), before, "{from} → {to}");
    }
}

#[test]
fn fingerprint_covers_what_makes_the_result() {
    let before = fingerprint(BASE, "student");
    for (from, to) in [
        ("core = 5", "core = 4"),
        ("metrics = [\"ndcg@10\", \"recall@10\"]", "metrics = [\"ndcg@10\", \"recall@10\", \"mrr@10\"]"),
        ("dim = 16", "dim = 17"),
        // Through the teacher:
        ("learning_rate = 1e-3", "learning_rate = 1e-4"),
        ("dim = 64", "dim = 65"),
    ] {
        assert_ne!(fingerprint(&edited(from, to), "student"), before, "{from} → {to}");
    }
    let renamed = BASE.replace("\"student\"", "\"pupil\"");
    assert_ne!(fingerprint(&renamed, "pupil"), before);
    let spec = base();
    let student = spec.trial("student").unwrap();
    assert_ne!(run_fingerprint(&spec, student, 1, Digest::of(b"data")), before);
    assert_ne!(run_fingerprint(&spec, student, 0, Digest::of(b"other")), before);
    assert_eq!(run_fingerprint(&spec, student, 0, Digest::of(b"data")), before);
}

#[test]
fn teacher_is_not_touched_by_its_student() {
    assert_eq!(fingerprint(BASE, "teacher"), fingerprint(&edited("dim = 16", "dim = 17"), "teacher"));
}
