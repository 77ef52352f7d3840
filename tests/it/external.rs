//! Programs of others as trials: started when allowed, measured, ended, their lists judged.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::home::{Ended, Home, SMALL, files, wait_until};

/// A trial that runs `sh program.sh`, whose version is `sh 1`.
const PROGRAM: &str = r#"
[[trial]]
id = "other"
label = "Other"
method = "external"
[trial.params]
program = ["sh", "program.sh", "two words"]
files = ["program.sh"]
export = "csv"
version = { command = ["sh", "-c", "echo sh 1"], prints = "sh 1" }
install = "it is everywhere"
timeout_minutes = 2
"#;

/// A home with the lists of our BPR in `bpr-0.csv` and `bpr-1.csv` beside the spec, and a program.
fn with_program(program: &str) -> Home {
    let home = Home::new(SMALL);
    home.reprise("run small --save-lists 10 --results first").with(0);
    for seed in [0, 1] {
        let lists = fs::read(home.root.join(format!("first/small/base/bpr/seed-{seed}.lists.csv"))).unwrap();
        home.write(&format!("reproductions/bpr-{seed}.csv"), lists);
    }
    home.spec(&format!("{SMALL}{PROGRAM}"));
    home.write("reproductions/program.sh", program);
    home
}

const COPIES: &str = "cp bpr-$REPRISE_SEED.csv \"$REPRISE_LISTS\"\n";

/// Whether a process of this number, as written in a file, runs; a zombie does not.
fn runs(home: &Home, file: &str) -> bool {
    let pid = fs::read_to_string(home.root.join(file)).unwrap();
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

#[test]
fn a_program_is_run_for_each_seed_and_its_lists_are_judged() {
    let told =
        "echo $# \"$1\" > told; env | grep -E 'REPRISE|THREADS' >> told; ls \"$REPRISE_SPLIT\" >> told; echo busy\n";
    let home = with_program(&format!("{told}{COPIES}"));
    let refused = home.reprise("run small").with(2);
    refused.tells(&["--allow-programs", "sh program.sh 'two words'", "key `trial.other`"]);
    assert!(!home.root.join("reproductions/told").exists(), "nothing is started that was not allowed");
    let ended = home.reprise("run small --allow-programs --threads 1").with(0);
    ended.tells(&["`other` runs `sh program.sh 'two words'`", "6 trained"]).prints(&["Other ‡"]);
    let told = fs::read_to_string(home.root.join("reproductions/told")).unwrap();
    for words in ["1 two words", "REPRISE_SEED=1", "REPRISE_THREADS=1", "OMP_NUM_THREADS=1", "export.json", "train.csv"]
    {
        assert!(told.contains(words), "{words}\n{told}");
    }
    for seed in [0, 1] {
        let (own, other) = (home.record("bpr", seed), home.record("other", seed));
        assert_eq!((&own["metrics"], &own["ranks"]), (&other["metrics"], &other["ranks"]));
        assert_eq!((&other["origin"], &other["lists"]["by"]), (&Value::from("external"), &Value::from("sh 1")));
        assert_eq!(other["lists"]["ran"]["command"], serde_json::json!(["sh", "program.sh", "two words"]));
        assert!(other["seconds"]["total"].as_f64().unwrap() > 0.0 && other["lists"]["ran"]["cpu_seconds"].is_number());
        assert!(other.get("parameter_count").is_none() && other.get("latency").is_none());
    }
    let left = files(&home.cache).into_iter().filter(|file| file.contains("programs/") && !file.ends_with("/lock"));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "what the program was handed goes away");
    // What has its lists starts nothing.
    let again = home.reprise("run small").with(0).tells(&["0 trained, 6 done before"]);
    assert!(!again.err.contains("`other` runs"), "{}", again.err);
    // What is judged against a baseline is not run again.
    home.reprise("check small --accept --reason new").with(0);
    home.reprise("check small --rerun").with(0).prints(&["fine"]);
    home.reprise("latency small --seed 0").with(0).tells(&["other programs make their lists: `other`"]);
    home.reprise("latency small --trial other").with(2).tells(&["other programs make the lists of these trials"]);
    home.reprise("check small --accept --reason new --rerun").with(2).tells(&["which `--rerun` does not start"]);
    // Another program of the same name makes other runs.
    home.write("reproductions/program.sh", format!("cp bpr-0.csv \"$REPRISE_LISTS\"; {COPIES}"));
    home.reprise("check small").with(2).prints(&["stale"]);
    home.reprise("run small --allow-programs").with(0).tells(&["2 trained, 4 done before"]);
    home.reprise("run small --allow-programs --trial other --fresh").with(0).tells(&["2 trained"]);
    // Nothing is lost before there is something new.
    home.edit("reproductions/small.toml", "prints = \"sh 1\"", "prints = \"sh 2\"");
    home.reprise("run small --allow-programs --trial other --fresh").with(1).tells(&["another version"]);
    assert!(home.record("other", 0)["metrics"].is_object());
}

