//! What the program prints where, and that what it says can be done.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use toml::Table;

use crate::home::{Ended, Home, SMALL, files};

const HELPS: [&str; 19] = [
    "",
    "list",
    "data",
    "data list",
    "data fetch",
    "data verify",
    "data describe",
    "run",
    "plan",
    "status",
    "export",
    "judge",
    "report",
    "check",
    "latency",
    "home",
    "completions",
    "man",
    "doctor",
];

/// The commands below `Example:` at the end of a help text.
fn examples(help: &str) -> Vec<String> {
    let lines: Vec<_> = help.trim_end().lines().rev().take_while(|line| line.starts_with("  reprise ")).collect();
    // An explanation may follow behind two blanks.
    let command = |line: &str| line.trim().split("  ").next().unwrap().to_string();
    lines.into_iter().rev().map(command).collect()
}

#[test]
fn every_help_ends_with_an_example_that_works() {
    let home = Home::new(SMALL);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The examples are about the specs and the data of this repository, without its records.
    let run = |words: &str| {
        let results = home.root.join("results");
        let mut command = home.command(words.split_whitespace());
        // These need no place of records.
        if !["data describe", "completions", "man"].iter().any(|other| words.starts_with(other)) {
            command.arg("--results").arg(&results);
        }
        command.env("REPRISE_HOME", repository).current_dir(&home.root);
        Ended::of(command.output().unwrap())
    };
    let datasets = run("data list").with(0).out;
    // The tables that are described.
    for file in ["ratings.csv.gz", "train.tsv", "valid.tsv", "test.tsv"] {
        home.write(file, "user,item\na,x\nb,y\n");
    }
    let mut ran = 0;
    for words in HELPS {
        let help = home.reprise(&format!("{words} --help")).with(0);
        let examples = examples(&help.out);
        assert!(!examples.is_empty(), "{}", help.out);
        for example in examples {
            let words = example.strip_prefix("reprise ").unwrap();
            if let Some(id) = words.strip_prefix("data fetch ") {
                // This one would need the network.
                assert!(datasets.lines().any(|line| line.trim_start().starts_with(id)), "{id}\n{datasets}");
            } else if words.starts_with("run ") {
                run(&format!("{words} --print-spec")).with(0); // This one would take minutes.
            } else if words.starts_with("check") {
                // There are no records to be judged, and training takes minutes.
                run(&words.replace(" --rerun", "")).with(2);
            } else if words.starts_with("latency ") {
                run(words).with(2).tells(&["is not in the cache"]); // This one needs trained models.
            } else {
                run(words).with(0);
            }
            ran += 1;
        }
    }
    assert!(ran >= HELPS.len());
    assert!(home.reprise("--help").out.contains("Exit codes:"));
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let home = Home::new(SMALL);
    let list = home.reprise("list").with(0).prints(&["spec", "small", "A small experiment", "tiny", "embedded"]);
    assert_eq!(list.err, "");
    let list = home.reprise("data list").with(0).prints(&["movietweetings-100k", "100000", "tiny", "240"]);
    assert_eq!(list.err, "");
    let ran = home.reprise("run small").with(0).tells(&["4 trained", "records: ", "REPORT.md"]);
    assert!(ran.out.contains("ndcg@5") && ran.out.contains("POP") && ran.out.contains("±"), "{}", ran.out);
    assert!(!ran.out.contains("trained"), "{}", ran.out);
    let report = home.reprise("report small").with(0).tells(&["REPORT.md"]);
    assert_eq!(report.out, ran.out, "the same table, without training");
    assert_eq!(home.reprise("run small").with(0).out, ran.out);
    let made: Vec<_> = home.results().into_iter().filter(|file| file.ends_with(".svg")).collect();
    assert!(!made.is_empty(), "a figure");
}

