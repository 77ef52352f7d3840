//! Runs for many machines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::home::{Ended, Home, SMALL, lasting};

/// The plan, and its file.
fn planned(home: &Home, words: &str) -> (Value, String) {
    let ended = home.reprise(&format!("plan {words} --to plan")).with(0);
    let file = ended.err.lines().find_map(|line| line.strip_prefix("plan:    ")).expect("a plan").to_string();
    (serde_json::from_str(&fs::read_to_string(home.root.join(&file)).unwrap()).unwrap(), file)
}

/// Trials and seeds of a plan.
fn runs(plan: &Value) -> Vec<(&str, u64)> {
    plan["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["trial"].as_str().unwrap(), run["seed"].as_u64().unwrap()))
        .collect()
}

fn script(home: &Home, name: &str) -> String {
    fs::read_to_string(home.root.join("plan").join(name)).unwrap()
}

/// Checks the syntax of a script, and runs it if that is asked for.
fn bash(file: &Path, run: bool) -> Ended {
    let mut command = Command::new("bash");
    if !run {
        command.arg("-n");
    }
    Ended::of(command.arg(file).env_remove("REPRISE_HOME").env_remove("REPRISE_CACHE").output().unwrap())
}

#[test]
#[cfg(unix)]
fn a_script_does_what_one_command_does() {
    let home = Home::new(SMALL);
    home.reprise("run small --results alone --threads 1").with(0);
    home.reprise("run small --trial pop").with(0);
    let (plan, _) = planned(&home, "small --format sh");
    assert_eq!(runs(&plan), [("bpr", 0), ("bpr", 1)], "those of BPR are missing");
    assert!(plan["runs"][0]["needs"]["from"].as_str().unwrap().contains("guess"));
    bash(&home.root.join("plan/run.sh"), true).with(0).tells(&["1 trained"]);
    for seed in [0, 1] {
        let alone = home.root.join(format!("alone/small/base/bpr/seed-{seed}.json"));
        let alone: Value = serde_json::from_slice(&fs::read(alone).unwrap()).unwrap();
        assert_eq!(lasting(&home.record("bpr", seed)), lasting(&alone));
    }
    home.reprise("plan small --to plan").with(0).tells(&["0 of 4 runs are missing"]);
    // Costs are told from records.
    fs::remove_file(home.record_file("bpr", 1)).unwrap();
    let (plan, _) = planned(&home, "small small");
    assert_eq!(runs(&plan), [("bpr", 1)]);
    let from = plan["runs"][0]["needs"]["from"].as_str().unwrap();
    assert!(from.starts_with("by 1 record of this trial at "), "{from}");
    home.reprise("plan small --estimate").with(0).tells(&["1 of 4 runs are missing"]);
}

#[test]
fn one_run_of_a_plan_is_done_unless_the_plan_is_stale() {
    let home = Home::new(SMALL);
    let (plan, file) = planned(&home, "small");
    let index = runs(&plan).iter().position(|run| *run == ("bpr", 1)).unwrap();
    let run = format!("run --plan {file} --index {index}");
    // Two at once: the second waits, and finds it done.
    let both = [home.start(&run), home.start(&run)].map(|child| Ended::of(child.wait_with_output().unwrap()).with(0));
    let trained = both.iter().filter(|ended| ended.err.contains("1 trained, 0 done before"));
    assert_eq!(trained.count(), 1, "{}\n{}", both[0].err, both[1].err);
    assert_eq!(home.results(), ["small/base/bpr/seed-1.json"], "one record, and no report");
    let command = home.record("bpr", 1)["command"].as_str().unwrap().to_string();
    assert!(command.starts_with("reprise run small --profile base --trial bpr --seed 1 --threads "), "{command}");
    assert_ne!(planned(&home, "small").1, file, "another plan leaves this one alone");
    home.reprise(&format!("run --plan {file} --index 4")).with(2).tells(&["the plan has no run 4", "from 0 to 3"]);
    home.reprise(&format!("run --plan {file}")).with(2).tells(&["--index"]);
    home.reprise(&format!("run small --plan {file} --index 0")).with(2).tells(&["cannot be used with"]);
    home.reprise("run").with(2).tells(&["SPEC"]);
    home.edit("reproductions/small.toml", "dim = 4", "dim = 5");
    home.reprise(&run).with(2).tells(&["the plan is stale: bpr, seed 1", "`reprise plan small --profile base`"]);
    home.write(&file, "{\"format\": 1, \"runs\": [");
    home.reprise(&run).with(1).tells(&["plan-", "`reprise plan SPEC` makes a new one"]);
}

#[test]
fn students_follow_their_teachers() {
    let home = Home::new(SMALL);
    let quick = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("reproductions/quick.toml")).unwrap();
    home.write("reproductions/quick.toml", quick);
    let (plan, _) = planned(&home, "quick --format slurm --threads 2");
    let all = plan["runs"].as_array().unwrap();
    assert_eq!(all.len(), 18);
    for run in all {
        let after = run.get("after").map(|at| &all[at.as_u64().unwrap() as usize]);
        match run["trial"].as_str().unwrap() {
            "pop" | "item-cf" | "teacher" | "student" => assert!(after.is_none(), "{run}"),
            _ => {
                let teacher = after.unwrap();
                assert!(teacher["trial"] == "teacher" && teacher["seed"] == run["seed"], "{run} {teacher}");
            }
        }
    }
    let submit = script(&home, "submit.sh");
    let arrays = submit.matches("sbatch --parsable").count() - 1;
    assert_eq!(arrays, 6, "one for each trial, and the report: {submit}");
    assert!(
        submit.contains("--dependency=afterany:${job2%%;*} run.sbatch") && submit.contains("--cpus-per-task=2"),
        "{submit}"
    );
    #[cfg(unix)]
    for name in ["submit.sh", "run.sbatch", "report.sbatch"] {
        bash(&home.root.join("plan").join(name), false).with(0);
    }
    planned(&home, "quick --format snakemake");
    let rules = script(&home, "Snakefile");
    assert_eq!(rules.matches("\nrule ").count(), 6 + 3, "trials; all, data, report: {rules}");
    assert!(rules.contains("--index {params.index}") && rules.contains("teacher=lambda wildcards"), "{rules}");
}