#[test]
fn a_baseline_without_a_program_is_trained_again_without_it() {
    let home = with_program(COPIES);
    home.spec(SMALL);
    home.reprise("run small").with(0);
    home.reprise("check small --accept --reason first").with(0);
    home.spec(&format!("{SMALL}{PROGRAM}"));
    home.reprise("check small --rerun").with(0).prints(&["fine"]);
}

#[test]
fn a_program_that_changes_the_split_is_told_and_the_next_gets_it_whole() {
    let home = with_program(&format!(
        "echo x >> \"$REPRISE_SPLIT/train.csv\"; wc -l < \"$REPRISE_SPLIT/train.csv\" >> lines; {COPIES}"
    ));
    let ended = home.reprise("run small --allow-programs --trial other").with(1);
    ended.tells(&["changed the split that it was handed", "another `train.csv`", "2 runs failed"]);
    assert_eq!(
        fs::read_to_string(home.root.join("reproductions/lines")).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["162"; 2]
    );
}

#[test]
fn refused_lists_are_kept() {
    let home = with_program("(cat bpr-0.csv; echo nobody,i0,1) > \"$REPRISE_LISTS\"\n");
    let ended = home.reprise("run small --allow-programs --trial other --seed 0").with(1);
    ended.tells(&["an unknown user", "nobody", "these lists are kept in"]);
    let kept: Vec<_> = files(&home.cache).into_iter().filter(|file| file.contains("refused/other-seed-0-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
}

/// A process that was there before, such as a logger of the shell that became this program, is none of the program's.
#[cfg(target_os = "linux")]
#[test]
fn children_of_before_are_left_alone() {
    let home = with_program(COPIES);
    let script = format!(
        "sleep 1000 > /dev/null 2>&1 & echo $! > before; exec {} run small --allow-programs --trial other --seed 0",
        env!("CARGO_BIN_EXE_reprise")
    );
    let mut command = home.command(["unused"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(&home.root);
    shell.envs(command.env("PATH", std::env::var_os("PATH").unwrap()).get_envs().filter_map(|(k, v)| Some((k, v?))));
    let ended = Ended::of(shell.output().unwrap()).with(0);
    assert!(!ended.err.contains("behind"), "{}", ended.err);
    assert!(runs(&home, "before"));
    Command::new("kill").arg(fs::read_to_string(home.root.join("before")).unwrap().trim()).status().unwrap();
}

#[test]
fn a_program_that_fails_leaves_the_others_alone() {
    let home = with_program("echo first; echo the reason >&2; exit 3\n");
    let run = || home.reprise("run small --allow-programs --trial other --trial pop");
    let ended = run().with(1);
    ended.tells(&[
        "`sh program.sh 'two words'` failed",
        "exit status: 3",
        "the reason",
        "2 runs failed: other, seed 0",
    ]);
    assert!(home.record("pop", 1)["metrics"].is_object());
    let cases = [
        ("exit 0\n", "left no lists"),
        ("echo nonsense > \"$REPRISE_LISTS\"\n", "none of the forms of lists"),
        ("head -c 1000 bpr-0.csv > \"$REPRISE_LISTS\"\n", "lists:"),
        ("kill -9 $$\n", "signal: 9"),
        ("mkdir \"$REPRISE_LISTS\"\n", "got:      a folder"),
        ("ln -s \"$PWD/bpr-0.csv\" \"$REPRISE_LISTS\"\n", "such as a link"),
    ];
    for (program, told) in cases {
        home.write("reproductions/program.sh", program);
        run().with(1).tells(&[told]);
    }
    home.edit("reproductions/small.toml", "prints = \"sh 1\"", "prints = \"sh 2\"");
    run().with(1).tells(&["another version", "`sh 1`", "install it: it is everywhere"]);
    home.edit("reproductions/small.toml", "[\"sh\", \"-c\", \"echo sh 1\"]", "[\"no-such-program\"]");
    run().with(1).tells(&[
        "the program does not tell its version",
        "`no-such-program` cannot be started",
        "install it",
    ]);
    assert!(!home.results().iter().any(|file| file.contains("/other/")), "no record of a run that failed");
}

#[test]
fn a_program_that_does_not_end_is_ended_with_all_that_it_started() {
    let home = with_program("sleep 1000 & echo $! > child; yes on and on\n");
    home.edit("reproductions/small.toml", "timeout_minutes = 2", "timeout_minutes = 0.02");
    let ended = home.reprise("run small --allow-programs --trial other --seed 0").with(1);
    ended.tells(&["takes too long", "on and on"]);
    assert!(!runs(&home, "reproductions/child"), "its child was ended");
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_program_leaves_running_is_ended_and_told() {
    let leaves = "(setsid sh -c 'echo $$ > child; exec sleep 1000' &) ; while [ ! -s child ]; do sleep 0.01; done\n";
    let home = with_program(&format!("{leaves}{COPIES}"));
    let ended = home.reprise("run small --allow-programs --trial other --seed 0").with(0);
    ended.tells(&["left a process behind, which was ended"]);
    assert!(!runs(&home, "reproductions/child"));
}

#[test]
fn ctrl_c_ends_the_program_too() {
    let home = with_program("sleep 1000 & echo $! > child; wait\n");
    let child = home.start("run small --allow-programs --trial other");
    wait_until("the program runs", || {
        fs::read_to_string(home.root.join("reproductions/child")).is_ok_and(|s| s.ends_with('\n'))
    });
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    Ended::of(child.wait_with_output().unwrap()).with(130).tells(&["interrupted"]);
    assert!(!runs(&home, "reproductions/child"));
}

/// A trial without a program stands for lists of whoever has some.
#[test]
fn lists_are_brought_for_a_trial_without_a_program() {
    let home = Home::new(SMALL);
    home.reprise("run small --save-lists 10").with(0);
    let lists = fs::read(home.record_file("bpr", 1).with_file_name("seed-1.lists.csv")).unwrap();
    home.write("theirs.csv", lists);
    home.spec(&format!("{SMALL}\n[[trial]]\nid = \"theirs\"\nlabel = \"Theirs\"\nmethod = \"external\"\n"));
    let run = home.reprise("run small").with(0);
    run.tells(&[
        "its lists are yet to be brought: `reprise judge small --run theirs:1=FILE`",
        "0 trained, 4 done before",
    ]);
    home.reprise("judge small --run theirs:0=theirs.csv --run theirs:1=theirs.csv --by them")
        .with(0)
        .prints(&["Theirs ‡"]);
    let (own, theirs) = (home.record("bpr", 1), home.record("theirs", 1));
    assert_eq!((&own["metrics"], &theirs["lists"]["by"]), (&theirs["metrics"], &Value::from("them")));
    assert!(home.report().contains("by `them`"), "{}", home.report());
    home.reprise("run small").with(0).tells(&["0 trained, 6 done before"]);
}

#[test]
fn what_a_spec_says_of_a_program_is_checked() {
    let home = with_program(COPIES);
    let spec = format!("{SMALL}{PROGRAM}");
    let cases = [
        ("[\"program.sh\"]", "[\"program.sh\", \"none.sh\"]", "a file of the program cannot be read"),
        ("[\"program.sh\"]", "[]", "`program.sh` stands beside the spec and not in `files`"),
        ("[\"sh\", \"program.sh\", \"two words\"]", "[]", "there is no program"),
        ("timeout_minutes = 2", "timeout_minutes = 0", "no such timeout"),
        ("export = \"csv\"", "export = \"parquet\"", "one of `csv`, `recbole`, `trec`"),
        ("prints = \"sh 1\"", "prints = \" \"", "there is no version"),
        ("install = \"it is everywhere\"\n", "", "missing key `install`"),
        ("method = \"external\"\n", "method = \"external\"\nteacher = \"bpr\"\n", "learns from no teacher"),
        ("method = \"external\"\n", "method = \"extern\"\n", "did you mean `external`?"),
    ];
    for (from, to, told) in cases {
        assert_eq!(spec.matches(from).count(), 1, "{from}");
        home.spec(&spec.replace(from, to));
        home.reprise("run small --allow-programs").with(2).tells(&[told, "reproductions/small.toml"]);
    }
    home.spec(&spec.replace("method = \"bpr\"", "method = \"rrd\"\nteacher = \"other\""));
    home.reprise("run small").with(2);
}
