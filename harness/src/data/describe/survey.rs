//! All rows of all files, one after the other: the counts that a manifest states, and what holds of every row.

use csv::ByteRecord;

use super::facts::{Facts, Test};
use super::rows::{Lines, Refused, Rows};
use super::shape::Shape;
use crate::data::layout::FieldKind;
use crate::data::read::numbering::{Numbers, numbered};
use crate::data::text::{BadLine, quoted};
use crate::digest::Digest;
use crate::error::{Error, Result};

/// Pairs of user and item that are kept to count repeated ones: of more rows they are not counted.
const MOST_PAIRS: usize = 1 << 25;

/// A file as it is to be read.
pub(super) struct Plan<'a> {
    pub path: &'a std::path::Path,
    pub shape: Shape,
    pub kinds: Vec<FieldKind>,
}

/// What was seen of a file.
pub(super) struct Surveyed {
    pub gzip: bool,
    /// Whether a byte order mark stands before it.
    pub mark: bool,
    pub digest: Digest,
    /// Of the content, decompressed.
    pub bytes: u64,
    pub rows: usize,
    pub facts: Vec<Facts>,
}

/// What was seen of all files.
pub(super) struct Survey {
    pub files: Vec<Surveyed>,
    pub users: usize,
    pub items: usize,
    pub sessions: usize,
    /// Rows whose user and item stood together before; none where there are too many rows to tell.
    pub repeated: Option<usize>,
}

/// Why files must be read in another way.
pub(super) enum Again {
    /// The quotes of a file (by its number) are not as its first rows said.
    Quotes(usize, Error),
    /// A session of two users: the column is none of sessions.
    Sessions(String),
    /// Not to be mended.
    Wrong(Error),
}

impl From<Error> for Again {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

/// Ids and pairs met so far, over all files.
#[derive(Default)]
struct Met {
    users: Numbers,
    items: Numbers,
    sessions: (Numbers, Vec<u32>),
    /// User and item of each row, as one number; none once there are too many.
    pairs: Option<Vec<u64>>,
}

/// Reads all files.
///
/// # Errors
/// `Data`, with the line, at the first row that no layout can take: another number of fields, no id, an id with blanks at its
/// ends.
pub(super) fn survey(plans: &[Plan<'_>]) -> std::result::Result<Survey, Again> {
    let mut met = Met { pairs: Some(Vec::new()), ..Met::default() };
    let mut files = Vec::new();
    for (at, plan) in plans.iter().enumerate() {
        files.push(file(at, plan, &mut met)?);
    }
    let repeated = met.pairs.map(|mut pairs| {
        pairs.sort_unstable();
        pairs.windows(2).filter(|pair| pair[0] == pair[1]).count()
    });
    let (users, items, sessions) = (met.users.len(), met.items.len(), met.sessions.1.len());
    Ok(Survey { files, users, items, sessions, repeated })
}

fn file(at: usize, plan: &Plan<'_>, met: &mut Met) -> std::result::Result<Surveyed, Again> {
    let mut lines = Lines::open(plan.path)?;
    let mut above = Vec::new();
    for _ in 0..plan.shape.lines_above() {
        above.clear();
        lines.next(&mut above)?;
    }
    let tests: Vec<&[Test]> = plan.kinds.iter().map(|kind| tests(*kind)).collect();
    let mut rows = Rows::new(lines, plan.shape.cut);
    let (mut facts, mut fields, mut n) = (vec![Facts::default(); plan.kinds.len()], ByteRecord::new(), 0);
    loop {
        let line = match rows.next(&mut fields) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(Refused::Quotes(error)) => return Err(Again::Quotes(at, error)),
            Err(Refused::Other(error)) => return Err(Again::Wrong(error)),
        };
        let wrong = |bad: BadLine| rows.lines.wrong(line, "a line is not as the first ones", bad);
        if fields.len() != plan.kinds.len() {
            let got = format!("{}: {}", fields.len(), shown(&fields));
            return Err(wrong(BadLine::new(format!("{} fields", plan.kinds.len()), got)).into());
        }
        facts.iter_mut().zip(&fields).zip(&tests).for_each(|((facts, field), tests)| facts.add(field, line, tests));
        met.row(&plan.kinds, &fields).map_err(|refused| match refused {
            Row::Bad(bad) => Again::Wrong(wrong(bad)),
            Row::SessionOfTwo(session) => {
                Again::Sessions(format!("line {line}: session {session} is one of two users"))
            }
        })?;
        n += 1;
    }
    let (digest, bytes) = rows.lines.content();
    Ok(Surveyed { gzip: rows.lines.is_gzip(), mark: rows.lines.has_mark(), digest, bytes, rows: n, facts })
}

/// What must be known of a column of a kind.
fn tests(kind: FieldKind) -> &'static [Test] {
    match kind {
        FieldKind::User | FieldKind::Item => &[Test::Index],
        FieldKind::Time => &[Test::Moment, Test::Number],
        FieldKind::IsoTime => &[Test::IsoTime],
        FieldKind::IsoDate => &[Test::IsoDate],
        FieldKind::Value => &[Test::Value],
        FieldKind::Label => &[Test::Label],
        FieldKind::Session | FieldKind::Category | FieldKind::Skip => &[],
    }
}

