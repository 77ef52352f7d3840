//! Rows of tables and of run files of TREC.

/// Where the columns of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    separator: u8,
    count: usize,
    asker: usize,
    item: usize,
    score: Option<usize>,
    rank: Option<usize>,
}

/// A row of a file: who asked, which item, and its score or rank where the file has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row<'l> {
    pub asker: &'l [u8],
    pub item: &'l [u8],
    pub score: Option<&'l [u8]>,
    pub rank: Option<&'l [u8]>,
}

/// A line that is no row: what was expected.
pub(super) type NoRow = String;

/// Most columns: of askers, items, scores and ranks.
const MOST: usize = 4;

const ASKERS: [&str; 7] = ["user", "query", "piece", "impression", "qid", "session", "uid"];
const ITEMS: [&str; 4] = ["item", "doc", "docno", "iid"];
const SCORES: [&str; 4] = ["score", "prediction", "rating", "sim"];
const RANKS: [&str; 2] = ["rank", "position"];

/// The name of a column as it is compared: RecBole puts a type behind it, many an `_id`.
fn name(field: &[u8]) -> String {
    let name = String::from_utf8_lossy(field).trim().trim_matches('"').to_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    let stem = name.strip_suffix("_id").or_else(|| name.strip_suffix("id").filter(|stem| stem.len() > 2));
    stem.unwrap_or(name).to_string()
}

impl Columns {
    /// The columns that a header names.
    ///
    /// # Errors
    /// `None` if the line is no header with this separator; what is wrong if it is one.
    pub fn of_header(line: &[u8], separator: u8) -> Result<Self, Option<String>> {
        Self::of_names(line.split(|byte| *byte == separator), separator)
    }

    /// The same of names that stand one by one.
    ///
    /// # Errors
    /// `None` if they are not those of such a table; what is wrong if they are.
    pub fn of_names<'n>(names: impl Iterator<Item = &'n [u8]>, separator: u8) -> Result<Self, Option<String>> {
        let names: Vec<String> = names.map(name).collect();
        let place = |known: &[&str]| names.iter().position(|name| known.contains(&&**name));
        let (Some(asker), Some(item)) = (place(&ASKERS), place(&ITEMS)) else { return Err(None) };
        let (score, rank) = (place(&SCORES), place(&RANKS));
        let used = [Some(asker), Some(item), score, rank];
        if let Some(other) = (0..names.len()).find(|at| !used.contains(&Some(*at))) {
            return Err(Some(format!(
                "a header with a column `{}`, which is none of user, item, score and rank, or is there twice",
                names[other].escape_debug()
            )));
        }
        Ok(Self { separator, count: names.len(), asker, item, score, rank })
    }

    /// Whether rows have scores.
    pub fn has_scores(&self) -> bool {
        self.score.is_some()
    }

    /// The fields of a line. `room`: where fields in quotes are written without them.
    ///
    /// # Errors
    /// What was expected instead of this line.
    pub fn row<'l>(&self, line: &'l [u8], room: &'l mut Vec<u8>) -> Result<Row<'l>, NoRow> {
        let mut plain: [&[u8]; MOST] = [b""; MOST];
        let mut found = 0;
        for field in line.split(|byte| *byte == self.separator) {
            if field.first() == Some(&b'"') {
                return self.quoted(line, room);
            }
            if found < MOST {
                plain[found] = field;
            }
            found += 1;
        }
        if found == self.count { Ok(self.of(|at| plain[at])) } else { Err(self.expected()) }
    }

    fn expected(&self) -> String {
        format!("{} fields, as the header has", self.count)
    }

    /// The same of a line with fields in quotes (RFC 4180); an id has no line feed, so that a row is a line. Stricter than the
    /// csv crate, which passes over a quote that does not end.
    fn quoted<'l>(&self, line: &[u8], room: &'l mut Vec<u8>) -> Result<Row<'l>, NoRow> {
        room.clear();
        let (mut ends, mut found) = ([0; MOST], 0);
        let mut rest = line;
        loop {
            let after = match rest.strip_prefix(b"\"") {
                None => {
                    let end = rest.iter().position(|byte| *byte == self.separator).unwrap_or(rest.len());
                    room.extend_from_slice(&rest[..end]);
                    &rest[end..]
                }
                Some(inside) => {
                    let mut at = 0;
                    loop {
                        match (inside.get(at), inside.get(at + 1)) {
                            (Some(b'"'), Some(b'"')) => {
                                room.push(b'"');
                                at += 2;
                            }
                            (Some(b'"'), _) => break,
                            (Some(byte), _) => {
                                room.push(*byte);
                                at += 1;
                            }
                            (None, _) => return Err("a quote that ends on its line".into()),
                        }
                    }
                    &inside[at + 1..]
                }
            };
            if found < MOST {
                ends[found] = room.len();
            }
            found += 1;
            match after.split_first() {
                None => break,
                Some((byte, next)) if *byte == self.separator => rest = next,
                Some(_) => return Err("a separator behind a quote".into()),
            }
        }
        if found != self.count {
            return Err(self.expected());
        }
        Ok(self.of(|at| &room[at.checked_sub(1).map_or(0, |before| ends[before])..ends[at]]))
    }

    /// The row of fields that stand in the columns' order.
    pub fn of<'l>(&self, field: impl Fn(usize) -> &'l [u8]) -> Row<'l> {
        Row {
            asker: field(self.asker),
            item: field(self.item),
            score: self.score.map(&field),
            rank: self.rank.map(field),
        }
    }
}

