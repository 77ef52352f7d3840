//! Tables as people have them: what is written loads, with the counts and the digest that it states.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::data::dataset::{Dataset, Interaction};

mod refusals;

/// A folder of data files.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn manifest(&self) -> PathBuf {
        self.0.path().join("mine.toml")
    }

    /// Describes files, writes the manifest, and loads it as every manifest is loaded.
    #[track_caller]
    fn described(&self, files: &[PathBuf]) -> (Description, Manifest, Dataset) {
        let description = describe(files, &self.manifest(), None).unwrap();
        fs::write(self.manifest(), &description.text).unwrap();
        let manifest = Manifest::read(&self.manifest()).unwrap();
        let dataset = load(&manifest, &Cache::new("nowhere")).unwrap();
        assert_eq!(DatasetCounts::of(&dataset).users, description.counts.users);
        assert_eq!(DatasetCounts::of(&dataset).items, description.counts.items);
        assert_eq!(description.prepared, Some(dataset.digest()));
        assert_eq!(manifest.prepared, description.prepared);
        assert_eq!(manifest.users.count, Some(description.counts.users));
        assert_eq!(manifest.interactions.as_ref().unwrap().len(), dataset.parts.len());
        (description, manifest, dataset)
    }

    fn refused(&self, content: impl AsRef<[u8]>) -> Error {
        describe(&[self.file("x.csv", content)], &self.manifest(), None).unwrap_err()
    }
}

/// Kinds of the columns, the numbers of users and items, and the first row of a table that is described and loaded.
#[track_caller]
fn of(name: &str, content: impl AsRef<[u8]>) -> (String, usize, usize, Interaction) {
    let site = Site::new();
    let (description, _, dataset) = site.described(&[site.file(name, content)]);
    let kinds: Vec<_> = description.columns.iter().map(|column| column.kind).collect();
    (kinds.join(" "), description.counts.users, description.counts.items, dataset.parts[0].interactions[0])
}

fn row(user: u32, item: u32, time: i64, value: f32) -> Interaction {
    Interaction { user, item, time: time.into(), value, session: 0 }
}

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const MOVIELENS: &str = "196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t377\t1\t878887116\n";

#[test]
fn tables_without_a_header_are_told_by_their_numbers() {
    let expected = ("user item value time".to_string(), 2, 3, row(0, 0, 881_250_949, 3.0));
    assert_eq!(of("u.data", MOVIELENS), expected);
    assert_eq!(of("ratings.dat", MOVIELENS.replace('\t', "::")), expected);
    assert_eq!(of("ratings.csv", MOVIELENS.replace('\t', ",")), expected);
    assert_eq!(of("ratings.csv", MOVIELENS.replace('\t', ";")), expected);
    assert_eq!(of("ratings.txt", MOVIELENS.replace('\t', "|")), expected);
    assert_eq!(of("ratings.txt", MOVIELENS.replace('\t', "  ")), expected);
    assert_eq!(of("u.data.gz", gzip(MOVIELENS)), expected);
    assert_eq!(of("u.data", MOVIELENS.replace('\n', "\r\n")), expected);
    assert_eq!(of("u.data", format!("\u{feff}{MOVIELENS}")), expected);
    assert_eq!(of("u.data", MOVIELENS.trim_end()), expected, "no line end at the end");
    assert_eq!(of("pairs.tsv", "a\tx\nb\ty\na\ty\n"), ("user item".into(), 2, 2, row(0, 0, 0, 1.0)));
    // Two columns are users and items, whatever their numbers could be.
    assert_eq!(of("pairs.csv", "881250949,x\n881250950,y\n").0, "user item");
    // Times first.
    let by_time = "881250949,7,3\n891717742,8,3\n878887116,7,4\n";
    assert_eq!(of("x.csv", by_time), ("time user item".into(), 2, 2, row(0, 0, 881_250_949, 1.0)));
}

#[test]
fn times_are_read_in_their_unit() {
    let with = |time: &str| of("x.csv", format!("user,item,time\na,x,{time}\nb,x,{time}\n"));
    for (time, kind, seconds) in [
        ("1396886400", "time", 1_396_886_400),
        ("1396886400000", "time", 1_396_886_400),
        ("1396886400000000", "time", 1_396_886_400),
        ("1396886400000000000", "time", 1_396_886_400),
        ("2014-04-07T16:00:00Z", "iso-time", 1_396_886_400),
        ("2014-04-07 16:00:00", "iso-time", 1_396_886_400),
        ("2014-04-07", "iso-date", 1_396_828_800),
        ("17", "time", 17),
    ] {
        assert_eq!(with(time), (format!("user item {kind}"), 2, 1, row(0, 0, seconds, 1.0)), "{time}");
    }
    let (kinds, .., first) = with("07/04/2014");
    assert_eq!((kinds.as_str(), first), ("user item skip", row(0, 0, 0, 1.0)), "no such time can be read");
}

