//! Which interactions count and what orders those of one time, from the files to the report.

use std::fs;

use harness::digest::Digest;

use crate::home::{Home, SMALL, files, pins};

/// A home whose spec ranks POP alone over `rows` of user, item and `third`.
fn home(rows: &str, third: &str, events: &str) -> Home {
    let spec = &SMALL[..SMALL.find("[[trial]]\nid = \"bpr\"").unwrap()];
    let spec = spec.replace("seeds = [0, 1]", "seeds = [0]").replace("core = 1", "core = 0");
    let spec = spec.replace("[\"recall@5\", \"ndcg@5\"]", "[\"recall@1\"]").replace("\"tiny\"", "\"made-up\"");
    let home = Home::new(&spec.replace("[split]", &format!("{events}\n[split]")));
    let manifest = format!(
        "id = \"made-up\"\ntitle = \"t\"\nserves = \"t\"\ncitation = \"t\"\nhomepage = \"t\"\n[licence]\nname = \"t\"\nterms = \"t\"\nredistributable = true\n\
         [layout]\nform = \"table\"\nseparator = \"comma\"\ncolumns = [\"user\", \"item\", {third}\n\
         [users]\nids = \"map\"\n[items]\nids = \"map\"\n\
         [[file]]\nname = \"rows.csv\"\npart = \"all\"\n{}[[file.source]]\nmirror = \"rows.csv\"\n",
        pins(rows)
    );
    home.write("data-manifests/made-up.toml", manifest);
    fs::write(home.mirror.join("rows.csv"), rows).unwrap();
    home
}

fn recall(home: &Home) -> f64 {
    home.reprise("run small --mirror ../mirror --threads 1").with(0);
    home.record("pop", 0)["metrics"]["recall@1"].as_f64().unwrap()
}

/// TALLRec #57: what was rated 0 is not liked. Users 0 to 3 like items of their own and 7; users 4 and 5 like 10, 11 and
/// last 7, and then dislike an item of their own.
#[test]
fn ratings_count_from_the_least_that_the_spec_says() {
    let mut rows: String =
        (0..4).flat_map(|u| [7, 10 + u, 20 + u, 30 + u].map(|item| format!("{u},{item},{}\n", 8 + item % 2))).collect();
    for user in 4..6 {
        let liked = [(10, 7), (11, 8), (7, 9), (40 + user, 0)];
        rows += &liked.map(|(item, rating)| format!("{user},{item},{rating}\n")).concat();
    }
    let all = home(&rows, "\"value\"]", "");
    assert_eq!(recall(&all), 0.0);
    let liked = home(&rows, "\"value\"]", "[events]\nratings_at_least = 1\n");
    assert!((recall(&liked) - 1.0 / 3.0).abs() < 1e-12);
    assert!(liked.report().contains("**Events**: ratings of at least 1 count"), "{}", liked.report());
    liked.reprise("run small --print-spec").with(0).prints(&["[events]", "ratings_at_least = 1"]);
    // The dataset is the same, what was made of it is not, and saying nothing is what it always was.
    let digest = |home: &Home, of: &str| home.record("pop", 0)["digests"][of].clone();
    assert_eq!(digest(&all, "dataset"), digest(&liked, "dataset"));
    assert_ne!(digest(&all, "split"), digest(&liked, "split"));
    assert_ne!(digest(&all, "run"), digest(&liked, "run"));
    let said = home(&rows, "\"value\"]", "[events]\nlabels = []\nties = \"file-order\"\n");
    recall(&said);
    assert_eq!(digest(&all, "run"), digest(&said, "run"));
    // Positions are no times: nothing was decided by a tie.
    assert!(all.record("pop", 0).get("time_ties").is_none());
    for (events, says) in [
        ("labels = [\"view\"]", "`made-up` has no kinds of events"),
        ("ratings_at_least = 10", "no interaction of `made-up` counts"),
        ("rating_at_least = 1", "did you mean `ratings_at_least`?"),
        ("ties = \"fileorder\"", "file-order"),
    ] {
        let refused = home(&rows, "\"value\"]", &format!("[events]\n{events}\n"));
        let ended = refused.reprise("run small --mirror ../mirror");
        ended.tells(&[says, "small.toml"]);
        assert!(!files(&refused.root.join("results")).iter().any(|file| file.ends_with(".json")));
    }
}

#[test]
fn kinds_of_events_count_that_the_spec_names() {
    let rows = "0,1,view\n0,2,view\n0,3,view\n0,9,buy\n1,3,view\n1,1,view\n1,2,view\n1,8,buy\n";
    let third = "\"label\"]\nlabels = { view = 1, buy = 2 }";
    let views = home(rows, third, "[events]\nlabels = [\"view\"]\n");
    views.reprise("run small --mirror ../mirror").with(0);
    assert!(views.report().contains("**Events**: view alone count"), "{}", views.report());
    // Three items of views: each user has one for training.
    assert_eq!(views.record("pop", 0)["parameters"][0]["shape"][0], 3);
}

/// LRURec #1: the order of rows decides, and the record and the report say how often.
#[test]
fn held_out_items_that_a_tie_in_time_chose_are_counted() {
    let rows = ["0,1,5", "0,2,6", "0,3,7", "0,4,7", "1,1,5", "1,2,6", "1,3,7", "1,4,8"].map(|row| format!("{row}\n"));
    let turned: Vec<String> = rows.iter().rev().cloned().collect();
    let (third, ties) = ("\"time\"]\ntime = \"order\"", "[events]\nties = \"item\"\n");
    let counted = home(&rows.concat(), third, "");
    counted.reprise("run small --mirror ../mirror").with(0);
    let expected = serde_json::json!({"by": "file-order", "validation": 1, "test": 1});
    assert_eq!(counted.record("pop", 0)["time_ties"], expected);
    assert!(
        counted.report().contains("**Ties in time**: `1 of 2 test items and 1 validation items"),
        "{}",
        counted.report()
    );
    home(&rows.concat(), third, "[events]\nties = \"refuse\"\n")
        .reprise("run small --mirror ../mirror")
        .with(1)
        .tells(&["times of `made-up` do not say which items are held out", "1 test and 1 validation items"]);
    // By a rule of its own the order of rows means nothing.
    let held_out = |rows: &[String], events: &str| {
        let home = home(&rows.concat(), third, events);
        home.edit("data-manifests/made-up.toml", "[items]\nids = \"map\"", "[items]\nids = \"dense\"\ntable = 5");
        home.edit("data-manifests/made-up.toml", "[users]\nids = \"map\"", "[users]\nids = \"dense\"\ntable = 2");
        home.reprise("run small --mirror ../mirror").with(0);
        home.record("pop", 0)["digests"]["split"].as_str().unwrap().parse::<Digest>().unwrap()
    };
    assert_ne!(held_out(&rows, ""), held_out(&turned, ""));
    assert_eq!(held_out(&rows, ties), held_out(&turned, ties));
}
