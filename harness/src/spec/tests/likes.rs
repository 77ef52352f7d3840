//! Trials that are like another.

use serde_json::json;

use super::*;

/// The base with more trials, and more in its profile.
fn with(trials: &str, profile: &str) -> String {
    edited("[[compare]]\n", &format!("{trials}\n[[compare]]\n")) + profile
}

const SMALLER: &str = "[[trial]]\nid = \"smaller\"\nlabel = \"Smaller\"\nlike = \"teacher\"\nparams.dim = 32\n";

#[test]
fn a_trial_says_only_what_differs() {
    let least = "[[trial]]\nid = \"least\"\nlabel = \"Least\"\nlike = \"smaller\"\nparams.stopping.decimals = 3\n";
    let spec = resolve_text(&with(&format!("{SMALLER}{least}"), ""), None).unwrap();
    let params = |dim: u32, decimals: u32| json!({"dim": dim, "learning_rate": 0.001, "stopping": {"decimals": decimals, "watch": ["ndcg@10"]}});
    assert_eq!(spec.trial("smaller").unwrap().params, params(32, 4));
    let least = spec.trial("least").unwrap();
    assert_eq!((least.method.as_str(), least.label.as_str(), &least.params), ("mf", "Least", &params(32, 3)));
    // It is the same run as if it were written out, and every value has the line that it stands on.
    let out = "[[trial]]\nid = \"smaller\"\nlabel = \"S\"\nmethod = \"mf\"\n[trial.params]\nlearning_rate = 1e-3\ndim = 32\n\
               [trial.params.stopping]\nwatch = [\"ndcg@10\"]\ndecimals = 4\n";
    let written = resolve_text(&with(out, ""), None).unwrap();
    let run = |spec: &Spec| run_fingerprint(spec, spec.trial("smaller").unwrap(), 0, crate::digest::Digest::of(b""));
    assert_eq!(run(&spec), run(&written));
    let printed = print_spec(&spec);
    has(&printed, &["learning_rate = 1e-3  # small.toml:37\ndim = 32  # small.toml:47\n"]);
    assert!(!printed.contains("like ="), "what is printed is a spec that says all");
    assert_eq!(resolve_text(&printed.replace("small.toml", ""), None).unwrap().trials.len(), 5);
}

#[test]
fn a_teacher_and_a_method_come_along_and_can_be_others() {
    let trials = "[[trial]]\nid = \"pupil\"\nlabel = \"P\"\nlike = \"student\"\nparams.dim = 4\n\
                  [[trial]]\nid = \"counts\"\nlabel = \"C\"\nlike = \"teacher\"\nmethod = \"pop\"\n\
                  without = [\"dim\", \"learning_rate\", \"stopping\"]\n";
    let spec = resolve_text(&with(trials, ""), None).unwrap();
    assert_eq!(spec.trial("pupil").unwrap().teacher.as_deref(), Some("teacher"));
    assert_eq!(spec.trial("counts").unwrap().params, json!({}));
    let table = "[[trial]]\nid = \"other\"\nlabel = \"O\"\nlike = \"teacher\"\nwithout = [\"stopping.watch\"]\n\
                 params.stopping.watch = [\"recall@10\"]\n";
    let spec = resolve_text(&with(table, ""), None).unwrap();
    assert_eq!(spec.trial("other").unwrap().params["stopping"], json!({"decimals": 4, "watch": ["recall@10"]}));
}

/// What a profile says of a trial it says of those that are like it.
#[test]
fn profiles_reach_through() {
    let quick = |profile: &str| {
        let spec = resolve_text(&with(SMALLER, profile), Some("quick")).unwrap();
        let params = spec.trial("smaller").unwrap().params.clone();
        (params["dim"].as_u64().unwrap(), params["stopping"]["decimals"].as_u64().unwrap())
    };
    assert_eq!(quick(""), (32, 2), "its own dim, the profile's decimals");
    assert_eq!(quick("[profile.quick.trial.smaller.params]\ndim = 6\nstopping.decimals = 1\n"), (6, 1));
    let unknown = with(SMALLER, "[profile.quick.trial.smaller.params]\ndimm = 6\n");
    has(&refused_in(Some("quick"), &unknown), &["overrides `dimm`", "did you mean `dim`?", "expected: one of `dim`"]);
    let printed = print_spec(&resolve_text(&with(SMALLER, ""), Some("quick")).unwrap());
    assert_eq!(printed.matches("decimals = 2  # small.toml:").count(), 2, "{printed}");
}

#[test]
fn what_is_like_nothing_is_refused_with_its_place() {
    let refused = |trials: &str| refused_in(None, &with(trials, ""));
    let like = |text: &str| SMALLER.replace("like = \"teacher\"", text);
    has(&refused(&like("like = \"teecher\"")), &["no trial `teecher` to be like", "did you mean `teacher`?", "46:8"]);
    has(&refused(&like("like = 3")), &["the wrong type", "expected: the id of a trial", "46:8"]);
    has(&refused(&like("like = \"smaller\"")), &["like itself in the end", "got:      smaller → smaller"]);
    let back = like("like = \"back\"") + "[[trial]]\nid = \"back\"\nlabel = \"B\"\nlike = \"smaller\"\n";
    has(&refused(&back), &["like itself in the end", "smaller → back → smaller"]);
    has(
        &refused(&like("like = \"teacher\"\nwithout = [\"stoping\"]")),
        &["`stoping` is no key of the `params` of `teacher`", "47:12"],
    );
    has(&refused(&like("like = \"teacher\"\nwithout = [\"stopping.watch.x\"]")), &["`stopping.watch.x` is no key"]);
    has(&refused(&like("like = \"teacher\"\nwithout = \"dim\"")), &["the wrong type", "a list of keys of `params`"]);
    has(&refused(&like("method = \"mf\"\nwithout = [\"dim\"]")), &["`without` is for a trial that is `like` another"]);
    // The fault may stand in the other one, and be none there.
    let other = like("like = \"teacher\"\nmethod = \"distil\"\nteacher = \"teacher\"");
    has(&refused(&other), &["unknown key", "hint: `smaller` has it from `teacher`, which it is like"]);
    has(&refused("[[trial]]\nid = \"x\"\nlike = \"teacher\"\n"), &["missing", "label"]);
}
