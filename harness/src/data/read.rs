//! From the bytes of data files to interactions. Every line is understood or refused by number.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::error::{Error, Kind, Place, Result};

use super::dataset::Interaction;
use super::layout::{Column, Layout, Leading, Separator};
use super::manifest::{DataFile, Ids, Manifest};

/// Reads the files of one dataset in the manifest's order: ids and positions run on from file to file.
pub(super) struct Reader {
    users: Numbering,
    items: Numbering,
    /// Interactions read so far: their position is the time where the source has none.
    position: i64,
}

/// What is wrong with a line.
struct Bad {
    expected: String,
    got: String,
}

type Field<T> = std::result::Result<T, Bad>;

impl Reader {
    pub(super) fn new(manifest: &Manifest) -> Self {
        Self { users: Numbering::new(manifest.users.ids), items: Numbering::new(manifest.items.ids), position: 0 }
    }

    /// Appends the interactions of `bytes`, the content of `file`; `path` is only named.
    ///
    /// # Errors
    /// `Data`, with the line, at the first line that is not as the layout says.
    pub(super) fn read(
        &mut self,
        file: &DataFile,
        path: &Path,
        bytes: &[u8],
        into: &mut Vec<Interaction>,
    ) -> Result<()> {
        let wrong = |what: &str| Error::new(Kind::Data, what).at(Place::file(path));
        if bytes.is_empty() {
            return Err(wrong("a data file is empty"));
        }
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines = body.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        for (index, line) in lines.enumerate() {
            let read = match (index, file.layout.header()) {
                (0, Some(header)) if header.as_bytes() == line => Ok(()),
                (0, Some(header)) => Err(Bad { expected: format!("the header `{header}`"), got: quoted(line) }),
                _ => match &file.layout {
                    Layout::Table { separator, columns, labels, .. } => {
                        self.row(*separator, columns, labels, line).map(|interaction| into.push(interaction))
                    }
                    Layout::Lists { separator, leading, .. } => self.list(*separator, leading, line, into),
                },
            };
            read.map_err(|Bad { expected, got }| {
                let place = Place::file(path).line(index + 1);
                Error::new(Kind::Data, "a line is not as the manifest says").at(place).expected(expected).got(got)
            })?;
        }
        Ok(())
    }

    /// (table of users, table of items): the sizes.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.users.size(), self.items.size())
    }

    fn row(
        &mut self,
        separator: Separator,
        columns: &[Column],
        labels: &BTreeMap<String, f32>,
        line: &[u8],
    ) -> Field<Interaction> {
        let mut rest = Some(line);
        let mut row = Interaction { user: 0, item: 0, time: self.position, value: 1.0 };
        for column in columns {
            let field = separator.next(&mut rest).ok_or_else(|| Bad {
                expected: format!("{} fields", columns.len()),
                got: format!("fewer: {}", quoted(line)),
            })?;
            match column {
                Column::User => row.user = self.users.id("user", field)?,
                Column::Item => row.item = self.items.id("item", field)?,
                Column::Time => row.time = time(field)?,
                Column::IsoTime => row.time = iso_time(field)?,
                Column::Value => row.value = value(field)?,
                Column::Label => row.value = label(field, labels)?,
                Column::Skip => {}
            }
        }
        if separator.next(&mut rest).is_some() {
            return Err(Bad { expected: format!("{} fields", columns.len()), got: format!("more: {}", quoted(line)) });
        }
        self.position += 1;
        Ok(row)
    }

    fn list(
        &mut self,
        separator: Separator,
        leading: &[Leading],
        line: &[u8],
        into: &mut Vec<Interaction>,
    ) -> Field<()> {
        let mut rest = Some(line);
        let (mut user, mut count) = (None, None);
        for kind in leading {
            let field = separator.next(&mut rest).ok_or_else(|| Bad {
                expected: format!("{} fields before the items", leading.len()),
                got: quoted(line),
            })?;
            match kind {
                Leading::User => user = Some(self.users.id("user", field)?),
                Leading::Count => count = Some(number(field, "a count of items")?),
                Leading::Skip => {}
            }
        }
        let user = match user {
            Some(user) => user,
            None => self.users.next_line(),
        };
        let before = into.len();
        while let Some(field) = separator.next(&mut rest) {
            let item = self.items.id("item", field)?;
            into.push(Interaction { user, item, time: self.position, value: 1.0 });
            self.position += 1;
        }
        let got = into.len() - before;
        match count {
            Some(count) if got != count as usize => {
                Err(Bad { expected: format!("{count} items, as the line says"), got: format!("{got} items") })
            }
            None if got == 0 => Err(Bad { expected: "at least one item".into(), got: quoted(line) }),
            _ => Ok(()),
        }
    }
}

