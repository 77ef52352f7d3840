//! The whole way, over small files: bad data must be refused in words that help, and must not stay
//! in the cache.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::digest::Digest;
use crate::error::{Error, Kind};
use crate::split::SplitRule;

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
        fetch(&self.manifest(), &self.cache(), Some(self.folder.path()), &mut |_| {})
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

/// Answers one connection per element with its bytes, then closes it; gives back the requests.
fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/train.tsv", listener.local_addr().unwrap());
    let serve = move || {
        let answer = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(&answer).unwrap();
            request.join("\n").to_lowercase()
        };
        answers.into_iter().map(answer).collect()
    };
    (url, thread::spawn(serve))
}

fn answer(head: &str, length: usize, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

#[test]
fn fetches_and_loads_with_ids_mapped() {
    let data = Site::new().fetched();
    let rows =
        |part: &str| data.part(part).unwrap().interactions.iter().map(|i| (i.user, i.item, i.time)).collect::<Vec<_>>();
    assert_eq!((data.n_users, data.n_items), (2, 5));
    assert_eq!(rows("train"), [(0, 0, 0), (0, 1, 1), (1, 0, 2)]);
    assert_eq!(rows("test"), [(1, 1, 3), (1, 2, 4), (0, 2, 5)]);
}

#[test]
fn status_and_verify_tell_what_is_here() {
    let site = Site::new();
    let state = |mirror| status(&site.manifest(), &site.cache(), mirror);
    assert_eq!((state(None), state(Some(site.folder.path()))), (FileState::ByHand, FileState::AtMirror));
    assert!(verify(&site.manifest(), &site.cache()).files.iter().all(|file| file.here == Ok(false)));
    site.fetch().unwrap();
    assert_eq!(state(None), FileState::Cached);
    let verified = verify(&site.manifest(), &site.cache());
    assert_eq!(verified.prepared.unwrap().unwrap().0.interactions, [("train".into(), 3), ("test".into(), 3)]);
}

#[test]
fn a_corrupt_mirror_leaves_nothing_behind() {
    let site = Site::new();
    let path = site.folder.path().join("train.gz");
    let mut bytes = fs::read(&path).unwrap();
    bytes[15] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = site.refused_fetch(&[]);
    assert_eq!((error.kind(), error.what()), (Kind::Data, "a data file has another digest"));
}

#[test]
fn a_truncated_mirror_is_too_short() {
    let site = Site::new();
    let path = site.folder.path().join("train.gz");
    fs::write(&path, &gzip(TRAIN)[..12]).unwrap();
    assert_eq!(site.refused_fetch(&[]).what(), "a data file is too short");
}

#[test]
fn truncated_gzip_with_its_own_digest_pinned_is_refused() {
    let mut site = Site::new();
    let cut = &gzip(TRAIN)[..20];
    fs::write(site.folder.path().join("train.gz"), cut).unwrap();
    site.sources[0] = format!("{}[[file.source]]\nmirror = \"train.gz\"\ngzip = true\n{}", pins(TRAIN), pins(cut));
    let error = site.refused_fetch(&[]);
    assert_eq!((error.kind(), error.what()), (Kind::Data, "the gzip data ends too early"));
}

#[test]
fn an_empty_mirror_file_is_empty() {
    let site = Site::new();
    fs::write(site.folder.path().join("test.gz"), b"").unwrap();
    assert_eq!(site.refused_fetch(&["train.tsv"]).what(), "a data file is empty");
}

#[test]
fn swapped_files_are_named() {
    let site = Site::new();
    fs::write(site.folder.path().join("train.gz"), gzip(TEST)).unwrap();
    let error = site.refused_fetch(&[]).to_string();
    assert!(error.contains("these are the bytes of `test.tsv`"), "{error}");
    // And in the cache, by hand.
    let site = Site::new();
    site.fetch().unwrap();
    fs::write(site.cache().file("tiny", "train.tsv"), TEST).unwrap();
    let error = load(&site.manifest(), &site.cache()).unwrap_err().to_string();
    assert!(error.contains("these are the bytes of `test.tsv`"), "{error}");
    // A second fetch mends the cache.
    site.fetched();
}

#[test]
fn a_wrong_digest_in_the_manifest_is_told_with_both() {
    let mut site = Site::new();
    let (right, wrong) = (Digest::of(TRAIN).to_string(), Digest::of(b"other").to_string());
    site.sources[0] = site.sources[0].replace(&right, &wrong);
    let error = site.refused_fetch(&[]).to_string();
    assert!(error.contains(&right) && error.contains(&wrong) && error.contains("train.gz"), "{error}");
}

#[test]
fn a_bad_line_is_told_by_number() {
    for (content, line, got) in [
        (&b"7\t10\n7\n"[..], 2, "fewer: `7`"),
        (b"7\t10\t1\n", 1, "more: `7\t10\t1`"),
        (b"7\t10\n\n7\t11\n", 2, "nothing"),
        (b"7\t10\n7\t11\n7\t9\n", 3, "9"),
        (b"7\t10\n7\t15\n", 2, "15"),
        (b"7\tx\n", 1, "`x`"),
    ] {
        let mut site = Site::new();
        fs::write(site.folder.path().join("train.tsv"), content).unwrap();
        site.sources[0] = format!("{}[[file.source]]\nmirror = \"train.tsv\"\n", pins(content));
        let error = site.refused_fetch(&[]);
        assert_eq!(error.place().and_then(|place| place.line), Some(line), "{error}");
        assert!(error.to_string().contains(got), "{error}");
    }
}

#[test]
fn wrong_counts_are_listed() {
    let mut site = Site::new();
    site.tables = TABLES.replace("count = 3", "count = 4").replace("test = 3", "test = 5");
    let error = site.refused_fetch(&[]).to_string();
    assert!(
        error.contains("expected: 4 items, 5 interactions in test\n  got:      3 items, 3 interactions in test"),
        "{error}"
    );
}

#[test]
fn a_misspelt_key_is_placed_and_mended() {
    let mut site = Site::new();
    site.tables = TABLES.replace("first = 10", "frist = 10");
    let error = site.refused();
    assert!(error.contains("tiny.toml:19:1 (key `items.frist`)") && error.contains("did you mean `first`?"), "{error}");
}

#[test]
fn manifests_that_cannot_be_are_refused_with_a_line() {
    let refused = |from: &str, to: &str, says: &str| {
        let mut site = Site::new();
        site.tables = site.tables.replace(from, to);
        site.sources[0] = site.sources[0].replace(from, to);
        let error = site.refused();
        assert!(error.contains(says) && error.contains("tiny.toml:"), "{error}");
    };
    refused("mirror = \"train.gz\"", "mirror = \"../train.gz\"", "must stay inside its folder");
    refused("test = 3", "tset = 3", "exactly the parts");
    refused("table = 5\n", "", "size of their table");
    refused("ids = \"map\"", "ids = \"line\"", "lines name no user");
    refused("sha256 = ", "git-blob = ", "40 lower-case");
    refused("gzip = true", "gzip = 1", "wrong type");
}

#[test]
fn a_file_that_only_a_person_can_bring_says_how() {
    let mut site = Site::new();
    site.sources[0] = "instructions = \"ask the authors\"\n".into();
    let error = fetch(&site.manifest(), &site.cache(), None, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Missing);
    assert!(error.to_string().contains("ask the authors") && error.to_string().contains("train.tsv"), "{error}");
    // Once it is there, its digest must be pinned before use.
    fs::create_dir_all(site.cache().dataset("tiny")).unwrap();
    fs::write(site.cache().file("tiny", "train.tsv"), TRAIN).unwrap();
    let error = fetch(&site.manifest(), &site.cache(), None, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(&Digest::of(TRAIN).to_string()), "{error}");
}

#[test]
fn a_cut_download_is_resumed() {
    let cut = answer("200 OK", TRAIN.len(), &TRAIN[..6]);
    let range = format!("206 Partial Content\r\nContent-Range: bytes 6-{}/{}", TRAIN.len() - 1, TRAIN.len());
    let (url, server) = server(vec![cut, answer(&range, TRAIN.len() - 6, &TRAIN[6..])]);
    let site = Site::with_url(&url, TRAIN);
    let error = site.fetch().unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Io, "a download was cut"));
    site.fetched();
    let requests = server.join().unwrap();
    assert!(!requests[0].contains("range:") && requests[1].contains("range: bytes=6-"), "{requests:?}");
}

