//! What is no table is refused in words that help, and never a panic.

use super::*;

#[track_caller]
fn tells(error: &Error, line: Option<usize>, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), Kind::Data, "{text}");
    assert_eq!(error.place().and_then(|place| place.line), line, "{text}");
    for words in words {
        assert!(text.contains(words), "`{words}` is missing\n{text}");
    }
}

#[test]
fn files_that_are_no_tables_are_refused() {
    let site = Site::new();
    tells(&site.refused(""), None, &["a data file is empty"]);
    tells(&site.refused("\u{feff}"), None, &["a data file is empty"]);
    tells(&site.refused(gzip("")), None, &["a data file is empty"]);
    tells(&site.refused("\n"), Some(1), &["nothing cuts the lines"]);
    tells(&site.refused("one\ntwo\n"), Some(1), &["nothing cuts the lines", "`one"]);
    tells(&site.refused("user,item\n"), None, &["a table has no row", "`user,item`"]);
    tells(&site.refused(b"\x7fELF\0\0\0"), None, &["no text", "a zero byte"]);
    tells(&site.refused(b"PK\x03\x04rest"), None, &["no text", "ZIP"]);
    tells(&site.refused(b"PAR1rest"), None, &["Parquet"]);
    tells(&site.refused("u,i\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), None, &["zero byte"]);
    tells(&site.refused(b"\xff\xfeu\0,\0"), None, &["UTF-16"]);
    let mut cut = gzip(MOVIELENS);
    cut.truncate(cut.len() - 9);
    tells(&site.refused(cut), None, &["the gzip data ends too early"]);
    tells(&site.refused("0 1 2 3\n1 4\n2 5 6\n3 1 2 3 4\n4 1 2 3 4 5 6\n"), Some(1), &["lists"]);
    tells(&site.refused(b"user,caf\xe9\n1,2\n"), Some(1), &["header", "UTF-8"]);
    tells(&site.refused("a,b\r".repeat(300_000)), Some(1), &["longer than that of any table", "carriage returns"]);
    let folder = describe(&[site.0.path().to_path_buf()], &site.manifest(), None).unwrap_err();
    tells(&folder, None, &["not a regular file", "a folder"]);
    let missing = describe(&[site.0.path().join("none")], &site.manifest(), None).unwrap_err();
    assert_eq!(missing.kind(), Kind::Io);
}

#[test]
fn a_row_that_no_layout_takes_is_named_by_its_line() {
    let site = Site::new();
    tells(&site.refused("user,item,time\na,x,5\nb,y\nc,z,6\n"), Some(3), &["3 fields", "2: `b`, `y`"]);
    tells(&site.refused("user,item,time\na,x,5\nb,y,6,7\nc,z,6\n"), Some(3), &["3 fields", "4: "]);
    tells(&site.refused("user,item,n\na,x,5\n\nb,y,6\nc,z,6\n"), Some(3), &["3 fields", "1: nothing"]);
    tells(&site.refused("user,item\na,x\n,y\n"), Some(3), &["the user's id", "nothing"]);
    tells(&site.refused("user,item\na, x\nb,y\n"), Some(2), &["without blanks", "` x`"]);
    tells(&site.refused("user,item,t\n\"a\",x,\"one\ntwo\"\nb,y,1\nc\n"), Some(5), &["3 fields"]);
    tells(&site.refused(format!("user,item\n{}\"a,x\n", "b,y\n".repeat(3000))), Some(3002), &["quotes"]);
    // One row is a table, too.
    let (kinds, users, ..) = of("x.csv", "17,a\n");
    assert_eq!((kinds.as_str(), users), ("user item", 1));
}

#[test]
fn what_a_person_says_must_fit_the_table() {
    let site = Site::new();
    let file = site.file("x.csv", "user,item,rating\na,x,5\nb,y,good\n");
    let told = |kinds: &str| {
        let kinds = kinds_of(kinds).unwrap();
        describe(std::slice::from_ref(&file), &site.manifest(), Some(&kinds)).unwrap_err()
    };
    assert!(told("user,item").to_string().contains("3 columns"));
    assert!(told("user,skip,value").to_string().contains("0 columns `item`"));
    tells(&told("user,item,value"), Some(3), &["column 3 (`rating`)", "`good`"]);
    tells(&told("user,item,time"), Some(2 + 1), &["a number", "`good`"]);
    let odd = describe(std::slice::from_ref(&file), &site.0.path().join("My Data.toml"), None).unwrap_err();
    assert!(odd.to_string().contains("a dataset's id must be a plain name"), "{odd}");
}

/// Whatever the bytes, there is a manifest that loads, or an error about them.
#[test]
fn no_bytes_are_a_panic() {
    let words: [&[u8]; 16] = [
        b"a",
        b"1",
        b",",
        b"\t",
        b"\n",
        b"\r\n",
        b"\"",
        b"::",
        b" ",
        b"\xff",
        b"881250949",
        b"2014-04-07",
        b"#",
        b"user",
        b"item:token",
        b"\xef\xbb\xbf",
    ];
    let site = Site::new();
    let (mut state, mut loaded) = (1u64, 0);
    for _ in 0..1500 {
        let mut content = Vec::new();
        for _ in 0..state % 24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            content.extend_from_slice(words[(state >> 33) as usize % words.len()]);
        }
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).rotate_left(7);
        let file = site.file("x.csv", &content);
        match describe(&[file], &site.manifest(), None) {
            Ok(description) => {
                Manifest::parse(&description.text, &site.manifest()).unwrap();
                loaded += 1;
            }
            Err(error) => assert_eq!(error.kind(), Kind::Data, "{error}\n{content:?}"),
        }
    }
    assert!(loaded > 20, "{loaded} of them were tables");
}
