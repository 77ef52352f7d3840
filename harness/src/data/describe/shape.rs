//! The shape of a table, told from its first rows: what cuts fields, whether they stand in quotes, what stands before the
//! rows, how many columns there are.

use std::collections::BTreeMap;
use std::path::Path;

use csv::ByteRecord;

use super::facts::{ALL, Facts, Test};
use super::rows::{Cut, Lines, Rows};
use crate::data::layout::Separator;
use crate::data::names::role;
use crate::data::text::{quoted, without_return};
use crate::error::{Error, Kind, Place, Result};

/// Lines from which the shape is told, and most bytes of them.
const LINES: usize = 2000;
const BYTES: usize = 4 << 20;

/// Most lines of comments before a table.
const MOST_COMMENTS: usize = 20;

/// Share of the rows that must agree on the number of columns: a row that does not is an error when all are read.
const SHARE: f64 = 0.5;

/// The shape of a table.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub cut: Cut,
    /// What stands before the rows, as a layout names it; several lines where comments do.
    pub header: Option<String>,
    /// The names of the columns, where the header says them.
    pub names: Option<Vec<String>>,
    /// Whether the header names types, as RecBole's files do.
    pub typed: bool,
    /// Number of columns.
    pub width: usize,
    /// Of each column, from the first rows.
    pub facts: Vec<Facts>,
}

/// The types of RecBole's headers.
const TYPES: [&str; 4] = ["token", "float", "token_seq", "float_seq"];

/// Separators in the order in which they are preferred where several fit alike; blanks come last, since they fit many texts.
const SEPARATORS: [Separator; 6] = [
    Separator::Tab,
    Separator::DoubleColon,
    Separator::Semicolon,
    Separator::Comma,
    Separator::Pipe,
    Separator::Blanks,
];

/// One way to read the first lines.
struct Candidate {
    cut: Cut,
    rows: Vec<ByteRecord>,
    width: usize,
    /// Of the rows that have this width.
    share: f64,
}

impl Shape {
    /// # Errors
    /// `Data` for what is no table; `Io`.
    pub fn of(path: &Path) -> Result<Self> {
        let (lines, cut_off) = head(path)?;
        let comments = comments(&lines);
        let body = &lines[comments..];
        let best = best(path, body, cut_off).ok_or_else(|| no_table(path, body))?;
        let Candidate { cut, rows, width, .. } = best;
        let first: Vec<String> =
            rows.first().into_iter().flatten().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        let typed = is_typed(&first);
        // A first row of another width names no columns: it is told as a row.
        let fits = first.len() == width;
        let named =
            fits && (typed || rows.len() > 1 && is_header(&first, &rows[1..]) || rows.len() == 1 && roles(&first) > 1);
        let of_comment = (0..comments).rev().find_map(|at| names_in(&lines[at], cut, width));
        let names = if named { Some(first) } else { of_comment };
        // A header in quotes may stand on several lines; those of the other rows are not needed.
        let above = comments + if named { lines_of_first(body, cut) } else { 0 };
        let header = (above > 0).then(|| header(path, &lines[..above])).transpose()?;
        let mut facts = vec![Facts::default(); width];
        for row in rows.iter().skip(usize::from(named)).filter(|row| row.len() == width) {
            facts.iter_mut().zip(row).for_each(|(facts, field)| facts.add(field, 0, ALL));
        }
        let names = names.map(|names| names.iter().map(|name| plain(name, typed)).collect());
        Ok(Self { cut, header, names, typed, width, facts })
    }

    /// Lines before the first row.
    pub fn lines_above(&self) -> usize {
        self.header.as_ref().map_or(0, |header| header.split('\n').count())
    }
}

/// A name without what is around it.
fn plain(name: &str, typed: bool) -> String {
    let name = if typed { name.split(':').next().unwrap_or_default() } else { name };
    name.trim().trim_matches('"').to_string()
}

/// The first lines with their ends, and whether the file goes on.
fn head(path: &Path) -> Result<(Vec<Vec<u8>>, bool)> {
    let mut lines = Lines::open(path)?;
    let (mut head, mut bytes) = (Vec::new(), 0);
    while head.len() < LINES && bytes < BYTES {
        let mut line = Vec::new();
        if !lines.next(&mut line)? {
            return Ok((head, false));
        }
        bytes += line.len();
        head.push(line);
    }
    Ok((head, true))
}

/// Number of lines of comments at the beginning. Where all lines begin so, they are rows.
fn comments(lines: &[Vec<u8>]) -> usize {
    let n = lines.iter().take_while(|line| line.starts_with(b"#") || line.starts_with(b"%")).count();
    if n > MOST_COMMENTS || n == lines.len() { 0 } else { n }
}

/// The names of columns in a comment that is as wide as the table.
fn names_in(comment: &[u8], cut: Cut, width: usize) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(without_return(comment.strip_suffix(b"\n").unwrap_or(comment))).into_owned();
    let text = text.trim_start_matches(['#', '%']).trim_start();
    let mut rest = Some(text.as_bytes());
    let fields = std::iter::from_fn(|| cut.separator.next(&mut rest));
    let names: Vec<String> = fields.map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    (names.len() == width && roles(&names) > 0).then_some(names)
}

