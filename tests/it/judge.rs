//! Lists of other programs, judged as runs of a spec's trials.

use std::fs;

use serde_json::Value;

use crate::home::{Home, SMALL};

/// A home with our own runs and their lists, and the folder `judged` for records of the same lists.
fn with_lists() -> Home {
    let home = Home::new(SMALL);
    home.reprise("run small --save-lists 10").with(0).tells(&["lists:   12 files"]);
    home
}

fn lists(home: &Home, trial: &str, seed: u64, end: &str) -> String {
    let file = home.record_file(trial, seed).with_file_name(format!("seed-{seed}.lists.{end}"));
    fs::read_to_string(file).unwrap()
}

fn judged(home: &Home, trial: &str, seed: u64) -> Value {
    let file = home.root.join(format!("judged/small/base/{trial}/seed-{seed}.json"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn our_own_lists_come_back_with_our_own_values() {
    let home = with_lists();
    for (end, form) in [("jsonl", "json"), ("csv", "csv"), ("trec", "trec")] {
        let mut words = String::from("judge small --results judged");
        for (trial, seed) in [("pop", 0), ("pop", 1), ("bpr", 0), ("bpr", 1)] {
            words += &format!(" --run {trial}:{seed}=results/small/base/{trial}/seed-{seed}.lists.{end}");
        }
        let ended = home.reprise(&words).with(0).prints(&["POP ‡", "BPR ‡"]);
        // Counting draws nothing, so that both seeds have the same lists; their first lines differ in JSON.
        assert_eq!(
            ended.err.contains("the same bytes were given for pop, seed 0 and for pop, seed 1"),
            end != "jsonl",
            "{}",
            ended.err
        );
        for (trial, seed) in [("pop", 0), ("pop", 1), ("bpr", 0), ("bpr", 1)] {
            let (own, found) = (home.record(trial, seed), judged(&home, trial, seed));
            for key in ["metrics", "ranks", "method", "time_ties"] {
                assert_eq!(own[key], found[key], "{trial} {seed} {end} {key}");
            }
            for key in ["run", "data", "dataset", "split"] {
                assert_eq!(own["digests"][key], found["digests"][key], "{key}");
            }
            assert_eq!((&found["origin"], &found["lists"]["form"]), (&Value::from("external"), &Value::from(form)));
            let bytes = lists(&home, trial, seed, end);
            assert_eq!(found["digests"]["lists"], harness::digest::Digest::of(bytes.as_bytes()).to_string());
            // What another program cost is absent, not zero.
            for key in ["parameter_count", "epochs_run", "latency"] {
                assert!(found.get(key).is_none() && own.get(key).is_some(), "{key}");
            }
            assert!(found["digests"].get("weights").is_none() && found["seconds"] == serde_json::json!({}));
            assert!(!found["command"].as_str().unwrap().contains("results/"), "{}", found["command"]);
        }
    }
    let report = fs::read_to_string(home.root.join("judged/small/base/REPORT.md")).unwrap();
    for words in ["| BPR ‡ |", "Another program made the lists", "bpr seed 1: `seed-1.lists.trec` (trec, `", "lists `"]
    {
        assert!(report.contains(words), "{words}\n{report}");
    }
    let csv = fs::read_to_string(home.root.join("judged/small/base/runs.csv")).unwrap();
    assert!(csv.lines().next().unwrap().ends_with("external_lists_digest"), "{csv}");
    let page = home.reprise("report small --results judged --html -").with(0);
    assert!(page.out.contains("BPR ‡") && page.out.contains("Lists of another program"), "on the page");
}

#[test]
fn check_judges_them_and_does_not_train_them() {
    let home = with_lists();
    let words =
        |file: &str| format!("judge small --run bpr:0={file} --run bpr:1={file} --run pop:0={file} --run pop:1={file}");
    fs::write(home.root.join("a.csv"), lists(&home, "pop", 0, "csv")).unwrap();
    fs::write(home.root.join("b.csv"), lists(&home, "bpr", 0, "csv")).unwrap();
    home.reprise(&words("a.csv")).with(2).tells(&["has a record of our own run", "--results DIR"]);
    fs::remove_dir_all(home.root.join("results")).unwrap();
    home.reprise(&words("a.csv")).with(0);
    home.reprise("check small --accept --reason others").with(0);
    home.reprise("check small").with(0).prints(&["fine"]);
    // Records of other programs are neither trained over nor trained again.
    home.reprise("run small --fresh")
        .with(0)
        .tells(&["lists of another program, judged before", "0 trained, 4 done before"]);
    home.reprise("check small --rerun").with(2);
    home.reprise(&words("b.csv")).with(0);
    home.reprise("check small").with(1).prints(&["lists", "drift"]);
}

/// A mean over both would be of neither.
#[test]
fn a_trial_is_our_own_or_another_programs() {
    let home = with_lists();
    home.write("a.csv", lists(&home, "pop", 0, "csv"));
    fs::remove_file(home.record_file("pop", 1)).unwrap();
    home.reprise("judge small --run pop:1=a.csv").with(2).tells(&["has a record of our own run", "--results DIR"]);
    fs::remove_dir_all(home.root.join("results")).unwrap();
    home.reprise("judge small --run pop:1=a.csv").with(0);
    home.reprise("run small --trial pop").with(2).tells(&["lists that another program made", "--results DIR"]);
    let saved = home.reprise("run small --trial pop --seed 1 --save-lists 10").with(0);
    saved.tells(&["pop, seed 1: its lists are of another program"]);
    assert!(!home.record_file("pop", 1).with_file_name("seed-1.lists.csv").exists());
}

#[test]
fn what_cannot_be_judged_is_told() {
    let home = with_lists();
    let csv = lists(&home, "bpr", 0, "csv");
    home.write("lists.csv", &csv);
    let judge = |words: &str| home.reprise(&format!("judge small --results judged {words}"));
    judge("").with(2).tells(&["nothing to judge", "--run TRIAL:SEED=FILE"]);
    judge("--run bpr=lists.csv").with(2).tells(&["TRIAL:SEED=FILE"]);
    judge("--run bprr:0=lists.csv").with(2).tells(&["did you mean `bpr`?"]);
    judge("--run bpr:7=lists.csv").with(2).tells(&["has no seed 7"]);
    judge("--run bpr:0=lists.csv --run bpr:0=lists.csv").with(2).tells(&["two files for bpr, seed 0"]);
    judge("--run bpr:0=nowhere.csv").with(1).tells(&["cannot read a file of lists", "nowhere.csv"]);
    judge("--run bpr:0=.").with(1).tells(&["not a regular file"]);
    let half = &csv[..csv.len() / 2];
    home.write("half.csv", half);
    judge("--run bpr:0=half.csv").with(1).tells(&["half.csv"]);
    // One wrong file, and nothing is recorded of the others.
    judge("--run bpr:1=lists.csv --run bpr:0=half.csv").with(1);
    assert!(!home.root.join("judged/small/base/bpr").exists());
    judge("--run bpr:0=lists.csv").with(0);
    // The export of another split.
    home.reprise("export small --format csv --to split").with(0);
    home.write("split/lists.csv", &csv);
    judge("--run bpr:0=split/lists.csv").with(0);
    let export = fs::read_to_string(home.root.join("split/export.json")).unwrap();
    home.write("split/export.json", &export[..export.len() / 2]);
    judge("--run bpr:0=split/lists.csv").with(1).tells(&["an export cannot be read", "export.json"]);
    home.write("split/export.json", "{\"made by\": \"another program\"}");
    judge("--run bpr:0=split/lists.csv").with(0);
    home.write("split/export.json", &export);
    home.edit("reproductions/small.toml", "core = 1", "core = 2");
    home.edit(
        "reproductions/small.toml",
        "rule = \"leave-last-out\"\ncore = 2",
        "rule = \"leave-random-out\"\nleast = 3\nseed = 1",
    );
    judge("--run bpr:0=split/lists.csv").with(1).tells(&["made from the export of another split", "export.json"]);
    judge("--run bpr:0=lists.csv --export split/export.json").with(1).tells(&["another split"]);
}

/// Lists whose held-out item has a rank that is known by hand, of every period.
#[test]
fn lists_of_a_stream_are_judged_period_by_period() {
    let home = Home::new(crate::periods::WEEKS);
    home.reprise("export small --format csv --to split").with(0);
    let read = |name: &str| fs::read_to_string(home.root.join("split").join(name)).unwrap();
    // Items are numbered as they occur, so the first are known in every period.
    let first: Vec<String> =
        read("items.csv").lines().skip(1).take(40).map(|line| line.split_once(',').unwrap().1.to_string()).collect();
    let (mut text, mut expected) = (String::from("query,item\n"), Vec::new());
    for period in [1, 2] {
        let test = read(&format!("period-{period}/test.csv"));
        let (mut hits, mut reciprocals, mut n) = (0.0, 0.0, 0);
        for (at, line) in test.lines().skip(1).enumerate() {
            let (query, target) = line.split_once(',').unwrap();
            let rank = 1 + at % 25;
            let mut others = first.iter().filter(|item| *item != target);
            for place in 1..=30 {
                let item = if place == rank { target } else { others.next().unwrap() };
                text += &format!("{query},{item}\n");
            }
            hits += f64::from(u8::from(rank <= 20));
            reciprocals += if rank <= 20 { 1.0 / rank as f64 } else { 0.0 };
            n += 1;
        }
        expected.push((hits / f64::from(n), reciprocals / f64::from(n)));
    }
    home.write("split/lists.csv", &text);
    home.reprise("judge small --run plain:0=split/lists.csv").with(0).tells(&["order given, ties unknown"]);
    let record = home.record("plain", 0);
    for (period, (recall, mrr)) in record["periods"].as_array().unwrap().iter().zip(&expected) {
        let close = |key: &str, value: f64| (period["metrics"][key].as_f64().unwrap() - value).abs() < 1e-12;
        assert!(close("recall@20", *recall) && close("mrr@20", *mrr), "{period} {expected:?}");
        assert!(period.get("seconds").is_none() && period.get("epochs_run").is_none());
    }
    assert_eq!(record["periods"].as_array().unwrap().len(), 2);
    // Without the lists of the second period.
    let cut = text.find("\n2.").unwrap();
    home.write("half.csv", &text[..cut]);
    home.reprise("judge small --run plain:0=half.csv").with(1).tells(&["queries have no list", "none for `2."]);
}

/// Every period is asked of the model with which it was tested.
#[test]
fn our_own_lists_of_a_stream_come_back_with_our_own_values() {
    let home = Home::new(crate::periods::WEEKS);
    home.reprise("run small --trial plain --seed 0").with(0);
    let without = home.reprise("run small --trial plain --seed 0 --save-lists 20").with(0);
    without.tells(&["plain, seed 0: no model is kept, and so there are no lists"]);
    home.reprise("run small --trial plain --seed 0 --fresh --save-lists 20").with(0).tells(&["lists:   3 files"]);
    for end in ["jsonl", "csv", "trec"] {
        let file = home.record_file("plain", 0).with_file_name(format!("seed-0.lists.{end}"));
        let file = file.strip_prefix(&home.root).unwrap().display().to_string();
        home.reprise(&format!("judge small --results judged --run plain:0={file}")).with(0);
        let (own, found) = (home.record("plain", 0), judged(&home, "plain", 0));
        assert_eq!((&own["metrics"], &own["ranks"]), (&found["metrics"], &found["ranks"]), "{end}");
        for (own, found) in own["periods"].as_array().unwrap().iter().zip(found["periods"].as_array().unwrap()) {
            assert_eq!((&own["metrics"], &own["queries"]), (&found["metrics"], &found["queries"]));
        }
    }
}

#[test]
fn explain_names_the_same_metric_in_other_tools() {
    let home = Home::new(SMALL);
    let ended = home.reprise("judge small --explain").with(0);
    for words in
        ["ndcg@5", "nDCGRendle2020", "ndcg_cut_k", "Recall divides by min(|G|,k)", "lower item id first", "torch.topk"]
    {
        assert!(ended.out.contains(words), "{words}\n{}", ended.out);
    }
}

#[test]
fn lists_that_could_not_be_judged_are_not_saved() {
    let home = Home::new(SMALL);
    home.reprise("run small --save-lists 4").with(2).tells(&["at least 5, the largest cutoff"]);
    assert!(home.results().is_empty(), "nothing was trained");
    let all = Home::new(&SMALL.replace(r#""ndcg@5"]"#, r#""ndcg@5", "ap"]"#));
    let ended = all.reprise("run small --trial pop --seed 0 --save-lists 10").with(0);
    ended.tells(&["`--save-lists 10`: a metric without a cutoff needs lists of all candidates"]);
    let file = all.record_file("pop", 0).with_file_name("seed-0.lists.csv");
    let file = file.strip_prefix(&all.root).unwrap().display().to_string();
    all.reprise(&format!("judge small --results judged --run pop:0={file}")).with(1).tells(&["a list is not complete"]);
    let ended = all.reprise("run small --trial pop --seed 0 --save-lists 100000").with(0);
    assert!(!ended.err.contains("needs lists of all"), "{}", ended.err);
    all.reprise(&format!("judge small --results judged --run pop:0={file}")).with(0);
}

/// Scores of labelled pairs, of every period from the model with which it was tested.
#[test]
fn our_own_scores_of_labelled_pairs_come_back_with_our_own_values() {
    let home = Home::new(crate::asmg::LABELLED);
    home.reprise("run small --trial iu --save-lists 1").with(0).tells(&["lists:   3 files"]);
    let own = home.record("iu", 0);
    let read = |end: &str| {
        fs::read_to_string(home.record_file("iu", 0).with_file_name(format!("seed-0.lists.{end}"))).unwrap()
    };
    let near = |a: &Value, b: &Value, most: f64| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= most;
    for end in ["jsonl", "csv", "trec"] {
        home.write(&format!("theirs.{end}"), read(end));
        home.reprise(&format!("judge small --results judged --run iu:0=theirs.{end}")).with(0).prints(&["IU ‡"]);
        let found = judged(&home, "iu", 0);
        assert!(found.get("ranks").is_none() && own.get("ranks").is_none());
        for (own, found) in own["periods"].as_array().unwrap().iter().zip(found["periods"].as_array().unwrap()) {
            assert_eq!(
                (&own["metrics"]["auc"], &own["queries"]),
                (&found["metrics"]["auc"], &found["queries"]),
                "{end}"
            );
            assert_eq!(own["pessimistic"]["auc"], found["pessimistic"]["auc"]);
            // Read as f64, a score differs from ours by its rounding to a decimal.
            assert!(near(&own["metrics"]["logloss"], &found["metrics"]["logloss"], 1e-7), "{own} {found}");
        }
    }
    let judge = |file: &str| home.reprise(&format!("judge small --results judged --run iu:0={file}"));
    let csv = read("csv");
    let rows: Vec<&str> = csv.lines().collect();
    let asker = |row: &str| row.split(',').next().unwrap().to_string();
    home.write("half.csv", rows[..rows.len() / 2].join("\n") + "\n");
    judge("half.csv").with(1).tells(&["queries have no list", "with labelled pairs"]);
    let order: String = rows.iter().map(|row| format!("{}\n", row.rsplit_once(',').unwrap().0)).collect();
    home.write("order.csv", order);
    judge("order.csv").with(1).tells(&["labelled pairs are scored", "have no scores"]);
    let other =
        csv.lines().skip(1).map(|row| row.split(',').nth(1).unwrap()).find(|item| !rows[1].contains(item)).unwrap();
    home.write("other.csv", csv.replacen(rows[1], &format!("{},{other},0.5", asker(rows[1])), 1));
    judge("other.csv").with(1).tells(&["none of the query's candidates", "labelled pairs"]);
}

#[test]
fn what_may_be_wrong_with_a_file_is_told() {
    let home = with_lists();
    let csv = lists(&home, "bpr", 0, "csv");
    home.write("cut.csv", csv.trim_end());
    home.write("pop.jsonl", lists(&home, "pop", 1, "jsonl"));
    let judge = |words: &str| home.reprise(&format!("judge small --results judged {words}")).with(0);
    judge("--run bpr:0=cut.csv").tells(&["bpr, seed 0: the last line has no line feed"]);
    let again = judge("--run bpr:0=pop.jsonl");
    again.tells(&[
        "says that its lists are of pop, seed 1",
        "bpr, seed 0: a record of `cut.csv` from 20",
        "is replaced",
    ]);
    let tied: String = csv.lines().map(|row| row.rsplit_once(',').unwrap().0.to_string() + ",1\n").collect();
    home.write("tied.csv", tied.replacen(",1\n", ",score\n", 1));
    judge("--run bpr:1=tied.csv").tells(&[
        "equal scores count: recall@5 is 0.",
        "with every tie against the list (lower item id first",
        "held-out items stand before others of their score by this rule alone",
    ]);
    assert!(!judge("--run bpr:1=cut.csv").err.contains("equal scores count"), "no ties");
    let same = judge("--run bpr:0=pop.jsonl");
    assert!(!same.err.contains("is replaced"), "{}", same.err);
}

#[test]
fn parquet_is_read_or_its_want_is_told() {
    let home = with_lists();
    home.write("lists.parquet", b"PAR1 and no more of it");
    let ended = home.reprise("judge small --results judged --run bpr:0=lists.parquet");
    if cfg!(feature = "parquet") {
        ended.with(1).tells(&["the file of Parquet is cut or damaged", "lists.parquet"]);
        judges_parquet(&home);
    } else {
        ended.with(2).tells(&["built without Parquet", "--features parquet"]);
    }
}

#[cfg(not(feature = "parquet"))]
fn judges_parquet(_: &Home) {}

/// Our lists as a file of Parquet give our values.
#[cfg(feature = "parquet")]
fn judges_parquet(home: &Home) {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let csv = lists(home, "bpr", 0, "csv");
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let schema = "message lists { required binary user (UTF8); required binary item (UTF8); required double score; }";
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in 0..2 {
        let mut to = group.next_column().unwrap().unwrap();
        let texts: Vec<ByteArray> = rows.iter().map(|row| ByteArray::from(row[column])).collect();
        to.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        to.close().unwrap();
    }
    let mut to = group.next_column().unwrap().unwrap();
    let scores: Vec<f64> = rows.iter().map(|row| row[2].parse().unwrap()).collect();
    to.typed::<DoubleType>().write_batch(&scores, None, None).unwrap();
    to.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    home.write("lists.parquet", &bytes);
    home.reprise("judge small --results judged --run bpr:0=lists.parquet").with(0).prints(&["BPR ‡"]);
    let (own, found) = (home.record("bpr", 0), judged(home, "bpr", 0));
    assert_eq!((&own["metrics"], &own["ranks"]), (&found["metrics"], &found["ranks"]));
    assert_eq!(found["lists"]["form"], "parquet");
    assert_eq!(found["digests"]["lists"], harness::digest::Digest::of(&bytes).to_string());
}
