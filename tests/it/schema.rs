//! The JSON schemas of what people write: every file of the repository validates, and what is misspelt does not.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::home::{Home, SMALL, manifest};

/// Has the committed schemas written anew.
const BLESS: &str = "REPRISE_BLESS";

/// Kinds of files, and where the schema of each is committed.
const KINDS: [(&str, &str); 3] = [
    ("spec", "reproductions/schema/spec.json"),
    ("published", "reproductions/schema/published.json"),
    ("manifest", "data-manifests/schema/manifest.json"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the program prints.
fn printed(kind: &str) -> String {
    Home::new(SMALL).reprise(&format!("schema {kind}")).with(0).out
}

fn validator(kind: &str) -> Validator {
    let schema: Value = serde_json::from_str(&printed(kind)).unwrap();
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    jsonschema::draft7::new(&schema).unwrap()
}

/// A TOML text as an editor sees it.
fn json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[track_caller]
fn validates(validator: &Validator, text: &str, of: &str) {
    let value = json(text);
    let wrong: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{of}\n{}", wrong.join("\n"));
}

#[test]
fn the_committed_schemas_are_what_the_program_prints() {
    for (kind, file) in KINDS {
        let file = root().join(file);
        if std::env::var_os(BLESS).is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, printed(kind)).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == printed(kind),
            "{} is not today's: `{BLESS}=1 cargo test --release --workspace --test it schema` writes it anew",
            file.display()
        );
    }
}

/// Every TOML file below a folder but those of cargo.
fn tomls(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tomls(&path, found);
        } else if path.extension().is_some_and(|end| end == "toml") && !path.ends_with("Cargo.toml") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_the_repository_names_its_schema_and_validates() {
    let mut files = vec![root().join("tests/peers/peers.toml")];
    for folder in ["reproductions", "data-manifests"] {
        tomls(&root().join(folder), &mut files);
    }
    let validators = KINDS.map(|(kind, file)| (fs::canonicalize(root().join(file)).unwrap(), validator(kind)));
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let schema = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
        let schema = schema.unwrap_or_else(|| panic!("{}: its first line names no schema", file.display()));
        let schema = fs::canonicalize(file.parent().unwrap().join(schema)).unwrap();
        let (_, validator) = validators.iter().find(|(of, _)| *of == schema).expect("one of the three");
        validates(validator, &text, &file.display().to_string());
    }
    assert!(files.len() > 60, "{}", files.len());
}

