//! Experiments over a stream of periods, through the real program.

use std::io::Write;
use std::path::{Path, PathBuf};

use harness::data::{Cache, Dataset, FileState, Manifest, fetch, load, status};
use harness::queries::Queries;
use harness::split::periods::sessions::{sessions, sub_sequences};
use harness::split::periods::{Catalogue, Period, Periods, Roles, given};
use harness::value::Limit;

use crate::home::{Ended, Home, files, lasting, wait_until};

/// Two weeks of the embedded data, after ten to learn from; a small SASRec, and one that replays.
pub const WEEKS: &str = r#"id = "small"
title = "Weeks"
dataset = "movietweetings-100k"
seeds = [0]

[split]
rule = "periods-by-time"
days = 7
first = 10
least = 20
last = 2
catalogue = "growing"

[protocol]
candidates = "all"
metrics = ["recall@20", "mrr@20"]

[[trial]]
id = "plain"
label = "Plain"
method = "sasrec"
[trial.params.training]
schedule = {start = "last", window = 1}
batch = 256
learning_rate = 1e-3
validation = 0.1
epochs = 2
stopping = {watch = ["recall@20"], patience = 5, every = 1, decimals = 15}
model = {dim = 16, length = 10, blocks = 1, heads = 1, dropout = 0.2}

[[trial]]
id = "ader"
label = "ADER"
method = "ader"
[trial.params.training]
schedule = {start = "last", window = 1}
batch = 256
learning_rate = 1e-3
validation = 0.1
epochs = 2
stopping = {watch = ["recall@20"], patience = 5, every = 1, decimals = 15}
model = {dim = 16, length = 10, blocks = 1, heads = 1, dropout = 0.2}
[trial.params.exemplars]
budget = 500
quota = "multinomial"
selection = "herding-capped"
[trial.params.replay]
weight = 0.8
weighting = "adaptive"
loss = "distil-over-old-items"
"#;

#[test]
fn a_stream_is_run_recorded_served_and_gone_on_with_after_a_kill() {
    let home = Home::new(WEEKS);
    home.reprise("run small").with(0).tells(&["2 trained", "period 2: test recall@20"]);
    let record = home.record("ader", 0);
    let periods = record["periods"].as_array().unwrap();
    assert_eq!(periods.len(), 2);
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let mean = periods.iter().map(|period| number(&period["metrics"]["recall@20"])).sum::<f64>() / 2.0;
    assert!((number(&record["metrics"]["recall@20"]) - mean).abs() < 1e-12);
    assert_eq!(record["epochs_run"], 4);
    let [first, second] = [&periods[0], &periods[1]];
    assert!(first["facts"]["exemplars"] == 0.0 && number(&second["facts"]["exemplars"]) > 100.0);
    assert!(number(&second["items"]) >= number(&first["items"]));
    assert_eq!(second["curve"]["rows"].as_array().unwrap().len(), 2);
    home.reprise("latency small").with(0).tells(&["p50"]);
    // Killed within a period, and after one.
    for part in ["period-1.safetensors", "checkpoint.safetensors"] {
        let other = Home::new(WEEKS);
        let mut child = other.start("run small --trial ader --checkpoint-every 0");
        wait_until("a state is saved", || files(&other.cache).iter().any(|file| file.ends_with(part)));
        child.kill().unwrap();
        let _ = Ended::of(child.wait_with_output().unwrap());
        other.reprise("run small --trial ader").with(0);
        assert!(lasting(&other.record("ader", 0)) == lasting(&record), "killed when there was {part}");
        assert!(!files(&other.cache).iter().any(|file| file.contains("period-")), "no state within a period stays");
    }
}

/// What is wrong with a spec or its data is said with its place, before anything is trained.
#[test]
fn what_does_not_fit_a_stream_is_refused() {
    let ends = |code: i32, from: &str, to: &str, says: &[&str]| {
        assert!(WEEKS.contains(from), "{from}");
        Home::new(&WEEKS.replace(from, to)).reprise("run small").with(code).tells(says);
    };
    let wrong_data = |from: &str, to: &str, says: &[&str]| ends(1, from, to, says);
    let refused = |from: &str, to: &str, says: &[&str]| ends(2, from, to, says);
    wrong_data("last = 2", "last = 90", &["ends before period 90 does", "hint: use a smaller `last`"]);
    refused("last = 2", "last = 0", &["small.toml:", "split", "nonzero"]);
    let most = i64::MAX.to_string();
    wrong_data("last = 2", &format!("last = {most}"), &["ends before period"]);
    wrong_data("days = 7", &format!("days = {most}"), &["ends before period 2 does", "use a smaller `last`"]);
    wrong_data("least = 20", "least = 100000", &["no interaction", "at least 100000"]);
    let ader = WEEKS.replace("start = \"last\"", "start = \"fresh\"");
    Home::new(&ader).reprise("run small").with(2).tells(&["exemplars go on with the model", "start = \"last\""]);
    refused("window = 1", "window = 2", &["small.toml:", "exemplars stand for the periods before", "`window = 1`"]);
    refused("budget = 500", "budget = 0", &["small.toml:", "budget", "an integer from 1"]);
    refused("budget = 500", "budget = 1000000000", &["small.toml:", "budget", "at most 10000000 exemplars"]);
    for (from, to) in [
        ("length = 10", "length = 2147483648"),
        ("blocks = 1", "blocks = 1000000000"),
        ("dim = 16", "dim = 1000000"),
        ("dim = 16", "dim = 2147483648"),
    ] {
        let hint = "hint: use a smaller `dim` or `length`, or fewer `blocks`";
        wrong_data(from, to, &["the model does not fit into memory", "GiB", hint]);
    }
    refused("window = 1", "window = 0", &["small.toml:", "window"]);
    refused("\"growing\"", "\"shrinking\"", &["small.toml:", "unknown value `shrinking`", "one of `growing`, `full`"]);
    refused("heads = 1", "heads = 3", &["`heads` = 3 does not divide `dim` = 16"]);
    let rule = "rule = \"periods-by-time\"\ndays = 7\nfirst = 10\nleast = 20\nlast = 2\ncatalogue = \"growing\"";
    refused(rule, "rule = \"periods\"\nlast = 2\ncatalogue = \"growing\"", &["has no part `period-0`", "got:", "all"]);
    refused(
        rule,
        "rule = \"leave-last-out\"\ncore = 5",
        &[
            "the method `sasrec` learns from a stream of periods of sessions",
            "5-core, leave-last-out",
            "hint: the split rules `periods`",
        ],
    );
    let sasrec = &WEEKS[WEEKS.find("method = \"sasrec\"").unwrap()..WEEKS.find("[[trial]]\nid = \"ader\"").unwrap()];
    refused(sasrec, "method = \"pop\"\n\n", &["the method `pop` learns from a single split"]);
}

