//! The whole way, over small files: bad data must be refused in words that help, and must not stay
//! in the cache.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::digest::Digest;
use crate::error::{Error, Kind};

mod caches;
mod content;
mod downloads;
mod fetching;
mod manifests;

const TRAIN: &[u8] = b"7\t10\n7\t11\n9\t10\n";
const TEST: &[u8] = b"9\t11\n9\t12\n7\t12\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pins(bytes: &[u8]) -> String {
    format!("bytes = {}\nsha256 = \"{}\"\n", bytes.len(), Digest::of(bytes))
}

/// A folder with a mirror, a cache and a manifest `tiny` of the files train and test.
struct Site {
    folder: TempDir,
    /// After the `[[file]]` sections of train and test.
    sources: [String; 2],
    /// TOML between the head and the files.
    tables: String,
}

const TABLES: &str = "[users]\nids = \"map\"\ncount = 2\n[items]\nids = \"dense\"\nfirst = 10\ntable = 5\ncount = 3\n[interactions]\ntrain = 3\ntest = 3\n";

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = |name: &str, content: &[u8]| {
            let compressed = gzip(content);
            fs::write(folder.path().join(name), &compressed).unwrap();
            format!("{}[[file.source]]\nmirror = \"{name}\"\ngzip = true\n{}", pins(content), pins(&compressed))
        };
        let sources = [source("train.gz", TRAIN), source("test.gz", TEST)];
        Self { sources, folder, tables: TABLES.into() }
    }

    /// Both files come from a server, and no mirror has them.
    fn with_url(url: &str, content: &[u8]) -> Self {
        let mut site = Self::new();
        site.sources[0] = format!("{}[[file.source]]\nurl = \"{url}\"\n", pins(content));
        site
    }

    fn text(&self) -> String {
        let mut text = "id = \"tiny\"\ntitle = \"t\"\nserves = \"s\"\ncitation = \"c\"\nhomepage = \"h\"\n[licence]\nname = \"n\"\nterms = \"t\"\nredistributable = false\n[layout]\nform = \"table\"\nseparator = \"tab\"\ncolumns = [\"user\", \"item\"]\n".to_string();
        text += &self.tables;
        for (part, source) in ["train", "test"].iter().zip(&self.sources) {
            text += &format!("[[file]]\nname = \"{part}.tsv\"\npart = \"{part}\"\n{source}");
        }
        text
    }

    fn manifest(&self) -> Manifest {
        Manifest::parse(&self.text(), &self.folder.path().join("tiny.toml")).unwrap()
    }

    fn refused(&self) -> String {
        Manifest::parse(&self.text(), Path::new("tiny.toml")).unwrap_err().to_string()
    }

    fn cache(&self) -> Cache {
        Cache::new(self.folder.path().join("cache"))
    }

    fn fetch(&self) -> crate::error::Result<()> {
        fetch(&self.manifest(), &self.cache(), Some(self.folder.path()), &|| false, &mut |_| {})
    }

    fn fetched(&self) -> Dataset {
        self.fetch().unwrap();
        load(&self.manifest(), &self.cache()).unwrap()
    }

    /// The error of a fetch that leaves nothing but the lock (and what already was there).
    fn refused_fetch(&self, left: &[&str]) -> Error {
        let error = self.fetch().unwrap_err();
        let mut names: Vec<_> =
            fs::read_dir(self.cache().dataset("tiny")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let expected: Vec<_> = [".lock"].iter().chain(left).collect();
        assert!(
            names.iter().zip(&expected).all(|(a, b)| a.to_str() == Some(**b)) && names.len() == expected.len(),
            "{names:?}"
        );
        error
    }
}

fn shipped() -> Catalog {
    Catalog::open(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data-manifests")).unwrap()
}
