//! `reprise latency`: from trained models to their records and the report.

use std::fs;

use serde_json::Value;

use crate::home::{Home, SMALL, files};

/// [`SMALL`] with a student of the trial `bpr`, and ItemCF.
fn spec() -> String {
    let hyper = SMALL.split("[trial.params]\n").nth(1).unwrap();
    let (hyper, stopping) = hyper.split_once("[trial.params.stopping]\n").unwrap();
    format!(
        "{SMALL}\n[[trial]]\nid = \"rrd\"\nlabel = \"RRD\"\nmethod = \"rrd\"\nteacher = \"bpr\"\n[trial.params]\n\
         rrd = {{ lambda = 1e-2, list = 10, interesting = 3, uninteresting = 4, top.sampled.sharpness = 10 }}\n\
         [trial.params.student.neumf]\n{}[trial.params.student.neumf.stopping]\n{stopping}\n\
         [[trial]]\nid = \"item-cf\"\nlabel = \"ItemCF\"\nmethod = \"item-cf\"\n[trial.params]\nneighbours = 5\n",
        hyper.replace("dim = 4", "dim = 2")
    )
}

fn latency_files(home: &Home) -> Vec<String> {
    home.results().into_iter().filter(|file| file.contains("latency-seed-")).collect()
}

fn latency_of(home: &Home, trial: &str) -> Value {
    let end = format!("/{trial}/latency-seed-0.json");
    let file = latency_files(home).into_iter().find(|file| file.ends_with(&end)).unwrap();
    serde_json::from_slice(&fs::read(home.root.join("results").join(file)).unwrap()).unwrap()
}

#[test]
fn trained_models_are_measured_recorded_and_reported() {
    let home = Home::new(&spec());
    home.reprise("run small --seed 0").with(0).tells(&["4 trained"]);
    assert!(!home.report().contains("Time CPU p50"));
    let before = home.results();
    let measured = home.reprise("latency small --threads 2").with(0);
    let all = ["40 queries, CPU (s)", "no GPU run"];
    let measured = measured.prints(&["Time CPU p50 (µs)", "POP", "BPR", "RRD", "ItemCF", "100.0 %"]).prints(&all);
    let measured = measured.tells(&["4 recorded in ", "`reprise report small` shows them"]);
    assert_eq!(measured.out.lines().count(), 5 + 1 + 5, "{}", measured.out);
    assert_eq!(latency_files(&home).len(), 4);
    assert_eq!(home.results().len(), before.len() + 4, "nothing else was written");
    for trial in ["pop", "bpr", "rrd", "item-cf"] {
        let (run, latency) = (home.record(trial, 0), latency_of(&home, trial));
        for digest in ["run", "weights"] {
            assert_eq!(latency["digests"][digest], run["digests"][digest], "{trial}: the model of the run");
        }
        for field in ["spec", "profile", "trial", "seed", "parameter_count", "program", "device", "machine"] {
            assert_eq!(latency[field], run[field], "{trial}: {field}");
        }
        assert_eq!(latency["command"], "reprise latency small --threads 2");
        assert_eq!(latency["parameter_bytes"].as_u64(), run["parameter_count"].as_u64().map(|n| 4 * n));
        assert_eq!(latency["request"]["threads"], 1);
        assert_eq!((&latency["batch"]["threads"], &latency["batch"]["queries"]), (&2.into(), &40.into()));
    }
    home.reprise("report small").with(0);
    let report = home.report();
    let rows: Vec<_> = report.split("Time CPU p50").nth(1).unwrap().lines().skip(2).take(4).collect();
    assert!(
        rows.iter().zip(["POP", "BPR", "RRD", "ItemCF"]).all(|(row, label)| row.starts_with(&format!("| {label} |")))
    );
    assert!(
        report.contains("Nothing was measured on a GPU.") && report.contains("`reprise latency small --threads 2`")
    );

    // Only some, with what they learnt from; what is measured again replaces what was.
    let some = home.reprise("latency small --trial rrd --seed 0").with(0).tells(&["2 recorded"]);
    assert_eq!(some.out.lines().count(), 3 + 1 + 3, "{}", some.out);
    assert_eq!(latency_of(&home, "rrd")["command"], "reprise latency small --trial rrd --seed 0");
    // A changed spec makes another model: the old measurement is listed, not shown.
    home.spec(&spec().replace("neighbours = 5", "neighbours = 6"));
    home.reprise("report small").with(0).tells(&["stale: small item-cf seed 0: its latency was measured"]);
    assert!(!home.report().contains("| ItemCF | 100.0 %"));
}

