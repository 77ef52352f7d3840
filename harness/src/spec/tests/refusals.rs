//! One test for every refusal: each names its place, and what would have been right.

use super::*;

#[test]
fn refuses_text_that_is_not_toml() {
    has(&refused("seeds = [0, 1]", "seeds = [0, 1"), &["not valid TOML", "paper_x/small.toml:"]);
    has(&refused("title = \"T\"", "title = T"), &["not valid TOML", "paper_x/small.toml:2:9"]);
    has(&refused("core = 5", "core = 5\ncore = 6"), &["duplicate key", "small.toml:14:1"]);
}

#[test]
fn refuses_unknown_keys_everywhere_and_suggests() {
    has(
        &refused("seeds = [0, 1]", "seedz = [0, 1]"),
        &[
            "unknown key `seedz`",
            "small.toml:5:1 (key `seedz`)",
            "expected: one of `id`, `title`,",
            "did you mean `seeds`?",
        ],
    );
    has(
        &refused("label = \"POP\"", "lable = \"POP\""),
        &["small.toml:29:1 (key `trial.pop.lable`)", "did you mean `label`?"],
    );
    has(
        &refused("dim = 64", "dimm = 64"),
        &[
            "unknown key `dimm`",
            "small.toml:38:1 (key `trial.teacher.params.dimm`)",
            "expected: one of `dim`, `learning_rate`, `stopping`",
            "did you mean `dim`?",
        ],
    );
    has(
        &refused("decimals = 4\n\n[[compare]]", "decimal = 4\n\n[[compare]]"),
        &["small.toml:41:1 (key `trial.teacher.params.stopping.decimal`)", "did you mean `decimals`?"],
    );
    has(&refused("core = 5", "cores = 5"), &["small.toml:13:1 (key `split.cores`)", "did you mean `core`?"]);
    has(
        &refused("candidates = \"full\"", "candidates = \"full\"\nnegative = 5"),
        &["small.toml:17:1 (key `protocol.negative`)"],
    );
    has(
        &refused("table = \"main\"", "tabel = \"main\""),
        &["small.toml:44:1 (key `compare[0].tabel`)", "did you mean `table`?"],
    );
    has(
        &refused("file = \"curves", "fiel = \"curves"),
        &["small.toml:50:1 (key `curve[0].fiel`)", "did you mean `file`?"],
    );
    has(
        &refused("method = \"pop\"", "method = \"pop\"\nparams = { x = 1 }"),
        &["unknown key `x`", "small.toml:31:12", "expected: nothing"],
    );
}