/// Of the authors' files, where a mirror has them: what counts of every period say of the way of reading them.
#[test]
fn the_authors_periods_of_diginetica_have_their_counts() {
    const SUB_SEQUENCES: [usize; 16] = [
        55_668, 29_777, 24_687, 25_861, 24_091, 45_973, 41_262, 45_090, 54_746, 65_950, 66_323, 40_042, 50_498, 55_960,
        56_506, 45_125,
    ];
    const ITEMS: [usize; 16] = [
        18_569, 22_692, 25_306, 27_636, 29_619, 32_585, 34_596, 36_691, 38_501, 40_135, 41_197, 41_868, 42_369, 42_826,
        43_023, 43_105,
    ];
    let Some((_, periods)) = of_authors("ader-diginetica") else { return };
    assert_eq!(by_period(&periods, expanded), SUB_SEQUENCES);
    assert_eq!(by_period(&periods, Period::items), ITEMS);
    let asked = by_period(&periods, |period| Queries::of_period(period).len());
    assert_eq!((asked[0], asked[15]), (23_105, 60_878));
    let all = periods.period(16).sessions(Limit::All).flat_map(sub_sequences).count();
    assert_eq!(all, SUB_SEQUENCES.iter().sum::<usize>(), "the pieces of a session that goes on stay apart");
}

/// The first period, the last and the largest.
#[test]
fn the_authors_periods_of_yoochoose_have_their_counts() {
    let Some((last, periods)) = of_authors("ader-yoochoose") else { return };
    assert_eq!(last.iter().flat_map(|session| sub_sequences(session)).count(), 79_260);
    assert_eq!(periods.n_items(), 25_958);
    let counts = by_period(&periods, expanded);
    assert_eq!((counts[0], counts.iter().max()), (166_587, Some(&234_743)));
    assert_eq!(periods.period(1).items(), 12_885);
    let asked = by_period(&periods, |period| Queries::of_period(period).len());
    assert_eq!((asked.iter().min(), asked.iter().max()), (Some(&78_913), Some(&233_149)));
}

fn by_period<'p>(periods: &'p Periods, of: fn(Period<'p>) -> usize) -> Vec<usize> {
    (1..=16).map(|number| of(periods.period(number))).collect()
}

/// Sub-sequences to learn from.
fn expanded(period: Period<'_>) -> usize {
    period.sessions(Limit::At(1)).flat_map(sub_sequences).count()
}

/// The sessions of the last period, which nothing is learnt from, and the stream of one of the authors' datasets; none
/// where there is no mirror that has it.
fn of_authors(id: &str) -> Option<(Vec<Vec<u32>>, Periods)> {
    let dataset = at_mirror(id)?;
    let last = &dataset.part("period-16").unwrap().interactions;
    let last = sessions(last.iter().map(|event| (event.user, event.item)));
    Some((last, given(&dataset, Roles::after_the_first(16), Catalogue::Growing).unwrap()))
}

/// A dataset of the repository; none where it is not embedded and there is no mirror that has it.
pub fn at_mirror(id: &str) -> Option<Dataset> {
    let mirror = std::env::var_os("REPRISE_MIRROR").map(PathBuf::from);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data-manifests/{id}.toml"));
    let manifest = Manifest::read(&manifest).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path());
    if status(&manifest, &cache, mirror.as_deref()) > FileState::AtMirror {
        // Not `eprintln!`, which a passing test swallows.
        std::io::stderr().write_all(format!("skipped, no mirror has `{id}`\n").as_bytes()).unwrap();
        return None;
    }
    fetch(&manifest, &cache, mirror.as_deref(), &|| false, &mut |_| {}).unwrap();
    Some(load(&manifest, &cache).unwrap())
}