fn shown(fields: &ByteRecord) -> String {
    fields.iter().take(8).map(quoted).collect::<Vec<_>>().join(", ")
}

/// Why a row is not taken.
enum Row {
    Bad(BadLine),
    SessionOfTwo(String),
}

impl Met {
    fn row(&mut self, kinds: &[FieldKind], fields: &ByteRecord) -> std::result::Result<(), Row> {
        let (mut user, mut item, mut session) = (0, 0, None);
        for (kind, field) in kinds.iter().zip(fields) {
            match kind {
                FieldKind::User => user = numbered(&mut self.users, "user", field).map_err(Row::Bad)?,
                FieldKind::Item => item = numbered(&mut self.items, "item", field).map_err(Row::Bad)?,
                FieldKind::Session => session = Some(field),
                _ => {}
            }
        }
        if let Some(field) = session {
            let (numbers, users) = &mut self.sessions;
            let number = numbered(numbers, "session", field).map_err(Row::Bad)? as usize;
            if number == users.len() {
                users.push(user);
            } else if users[number] != user {
                return Err(Row::SessionOfTwo(quoted(field)));
            }
        }
        if let Some(pairs) = &mut self.pairs {
            pairs.push(u64::from(user) << 32 | u64::from(item));
            if pairs.len() > MOST_PAIRS {
                self.pairs = None;
            }
        }
        Ok(())
    }
}

/// Whether the ids of a column, over all files, are numbers from 0 or 1 on without gaps: the first of them.
pub(super) fn dense(facts: &[&Facts], distinct: usize) -> Option<u32> {
    if !facts.iter().all(|facts| facts.all(Test::Index)) {
        return None;
    }
    let ranges = facts.iter().filter_map(|facts| facts.range);
    let (least, most) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let whole = most - least + 1.0 == distinct as f64;
    (whole && least <= 1.0).then_some(least as u32)
}

/// The kinds of a file after all of its rows: what does not hold of all of them is skipped, with a word about it. Kinds that a
/// person told stay.
///
/// # Errors
/// `Data`, with the line, for a kind that was told and does not hold.
pub(super) fn settle(plan: &mut Plan<'_>, seen: &Surveyed, told: bool, remarks: &mut Vec<String>) -> Result<()> {
    for (at, kind) in plan.kinds.iter_mut().enumerate() {
        let facts = &seen.facts[at];
        // Any number can be an order.
        let (test, expected) = match kind {
            FieldKind::Time => (Test::Number, "a number"),
            FieldKind::IsoTime => (Test::IsoTime, "a time such as 2014-04-07T10:51:09"),
            FieldKind::IsoDate => (Test::IsoDate, "a day such as 2014-04-07"),
            FieldKind::Value => (Test::Value, "a number"),
            FieldKind::Label => (Test::Label, "one of few words"),
            _ => continue,
        };
        let Some((line, field)) = facts.first_failure(test) else { continue };
        let column = column(&plan.shape, at);
        if told {
            let bad = BadLine::new(format!("{expected} in {column}"), field.clone());
            return Err(Lines::of(plan.path, Vec::new()).wrong(
                *line,
                "a field is not as the column was said to be",
                bad,
            ));
        }
        remarks.push(format!("{column} is skipped: not all of its fields are {expected}, as line {line}: {field}"));
        *kind = FieldKind::Skip;
    }
    Ok(())
}

/// A column as messages call it.
pub(super) fn column(shape: &Shape, at: usize) -> String {
    match &shape.names {
        Some(names) => format!("column {} (`{}`)", at + 1, crate::data::text::visible(&names[at])),
        None => format!("column {}", at + 1),
    }
}