#[test]
fn a_model_that_is_not_there_is_told_with_what_trains_it() {
    let home = Home::new(&format!("{}\n[profile.other]\nseeds = [1]\n", spec()));
    let none = |words: &str, told: &[&str]| {
        home.reprise(words).with(2).tells(told);
        assert_eq!(latency_files(&home), [""; 0], "nothing was measured");
    };
    home.reprise("data fetch tiny").with(0);
    let hint = "`reprise run small --trial bpr --seed 0` trains it";
    none("latency small", &["the model of `bpr`, seed 0, is not in the cache", hint]);
    none(
        "latency small --seed 1 --trial rrd --profile other",
        &["`reprise run small --trial bpr --seed 1 --profile other`"],
    );
    home.reprise("run small --trial bpr --seed 0").with(0).tells(&["1 trained"]);
    none("latency small", &["the model of `rrd`, seed 0", "`reprise run small --trial rrd --seed 0` trains it"]);
    home.reprise("run small --trial rrd --seed 0").with(0);
    home.reprise("latency small").with(0).tells(&["4 recorded"]); // POP and ItemCF are counted.
    // A record that came without its model: a plain run would do nothing.
    for file in latency_files(&home) {
        fs::remove_file(home.root.join("results").join(file)).unwrap();
    }
    let model = home.store("rrd", 0).join("model.safetensors");
    let kept = fs::read(&model).unwrap();
    fs::remove_file(&model).unwrap();
    none("latency small", &["its record is here without it", "--trial rrd --seed 0 --results DIR`", "`--fresh`"]);
    home.reprise("run small --trial rrd --seed 0 --fresh").with(0);
    home.reprise("latency small --trial rrd").with(0).tells(&["2 recorded"]);
    // What is damaged is not measured.
    fs::write(&model, &kept[..kept.len() - 1]).unwrap();
    home.reprise("latency small --trial rrd").with(1).tells(&["model.safetensors"]);
}

#[test]
fn mistakes_are_told_before_anything_is_done() {
    let home = Home::new(&spec());
    home.reprise("latency small --trial item_cf").with(2).tells(&["no trial `item_cf`", "did you mean `item-cf`?"]);
    home.reprise("latency small --seed 7").with(2).tells(&["no seed 7", "[0, 1]"]);
    home.reprise("latency smal").with(2).tells(&["smal"]);
    home.reprise("latency small --device gpu").with(2).tells(&["`gpu` is not a device"]);
    #[cfg(not(feature = "cuda"))]
    home.reprise("latency small --device cuda:0").with(2).tells(&["cuda:0", "built without CUDA"]);
    assert_eq!((home.results(), files(&home.cache)), (vec![], vec![]));
}

#[test]
fn a_damaged_latency_record_is_told_by_the_report() {
    let home = Home::new(SMALL);
    home.reprise("run small --seed 0").with(0);
    home.reprise("latency small").with(0);
    let file = format!("results/{}", latency_files(&home)[0]);
    home.edit(&file, "\"seed\": 0", "\"seed\": 0, \"sead\": 1");
    home.reprise("report small").with(1).tells(&["unknown field `sead`", "latency-seed-0.json", "`reprise latency`"]);
    home.reprise("latency small").with(0);
    home.reprise("report small").with(0);
}
