//! What is read of the files.

use super::*;
use crate::kit::applied;
use crate::split::{Cut, SplitRule, Ties};

#[test]
fn a_bad_line_is_told_by_number() {
    for (content, line, got) in [
        (&b"7\t10\n7\n"[..], 2, "fewer: `7`"),
        (b"7\t10\t1\n", 1, r"more: `7\t10\t1`"),
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

/// User, item, time (whole and billionths) and value of every interaction of one file.
type ReadRows = Vec<(u32, u32, (i64, u32), f32)>;

/// What comes of a file `raw`; `users` says how ids of users become dense, those of items are mapped.
fn read(layout: &str, users: &str, content: &[u8]) -> crate::error::Result<ReadRows> {
    let mut site = Site::new();
    fs::write(site.folder.path().join("raw"), content).unwrap();
    let file = format!("{}[[file.source]]\nmirror = \"raw\"\n", pins(content));
    site.sources = [format!("{file}[file.layout]\n{layout}\n"), String::new()];
    site.tables = format!("[users]\nids = \"{users}\"\n[items]\nids = \"map\"\n");
    let text = site.text();
    let one_file = &text[..text.rfind("[[file]]").unwrap()];
    let manifest = Manifest::parse(one_file, &site.folder.path().join("tiny.toml"))?;
    fetch(&manifest, &site.cache(), Some(site.folder.path()), &|| false, &mut |_| {})?;
    load(&manifest, &site.cache()).map(|data| {
        let row = |i: &Interaction| (i.user, i.item, (i.time.whole, i.time.billionths), i.value);
        data.parts[0].interactions.iter().map(row).collect()
    })
}

/// The dataset in a file of `rows` whose users and items are mapped.
fn mapped(layout: &str, rows: &str) -> Dataset {
    let mut site = Site::new();
    fs::write(site.folder.path().join("raw"), rows).unwrap();
    let file = format!("{}[[file.source]]\nmirror = \"raw\"\n[file.layout]\n{layout}\n", pins(rows.as_bytes()));
    site.sources = [file, String::new()];
    site.tables = "[users]\nids = \"map\"\n[items]\nids = \"map\"\n".into();
    let text = site.text();
    let text = &text[..text.rfind("[[file]]").unwrap()];
    let manifest = Manifest::parse(text, &site.folder.path().join("tiny.toml")).unwrap();
    fetch(&manifest, &site.cache(), Some(site.folder.path()), &|| false, &mut |_| {}).unwrap();
    load(&manifest, &site.cache()).unwrap()
}

/// A table of fields between commas.
fn table(columns: &str, more: &str) -> String {
    let columns: Vec<String> = columns.split(' ').map(|column| format!("\"{column}\"")).collect();
    format!("form = \"table\"\nseparator = \"comma\"\ncolumns = [{}]\n{more}", columns.join(", "))
}

#[track_caller]
fn refused(layout: &str, content: &[u8], line: usize, says: &[&str]) {
    let error = read(layout, "map", content).unwrap_err();
    let text = error.to_string();
    assert_eq!((error.kind(), error.place().and_then(|place| place.line)), (Kind::Data, Some(line)), "{text}");
    assert!(says.iter().all(|says| text.contains(says)), "{says:?}: {text}");
}

#[test]
fn lists_and_tables_are_read_as_the_layout_says() {
    let counted = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"count\"]";
    let row = |user, item, time| (user, item, (time, 0), 1.0);
    assert_eq!(read(counted, "line", b"2 5 6 \n0\n1 5").unwrap(), [row(0, 0, 0), row(0, 1, 1), row(2, 0, 2)]);
    assert!(read(counted, "line", b"2 5 6\n2 5\n").unwrap_err().to_string().contains("1 items"));
    let named = "form = \"lists\"\nseparator = \"comma\"\nleading = [\"user\", \"skip\"]";
    assert_eq!(read(named, "map", b"a,x,1,2\r\nb,y,1\r\n").unwrap(), [row(0, 0, 0), row(0, 1, 1), row(1, 0, 2)]);
    let table = "form = \"table\"\nseparator = \"double-colon\"\nheader = \"h\"\ncolumns = [\"user\", \"item\", \"value\", \"time\"]\ntime = \"order\"";
    assert_eq!(read(table, "map", b"h\n1::0104::2.5::17.9\n").unwrap(), [(0, 0, (17, 900_000_000), 2.5)]);
    refused(table, b"1::0104::2.5::17\n", 1, &["the header `h`"]);
    refused(table, b"h\n1::0104::nan::17\n", 2, &["a finite number"]);
    let labelled = "form = \"table\"\nseparator = \"comma\"\ncolumns = [\"iso-time\", \"label\", \"user\", \"item\"]\nlabels = { view = 1, buy = 2 }";
    let buy = b"2014-04-07T16:00:00.5Z,buy,1,1\n";
    assert_eq!(read(labelled, "map", buy).unwrap(), [(0, 0, (1_396_886_400, 500_000_000), 2.0)]);
    refused(labelled, b"2014-04-07T16:00:00.5Z,bid,1,1\n", 1, &["buy, view"]);
    let semicolons = "form = \"table\"\nseparator = \"semicolon\"\ncolumns = [\"user\", \"item\"]";
    assert_eq!(read(semicolons, "map", b"a,b;1\na;1\n").unwrap(), [row(0, 0, 0), row(1, 0, 1)]);
}

#[test]
fn sessions_are_read_with_their_order_and_belong_to_one_user() {
    let layout = table("session user item", "");
    let data = mapped(&layout, "12,1,a\n9,2,a\n12,1,b\nx,2,b\n");
    let sessions: Vec<u32> = data.parts[0].interactions.iter().map(|event| event.session).collect();
    assert_eq!((sessions, data.session_places.clone()), (vec![0, 1, 0, 2], vec![1, 0, 2]));
    assert!(data.has_sessions());
    let without = mapped(&table("skip user item", ""), "12,1,a\n9,2,a\n12,1,b\nx,2,b\n");
    assert!(!without.has_sessions() && without.digest() != data.digest());
    let others = mapped(&layout, "12,1,a\n9,2,a\n13,1,b\nx,2,b\n");
    assert_ne!(others.digest(), data.digest(), "the digest covers sessions");
    refused(&layout, b"12,1,1\n12,2,1\n", 2, &["it began as one of user `1`", "user `2` in session `12`"]);
    refused(&layout, b",1,1\n", 1, &["the session's id"]);
    let twice = read(&table("session user item session", ""), "map", b"1,1,1,1\n").unwrap_err();
    assert!(twice.to_string().contains("one category and one session"), "{twice}");
    let items = "form = \"items\"\nseparator = \"comma\"\ncolumns = [\"item\", \"category\", \"session\"]";
    assert!(read(items, "map", b"1,1,1\n").unwrap_err().to_string().contains("`skip` alone"));
    // The other file has no sessions.
    let mut site = Site::new();
    site.sources[0] += &format!("[file.layout]\n{layout}\n");
    let error = Manifest::parse(&site.text(), &site.folder.path().join("tiny.toml")).unwrap_err().to_string();
    assert!(error.contains("a column `session` in every file of interactions, or in none"), "{error}");
}

#[test]
fn the_manifest_says_the_unit_of_its_times() {
    let times = |unit: &str, times: [&str; 2]| {
        let rows: String = times.iter().map(|time| format!("1,2,{time}\n")).collect();
        let read = read(&table("user item time", &format!("time = \"{unit}\"")), "map", rows.as_bytes())?;
        Ok::<_, Error>([0, 1].map(|row: usize| read[row].2))
    };
    assert_eq!(
        times("seconds", ["1433221332", "1433221332.5"]).unwrap(),
        [(1_433_221_332, 0), (1_433_221_332, 500_000_000)]
    );
    assert_eq!(times("milliseconds", ["1433221332000", "1433221332001"]).unwrap()[1], (1_433_221_332, 1_000_000));
    assert_eq!(times("order", ["2000.9", "2000.1"]).unwrap(), [(2000, 900_000_000), (2000, 100_000_000)]);
    // librec #152: milliseconds are no seconds, whatever the manifest says.
    let error = times("seconds", ["1433221332000", "1433221332001"]).unwrap_err().to_string();
    assert!(error.contains("train.tsv:1") && error.contains("years 1990 to 2099 in seconds"), "{error}");
    assert!(error.contains("hint: in milliseconds it is one: `time = \"milliseconds\"`"), "{error}");
    let error = times("seconds", ["1433221332", "0"]).unwrap_err().to_string();
    assert!(error.contains("train.tsv:2") && error.contains("`time = \"order\"`"), "{error}");
    // Nothing is guessed.
    let unsaid = read(&table("user item time", ""), "map", b"1,2,1433221332\n").unwrap_err();
    assert_eq!(unsaid.kind(), Kind::Input);
    assert!(
        unsaid.to_string().contains("(key `file[0].layout.time`)") && unsaid.to_string().contains("`seconds`"),
        "{unsaid}"
    );
    let unused = read(&table("user item", "time = \"seconds\""), "map", b"1,2\n").unwrap_err().to_string();
    assert!(unused.contains("no other does"), "{unused}");
}

/// pandas #5958: what stands behind the seconds counts, or is refused.
#[test]
fn iso_times_are_read_with_offset_and_fraction() {
    let layout = table("user item iso-time", "");
    let rows = b"1,1,2014-04-07T11:00:00-05:00\n1,2,2014-04-07T12:00:00+00:00\n1,3,2014-04-07T13:00:00+00:00\n";
    let times: Vec<i64> = read(&layout, "map", rows).unwrap().iter().map(|row| row.2.0 - 1_396_886_400).collect();
    assert_eq!(times, [0, -4 * 3600, -3 * 3600]);
    refused(&layout, b"1,1,2014-04-07T11:00:00Z\n1,2,2014-04-07T16:00:00 PM broken\n", 2, &["PM broken"]);
}

/// nvidia-resiliency-ext #179: the last by its fraction is the last.
#[test]
fn fractions_order_and_are_part_of_the_identity() {
    let layout = table("user item time", "time = \"order\"");
    let dataset = |rows: &str| mapped(&layout, rows);
    let data = dataset("1,5,2000.9\n1,6,2000.1\n1,7,2000.2\n");
    let split = applied(&SplitRule::LeaveLastOut { core: 0 }, &data).unwrap();
    assert_eq!((split.train.of(0), split.valid.of(0), split.test.of(0)), (&[1][..], &[2][..], &[0][..]));
    let digest = |rows| dataset(rows).digest();
    assert_ne!(data.digest(), digest("1,5,2000.9\n1,6,2000.1\n1,7,2000.3\n"));
    // What has no fractions has the digest that it always had.
    assert_eq!(digest("1,5,2000.0\n1,6,2001.00\n"), digest("1,5,2000\n1,6,2001\n"));
}

/// What the csv crate would take, and RFC 4180 does not: rows would be lost in silence.
#[test]
fn quotes_stand_around_whole_fields_or_are_refused() {
    let layout = table("user item skip", "quoted = true");
    let good = b"\"1\",5,\"a \"\"b\"\",\nc\"\r\n1,\"6\",\n";
    assert_eq!(read(&layout, "map", good).unwrap().len(), 2);
    refused(&layout, b"1,5,x\n2,\"4,x\n2,5,x\n", 2, &["a field whose quotes are closed", "got:      `\"4,x"]);
    refused(&layout, b"1,5,\"x\ny\"\n\"1\"x,3,x\n", 3, &["the end of a field behind its quotes", "`x,3,x"]);
    refused(
        &layout,
        b"1,5,x\n1,6\" tall,x\n",
        2,
        &["quotes around the whole of a field", "hint: a quote within a field in quotes is doubled"],
    );
    refused(&layout, b"1,5,x\r1,6,x\n", 1, &["no carriage return alone"]);
    refused(&layout, b"1,\"5\n6\",x\n", 1, &["the item's id on one line"]);
}

/// A rule for ties that does not depend on the order of rows needs one of mapped ids, too.
#[test]
fn mapped_items_have_a_place_by_their_ids() {
    let layout = table("user item time", "time = \"order\"");
    let rows = ["1,b,7", "1,10,7", "1,9,7", "1,a,7", "1,09,7", "1,0,7"].map(|row| format!("{row}\n"));
    let held_out = |rows: String| {
        let data = mapped(&layout, &rows);
        let Cut::Split(split) = SplitRule::LeaveLastOut { core: 0 }.apply(&data, Ties::Item).unwrap().cut else {
            panic!()
        };
        // By row: which items are last and last but one.
        let id = |item: u32| rows.lines().nth(item as usize).unwrap().split(',').nth(1).unwrap().to_string();
        ([split.test.of(0)[0], split.valid.of(0)[0]].map(id), data.item_places.clone())
    };
    let (ids, places) = held_out(rows.concat());
    assert_eq!((ids.each_ref().map(String::as_str), places), (["b", "a"], vec![5, 3, 1, 4, 2, 0]));
    assert_eq!(held_out(rows.iter().rev().cloned().collect()).0, ids);
}

/// Loris-MRI #604: what does not show must not make another user or item.
#[test]
fn marks_quotes_and_blanks_make_no_other_id() {
    let plain = table("user item", "");
    let expected = read(&plain, "map", b"1,5\n1,6\n").unwrap();
    assert_eq!(read(&plain, "map", b"\xef\xbb\xbf1,5\n1,6\n").unwrap(), expected);
    let with_header = table("user item", "header = \"user,item\"");
    assert_eq!(read(&with_header, "map", b"\xef\xbb\xbfuser,item\r\n1,5\r\n1,6\r\n").unwrap(), expected);
    refused(&with_header, "user,\u{feff}item\n1,5\n".as_bytes(), 1, &[r"got:      `user,\u{feff}item`"]);
    refused(&plain, b"1,5\n\"1\",6\n", 2, &["without quotes", "`quoted = true`"]);
    refused(&plain, b"1,5\n1 ,6\n", 2, &["at its ends", "`1 `"]);
    refused(&plain, b"1,5\n1,\t6\n", 2, &[r"`\t6`"]);
    refused(&plain, "1,5\n1,6\u{200b}\n".as_bytes(), 2, &[r"`6\u{200b}`"]);
    let lists = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"user\"]";
    refused(lists, b"1 5\n\"1\" 6\n", 2, &["without quotes"]);
    // Where quotes are a part of ids, the manifest says so.
    assert_eq!(read(&table("user item", "quoted = false"), "map", b"1,\"5\n1,6\n").unwrap(), expected);
}

#[test]
fn fields_in_quotes_are_read_where_the_layout_says_so() {
    let layout = table("user value item", "quoted = true");
    let rows = b"\"1\",2,\"a, \"\"b\"\"\"\n1,\"3\",\"two lines\"\n\"1\",4,\"a, \"\"b\"\"\"\n";
    let read_rows: Vec<_> = read(&layout, "map", rows).unwrap().iter().map(|row| (row.0, row.1, row.3)).collect();
    assert_eq!(read_rows, [(0, 0, 2.0), (0, 1, 3.0), (0, 0, 4.0)]);
    let headed = table("user value item skip", "quoted = true\nheader = '\"u\",\"v\",i,t'");
    assert_eq!(read(&headed, "map", b"\"u\",\"v\",i,t\n1,2,3,\n").unwrap().len(), 1);
    // Lines are counted as an editor counts them.
    refused(&headed, b"\"u\",\"v\",i,t\n1,2,3,\"two\nlines\"\n1,x,3,t\n", 4, &["`x`"]);
    refused(&layout, b"1,2,3\n1,2\n", 2, &["3 fields", "fewer: `1,2`"]);
    refused(&layout, b"1,2,3\n1,2,3,4\n", 2, &["more: `1,2,3,4`"]);
    let error = read(&layout.replace("comma", "blanks"), "map", b"1 2 3\n").unwrap_err().to_string();
    assert!(error.contains("between tabs, commas, semicolons"), "{error}");
}

/// SR-GNN #34: a header would be an interaction of the user `user` with the item `item`.
#[test]
fn a_header_that_the_manifest_does_not_name_is_no_interaction() {
    let layout = table("user item", "");
    for header in
        ["user,item", "userId,movieId", "\"user_id\",\"item_id\"", "SessionId,ItemId", "wer,was", "user,item\r"]
    {
        let rows = format!("{header}\n1,5\n");
        refused(
            &layout,
            rows.as_bytes(),
            1,
            &["names no header", "hint: if this line is one, the layout says so: `header = "],
        );
    }
    for rows in ["anna,matrix\nbert,alien\n", "a,b\nu1,i1\n", "u1,i1\nu2,i2\n", "user,alien\nbert,alien\n"] {
        assert_eq!(read(&layout, "map", rows.as_bytes()).unwrap().len(), 2, "{rows}");
    }
    let lists = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"user\"]";
    refused(lists, b"user items\n1 5 6\n", 1, &["names no header"]);
}

/// LightGCN-PyTorch #22: a user without test items is a user all the same.
#[test]
fn a_user_without_interactions_is_one_where_the_manifest_says_so() {
    let lists = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"user\"]";
    refused(lists, b"0 5\n1 \n2 5\n", 2, &["at least one item", "`empty-lists = true`"]);
    let empty = format!("{lists}\nempty-lists = true");
    let row = |user, item, time| (user, item, (time, 0), 1.0);
    assert_eq!(read(&empty, "map", b"0 5\n1 \n2 5\n3\n").unwrap(), [row(0, 0, 0), row(2, 0, 1)]);
    let commas = empty.replace("blanks", "comma");
    assert_eq!(read(&commas, "map", b"0,5\n1,\n2,5\n3\n").unwrap(), [row(0, 0, 0), row(2, 0, 1)]);
    refused(&commas, b"0,5,,6\n", 1, &["nothing"]);
    let counted = "form = \"lists\"\nseparator = \"blanks\"\nleading = [\"count\"]\nempty-lists = true";
    assert!(read(counted, "line", b"1\n").unwrap_err().to_string().contains("0 items"));
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

/// The dataset of a file of items and the table of interactions `rows` behind it; each comes with its layout.
fn with_items([layout_of_items, items]: [&str; 2], [layout, rows]: [&str; 2]) -> crate::error::Result<Dataset> {
    let mut site = Site::new();
    let folder = site.folder.path();
    fs::write(folder.join("rows"), rows).unwrap();
    fs::write(folder.join("items"), items).unwrap();
    let source =
        |name: &str, content: &str| format!("{}[[file.source]]\nmirror = \"{name}\"\n", pins(content.as_bytes()));
    let rows = format!("{}[file.layout]\n{layout}\n", source("rows", rows));
    site.sources = [source("items", items) + "[file.layout]\n" + layout_of_items, rows];
    site.tables = "[users]\nids = \"map\"\n[items]\nids = \"map\"\n".into();
    let text = site.text().replace("part = \"train\"\n", "");
    let manifest = Manifest::parse(&text, &folder.join("tiny.toml"))?;
    fetch(&manifest, &site.cache(), Some(folder), &|| false, &mut |_| {})?;
    load(&manifest, &site.cache())
}

fn categories(data: &Dataset) -> Vec<Vec<u32>> {
    let categories = data.categories.as_ref().unwrap();
    (0..data.n_items as u32).map(|item| categories.of(item).to_vec()).collect()
}

#[test]
fn items_have_the_categories_of_a_file_of_their_own() {
    // As MovieLens writes its films.
    let layout = "form = \"items\"\nseparator = \"comma\"\nheader = \"movieId,title,genres\"\n\
                  columns = [\"item\", \"skip\", \"category\"]\nquoted = true\ncategory-separator = \"|\"\n";
    let films = "movieId,title,genres\n1,\"Toys, and \"\"more\"\" (1995)\",Comedy|Adventure\n9,Unseen,Western\n\
                 30,Heat,(no genres listed)\n7,Jumanji,Adventure\n";
    let rows = table("user item", "");
    let data = with_items([layout, films], [&rows, "u,30\nv,1\nu,7\n"]).unwrap();
    // Ids in the order of their bytes: ( A C. That of a film without interactions is none.
    assert_eq!((categories(&data), data.categories.as_ref().unwrap().count()), (vec![vec![0], vec![2, 1], vec![1]], 3));
    assert_eq!((data.n_items, data.parts.len()), (3, 1), "a film without interactions is no item");
    let plain = mapped(&rows, "u,30\nv,1\nu,7\n");
    assert_ne!(data.digest(), plain.digest());
    let refused = |layout: &str, films: &str| with_items([layout, films], [&rows, "u,30\n"]).unwrap_err();
    let error = refused(layout, "movieId,title,genres\n1,Toys,Comedy\n");
    assert!(error.kind() == Kind::Data && error.to_string().contains("item `30` has no category"), "{error}");
    for (film, got) in [
        ("30,Heat,", "nothing"),
        ("30,Heat,A|", "nothing"),
        ("30,Heat,A|B|A", "`A|B|A`"),
        ("30,Heat,A| B", "` B`"),
        ("30,Heat,A\n30,Heat,A", "`30,Heat,A`"),
    ] {
        let error = refused(layout, &format!("movieId,title,genres\n{film}\n"));
        assert!(
            error.kind() == Kind::Data && error.to_string().contains(&format!("got:      {got}")),
            "{film}: {error}"
        );
    }
    for (from, to, says) in [
        ("\"skip\"", "\"time\"", "columns `item`, `category` and `skip` alone"),
        ("\"skip\"", "\"category\"", "exactly one column `item` and one `category`"),
        ("quoted = true", "quoted = true\nlabels = { a = 1 }", "no labels and no times"),
        ("\"|\"", "\",\"", "a sign other than the separator"),
        ("\"|\"", "\"||\"", "a character"),
    ] {
        let error = refused(&layout.replace(from, to), films).to_string();
        assert!(error.contains(says) && error.contains("tiny.toml:"), "{says}: {error}");
    }
    let twice = with_items([layout, films], [&table("user item category", ""), "u,30,A\n"]).unwrap_err().to_string();
    assert!(twice.contains("categories of items are said more than once"), "{twice}");
}

#[test]
fn the_first_category_of_an_item_in_the_log_counts() {
    let layout = table("user item category", "");
    let data = mapped(&layout, "u,5,70\nu,6,9\nv,5,9\nv,8,100\n");
    // Numbers by value: 9, 70, 100.
    assert_eq!(categories(&data), [[1], [0], [2]]);
    refused(&layout, b"u,5,70\nu,6,\n", 2, &["the category's id", "nothing"]);
    let several = table("user item category", "category-separator = \"+\"");
    assert_eq!(categories(&mapped(&several, "u,5,b+a\n")), [[1, 0]]);
    assert!(mapped(&table("user item", ""), "u,5\n").categories.is_none());
}

#[test]
fn days_of_a_year_are_moments() {
    let layout = table("user item time", "time = { month-day = 2014 }");
    assert_eq!(
        read(&layout, "map", b"1,5,1001\n1,6,829\n").unwrap().iter().map(|row| row.2.0).collect::<Vec<_>>(),
        [1_412_121_600, 1_409_270_400]
    );
    assert_eq!(mapped(&layout, "1,5,1001\n").clock, Clock::Unix);
    refused(&layout, b"1,5,1001\n1,6,1301\n", 2, &["a day of the year as MMDD", "`1301`"]);
    let error =
        read(&table("user item time", "time = { month-day = 14 }"), "map", b"1,5,1001\n").unwrap_err().to_string();
    assert!(error.contains("the year of the times cannot be meant"), "{error}");
}