/// `text` with `from`, which stands there once, replaced.
#[track_caller]
fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}`");
    text.replace(from, to)
}

/// Changes that are mistakes: neither the schema nor the program takes them.
const MISSPELT: [(&str, &str); 13] = [
    ("title = ", "titel = "),
    ("seeds = [0, 1]", "seeds = [-1]"),
    ("core = 1", "kore = 1"),
    ("rule = \"leave-last-out\"", "rule = \"leave-last-in\""),
    ("candidates = \"full\"", "candidate = \"full\""),
    ("candidates = \"full\"", "candidates = \"fool\""),
    ("\"ndcg@5\"]\n\n", "\"ndgc@5\"]\n\n"),
    ("label = \"BPR\"", "lable = \"BPR\""),
    ("method = \"bpr\"", "method = \"brp\""),
    ("weight_decay = 1e-3", "weight_decoy = 1e-3"),
    ("learning_rate = 1e-2", "learning_rate = \"fast\""),
    ("dim = 4", "dim = 0"),
    ("patience = 3", "patients = 3"),
];

#[test]
fn a_misspelt_spec_does_not_validate() {
    let validator = validator("spec");
    validates(&validator, SMALL, "the spec as it is");
    for params in ["", "[trial.params]\n"] {
        let brought =
            format!("{SMALL}\n[[trial]]\nid = \"theirs\"\nlabel = \"Theirs\"\nmethod = \"external\"\n{params}");
        validates(&validator, &brought, "with lists that are brought");
    }
    let home = Home::new(SMALL);
    for (from, to) in &MISSPELT {
        let wrong = with(SMALL, from, to);
        assert!(!validator.is_valid(&json(&wrong)), "{to}");
        home.spec(&wrong);
        home.reprise("run small --print-spec").with(2);
    }
    let profile = format!("{SMALL}\n[profile.fast]\nseeds = [0]\n[profile.fast.trial.bpr.params]\nepochs = 1\n");
    validates(&validator, &profile, "with a profile");
    let like =
        format!("{profile}\n[[trial]]\nid = \"wide\"\nlabel = \"Wide\"\nlike = \"bpr\"\n[trial.params]\ndim = 8\n");
    validates(&validator, &like, "with a trial that is like another");
    home.spec(&like);
    home.reprise("run small --print-spec --profile fast").with(0);
    for (from, to) in [
        ("\nseeds = [0]", "\nseed = [0]"),
        ("epochs = 1\n", "epoch = 1\n"),
        ("fast.trial.bpr.params", "fast.trial.bpr.param"),
        ("fast.trial.bpr.params", "fast.trials.bpr.params"),
        ("like = \"bpr\"", "likes = \"bpr\""),
        ("dim = 8", "dims = 8"),
        ("label = \"Wide\"", "label = 8"),
    ] {
        let wrong = with(&like, from, to);
        assert!(!validator.is_valid(&json(&wrong)), "{to}");
        home.spec(&wrong);
        home.reprise("run small --print-spec --profile fast").with(2);
    }
}

#[test]
fn a_misspelt_manifest_does_not_validate() {
    let validator = validator("manifest");
    let right = manifest("tiny", "[[file.source]]\nembedded = \"embedded/tiny.tsv.gz\"\ngzip = true\n");
    validates(&validator, &right, "the manifest as it is");
    let home = Home::new(SMALL);
    for (from, to) in [
        ("title = ", "titel = "),
        ("terms = ", "term = "),
        ("separator = \"tab\"", "separator = \"tabs\""),
        ("columns = ", "column = "),
        ("\"user\", \"item\"", "\"user\", \"itme\""),
        ("[items]\nids = ", "[items]\nid = "),
        ("count = 25", "count = \"25\""),
        ("name = \"rows.tsv\"", "nome = \"rows.tsv\""),
        ("embedded = ", "embeded = "),
        ("sha256 = \"", "sha256 = \"x"),
    ] {
        let wrong = with(&right, from, to);
        assert!(!validator.is_valid(&json(&wrong)), "{to}");
        home.write("data-manifests/tiny.toml", &wrong);
        home.reprise("run small").with(2);
    }
}

#[test]
fn misspelt_published_tables_do_not_validate() {
    let validator = validator("published");
    let right = fs::read_to_string(root().join("reproductions/dcd/published.toml")).unwrap();
    validates(&validator, &right, "the tables as they are");
    let home = Home::new(SMALL);
    home.write("reproductions/dcd/mine.toml", SMALL.replace("\"small\"", "\"dcd/mine\"\npaper = \"dcd\""));
    home.write("reproductions/dcd/published.toml", &right);
    home.reprise("run dcd/mine --trial pop --seed 0").with(0);
    // In the first table, or else before it.
    let first = |from: &str, to: &str| {
        let (before, tables) = right.split_at(right.find("[[table]]").unwrap());
        assert!(right.contains(from), "{from}");
        if tables.contains(from) {
            format!("{before}{}", tables.replacen(from, to, 1))
        } else {
            format!("{}{tables}", before.replacen(from, to, 1))
        }
    };
    for (from, to) in [
        ("[paper]", "[papers]"),
        ("short = ", "shorts = "),
        ("caption = ", "captoin = "),
        ("columns = ", "collums = "),
        ("values = ", "value = "),
        ("kind = \"", "kind = \"my-"),
    ] {
        let wrong = first(from, to);
        assert!(!validator.is_valid(&json(&wrong)), "{to}");
        home.write("reproductions/dcd/published.toml", &wrong);
        home.reprise("report dcd/mine").with(2);
    }
}
