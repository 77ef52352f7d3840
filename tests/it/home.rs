//! A repository of its own for every test, and the program in it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::digest::Digest;
use serde_json::Value;
use tempfile::TempDir;

/// Two trials at two seeds on made-up data: done in the blink of an eye.
pub const SMALL: &str = r#"id = "small"
title = "A small experiment"
dataset = "tiny"
seeds = [0, 1]

[split]
rule = "leave-last-out"
core = 1

[protocol]
candidates = "full"
metrics = ["recall@5", "ndcg@5"]

[[trial]]
id = "pop"
label = "POP"
method = "pop"

[[trial]]
id = "bpr"
label = "BPR"
method = "bpr"
[trial.params]
dim = 4
learning_rate = 1e-2
weight_decay = 1e-3
batch = 64
init_std = 0.1
epochs = 3
[trial.params.stopping]
watch = ["ndcg@5"]
patience = 3
every = 1
decimals = 4
"#;

/// Runs of [`SMALL`].
pub const SMALL_RUNS: usize = 4;

/// The embedded data, and epochs enough to be stopped in the middle of them.
pub fn long() -> String {
    SMALL
        .replace("\"tiny\"", "\"movietweetings-100k\"")
        .replace("seeds = [0, 1]", "seeds = [0]")
        .replace("core = 1", "core = 5")
        .replace("dim = 4", "dim = 8")
        .replace("batch = 64", "batch = 256")
        .replace("epochs = 3", "epochs = 120")
        .replace("patience = 3", "patience = 120")
}

/// Runs of [`long`].
pub const LONG_RUNS: usize = 2;

/// Forty users of six items each, item by item in time.
pub fn tiny() -> String {
    let row = |user: u32, time: u32| format!("u{user}\ti{}\t{time}\n", (user * 3 + time * 4) % 25);
    (0..40).flat_map(|user| (0..6).map(move |time| row(user, time))).collect()
}

/// A manifest of one file `rows.tsv` that holds [`tiny`].
pub fn manifest(id: &str, source: &str) -> String {
    let content = tiny();
    format!(
        "id = \"{id}\"\ntitle = \"Made up\"\nserves = \"tests\"\ncitation = \"none\"\nhomepage = \"none\"\n\n\
         [licence]\nname = \"MIT\"\nterms = \"made up\"\nredistributable = true\n\n\
         [layout]\nform = \"table\"\nseparator = \"tab\"\ncolumns = [\"user\", \"item\", \"time\"]\ntime = \"order\"\n\n\
         [users]\nids = \"map\"\ncount = 40\n\n[items]\nids = \"map\"\ncount = 25\n\n[interactions]\nall = 240\n\n\
         [[file]]\nname = \"rows.tsv\"\npart = \"all\"\n{}{source}",
        pins(&content)
    )
}

