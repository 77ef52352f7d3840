//! What is read of the files.

use super::*;
use crate::split::{SplitRule, applied};

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

#[test]
fn the_embedded_dataset_has_the_five_core_of_its_source() {
    let nowhere = Cache::new("nowhere");
    let data = load(&shipped().get("movietweetings-100k").unwrap(), &nowhere).unwrap();
    let split = applied(&SplitRule::LeaveLastOut { core: 5 }, &data).unwrap();
    // Counted independently when the data was chosen.
    assert_eq!((split.n_users, split.n_items), (4_333, 2_414));
    assert_eq!(split.train.len() + split.valid.len() + split.test.len(), 68_055);
    assert_eq!((split.valid.len(), split.test.len()), (4_333, 4_333));
}