/// Turns the ids of the source into dense ones.
enum Numbering {
    Dense { first: u32, table: usize },
    Map(HashMap<Box<[u8]>, u32>),
    Line(u32),
}

impl Numbering {
    fn new(ids: Ids) -> Self {
        match ids {
            Ids::Dense { first, table } => Self::Dense { first, table },
            Ids::Map => Self::Map(HashMap::new()),
            Ids::Line => Self::Line(0),
        }
    }

    fn id(&mut self, what: &str, field: &[u8]) -> Field<u32> {
        match self {
            Self::Dense { first, table } => {
                let id = number(field, what)?;
                match id.checked_sub(*first) {
                    Some(dense) if (dense as usize) < *table => Ok(dense),
                    _ => Err(Bad {
                        expected: format!("an id of the {what}s in {first}..={}", *first as usize + *table - 1),
                        got: format!("{id}"),
                    }),
                }
            }
            Self::Map(_) if field.is_empty() => {
                Err(Bad { expected: format!("an id of the {what}s"), got: "nothing".into() })
            }
            Self::Map(map) => {
                if let Some(id) = map.get(field) {
                    return Ok(*id);
                }
                let id = map.len() as u32;
                map.insert(field.into(), id);
                Ok(id)
            }
            Self::Line(_) => unreachable!("a checked manifest numbers users by line only where lines name none"),
        }
    }

    fn next_line(&mut self) -> u32 {
        match self {
            Self::Line(next) => {
                *next += 1;
                *next - 1
            }
            _ => unreachable!("a checked manifest numbers users by line where lines name none"),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Dense { table, .. } => *table,
            Self::Map(map) => map.len(),
            Self::Line(next) => *next as usize,
        }
    }
}

/// Digits only, below 2³².
fn number(field: &[u8], what: &str) -> Field<u32> {
    let digits = field.iter().try_fold(0u32, |number, byte| {
        let digit = byte.is_ascii_digit().then_some(u32::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    match digits {
        Some(number) if !field.is_empty() => Ok(number),
        _ => Err(Bad { expected: format!("{what}: a whole number below 2^32"), got: quoted(field) }),
    }
}

/// A decimal number without its decimals.
fn time(field: &[u8]) -> Field<i64> {
    let text = std::str::from_utf8(field).unwrap_or("");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    match whole.parse() {
        Ok(time) if !decimals.is_empty() && decimals.bytes().all(|b| b.is_ascii_digit()) => Ok(time),
        _ => Err(Bad { expected: "a time: a number".into(), got: quoted(field) }),
    }
}

fn iso_time(field: &[u8]) -> Field<i64> {
    /// `2014-04-07T10:51:09`: the time to the second.
    const TO_THE_SECOND: usize = 19;
    let text = field.get(..TO_THE_SECOND).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or("");
    let zoned = text.parse::<jiff::civil::DateTime>().and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
    match zoned {
        Ok(time) => Ok(time.timestamp().as_second()),
        Err(_) => Err(Bad { expected: "a time such as 2014-04-07T10:51:09".into(), got: quoted(field) }),
    }
}

fn value(field: &[u8]) -> Field<f32> {
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f32>().ok()) {
        Some(value) if value.is_finite() => Ok(value),
        _ => Err(Bad { expected: "a value: a finite number".into(), got: quoted(field) }),
    }
}

fn label(field: &[u8], labels: &BTreeMap<String, f32>) -> Field<f32> {
    let known = std::str::from_utf8(field).ok().and_then(|label| labels.get(label));
    known.copied().ok_or_else(|| Bad {
        expected: format!("a label: {}", labels.keys().cloned().collect::<Vec<_>>().join(", ")),
        got: quoted(field),
    })
}

/// For messages: at most the first 60 bytes.
fn quoted(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    if bytes.is_empty() {
        return "nothing".into();
    }
    let more = if bytes.len() > LONGEST { "…" } else { "" };
    format!("`{}{more}`", String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]))
}
