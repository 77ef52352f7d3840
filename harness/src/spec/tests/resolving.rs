//! What a spec resolves to.

use serde_json::json;

use super::*;
use crate::digest::Digest;

#[test]
fn base_is_the_profile_paper() {
    let spec = base();
    assert_eq!((spec.id.as_str(), spec.profile.as_str()), ("paper-x/small", "paper"));
    assert_eq!(spec.paper.as_deref(), Some("paper_x"));
    assert_eq!(spec.dataset, "tiny");
    assert_eq!(spec.seeds, [0, 1]);
    assert_eq!(spec.split, SplitRule::LeaveLastOut { core: 5 });
    assert_eq!(spec.protocol.candidates, crate::metrics::Candidates::Full);
    assert_eq!(spec.analysis, "First line.\nSecond \"line\".\n");
    assert_eq!(resolve_text(BASE, Some("paper")).unwrap().seeds, [0, 1]);
}

#[test]
fn teachers_precede_students_and_others_stay_in_place() {
    let ids: Vec<_> = base().trials.into_iter().map(|trial| trial.id).collect();
    assert_eq!(ids, ["pop", "teacher", "student"]);
}

#[test]
fn trials_keep_their_parameters() {
    let spec = base();
    let teacher = spec.trial("teacher").unwrap();
    let expected = json!({"dim": 64, "learning_rate": 0.001, "stopping": {"decimals": 4, "watch": ["ndcg@10"]}});
    assert_eq!(teacher.params, expected);
    assert_eq!((teacher.method.as_str(), teacher.label.as_str()), ("mf", "Teacher"));
    assert_eq!(spec.trial("student").unwrap().teacher.as_deref(), Some("teacher"));
    assert_eq!(spec.trial("pop").unwrap().params, json!({}));
    assert!(spec.trial("other").is_none());
}

#[test]
fn comparisons_and_curves_keep_the_order_of_the_file() {
    let pairs = |pairs: [(&str, &str); 2]| pairs.map(|(a, b)| (a.to_string(), b.to_string())).to_vec();
    let spec = base();
    let expected = Comparison {
        table: "main".to_string(),
        rows: pairs([("Teacher", "teacher"), ("Student", "student")]),
        columns: Columns::Measures(
            [("R@10", "recall@10"), ("N@10", "ndcg@10")]
                .map(|(column, metric)| (column.to_string(), Measure::Metric(metric.parse().unwrap())))
                .to_vec(),
        ),
        decimals: 4,
        percent: false,
        effects: Vec::new(),
        not_comparable: None,
    };
    assert_eq!(spec.comparisons, [expected]);
    let expected = LoggedCurve {
        file: std::path::PathBuf::from("curves/student.csv"),
        label: "authors' log".to_string(),
        trial: "student".to_string(),
        columns: pairs([("loss", "loss"), ("valid_N10", "ndcg@10")]),
    };
    assert_eq!(spec.curves, [expected]);
}

#[test]
fn comparisons_may_have_effects_and_a_reason_not_to_judge() {
    let text = edited(
        "table = \"main\"",
        "table = \"main\"\neffects = [[\"Student\", \"Teacher\"]]\nnot_comparable = \"other data\"",
    );
    let spec = resolve_text(&text, None).unwrap();
    assert_eq!(spec.comparisons[0].effects, [("Student".to_string(), "Teacher".to_string())]);
    assert_eq!(spec.comparisons[0].not_comparable.as_deref(), Some("other data"));
    let text = edited("table = \"main\"", "table = \"main\"\neffects = [[\"Student\", \"Techer\"]]");
    let error = resolve_text(&text, None).err().expect("an error").to_string();
    assert!(error.contains("names the row `Techer`") && error.contains("did you mean `Teacher`?"), "{error}");
}

#[test]
fn profile_replaces_values_and_merges_params() {
    let spec = resolve_text(BASE, Some("quick")).unwrap();
    assert_eq!((spec.profile.as_str(), spec.dataset.as_str()), ("quick", "tinier"));
    assert_eq!(spec.seeds, [7]);
    let [train, valid, test] = ["a", "b", "c"].map(str::to_string);
    assert_eq!(spec.split, SplitRule::Given { train, valid, test });
    let expected = json!({"dim": 8, "learning_rate": 0.001, "stopping": {"decimals": 2, "watch": ["ndcg@10"]}});
    assert_eq!(spec.trial("teacher").unwrap().params, expected);
    assert_eq!(spec.trial("student").unwrap().params, json!({"dim": 16}));
}