/// A teacher that is recorded is planned again where its model is gone and a student needs it.
#[test]
fn a_teacher_without_its_model_is_planned() {
    let home = Home::new(&crate::distill::spec());
    home.reprise("run small --trial bpr --trial cd").with(0);
    fs::remove_file(home.record_file("cd", 0)).unwrap();
    let of = |plan: &Value| -> Vec<String> {
        let runs = runs(plan).into_iter();
        runs.map(|(trial, _)| trial.to_string()).filter(|trial| ["bpr", "cd"].contains(&&**trial)).collect()
    };
    assert_eq!(of(&planned(&home, "small").0), ["cd"]);
    fs::remove_file(home.store("bpr", 0).join("model.safetensors")).unwrap();
    let (plan, file) = planned(&home, "small");
    assert_eq!(of(&plan), ["bpr", "cd"]);
    let index = |trial: &str| runs(&plan).iter().position(|run| run.0 == trial).unwrap();
    let before = home.record("bpr", 0);
    home.reprise(&format!("run --plan {file} --index {}", index("bpr"))).with(0).tells(&["1 trained"]);
    assert_eq!(lasting(&home.record("bpr", 0)), lasting(&before));
    home.reprise(&format!("run --plan {file} --index {}", index("cd"))).with(0).tells(&["1 trained, 1 done before"]);
    let brought = SMALL.replace("method = \"pop\"", "method = \"external\"");
    home.spec(&brought);
    let ended = home.reprise("plan small --format sh --to other").with(0);
    ended.tells(&["left out of small: pop, whose lists other programs make"]);
    assert!(!fs::read_to_string(home.root.join("other/run.sh")).unwrap().contains("--require-complete"));
}

#[test]
fn what_cannot_be_planned_is_told() {
    let home = Home::new(SMALL);
    home.reprise("plan").with(2).tells(&["SPEC"]);
    home.reprise("plan nothing").with(2).tells(&["there is no spec `nothing`"]);
    home.reprise("plan small --format pbs").with(2).tells(&["possible values: json, sh, slurm, snakemake"]);
    home.write("mine/mine.toml", SMALL.replace("id = \"small\"", "id = \"mine\""));
    home.write("mine/tiny.toml", fs::read(home.root.join("data-manifests/tiny.toml")).unwrap());
    home.reprise("plan ./mine/mine.toml").with(2).tells(&["stands outside of the repository", "--home DIR"]);
}