/// A row of a run file of TREC. Its rank is ignored, as `trec_eval` does.
///
/// # Errors
/// What was expected instead of this line.
pub(super) fn trec_row(line: &[u8]) -> Result<Row<'_>, NoRow> {
    let mut fields = line.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
    let mut next = || fields.next();
    if let (Some(asker), Some(_), Some(item), Some(_), Some(score), Some(_), None) =
        (next(), next(), next(), next(), next(), next(), next())
    {
        return Ok(Row { asker, item, score: Some(score), rank: None });
    }
    Err("six fields between blanks, `query Q0 item rank score tag`; ids with blanks need a table".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Columns {
        Columns::of_header(header.as_bytes(), b',').unwrap()
    }

    fn texts(row: Row<'_>) -> (String, String, Option<String>) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(row.asker), text(row.item), row.score.map(text))
    }

    #[test]
    fn headers_are_known_by_many_names() {
        for header in ["user,item,score", "user_id:token,item_id:token,score:float", "\"userId\",\"itemId\",rating"] {
            assert!(columns(header).has_scores(), "{header}");
        }
        assert_eq!(
            texts(columns("score,item,user").row(b"1.5,i,u", &mut Vec::new()).unwrap()),
            ("u".into(), "i".into(), Some("1.5".into()))
        );
        assert!(!columns("user,item").has_scores());
        assert_eq!(Columns::of_header(b"1 Q0 2 1 0.5 x", b','), Err(None));
        assert_eq!(Columns::of_header(b"1,2,3", b','), Err(None));
        assert!(Columns::of_header(b"user,item,score,time", b',').unwrap_err().unwrap().contains("`time`"));
        assert!(Columns::of_header(b"user,item,item", b',').unwrap_err().unwrap().contains("`item`"));
    }

    #[test]
    fn fields_may_be_quoted_and_may_not_be_missing() {
        let three = columns("user,item,score");
        let mut room = Vec::new();
        let mut row = |line: &str| three.row(line.as_bytes(), &mut room).map(texts);
        let of = |asker: &str, item: &str, score: &str| Ok((asker.into(), item.into(), Some(score.into())));
        assert_eq!(row("u 1, i,2"), of("u 1", " i", "2"));
        assert_eq!(row("\"u,1\",\"a \"\"b\"\"\",\"2\""), of("u,1", "a \"b\"", "2"));
        assert_eq!(row("u,\"i\",3"), of("u", "i", "3"));
        for bad in ["u,i", "u,i,1,2", "\"u,i,1", "\"u\"x,i,1", "u,\"i\"", "", "u,i,1,2,3,4,5"] {
            assert!(row(bad).is_err(), "{bad}");
        }
        let turned = columns("score,item,user");
        let turned = turned.row(b"\"1\",\"a,b\",u", &mut room).unwrap();
        assert_eq!(texts(turned), ("u".into(), "a,b".into(), Some("1".into())));
    }

    #[test]
    fn lines_of_trec_have_six_fields() {
        assert_eq!(texts(trec_row(b"q\tQ0  d 1 0.5 tag").unwrap()), ("q".into(), "d".into(), Some("0.5".into())));
        for bad in ["q Q0 d 1 0.5", "q Q0 d e 1 0.5 tag", ""] {
            assert!(trec_row(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