#[test]
fn a_server_that_ignores_the_range_starts_over() {
    let cut = answer("200 OK", TRAIN.len(), &TRAIN[..6]);
    let (url, _server) = server(vec![cut, answer("200 OK", TRAIN.len(), TRAIN)]);
    let site = Site::with_url(&url, TRAIN);
    site.fetch().unwrap_err();
    site.fetched();
}

#[test]
fn wrong_downloads_leave_nothing_behind() {
    let long = [TRAIN, b"7\t12\n"].concat();
    let mut other = TRAIN.to_vec();
    other[0] = b'8';
    for (bytes, what) in [
        (&TRAIN[..6], "a data file is too short"),
        (&long[..], "a download is too long"),
        (&other[..], "a data file has another digest"),
        (b"", "a data file is empty"),
    ] {
        let (url, _server) = server(vec![answer("200 OK", bytes.len(), bytes)]);
        let error = Site::with_url(&url, TRAIN).refused_fetch(&[]);
        assert_eq!((error.kind(), error.what()), (Kind::Data, what));
    }
    let (url, _server) = server(vec![answer("404 Not Found", 0, b"")]);
    assert_eq!(Site::with_url(&url, TRAIN).refused_fetch(&[]).kind(), Kind::Missing);
}

#[test]
fn two_fetches_at_once_download_once() {
    // The server answers a single connection: a second one would fail.
    let (url, server) = server(vec![answer("200 OK", TRAIN.len(), TRAIN)]);
    let site = Site::with_url(&url, TRAIN);
    thread::scope(|scope| {
        let both = [scope.spawn(|| site.fetch()), scope.spawn(|| site.fetch())];
        assert_eq!(both.map(|fetch| fetch.join().unwrap()), [Ok(()), Ok(())]);
    });
    assert_eq!(server.join().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_cache_path_need_not_be_unicode() {
    use std::os::unix::ffi::OsStrExt as _;
    let site = Site::new();
    let cache = Cache::new(site.folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")));
    fetch(&site.manifest(), &cache, Some(site.folder.path()), &mut |_| {}).unwrap();
    assert_eq!(load(&site.manifest(), &cache).unwrap().n_interactions(), 6);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_clear_error() {
    let site = Site::new();
    let file = site.folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = fetch(&site.manifest(), &Cache::new(&file), Some(site.folder.path()), &mut |_| {}).unwrap_err();
    assert_eq!((error.kind(), error.what()), (Kind::Io, "the cache cannot be locked"));
    assert!(error.to_string().contains("`--cache DIR`"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_read_only_cache_serves_what_it_has_and_says_what_it_cannot() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    site.fetch().unwrap();
    let folder = site.cache().dataset("tiny");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    site.fetched();
    // Root may write anywhere: then there is nothing to see.
    if fs::write(folder.join("probe"), b"").is_err() {
        fs::set_permissions(folder.join("train.tsv"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(folder.join("train.tsv"), b"broken").unwrap();
        let error = site.fetch().unwrap_err();
        assert_eq!(error.kind(), Kind::Io);
        assert!(error.to_string().contains("no permission"), "{error}");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn pairs_are_taken_out_of_a_part() {
    let mut site = Site::new();
    let all = [TRAIN, TEST].concat();
    fs::write(site.folder.path().join("all.tsv"), &all).unwrap();
    site.sources[0] = format!("{}[[file.source]]\nmirror = \"all.tsv\"\n", pins(&all));
    site.tables += "[take-out]\nfrom = \"train\"\nparts = [\"test\"]\n";
    assert_eq!(site.fetched().part("train").unwrap().interactions.len(), 3);
    fs::write(site.folder.path().join("all.tsv"), TRAIN).unwrap();
    site.sources[0] = format!("{}[[file.source]]\nmirror = \"all.tsv\"\n", pins(TRAIN));
    assert_eq!(site.refused_fetch(&["test.tsv"]).kind(), Kind::Data);
}

#[test]
fn lists_tables_and_times_are_read_as_the_layout_says() {
    let read = |layout: &str, users: &str, content: &[u8]| {
        let mut site = Site::new();
        fs::write(site.folder.path().join("raw"), content).unwrap();
        let file = format!("{}[[file.source]]\nmirror = \"raw\"\n", pins(content));
        site.sources = [format!("{file}[file.layout]\n{layout}\n"), String::new()];
        site.tables = format!("[users]\nids = \"{users}\"\n[items]\nids = \"map\"\n");
        let text = site.text();
        let one_file = &text[..text.rfind("[[file]]").unwrap()];
        let manifest = Manifest::parse(one_file, &site.folder.path().join("tiny.toml")).unwrap();
        fetch(&manifest, &site.cache(), Some(site.folder.path()), &mut |_| {})?;
        load(&manifest, &site.cache()).map(|data| {
            data.parts[0].interactions.iter().map(|i| (i.user, i.item, i.time, i.value)).collect::<Vec<_>>()
        })
    };
    let counted = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"count\"]";
    assert_eq!(read(counted, "line", b"2 5 6 \n0\n1 5").unwrap(), [(0, 0, 0, 1.0), (0, 1, 1, 1.0), (2, 0, 2, 1.0)]);
    assert!(read(counted, "line", b"2 5 6\n2 5\n").unwrap_err().to_string().contains("1 items"));
    let named = "form = \"lists\"\nseparator = \"comma\"\nleading = [\"user\", \"skip\"]";
    assert_eq!(read(named, "map", b"a,x,1,2\r\nb,y,1\r\n").unwrap(), [(0, 0, 0, 1.0), (0, 1, 1, 1.0), (1, 0, 2, 1.0)]);
    let table = "form = \"table\"\nseparator = \"double-colon\"\nheader = \"h\"\ncolumns = [\"user\", \"item\", \"value\", \"time\"]";
    assert_eq!(read(table, "map", b"h\n1::0104::2.5::17.9\n").unwrap(), [(0, 0, 17, 2.5)]);
    assert!(read(table, "map", b"1::0104::2.5::17\n").unwrap_err().to_string().contains("the header `h`"));
    assert!(read(table, "map", b"h\n1::0104::nan::17\n").unwrap_err().to_string().contains("a finite number"));
    let labelled = "form = \"table\"\nseparator = \"comma\"\ncolumns = [\"iso-time\", \"label\", \"user\", \"item\"]\nlabels = { view = 1, buy = 2 }";
    assert_eq!(read(labelled, "map", b"1970-01-02T00:00:01.5Z,buy,1,1\n").unwrap(), [(0, 0, 86_401, 2.0)]);
    assert!(read(labelled, "map", b"1970-01-02T00:00:01Z,bid,1,1\n").unwrap_err().to_string().contains("buy, view"));
}

fn shipped() -> Catalog {
    Catalog::open(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data-manifests")).unwrap()
}

#[test]
fn a_catalog_suggests_the_near_name() {
    let error = shipped().get("citulike").unwrap_err().to_string();
    assert!(error.contains("did you mean `citeulike`?"), "{error}");
}

#[test]
fn the_embedded_dataset_has_the_five_core_of_its_source() {
    let nowhere = Cache::new("nowhere");
    let data = load(&shipped().get("movietweetings-100k").unwrap(), &nowhere).unwrap();
    let split = SplitRule::LeaveLastOut { core: 5 }.apply(&data).unwrap();
    // Counted independently when the data was chosen.
    assert_eq!((split.n_users, split.n_items), (4_333, 2_414));
    assert_eq!(split.train.len() + split.valid.len() + split.test.len(), 68_055);
    assert_eq!((split.valid.len(), split.test.len()), (4_333, 4_333));
}
