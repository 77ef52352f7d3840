//! Comparisons of periods and in per cent.

use super::*;
use crate::split::TrainingData;

/// Line numbers in the tests count in this text.
const WEEKS: &str = r#"id = "paper-x/small"
title = "T"
paper = "paper_x"
dataset = "tiny"
seeds = [0]
split = { rule = "periods", last = 16, catalogue = "growing" }
protocol = { candidates = "all", metrics = ["recall@20", "mrr@20"] }

[[trial]]
id = "walk"
label = "Walk"
method = "walk"

[[compare]]
table = "weeks"
decimals = 3
percent = true
rows = { Walk = "walk" }
periods = "recall@20"

[[compare]]
table = "main"
decimals = 4
rows = { Walk = "walk" }
columns = { "R@20" = "recall@20" }

[profile.part]
split = { rule = "periods", last = 4, catalogue = "growing" }
[[profile.part.compare]]
table = "weeks"
decimals = 2
percent = true
rows = { Walk = "walk" }
periods = "mrr@20"
"#;

struct Walk(TrainingData);

impl Method for Walk {
    fn train(&self, _: &mut Context<'_>) -> Result<Trained> {
        Err(Error::new(Kind::Internal, "specs train nothing"))
    }

    fn learns_on(&self) -> TrainingData {
        self.0
    }
}

fn read(text: &str, profile: Option<&str>) -> Result<Spec> {
    fn walk(params: Params<'_>) -> Built {
        params.read::<NoParams>().map(|NoParams {}| Box::new(Walk(TrainingData::Sessions)) as Box<dyn Method>)
    }
    fn click(params: Params<'_>) -> Built {
        params.read::<NoParams>().map(|NoParams {}| Box::new(Walk(TrainingData::Samples)) as Box<dyn Method>)
    }
    let registry = registry().with("walk", walk).with("click", click);
    resolve(Path::new("paper_x/small.toml"), text, profile, &registry)
}

/// The message against the text with one line for another.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(WEEKS.matches(from).count(), 1, "{from}");
    read(&WEEKS.replace(from, to), None).err().expect("the spec is refused").to_string()
}

#[test]
fn a_comparison_is_of_the_periods_that_are_tested() {
    let spec = read(WEEKS, None).unwrap();
    let [weeks, main] = &spec.comparisons[..] else { panic!("{:?}", spec.comparisons) };
    let metric: Metric = "recall@20".parse().unwrap();
    assert_eq!((&weeks.columns, weeks.percent), (&Columns::Periods { metric, tested: 1..=16, first: 1 }, true));
    // 50.213 % is 0.50213, known to ± 0.0005 %.
    assert_eq!((weeks.value(50.213), weeks.value(49.448), weeks.value(-1.0)), (0.502_13, 0.494_48, -0.01));
    assert_eq!((weeks.rounding(), weeks.digits()), (5e-6, 5));
    assert_eq!(
        (&main.columns, main.percent),
        (&Columns::Measures(vec![("R@20".into(), Measure::Metric(metric))]), false)
    );
    assert_eq!((main.value(0.5021), main.rounding(), main.digits()), (0.5021, 5e-5, 4));
}

#[test]
fn a_profile_replaces_all_comparisons_together() {
    let spec = read(WEEKS, Some("part")).unwrap();
    let [weeks] = &spec.comparisons[..] else { panic!("{:?}", spec.comparisons) };
    assert_eq!(weeks.columns, Columns::Periods { metric: "mrr@20".parse().unwrap(), tested: 1..=4, first: 1 });
    assert_eq!(weeks.decimals, 2);
}

#[test]
fn refuses_columns_of_nothing_or_of_two_things() {
    let periods = "periods = \"recall@20\"";
    has(
        &refused(periods, &format!("{periods}\ncolumns = {{ a = \"mrr@20\" }}")),
        &["says twice", "small.toml:19:11 (key `compare[0].periods`)", "`columns` (", "or `periods`", "got:      both"],
    );
    has(
        &refused(periods, ""),
        &["does not say what", "small.toml:15:9 (key `compare[0].table`)", "or `periods`", "got:      neither"],
    );
    let first = read(&WEEKS.replace(periods, &format!("{periods}\nfirst_period = 0")), None).unwrap();
    assert!(matches!(first.comparisons[0].columns, Columns::Periods { first: 0, .. }));
    has(
        &refused(periods, "columns = { a = \"mrr@20\" }\nfirst_period = 3"),
        &["`first_period` has no meaning without `periods`", "got:      none"],
    );
    has(&refused(periods, "period = \"recall@20\""), &["unknown key `period`", "did you mean `periods`?"]);
}