#[test]
fn a_header_names_the_columns() {
    let quoted =
        "\"movieId\",\"title\",\"userId\",\"rating\"\n1,\"Toy, the \"\"best\"\"\",7,4.5\n2,\"Two\nlines\",7,3\n";
    assert_eq!(of("r.csv", quoted), ("item skip user value".into(), 1, 2, row(0, 0, 0, 4.5)));
    let sessions = "SessionId\tItemId\tTime\n1\t214\t1396437466.94\n1\t215\t1396437476\n2\t214\t1396437486\n";
    let (kinds, users, items, first) = of("s.tsv", sessions);
    assert_eq!((kinds.as_str(), users, items), ("user item time", 2, 2));
    assert_eq!((first.time.whole, first.time.billionths), (1_396_437_466, 940_000_000));
    let both =
        "session_id,user_id,song_id,ts,playtime\n5,a,x,1421331031,97\n5,a,y,1421331131,238\n6,a,x,1421331231,4\n";
    assert_eq!(of("p.csv", both).0, "session user item time skip");
    let inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n186\t302\t3\t891717742.0\n";
    assert_eq!(of("ml.inter", inter), ("user item value time".into(), 2, 2, row(0, 0, 881_250_949, 3.0)));
    // Types alone make it a header, whatever the names.
    let odd = "a:token\tb:token\tc:token_seq\nx\ty\tz z\nx\tw\tz\n";
    assert_eq!(of("odd.inter", odd), ("user item skip".into(), 1, 2, row(0, 0, 0, 1.0)));
    let comment = "# made in 2014\n# user item rating\n1 10 5\n2 10 4\n";
    assert_eq!(of("c.txt", comment), ("user item value".into(), 2, 1, row(0, 0, 0, 5.0)));
    let comment_and_header = "% bip weighted\nuid,iid\na,x\nb,x\n";
    assert_eq!(of("c.csv", comment_and_header), ("user item".into(), 2, 1, row(0, 0, 0, 1.0)));
    // Words that nobody knows, above numbers.
    assert_eq!(of("w.csv", "wer,was\n1,5\n2,6\n"), ("user item".into(), 2, 2, row(0, 0, 0, 1.0)));
    let actions = "user,item,action\na,x,view\nb,x,buy\na,x,buy\n";
    assert_eq!(of("a.csv", actions), ("user item label".into(), 2, 1, row(0, 0, 0, 2.0)), "`buy` is 1, `view` 2");
}

#[test]
fn ids_keep_what_they_are() {
    assert_eq!(of("b.csv", "user,item\nAnna Lee,x y\nAnna  Lee,x\n").1, 2, "blanks within");
    let padded = Site::new();
    let (description, manifest, _) = padded.described(&[padded.file("p.csv", "user,item\n1,007\n2,7\n")]);
    assert_eq!(description.counts.items, 2);
    assert_eq!(manifest.items.ids, crate::data::IdScheme::Map);
    assert!(description.remarks.iter().any(|remark| remark.contains("`007` in line 2")), "{:?}", description.remarks);
    // Numbers without gaps are used as they are.
    assert_eq!(manifest.users.ids, crate::data::IdScheme::Dense { first: 1, table: 2 });
    let (kinds, users, items, first) = of("g.csv", "user,item\n1,5\n3,5\n");
    assert_eq!((kinds.as_str(), users, items, first), ("user item", 2, 1, row(0, 0, 0, 1.0)), "2 is missing");
    // An older encoding: ids are bytes.
    let (_, users, ..) = of("l.csv", b"user,item\ncaf\xe9,1\ncaf\xe8,1\n");
    assert_eq!(users, 2);
    // Quotes that are no quotes of RFC 4180.
    let inches = Site::new();
    let (description, ..) = inches.described(&[inches.file("q.csv", "user,item\na,\"x\" large\nb,\"x\n")]);
    assert!(description.text.contains("quoted = false"), "{}", description.text);
}