fn header(path: &Path, lines: &[Vec<u8>]) -> Result<String> {
    let text: Vec<_> = lines.iter().map(|line| without_return(line.strip_suffix(b"\n").unwrap_or(line))).collect();
    String::from_utf8(text.join(&b'\n')).map_err(|error| {
        Error::new(Kind::Data, "the header is not text in UTF-8")
            .at(Place::file(path).line(1))
            .expected("UTF-8, as a manifest is")
            .got(quoted(error.as_bytes()))
            .hint("write the file in UTF-8, or take the header off")
    })
}

/// Lines that the first row covers.
fn lines_of_first(body: &[Vec<u8>], cut: Cut) -> usize {
    let mut quotes = 0;
    for (line, n) in body.iter().zip(1..) {
        quotes += line.iter().filter(|byte| **byte == b'"').count();
        if cut.quoted != Some(true) || quotes % 2 == 0 {
            return n;
        }
    }
    body.len()
}

/// The separator that cuts the most rows into the same number of fields, two or more.
fn best(path: &Path, body: &[Vec<u8>], cut_off: bool) -> Option<Candidate> {
    let content = body.concat();
    let mut best: Option<Candidate> = None;
    for separator in SEPARATORS {
        if separator == Separator::Blanks && best.is_some() {
            break;
        }
        let candidate = [None, Some(true), Some(false)]
            .into_iter()
            .filter(|quoted| *quoted != Some(true) || separator.byte().is_some())
            .find_map(|quoted| candidate(path, &content, Cut { separator, quoted }, cut_off));
        let Some(candidate) = candidate.filter(|candidate| candidate.share >= SHARE) else { continue };
        let better = |best: &Candidate| (candidate.share, candidate.width) > (best.share, best.width);
        if best.as_ref().is_none_or(better) {
            best = Some(candidate);
        }
    }
    best
}

/// The rows under a cut; none where quotes do not stand as it says.
fn candidate(path: &Path, content: &[u8], cut: Cut, cut_off: bool) -> Option<Candidate> {
    let mut rows = Rows::new(Lines::of(path, content.to_vec()), cut);
    let (mut all, mut fields) = (Vec::new(), ByteRecord::new());
    loop {
        match rows.next(&mut fields) {
            Ok(Some(_)) => all.push(fields.clone()),
            Ok(None) => break,
            // The last row may go on behind the first lines.
            Err(_) if cut_off && rows.is_at_end() && !all.is_empty() => break,
            Err(_) => return None,
        }
    }
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    all.iter().for_each(|row| *widths.entry(row.len()).or_default() += 1);
    let (&width, &n) = widths.iter().filter(|(width, _)| **width > 1).max_by_key(|(width, n)| (**n, **width))?;
    let share = n as f64 / all.len() as f64;
    Some(Candidate { cut, rows: all, width, share })
}

/// Whether all names have a type of RecBole's behind them.
fn is_typed(names: &[String]) -> bool {
    let typed = |name: &String| name.rsplit_once(':').is_some_and(|(_, kind)| TYPES.contains(&kind));
    !names.is_empty() && names.iter().all(typed)
}

/// How many names are known.
fn roles(names: &[String]) -> usize {
    names.iter().filter(|name| role(name).is_some()).count()
}

/// Whether the first row names the columns: it has no number, and either a name that is known or, where all others have a
/// number or a time, a word.
fn is_header(first: &[String], others: &[ByteRecord]) -> bool {
    let number = |field: &str| field.parse::<f64>().is_ok();
    if first.iter().any(|field| number(field)) {
        return false;
    }
    if roles(first) > 0 {
        return true;
    }
    let mut facts = vec![Facts::default(); first.len()];
    for row in others.iter().filter(|row| row.len() == first.len()) {
        facts.iter_mut().zip(row).for_each(|(facts, field)| facts.add(field, 0, ALL));
    }
    let tests = [Test::Value, Test::IsoTime, Test::IsoDate];
    facts.iter().any(|facts| tests.iter().any(|test| facts.all(*test)))
        && !first.iter().any(|field| [Test::IsoTime, Test::IsoDate].iter().any(|test| passes(field, *test)))
}

fn passes(field: &str, test: Test) -> bool {
    let mut facts = Facts::default();
    facts.add(field.as_bytes(), 0, &[test]);
    facts.all(test)
}

fn no_table(path: &Path, body: &[Vec<u8>]) -> Error {
    let error = Error::new(Kind::Data, "nothing cuts the lines of this file into columns")
        .at(Place::file(path).line(1))
        .expected("two or more fields between tabs, commas, semicolons, `|`, `::` or blanks, as many on each line")
        .got(body.first().map_or_else(String::new, |line| quoted(line.trim_ascii_end())));
    let is_list = |line: &Vec<u8>| {
        line.iter().all(|byte| byte.is_ascii_digit() || b" \t\r\n".contains(byte)) && line.contains(&b' ')
    };
    match body.iter().filter(|line| is_list(line)).count() * 2 > body.len() {
        true => error.hint(
            "this looks like lists, a user and their items a line: write its manifest by hand, `form = \"lists\"`, \
             with an eye on CONTRIBUTING.md",
        ),
        false => error.hint("a table of another kind must be rewritten first, as CSV for one"),
    }
}