#[test]
fn the_spec_says_which_periods_warm_up_and_are_tested() {
    let split = "split = { rule = \"periods\", last = 16, catalogue = \"growing\" }\nprotocol";
    let with =
        |keys: &str| format!("split = {{ rule = \"periods\", last = 16, {keys}catalogue = \"growing\" }}\nprotocol");
    let spec = read(&WEEKS.replace(split, &with("pretrained = 3, tested_from = 9, ")), None).unwrap();
    let roles = spec.split.roles().unwrap().unwrap();
    assert_eq!((roles.evaluated(), roles.tested()), (3..=16, 9..=16));
    let metric = "recall@20".parse().unwrap();
    assert_eq!(spec.comparisons[0].columns, Columns::Periods { metric, tested: 9..=16, first: 1 });
    has(
        &refused(split, &with("pretrained = 3, tested_from = 2, ")),
        &[
            "`tested_from` leaves no period to test",
            "(key `split`)",
            "expected: a period after the pre-training, 3 to 16",
        ],
    );
    has(&refused(split, &with("pretrained = 17, ")), &["`pretrained` leaves no period to test", "got:      17"]);
}

#[test]
fn labelled_samples_have_a_protocol_of_their_own() {
    let [split, protocol] = [
        "split = { rule = \"periods\", last = 16, catalogue = \"growing\" }",
        "candidates = \"all\", metrics = [\"recall@20\", \"mrr@20\"]",
    ];
    let rule = "split = { rule = \"periods-by-count\", last = 30, pretrained = 10, samples = \
                { positives = { ratings_at_least = 8 }, history = 30 } }";
    let labelled = "candidates = \"labelled\", metrics = [\"auc\"]";
    let text = WEEKS[..WEEKS.find("[[compare]]").unwrap()].replace("method = \"walk\"", "method = \"click\"");
    let by_count = text.replace(split, rule);
    let spec = read(&by_count.replace(protocol, labelled), None).unwrap();
    assert_eq!(spec.split.roles().unwrap().unwrap().evaluated(), 10..=30);
    let refused = |text: &str| read(text, None).err().expect("it cannot be meant").to_string();
    has(&refused(&by_count), &["do not fit each other", "(key `protocol`)", "`candidates = \"labelled\"` for a split"]);
    has(
        &refused(&text.replace(protocol, labelled)),
        &["do not fit each other", "`periods-by-count` or `periods-by-day`"],
    );
    let sessions = by_count.replace(protocol, labelled).replace("\"click\"", "\"walk\"");
    has(
        &refused(&sessions),
        &["the method `walk` learns from a stream of periods of sessions", "(key `trial.walk.method`)"],
    );
    let longer = by_count.replace(protocol, labelled).replace("history = 30", "history = 31");
    has(&refused(&longer), &["`history` cannot be", "(key `split`)", "expected: 1 to 30 items"]);
}

#[test]
fn refuses_periods_of_what_is_not_measured_or_has_none() {
    has(
        &refused("periods = \"recall@20\"", "periods = \"recall@2\""),
        &["does not measure `recall@2`", "small.toml:19:11 (key `compare[0].periods`)", "did you mean `recall@20`?"],
    );
    let single =
        BASE.replace("columns = { \"R@10\" = \"recall@10\", \"N@10\" = \"ndcg@10\" }", "periods = \"recall@10\"");
    has(
        &refused_in(None, &single),
        &[
            "no periods to compare",
            "small.toml:47:11 (key `compare[0].periods`)",
            "`rule` is `periods` or one of `periods-by-…`",
            "got:      5-core, leave-last-out by time",
        ],
    );
}

#[test]
fn refuses_a_percent_that_is_no_boolean() {
    has(
        &refused(
            "percent = true\nrows = { Walk = \"walk\" }\nperiods = \"recall@20\"",
            "percent = 1\nrows = { Walk = \"walk\" }\nperiods = \"recall@20\"",
        ),
        &["small.toml:17:11 (key `compare[0].percent`)", "boolean"],
    );
}