#[test]
fn refuses_titles_and_labels_that_no_figure_can_show() {
    let long = "x".repeat(201);
    let line = "expected: one line of at most 200 characters";
    has(
        &refused("title = \"T\"", &format!("title = \"{long}\"")),
        &["small.toml:2:9 (key `title`)", line, "201 characters"],
    );
    has(
        &refused("label = \"POP\"", r#"label = "P\nP""#),
        &["small.toml:29:9 (key `trial.pop.label`)", line, r"got:      the character `\n` in it"],
    );
    resolve_text(&edited("title = \"T\"", &format!("title = \"{}\"", "ü".repeat(200))), None).unwrap();
}

#[test]
fn refuses_missing_keys() {
    has(&refused("title = \"T\"\n", ""), &["missing key `title`", "small.toml (key `title`)"]);
    has(&refused("dim = 64\n", ""), &["missing key `dim`", "small.toml:36:1 (key `trial.teacher.params.dim`)"]);
    has(&refused("[trial.params]\ndim = 16\n", ""), &["missing key `dim`", "small.toml:19:1"]);
    has(&refused("core = 5\n", ""), &["missing key `core`", "small.toml:11:1 (key `split.core`)"]);
}

#[test]
fn refuses_wrong_types() {
    has(
        &refused("seeds = [0, 1]", "seeds = 0"),
        &["wrong type", "small.toml:5:9 (key `seeds`)", "expected: an array", "got:      integer `0`"],
    );
    has(&refused("title = \"T\"", "title = 5"), &["small.toml:2:9 (key `title`)", "expected: a string"]);
    has(
        &refused("dim = 64", "dim = \"64\""),
        &[
            "small.toml:38:7 (key `trial.teacher.params.dim`)",
            "expected: an integer from 1 to 2^31",
            "got:      string \"64\"",
        ],
    );
    has(
        &refused("core = 5", "core = \"five\""),
        &["small.toml:13:8 (key `split.core`)", "expected: an integer of at least 0"],
    );
    has(
        &refused("[trial.params]\ndim = 16", "params = 16"),
        &["small.toml:24:10", "expected: a table of hyper-parameters"],
    );
}

#[test]
fn refuses_numbers_out_of_range() {
    has(
        &refused("dim = 64", "dim = -64"),
        &[
            "the value cannot be",
            "small.toml:38:7 (key `trial.teacher.params.dim`)",
            "expected: an integer from 1 to 2^31",
            "got:      integer `-64`",
        ],
    );
    has(
        &refused("learning_rate = 1e-3", "learning_rate = 0.0"),
        &["small.toml:37:17", "a finite number above 0", "got:      number `0.0`"],
    );
    has(&refused("learning_rate = 1e-3", "learning_rate = inf"), &["not finite", "small.toml:37:17"]);
    has(&refused("core = 5", "core = -5"), &["small.toml:13:8", "got:      integer `-5`"]);
}

#[test]
fn refuses_seeds_that_cannot_be() {
    has(&refused("seeds = [0, 1]", "seeds = []"), &["there is no seed", "small.toml:5:9 (key `seeds`)"]);
    has(
        &refused("seeds = [0, 1]", "seeds = [3, 1, 3]"),
        &["the seed `3` stands twice", "small.toml:5:16", "already stands in line 5"],
    );
    has(&refused("seeds = [0, 1]", "seeds = [0, -1]"), &["small.toml:5:13 (key `seeds[1]`)", "got:      integer `-1`"]);
    has(
        &refused("seeds = [0, 1]", "seeds = [0, 9223372036854775808]"),
        &[
            "the integer is too large",
            "small.toml:5:13 (key `seeds[1]`)",
            "2^63 - 1",
            "got:      `9223372036854775808`",
        ],
    );
}

#[test]
fn refuses_trials_that_cannot_be() {
    let trials = BASE.find("[[trial]]").unwrap()..BASE.find("[[compare]]").unwrap();
    let none = |list: &str| {
        let mut text = BASE.to_string();
        text.replace_range(trials.clone(), "");
        text.replace("seeds = [0, 1]", &format!("seeds = [0, 1]\n{list}"))
    };
    has(&refused_in(None, &none("")), &["missing key `trial`"]);
    let text = none("trial = []");
    has(&refused_in(None, &text[..text.find("[profile").unwrap()]), &["there is no trial", "small.toml:6:9"]);
    has(
        &refused("id = \"pop\"", "id = \"student\""),
        &["the trial `student` stands twice", "small.toml:28:6", "line 20"],
    );
    has(
        &refused("id = \"pop\"", "id = \"../pop\""),
        &["a trial's id cannot be `../pop`", "small.toml:28:6", "lower-case letters"],
    );
}

#[test]
fn refuses_unknown_methods_and_suggests() {
    has(
        &refused("method = \"pop\"", "method = \"popp\""),
        &[
            "there is no method `popp`",
            "small.toml:30:10 (key `trial.pop.method`)",
            "expected: one of `distil`, `mf`, `pop`",
            "did you mean `pop`?",
        ],
    );
}

#[test]
fn refuses_metrics_that_cannot_be() {
    let metrics = "metrics = [\"ndcg@10\", \"recall@10\"]";
    has(&refused(metrics, "metrics = []"), &["there is no metric", "small.toml:17:11 (key `protocol.metrics`)"]);
    has(
        &refused(metrics, "metrics = [\"ndcg@10\", \"recall@0\"]"),
        &["`recall@0`", "small.toml:17:23 (key `protocol.metrics[1]`)", "at least one item"],
    );
    has(
        &refused(metrics, "metrics = [\"ndgc@10\", \"recall@10\"]"),
        &["unknown metric `ndgc`", "small.toml:17:12", "did you mean `ndcg`?"],
    );
    has(
        &refused(metrics, "metrics = [\"ndcg@10\", \"ndcg@10\"]"),
        &["the metric `ndcg@10` stands twice", "small.toml:17:23"],
    );
    has(
        &refused(metrics, "metrics = [\"ndcg@10\", \"auc\"]"),
        &["`auc` reads the scores of labelled pairs", "small.toml:17:23 (key `protocol.metrics[1]`)", "do not mix"],
    );
    has(&refused(metrics, "metrics = [10]"), &["small.toml:17:12", "expected: a string"]);
}

#[test]
fn refuses_unknown_rules_and_candidates() {
    has(
        &refused("rule = \"leave-last-out\"", "rule = \"leave-last\""),
        &["unknown value `leave-last`", "small.toml:12:8 (key `split.rule`)", "did you mean `leave-last-out`?"],
    );
    has(
        &refused("candidates = \"full\"", "candidates = \"ful\""),
        &["small.toml:16:14 (key `protocol.candidates`)", "`full`"],
    );
}

#[test]
fn refuses_teachers_that_cannot_be() {
    has(
        &refused("teacher = \"teacher\"", "teacher = \"teachr\""),
        &["there is no trial `teachr`", "small.toml:23:11 (key `trial.student.teacher`)", "did you mean `teacher`?"],
    );
    has(
        &refused("teacher = \"teacher\"\n", ""),
        &["the method `distil` learns from a teacher", "small.toml:22:10", "expected: `teacher`"],
    );
    has(
        &refused("method = \"pop\"", "method = \"pop\"\nteacher = \"teacher\""),
        &["the method `pop` learns from no teacher", "small.toml:31:11 (key `trial.pop.teacher`)"],
    );
    has(
        &refused("teacher = \"teacher\"", "teacher = \"pop\""),
        &[
            "`student` cannot learn from the trial `pop`",
            "small.toml:23:11 (key `trial.student.teacher`)",
            "expected: a trial whose model is `mf`",
            "got:      a model of the method `pop`",
            "hint: such trials of this spec: `teacher`",
        ],
    );
}

#[test]
fn refuses_circles_of_teachers_and_names_them() {
    has(
        &refused("teacher = \"teacher\"", "teacher = \"student\""),
        &["own teacher", "small.toml:23:11", "student → student"],
    );
    let text = edited("method = \"mf\"", "method = \"mf\"\nteacher = \"pop\"")
        .replace("method = \"pop\"", "method = \"pop\"\nteacher = \"teacher\"");
    // `student` leads into the circle and is not of it.
    has(&refused_in(None, &text), &["own teacher", "teacher → pop → teacher"]);
    assert!(!refused_in(None, &text).contains("student →"));
}

#[test]
fn refuses_to_watch_nothing_or_one_thing_twice() {
    let watch = "watch = [\"ndcg@10\"]";
    has(&refused(watch, "watch = []"), &["there is no watched metric", "small.toml:40:9"]);
    has(
        &refused(watch, "watch = [\"ndcg@10\", \"ndcg@10\"]"),
        &["the watched metric `ndcg@10` stands twice", "small.toml:40:21"],
    );
}

#[test]
fn refuses_to_watch_what_is_not_measured() {
    has(
        &refused("watch = [\"ndcg@10\"]", "watch = [\"ndcg@10\", \"ndcg@20\"]"),
        &[
            "the protocol does not measure `ndcg@20`",
            "small.toml:40:21 (key `trial.teacher.params.stopping.watch[1]`)",
            "expected: one of `ndcg@10`, `recall@10`",
            "did you mean `ndcg@10`?",
        ],
    );
}

#[test]
fn refuses_to_watch_a_validation_part_that_the_split_has_not() {
    let from = "rule = \"leave-last-out\"\ncore = 5";
    has(
        &refused(from, "rule = \"70-10-20\"\ncore = 5\nphase = \"report\""),
        &[
            "there are no validation items to watch",
            "small.toml:41:9 (key `trial.teacher.params.stopping.watch`)",
            "expected: `stopping = \"none\"`",
            "the phase `tune`",
        ],
    );
}

#[test]
fn refuses_comparisons_of_what_is_not_there() {
    has(
        &refused("{ Teacher = \"teacher\"", "{ Teacher = \"teachers\""),
        &["no trial `teachers`", "small.toml:46:20 (key `compare[0].rows.Teacher`)", "did you mean `teacher`?"],
    );
    has(
        &refused("\"R@10\" = \"recall@10\"", "\"R@10\" = \"recall@20\""),
        &["does not measure `recall@20`", "small.toml:47:22", "did you mean `recall@10`?"],
    );
    has(
        &refused("rows = { Teacher = \"teacher\", Student = \"student\" }", "rows = {}"),
        &["there is no row", "small.toml:46:8"],
    );
    has(
        &refused("table = \"main\"\ndecimals = 4", "table = \"main\"\ndecimals = 40"),
        &["small.toml:45:12", "an integer from 0 to 15"],
    );
}

#[test]
fn refuses_curves_of_what_is_not_there() {
    has(
        &refused("trial = \"student\"", "trial = \"studnet\""),
        &["no trial `studnet`", "small.toml:51:9", "did you mean `student`?"],
    );
    has(
        &refused("valid_N10 = \"ndcg@10\"", "valid_N10 = \"ndcg@5\""),
        &["does not measure `ndcg@5`", "small.toml:52:40", "called `loss`"],
    );
    has(&refused("curves/student.csv", "../student.csv"), &["outside the paper's folder", "small.toml:50:8"]);
}

#[test]
fn refuses_ids_that_do_not_fit_the_place() {
    has(
        &refused("id = \"paper-x/small\"", "id = \"paper-x/smal\""),
        &["does not fit", "small.toml:1:6 (key `id`)", "expected: `paper-x/small`"],
    );
    has(
        &refused("paper = \"paper_x\"", "paper = \"paper_y\""),
        &["paper's folder", "small.toml:3:9 (key `paper`)", "expected: `paper_x`"],
    );
    // Without a paper the folder may stand before the name, but no other.
    let elsewhere = edited("paper = \"paper_x\"\n", "").replace("paper-x/small", "paper-y/small");
    has(&refused_in(None, &elsewhere), &["does not fit", "expected: `small`"]);
    has(&refused("dataset = \"tiny\"", "dataset = \"../tiny\""), &["the dataset's id", "small.toml:4:11"]);
}

#[test]
fn refuses_comparisons_without_a_paper() {
    let text = edited("paper = \"paper_x\"\n", "").replace("paper-x/small", "small");
    has(&refused_in(None, &text), &["nothing was published", "small.toml:43:9", "`paper`"]);
}

#[test]
fn refuses_unknown_profiles_and_suggests() {
    has(
        &refused_in(Some("quik"), BASE),
        &["no profile `quik`", "small.toml", "one of `paper`, `quick`", "did you mean `quick`?"],
    );
}

#[test]
fn refuses_profiles_that_add_keys() {
    has(
        &refused("seeds = [7]", "seedz = [7]"),
        &[
            "the profile overrides `seedz`, which the spec does not declare",
            "small.toml:55:1 (key `profile.quick.seedz`)",
            "did you mean `seeds`?",
        ],
    );
    has(
        &refused("dim = 8", "dimm = 8"),
        &["small.toml:59:1 (key `profile.quick.trial.teacher.params.dimm`)", "did you mean `dim`?"],
    );
    has(&refused("decimals = 2", "decimal = 2"), &["small.toml:61:1", "did you mean `decimals`?"]);
    let text = BASE.replace("profile.quick.trial.teacher", "profile.quick.trial.teachr");
    has(&refused_in(None, &text), &["the trial `teachr`", "small.toml:58:22", "did you mean `teacher`?"]);
    has(&refused("dim = 8", "dim = { x = 8 }"), &["small.toml:59:7", "got:      a table"]);
    has(
        &refused("[profile.quick.trial.teacher.params.stopping]\ndecimals = 2", "stopping = 2"),
        &["small.toml:60:12", "expected: a table"],
    );
}

#[test]
fn refuses_profiles_that_change_what_a_spec_is() {
    has(&refused("seeds = [7]", "id = \"x\""), &["cannot override `id`", "small.toml:55:1 (key `profile.quick.id`)"]);
    let text = edited("seeds = [7]", "trial.pop.method = \"mf\"")
        .replace("[profile.quick.trial.teacher.params]\ndim = 8\n", "");
    let text = text.replace("[profile.quick.trial.teacher.params.stopping]\ndecimals = 2\n", "");
    has(&refused_in(None, &text), &["cannot override a trial's `method`", "small.toml:55:11", "`label`, `params`"]);
    let text = BASE.replace("profile.quick", "profile.paper");
    has(&refused_in(None, &text), &["`paper` is the spec as written", "small.toml:54:10"]);
    let text = BASE.replace("profile.quick", "profile.Quick");
    has(&refused_in(None, &text), &["the profile's name cannot be `Quick`", "small.toml:54:10"]);
}

#[test]
fn blames_a_wrong_override_on_the_profile() {
    let text = edited("dim = 8", "dim = 0");
    assert!(resolve_text(&text, None).is_ok(), "the base is right");
    has(&refused_in(Some("quick"), &text), &["small.toml:59:7 (key `profile.quick.trial.teacher.params.dim`)"]);
    let text = edited("rule = \"given\", train", "rule = \"given\", trian");
    has(
        &refused_in(Some("quick"), &text),
        &["unknown key `trian`", "small.toml:57:27 (key `profile.quick.split.trian`)", "did you mean `train`?"],
    );
}

#[test]
fn refuses_dates() {
    has(&refused("title = \"T\"", "title = 2020-01-01"), &["no dates", "small.toml:2:9 (key `title`)"]);
}

#[test]
fn refuses_pieces_that_cannot_be_meant() {
    let pieces = |length: &str, more: &str| {
        let rule = "rule = \"leave-last-out\"\ncore = 5";
        let keys = "rule = \"pieces\"\nsequences = \"users\"\nat_least = [{ items = 4 }]\nshortest = 4\ntest_input = \"training\"";
        resolve_text(&edited(rule, &format!("{keys}\n{length}\n{more}")), None)
    };
    assert!(pieces("length = 20", "").is_ok());
    let refused = |length, more| pieces(length, more).err().expect("the spec is refused").to_string();
    has(&refused("length = 3", ""), &["small.toml (key `split`)", "`length`: the pieces are too short", "got:      3"]);
    has(&refused("lenght = 20", ""), &["small.toml:17:1 (key `split.lenght`)", "did you mean `length`?"]);
    has(&refused("length = 20", "[events]\nties = \"item\""), &["would order a piece by the ids of its items"]);
}
