//! Rows of tables and of run files of TREC.

use std::borrow::Cow;

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
#[derive(Debug, PartialEq)]
pub(super) struct Row<'l> {
    pub asker: Cow<'l, [u8]>,
    pub item: Cow<'l, [u8]>,
    pub score: Option<Cow<'l, [u8]>>,
    pub rank: Option<Cow<'l, [u8]>>,
}

/// A line that is no row: what was expected.
pub(super) type NoRow = String;

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

    /// The fields of a line.
    ///
    /// # Errors
    /// What was expected instead of this line.
    pub fn row<'l>(&self, line: &'l [u8]) -> Result<Row<'l>, NoRow> {
        const MOST: usize = 4;
        let mut plain: [&[u8]; MOST] = [b""; MOST];
        let (mut start, mut found) = (0, 0);
        for (at, &byte) in line.iter().enumerate() {
            if byte == b'"' && at == start {
                return self.quoted(line);
            }
            if byte == self.separator {
                if found < MOST {
                    plain[found] = &line[start..at];
                }
                (start, found) = (at + 1, found + 1);
            }
        }
        if found < MOST {
            plain[found] = &line[start..];
        }
        if found + 1 != self.count {
            return Err(self.expected());
        }
        Ok(Row {
            asker: plain[self.asker].into(),
            item: plain[self.item].into(),
            score: self.score.map(|at| plain[at].into()),
            rank: self.rank.map(|at| plain[at].into()),
        })
    }

    fn expected(&self) -> String {
        format!("{} fields, as the header has", self.count)
    }

    /// The same of a line with fields in quotes (RFC 4180); an id has no line feed, so that a row is a line.
    fn quoted<'l>(&self, line: &'l [u8]) -> Result<Row<'l>, NoRow> {
        let mut fields: Vec<Cow<'l, [u8]>> = Vec::new();
        let mut rest = line;
        loop {
            let after = match rest.strip_prefix(b"\"") {
                None => {
                    let end = rest.iter().position(|byte| *byte == self.separator).unwrap_or(rest.len());
                    fields.push(rest[..end].into());
                    &rest[end..]
                }
                Some(inside) => {
                    let (mut text, mut at) = (Vec::new(), 0);
                    loop {
                        match (inside.get(at), inside.get(at + 1)) {
                            (Some(b'"'), Some(b'"')) => {
                                text.push(b'"');
                                at += 2;
                            }
                            (Some(b'"'), _) => break,
                            (Some(byte), _) => {
                                text.push(*byte);
                                at += 1;
                            }
                            (None, _) => return Err("a quote that ends on its line".into()),
                        }
                    }
                    fields.push(text.into());
                    &inside[at + 1..]
                }
            };
            match after.split_first() {
                None => break,
                Some((byte, next)) if *byte == self.separator => rest = next,
                Some(_) => return Err("a separator behind a quote".into()),
            }
        }
        if fields.len() != self.count {
            return Err(self.expected());
        }
        Ok(self.of_fields(&mut fields))
    }

    /// The row of fields, one for each column.
    pub fn of_fields<'l>(&self, fields: &mut [Cow<'l, [u8]>]) -> Row<'l> {
        let mut take = |at: usize| std::mem::take(&mut fields[at]);
        Row {
            asker: take(self.asker),
            item: take(self.item),
            score: self.score.map(&mut take),
            rank: self.rank.map(take),
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
        return Ok(Row { asker: asker.into(), item: item.into(), score: Some(score.into()), rank: None });
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
        (text(&row.asker), text(&row.item), row.score.map(|score| text(&score)))
    }

    #[test]
    fn headers_are_known_by_many_names() {
        for header in ["user,item,score", "user_id:token,item_id:token,score:float", "\"userId\",\"itemId\",rating"] {
            assert!(columns(header).has_scores(), "{header}");
        }
        assert_eq!(
            texts(columns("score,item,user").row(b"1.5,i,u").unwrap()),
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
        let row = |line: &'static str| three.row(line.as_bytes()).map(texts);
        let of = |asker: &str, item: &str, score: &str| Ok((asker.into(), item.into(), Some(score.into())));
        assert_eq!(row("u 1, i,2"), of("u 1", " i", "2"));
        assert_eq!(row("\"u,1\",\"a \"\"b\"\"\",\"2\""), of("u,1", "a \"b\"", "2"));
        assert_eq!(row("u,\"i\",3"), of("u", "i", "3"));
        for bad in ["u,i", "u,i,1,2", "\"u,i,1", "\"u\"x,i,1", "u,\"i\"", "", "u,i,1,2,3,4,5"] {
            assert!(row(bad).is_err(), "{bad}");
        }
        let turned = columns("score,item,user");
        assert_eq!(texts(turned.row(b"\"1\",\"a,b\",u").unwrap()), ("u".into(), "a,b".into(), Some("1".into())));
    }

    #[test]
    fn lines_of_trec_have_six_fields() {
        assert_eq!(texts(trec_row(b"q\tQ0  d 1 0.5 tag").unwrap()), ("q".into(), "d".into(), Some("0.5".into())));
        for bad in ["q Q0 d 1 0.5", "q Q0 d e 1 0.5 tag", ""] {
            assert!(trec_row(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