/// The two keys that say what the bytes of a file are.
pub fn pins(content: &str) -> String {
    format!("bytes = {}\nsha256 = \"{}\"\n", content.len(), Digest::of(content.as_bytes()))
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A repository of its own for a test, with its cache and its mirror of data files.
pub struct Home {
    #[expect(dead_code, reason = "removed when the test is over")]
    folder: TempDir,
    pub root: PathBuf,
    pub cache: PathBuf,
    pub mirror: PathBuf,
}

impl Home {
    /// With the spec `small`.
    pub fn new(spec: &str) -> Self {
        Self::named("a home", spec)
    }

    /// In a folder of this name.
    pub fn named(name: impl AsRef<OsStr>, spec: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join(name.as_ref());
        let home = Self { root: top.join("home"), cache: top.join("cache"), mirror: top.join("mirror"), folder };
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("data-manifests");
        for file in ["movietweetings-100k.toml", "embedded/movietweetings-100k.dat.gz"] {
            home.write(&format!("data-manifests/{file}"), fs::read(ours.join(file)).unwrap());
        }
        let embedded = "[[file.source]]\nembedded = \"embedded/tiny.tsv.gz\"\ngzip = true\n";
        home.write("data-manifests/tiny.toml", manifest("tiny", embedded));
        home.write("data-manifests/embedded/tiny.tsv.gz", gzip(&tiny()));
        home.spec(spec);
        fs::create_dir(&home.mirror).unwrap();
        home
    }

    pub fn spec(&self, text: &str) {
        self.write("reproductions/small.toml", text);
    }

    /// Writes a file below the root.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Replaces a part of a file below the root, which must stand there once.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root.join(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        self.write(file, text.replace(from, to));
    }

    /// The program with its arguments, not started yet.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
        command.args(args).current_dir(&self.root).env_remove("REPRISE_MIRROR");
        command.env("REPRISE_HOME", &self.root).env("REPRISE_CACHE", &self.cache);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program with these words as its arguments.
    pub fn reprise(&self, words: &str) -> Ended {
        Ended::of(self.command(words.split_whitespace()).output().unwrap())
    }

    pub fn start(&self, words: &str) -> Child {
        self.command(words.split_whitespace()).spawn().unwrap()
    }

    /// Every file below `results`, sorted, relative to it.
    pub fn results(&self) -> Vec<String> {
        files(&self.root.join("results"))
    }

    /// The file of a record, by trial and seed.
    pub fn record_file(&self, trial: &str, seed: u64) -> PathBuf {
        let end = format!("/{trial}/seed-{seed}.json");
        let found: Vec<_> = self.results().into_iter().filter(|file| file.ends_with(&end)).collect();
        assert_eq!(found.len(), 1, "records of {trial}, seed {seed}: {found:?}");
        self.root.join("results").join(&found[0])
    }

    pub fn record(&self, trial: &str, seed: u64) -> Value {
        serde_json::from_slice(&fs::read(self.record_file(trial, seed)).unwrap()).unwrap()
    }

    /// The folder in the cache of a run that is recorded.
    pub fn store(&self, trial: &str, seed: u64) -> PathBuf {
        let record = self.record(trial, seed);
        self.cache.join("runs").join(&record["digests"]["run"].as_str().unwrap()[..32])
    }

    pub fn report(&self) -> String {
        let reports: Vec<_> = self.results().into_iter().filter(|file| file.ends_with("REPORT.md")).collect();
        assert_eq!(reports.len(), 1, "{reports:?}");
        fs::read_to_string(self.root.join("results").join(&reports[0])).unwrap()
    }
}

/// Every file below a folder, sorted, relative to it; none if it does not exist.
pub fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, top: &Path, found: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(&path, top, found);
            } else {
                found.push(path.strip_prefix(top).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// What is the same whenever and wherever a run is done, as text: all of a record but the clock, the
/// memory and the command line.
pub fn lasting(record: &Value) -> String {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for measured in ["started", "command", "seconds", "memory", "latency"] {
        fields.remove(measured);
    }
    for period in fields.get_mut("periods").and_then(Value::as_array_mut).into_iter().flatten() {
        for measured in ["seconds", "training_seconds"] {
            period.as_object_mut().unwrap().remove(measured);
        }
    }
    for (field, at) in [("digests", "weights"), ("metrics", "ndcg@5")] {
        assert!(fields[field][at].to_string().len() > 3, "{field}.{at} is what is compared");
    }
    record.to_string()
}

/// How a call of the program ended.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn everything(&self) -> String {
        format!("exit: {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.out, self.err)
    }

    /// The exit code, and no panic.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.everything());
        assert!(!self.err.contains("panicked"), "{}", self.everything());
        self
    }

    /// Standard error has all of these.
    #[track_caller]
    pub fn tells(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.err.contains(words), "`{words}` is missing\n{}", self.everything());
        }
        self
    }

    /// Standard output has all of these.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.out.contains(words), "`{words}` is missing\n{}", self.everything());
        }
        self
    }
}

/// Longest wait for another process: far more than any machine needs, far less than for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for something that another process does.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