#[test]
fn a_report_without_records_says_so() {
    let home = Home::new(SMALL);
    let ended = home.reprise("report small").with(0).tells(&["REPORT.md"]);
    assert_eq!(ended.out, "");
    assert!(home.report().contains("There is no current record yet."));
    assert_eq!(files(&home.cache), [""; 0]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new(SMALL);
    for words in ["list", "data list", "doctor", "run small", "run small --print-spec", "report small", "--help"] {
        let mut child = home.start(words);
        drop(child.stdout.take());
        Ended::of(child.wait_with_output().unwrap()).with(0);
    }
    // Nobody reads the talk either.
    for words in ["run small --fresh", "report small"] {
        let mut child = home.start(words);
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{words}");
    }
    let mut child = home.start("run smal");
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
#[cfg(target_os = "linux")]
fn output_to_a_full_device_is_no_panic() {
    let home = Home::new(SMALL);
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = home.command(["list"]);
    let status = command.stdout(full()).stderr(Stdio::piped()).output().unwrap();
    Ended::of(status).with(1);
}

#[test]
fn the_resolved_spec_is_toml_with_the_origin_of_each_value() {
    let profile = "\n[profile.quick]\nseeds = [7]\n[profile.quick.trial.bpr.params]\ndim = 2\n";
    let home = Home::new(&format!("{SMALL}{profile}"));
    let printed = home.reprise("run small --print-spec").with(0);
    assert_eq!(printed.err, "");
    assert_eq!(printed.out.parse::<Table>().unwrap(), SMALL.parse::<Table>().unwrap());
    assert!(printed.out.contains("\ndim = 4  # small.toml:24\n"), "{}", printed.out);
    let values = printed.out.lines().filter(|line| line.contains(" = "));
    assert!(values.clone().count() > 20 && values.clone().all(|line| line.contains("  # small.toml:")));

    let quick = home.reprise("run small --print-spec --profile quick").with(0);
    let line = |key: &str| quick.out.lines().find(|line| line.starts_with(key)).unwrap().to_string();
    assert_eq!(line("seeds"), "seeds = [7]  # small.toml:37 profile quick");
    assert_eq!(line("dim"), "dim = 2  # small.toml:39 profile quick");
    assert_eq!(line("batch"), "batch = 64  # small.toml:27");
    let mut expected: Table = SMALL.parse().unwrap();
    expected["seeds"] = vec![7].into();
    expected["trial"][1]["params"]["dim"] = 2.into();
    assert_eq!(quick.out.parse::<Table>().unwrap(), expected);
    assert_eq!((files(&home.cache), home.results()), (vec![], vec![]), "nothing was done");

    // It is the same experiment: its records are those of the spec as written.
    home.reprise("run small").with(0).tells(&["4 trained"]);
    home.spec(&printed.out);
    home.reprise("run small").with(0).tells(&["0 trained, 4 done before"]);
}

#[test]
fn trials_and_seeds_can_be_picked() {
    let home = Home::new(SMALL);
    home.reprise("run small --trial bpr --seed 1").with(0).tells(&["1 trained, 0 done before"]);
    home.reprise("run small --trial bpr").with(0).tells(&["1 trained, 1 done before"]);
    home.reprise("run small").with(0).tells(&["2 trained, 2 done before"]);
    let records: Vec<_> = home.results().into_iter().filter(|file| file.ends_with(".json")).collect();
    assert_eq!(records.len(), 4, "{records:?}");
}

#[test]
fn results_are_put_together_by_copying_folders() {
    let (one, two) = (Home::new(SMALL), Home::new(SMALL));
    one.reprise("run small --seed 0").with(0);
    two.reprise("run small --seed 1").with(0);
    for file in two.results().iter().filter(|file| file.ends_with(".json")) {
        one.write(&format!("results/{file}"), fs::read(two.root.join("results").join(file)).unwrap());
    }
    one.reprise("report small").with(0).prints(&["±"]);
    let report = one.report();
    for (home, seed) in [(&one, 0), (&two, 1)] {
        let weights = home.record("bpr", seed)["digests"]["weights"].as_str().unwrap()[..12].to_string();
        assert!(report.contains(&weights), "{report}");
    }
}

/// As CI sets variables that it has no value for.
#[test]
fn an_empty_variable_is_as_if_unset() {
    let home = Home::new(SMALL);
    let with = |name: &str, value: &str, words: &str| {
        Ended::of(home.command(words.split(' ')).env(name, value).output().unwrap())
    };
    with("REPRISE_MIRROR", "", "run small --trial pop --seed 0").with(0).tells(&["1 trained"]);
    with("REPRISE_HOME", "", "list").with(0).prints(&["small"]);
    // What is embedded needs no mirror; what is not there is told where it is asked for.
    with("REPRISE_MIRROR", "nowhere", "run small --trial pop --seed 1").with(0).tells(&["1 trained"]);
    let at_mirror = crate::home::manifest("away", "[[file.source]]\nmirror = \"away/rows.tsv\"\n");
    home.write("data-manifests/away.toml", at_mirror);
    with("REPRISE_MIRROR", "nowhere", "data fetch away").with(2).tells(&["the mirror is not a folder", "nowhere"]);
}

#[test]
fn completions_and_pages_know_every_command() {
    let home = Home::new(SMALL);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = home.reprise(&format!("completions {shell}")).with(0);
        assert!(ended.out.contains("judge") && ended.out.contains("save-lists"), "{shell}");
    }
    home.reprise("completions tcsh").with(2).tells(&["tcsh", "possible values: bash"]);
    home.reprise("man").with(0).prints(&[".TH reprise 1", "reprise\\-judge"]);
    home.reprise("man --to pages").with(0);
    let pages = files(&home.root.join("pages"));
    assert!(
        ["reprise.1", "reprise-run.1", "reprise-data-describe.1"].iter().all(|page| pages.contains(&(*page).into())),
        "{pages:?}"
    );
    home.reprise("man --to pages/reprise.1/no").with(1).tells(&["cannot write the pages"]);
}