#[test]
fn profile_may_drop_comparisons() {
    let text = edited("seeds = [7]", "seeds = [7]\ncompare = []\ncurve = []");
    let spec = resolve_text(&text, Some("quick")).unwrap();
    assert!(spec.comparisons.is_empty() && spec.curves.is_empty());
}

#[test]
fn spec_of_no_paper_has_the_profile_base() {
    let start = BASE.find("[[compare]]").unwrap();
    let text = BASE[..start].replace("paper = \"paper_x\"\n", "").replace("paper-x/small", "small");
    assert_eq!(resolve_text(&text, None).unwrap().profile, "base");
    assert_eq!(resolve_text(&text, Some("base")).unwrap().paper, None);
}

#[test]
fn origins_name_line_and_profile() {
    let spec = resolve_text(BASE, Some("quick")).unwrap();
    let origin = |key: &str| {
        let origin = spec.origins().find(|origin| origin.key == key).unwrap();
        (origin.value.as_str(), origin.line, origin.profile.as_deref())
    };
    assert_eq!(origin("seeds"), ("[7]", 55, Some("quick")));
    assert_eq!(origin("split.rule"), ("\"given\"", 57, Some("quick")));
    assert_eq!(origin("protocol.candidates"), ("\"full\"", 16, None));
    assert_eq!(origin("trial.teacher.params.dim"), ("8", 59, Some("quick")));
    assert_eq!(origin("trial.teacher.params.learning_rate"), ("1e-3", 37, None));
    assert_eq!(origin("trial.teacher.params.stopping.decimals"), ("2", 61, Some("quick")));
    assert_eq!(origin("trial.student.params.dim"), ("16", 25, None));
    assert_eq!(origin("compare[0].rows.Teacher"), ("\"teacher\"", 46, None));
    assert!(spec.origins().all(|origin| !origin.key.starts_with("profile")));
}

#[test]
fn printed_spec_names_origins_and_reads_back_as_itself() {
    let quick = resolve_text(BASE, Some("quick")).unwrap();
    let text = print_spec(&quick);
    has(
        &text,
        &[
            "# paper-x/small in profile quick\n",
            "\ndataset = \"tinier\"  # small.toml:56 profile quick\n",
            "\n[trial.params.stopping]\nwatch = [\"ndcg@10\"]  # small.toml:40\ndecimals = 2  # small.toml:61 profile quick\n",
        ],
    );
    let again = resolve_text(&text, None).unwrap();
    let content =
        |spec: &Spec| -> Vec<_> { spec.origins().map(|origin| (origin.key.clone(), origin.value.clone())).collect() };
    assert_eq!(content(&again), content(&quick));
    let fingerprints = |spec: &Spec| -> Vec<_> {
        spec.trials.iter().map(|trial| run_fingerprint(spec, trial, 7, Digest::of(b"data"))).collect()
    };
    assert_eq!(fingerprints(&again), fingerprints(&quick));
    assert_eq!((again.analysis, again.comparisons), (quick.analysis, quick.comparisons));
}

#[test]
fn size_and_speed_are_held_against_the_teacher_or_the_only_teacher_of_the_method() {
    let mut spec = base();
    let larger = |spec: &Spec, id: &str| spec.larger_model(spec.trial(id).unwrap()).map(String::from);
    assert_eq!((spec.teaches("teacher"), spec.teaches("student")), (true, false));
    assert_eq!(larger(&spec, "student").as_deref(), Some("teacher"));
    assert_eq!((larger(&spec, "pop"), larger(&spec, "teacher")), (None, None));
    // A plain student: of the method of the only teacher, without a teacher of its own.
    spec.trials.iter_mut().find(|trial| trial.id == "pop").unwrap().method = "mf".into();
    assert_eq!(larger(&spec, "pop").as_deref(), Some("teacher"));
    spec.trials.iter_mut().find(|trial| trial.id == "teacher").unwrap().teacher = Some("pop".into());
    assert_eq!(larger(&spec, "pop"), None, "two teachers");
    assert_eq!(larger(&spec, "student").as_deref(), Some("pop"), "the first of the chain");
}