#[test]
fn what_later_rows_say_counts() {
    let many = |last: &str| {
        let rows: String =
            (0..3000).map(|n| format!("u{},i{},{},{}\n", n % 7, n % 11, n % 5, 881_250_949 + n)).collect();
        format!("user,item,rating,time\n{rows}{last}\n")
    };
    assert_eq!(of("m.csv", many("u1,i1,5,881250949")).0, "user item value time");
    let late = Site::new();
    let (description, _, dataset) = late.described(&[late.file("m.csv", many("u1,i1,good,never"))]);
    let kinds: Vec<_> = description.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, ["user", "item", "skip", "skip"]);
    let told = |words: &str| description.remarks.iter().any(|remark| remark.contains(words));
    assert!(told("line 3002: `good`") && told("line 3002: `never`"), "{:?}", description.remarks);
    assert_eq!(dataset.n_interactions(), 3001);
    assert!(told("2924 of 3001 rows repeat"), "{:?}", description.remarks);
    // A quote, where the first rows had none.
    assert_eq!(
        of("m.csv", many("\"u1\",\"i, 1\",5,881250949")),
        ("user item value time".into(), 7, 12, row(0, 0, 881_250_949, 0.0))
    );
    // A session of two users is none.
    let sessions = "user,session,item\na,1,x\nb,2,x\nb,1,x\n";
    assert_eq!(of("s.csv", sessions).0, "user skip item");
}

#[test]
fn several_files_are_parts_of_one_dataset() {
    let site = Site::new();
    let files = [
        site.file("ml.train.inter", "user_id:token\titem_id:token\n1\t5\n2\t6\n"),
        site.file("ml.valid.inter", "user_id:token\titem_id:token\n1\t6\n"),
        site.file("ml.test.inter", "user_id:token\titem_id:token\n2\t7\n"),
    ];
    let (description, manifest, dataset) = site.described(&files);
    assert_eq!(manifest.parts(), ["train", "valid", "test"]);
    assert_eq!((description.counts.users, description.counts.items, dataset.n_interactions()), (2, 3, 4));
    // Each may be laid out as it likes.
    let site = Site::new();
    let files = [site.file("train.csv", "user,item\na,x\n"), site.file("test.tsv", "a\ty\nb\tx\n")];
    let (_, manifest, dataset) = site.described(&files);
    assert_eq!((manifest.parts(), dataset.n_interactions()), (vec!["train", "test"], 3));
}

#[test]
fn a_person_may_say_what_the_columns_are() {
    let site = Site::new();
    let file = site.file("x.csv", "a,b,c\n1,10,100\n2,10,101\n");
    let kinds = kinds_of("skip,user,item").unwrap();
    let description = describe(&[file], &site.manifest(), Some(&kinds)).unwrap();
    assert_eq!((description.counts.users, description.counts.items), (1, 2));
    assert_eq!(description.columns[0].why, "as told");
}

#[test]
fn what_is_guessed_is_said_to_be_and_what_is_not_told_is_asked_for() {
    let site = Site::new();
    let (description, manifest, _) = site.described(&[site.file("u.data", MOVIELENS)]);
    for words in
        ["# 1: user, by its place", "guessed", "please fill in: no table tells its licence", "beside = \"u.data\""]
    {
        assert!(description.text.contains(words), "`{words}` is missing\n{}", description.text);
    }
    assert!(!manifest.licence.redistributable && manifest.licence.terms.is_empty());
    let asked = description.questions.join("\n");
    assert!(asked.contains("licence") && asked.contains("--columns user,item,value,time"), "{asked}");
}

/// The files that the repository ships, described anew: the counts and the digest are those of its manifest.
#[test]
fn the_embedded_data_is_described_as_its_manifest_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data-manifests");
    let ours = Manifest::read(&folder.join("movietweetings-100k.toml")).unwrap();
    let site = Site::new();
    let file = site.0.path().join("ratings.dat.gz");
    fs::copy(folder.join("embedded/movietweetings-100k.dat.gz"), &file).unwrap();
    let (description, manifest, _) = site.described(&[file]);
    // Users are numbers without gaps, in their order: used as they are or numbered as they come, they are the same.
    assert_eq!(manifest.prepared, ours.prepared);
    assert_eq!((manifest.users.count, manifest.items), (ours.users.count, ours.items));
    assert_eq!(manifest.interactions, ours.interactions);
    assert_eq!(manifest.files[0].identity, ours.files[0].identity);
    assert_eq!(manifest.files[0].layout, ours.files[0].layout);
    assert_eq!(description.counts.interactions, [("all".to_string(), 100_000)]);
}
