//! Parses data files into interactions. A line that does not follow the layout is an error with its number.

mod quotes;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::error::{Error, Kind, Place, Result};

use super::dataset::Interaction;
use super::layout::{FieldKind, FileLayout, Leading, Separator};
use super::manifest::{DataFile, IdScheme, Manifest};
use super::text::{BadLine, has_odd_ends, quoted, visible, without_return};
use super::time::{self, Time, TimeUnit, Unreadable};

/// Reads the files of one dataset in the manifest's order: ids and positions run on from file to file.
pub(super) struct Reader {
    users: Numbering,
    items: Numbering,
    /// Interactions read so far: their position is the time where the source has none.
    position: i64,
    /// What the layout of the file in hand says of quotes.
    quoted: Option<bool>,
}

type Field<T> = std::result::Result<T, BadLine>;

/// What some programs put before a text in UTF-8; it is no part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Reader {
    pub(super) fn new(manifest: &Manifest) -> Self {
        Self {
            users: Numbering::new(manifest.users.ids),
            items: Numbering::new(manifest.items.ids),
            position: 0,
            quoted: None,
        }
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
        self.quoted = file.layout.quoted();
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if bytes.is_empty() {
            return Err(Error::new(Kind::Data, "a data file is empty").at(Place::file(path)));
        }
        let wrong = |line: usize, bad: BadLine| {
            let error = Error::new(Kind::Data, "a line is not as the manifest says")
                .at(Place::file(path).line(line))
                .expected(bad.expected)
                .got(bad.got);
            bad.hint.into_iter().fold(error, Error::hint)
        };
        let mut body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut first = 1;
        if let Some(header) = file.layout.header() {
            let (line, rest) = match body.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&body[..end], &body[end + 1..]),
                None => (body, &body[body.len()..]),
            };
            let line = without_return(line);
            if line != header.as_bytes() {
                let expected = format!("the header `{}`", visible(header));
                return Err(wrong(1, BadLine::new(expected, quoted(line))));
            }
            if line.len() == body.len() {
                return Ok(()); // A header alone: counts tell whether that can be.
            }
            (body, first) = (rest, 2);
        } else if self.begins_with_a_header(&file.layout, body) {
            let line = without_return(body.split(|byte| *byte == b'\n').next().unwrap_or_default());
            let bad = BadLine::new("an interaction: the manifest names no header", quoted(line));
            return Err(wrong(
                1,
                bad.hint(format!("if this line is one, the layout says so: `header = {:?}`", lossy(line))),
            ));
        }
        if let FileLayout::Table { separator, columns, labels, time, quoted: Some(true), .. } = &file.layout {
            let byte = separator.byte().expect("a checked layout cuts fields in quotes at a byte");
            quotes::well_quoted(body, byte).map_err(|(line, bad)| wrong(first + line, bad))?;
            let mut rows =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(byte).from_reader(body);
            let mut record = csv::ByteRecord::new();
            loop {
                let line = first + rows.position().line() as usize - 1;
                match rows.read_byte_record(&mut record) {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    Err(error) => return Err(wrong(line, BadLine::new("fields, in quotes or not", error.to_string()))),
                }
                // Where it begins: lines without anything are passed over.
                let line = record.position().map_or(line, |position| first + position.line() as usize - 1);
                let whole = || record.iter().collect::<Vec<_>>().join(&byte);
                let row = self.row(&mut record.iter(), columns, labels, *time, &whole);
                into.push(row.map_err(|bad| wrong(line, bad))?);
            }
        }
        for (index, line) in body.split(|byte| *byte == b'\n').map(without_return).enumerate() {
            let read = match &file.layout {
                FileLayout::Table { separator, columns, labels, time, .. } => {
                    let mut rest = Some(line);
                    let mut fields = std::iter::from_fn(|| separator.next(&mut rest));
                    let row = self.row(&mut fields, columns, labels, *time, &|| line.to_vec());
                    row.map(|interaction| into.push(interaction))
                }
                FileLayout::Lists { separator, leading, empty_lists, .. } => {
                    self.list(*separator, leading, *empty_lists, line, into)
                }
            };
            read.map_err(|bad| wrong(first + index, bad))?;
        }
        Ok(())
    }

    /// Whether the first line names columns although the layout names no header: where all ids are mapped it would pass
    /// for an interaction.
    fn begins_with_a_header(&self, layout: &FileLayout, body: &[u8]) -> bool {
        if !matches!((&self.users, &self.items), (Numbering::Map(_) | Numbering::Line(_), Numbering::Map(_))) {
            return false;
        }
        let mut lines = body.split(|byte| *byte == b'\n').map(without_return);
        let (first, second) = (lines.next().unwrap_or_default(), lines.next());
        let Some(names) = user_and_item(layout, first) else { return false };
        let is_number = |field: &&[u8]| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
        let has_digit = |field: &&[u8]| field.iter().any(u8::is_ascii_digit);
        let ids = second.and_then(|line| user_and_item(layout, line));
        names.iter().all(|name| is_name_of_a_column(name))
            || !names.iter().any(has_digit) && ids.is_some_and(|ids| ids.iter().all(is_number))
    }

    /// The place of each user and each item in the order of the source's ids, of mapped ones; see
    /// [`Dataset::item_places`].
    ///
    /// [`Dataset::item_places`]: super::Dataset::item_places
    pub(super) fn places(&self) -> (Vec<u32>, Vec<u32>) {
        (self.users.places(), self.items.places())
    }

    /// (table of users, table of items): the sizes.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.users.size(), self.items.size())
    }

    /// An id as it is; one in quotes would pass for another than the same without them, unless the layout says what
    /// quotes are.
    fn bare<'a>(&self, id: &'a [u8]) -> Field<&'a [u8]> {
        if self.quoted.is_some() || !id.starts_with(b"\"") {
            return Ok(id);
        }
        Err(BadLine::new("an id without quotes", quoted(id))
            .hint("a table's `quoted = true` reads fields in quotes, `quoted = false` takes quotes for part of an id"))
    }

    /// `line` is for messages.
    fn row(
        &mut self,
        fields: &mut dyn Iterator<Item = &[u8]>,
        columns: &[FieldKind],
        labels: &BTreeMap<String, f32>,
        unit: Option<TimeUnit>,
        line: &dyn Fn() -> Vec<u8>,
    ) -> Field<Interaction> {
        let expected = || format!("{} fields", columns.len());
        let mut row = Interaction { user: 0, item: 0, time: self.position.into(), value: 1.0 };
        for column in columns {
            let field = fields.next().ok_or_else(|| BadLine::new(expected(), format!("fewer: {}", quoted(&line()))))?;
            match column {
                FieldKind::User => row.user = self.users.id("user", self.bare(field)?)?,
                FieldKind::Item => row.item = self.items.id("item", self.bare(field)?)?,
                FieldKind::Time => row.time = time(field, unit)?,
                FieldKind::IsoTime => row.time = iso_time(field)?,
                FieldKind::Value => row.value = value(field)?,
                FieldKind::Label => row.value = label(field, labels)?,
                FieldKind::Skip => {}
            }
        }
        if fields.next().is_some() {
            return Err(BadLine::new(expected(), format!("more: {}", quoted(&line()))));
        }
        self.position += 1;
        Ok(row)
    }

    fn list(
        &mut self,
        separator: Separator,
        leading: &[Leading],
        empty_lists: bool,
        line: &[u8],
        into: &mut Vec<Interaction>,
    ) -> Field<()> {
        let mut rest = Some(line);
        let (mut user, mut count) = (None, None);
        for kind in leading {
            let expected = || format!("{} fields before the items", leading.len());
            let field = separator.next(&mut rest).ok_or_else(|| BadLine::new(expected(), quoted(line)))?;
            match kind {
                Leading::User => user = Some(self.users.id("user", self.bare(field)?)?),
                Leading::Count => count = Some(number(field, "a count of items")?),
                Leading::Skip => {}
            }
        }
        let user = match user {
            Some(user) => user,
            None => self.users.next_line(),
        };
        let before = into.len();
        if empty_lists && rest.is_some_and(<[u8]>::is_empty) {
            rest = None; // A separator at the end of a line without items.
        }
        while let Some(field) = separator.next(&mut rest) {
            let item = self.items.id("item", self.bare(field)?)?;
            into.push(Interaction { user, item, time: self.position.into(), value: 1.0 });
            self.position += 1;
        }
        let got = into.len() - before;
        match count {
            Some(count) if got != count as usize => {
                Err(BadLine::new(format!("{count} items, as the line says"), format!("{got} items")))
            }
            None if got == 0 && !empty_lists => Err(BadLine::new("at least one item", quoted(line))
                .hint("users without interactions are taken where the layout says `empty-lists = true`")),
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
    fn new(ids: IdScheme) -> Self {
        match ids {
            IdScheme::Dense { first, table } => Self::Dense { first, table },
            IdScheme::Map => Self::Map(HashMap::new()),
            IdScheme::Line => Self::Line(0),
        }
    }

    fn id(&mut self, what: &str, field: &[u8]) -> Field<u32> {
        match self {
            Self::Dense { first, table } => {
                let id = number(field, what)?;
                match id.checked_sub(*first) {
                    Some(dense) if (dense as usize) < *table => Ok(dense),
                    _ => {
                        let last = *first as usize + (*table).saturating_sub(1);
                        Err(BadLine::new(format!("an id of the {what}s in {first}..={last}"), format!("{id}")))
                    }
                }
            }
            Self::Map(_) if field.is_empty() => Err(BadLine::new(format!("an id of the {what}s"), "nothing")),
            Self::Map(_) if field.contains(&b'\n') || field.contains(&b'\r') => {
                Err(BadLine::new(format!("an id of the {what}s on one line"), quoted(field)))
            }
            Self::Map(_) if has_odd_ends(field) => {
                let expected = format!("an id of the {what}s without blanks or what cannot be seen at its ends");
                Err(BadLine::new(expected, quoted(field))
                    .hint("it would pass for another id than the one without them"))
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

    /// Of mapped ids, the place of each in the order of the source's ids.
    fn places(&self) -> Vec<u32> {
        let Self::Map(map) = self else { return Vec::new() };
        let mut ids: Vec<(&[u8], u32)> = map.iter().map(|(id, number)| (&**id, *number)).collect();
        ids.sort_unstable_by(|(a, _), (b, _)| place(a).cmp(&place(b)));
        let mut places = vec![0; ids.len()];
        ids.iter().zip(0..).for_each(|((_, number), place)| places[*number as usize] = place);
        places
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
        _ => Err(BadLine::new(format!("{what}: a whole number below 2^32"), quoted(field))),
    }
}

fn time(field: &[u8], unit: Option<TimeUnit>) -> Field<Time> {
    let unit = unit.expect("a checked layout says the unit of its times");
    unit.parse(std::str::from_utf8(field).unwrap_or("")).map_err(|unreadable| match unreadable {
        Unreadable::NoNumber => BadLine::new("a time: a number, with at most nine decimals", quoted(field)),
        Unreadable::Implausible(meant) => {
            let bad = BadLine::new(format!("a time of the years 1990 to 2099 in {}", unit.name()), quoted(field));
            bad.hint(match meant {
                Some(meant) => format!("in {0} it is one: `time = \"{0}\"`", meant.name()),
                None => "numbers that only say what came first are `time = \"order\"`".into(),
            })
        }
    })
}

fn iso_time(field: &[u8]) -> Field<Time> {
    const FORM: &str = "a time such as 2014-04-07T10:51:09, 2014-04-07T10:51:09.125Z or 2014-04-07T10:51:09-05:00";
    time::iso(std::str::from_utf8(field).unwrap_or("")).map_err(|unreadable| match unreadable {
        Unreadable::NoNumber => BadLine::new(FORM, quoted(field)),
        Unreadable::Implausible(_) => BadLine::new("a time of the years 1990 to 2099", quoted(field)),
    })
}

fn value(field: &[u8]) -> Field<f32> {
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f32>().ok()) {
        Some(value) if value.is_finite() => Ok(value),
        _ => Err(BadLine::new("a value: a finite number", quoted(field))),
    }
}

fn label(field: &[u8], labels: &BTreeMap<String, f32>) -> Field<f32> {
    let known = std::str::from_utf8(field).ok().and_then(|label| labels.get(label));
    known.copied().ok_or_else(|| {
        let names = labels.keys().cloned().collect::<Vec<_>>().join(", ");
        BadLine::new(format!("a label: {names}"), quoted(field))
    })
}

fn lossy(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// What orders mapped ids: numbers by value, of equal ones the one with fewer zeros before it, then others by their bytes.
fn place(id: &[u8]) -> (bool, usize, &[u8], usize) {
    if !id.iter().all(u8::is_ascii_digit) {
        return (true, 0, id, 0);
    }
    let zeros = id.iter().take_while(|byte| **byte == b'0').count();
    (false, id.len() - zeros, &id[zeros..], zeros)
}

/// The fields of a line that are a user's and an item's id; of a list whose lines name no user, its first two items.
fn user_and_item<'a>(layout: &FileLayout, line: &'a [u8]) -> Option<[&'a [u8]; 2]> {
    let fields = |separator: Separator| {
        let mut rest = Some(line);
        std::iter::from_fn(|| separator.next(&mut rest)).collect::<Vec<_>>()
    };
    match layout {
        FileLayout::Table { separator, columns, .. } => {
            let fields = fields(*separator);
            let field = |kind| columns.iter().position(|column| *column == kind).and_then(|at| fields.get(at).copied());
            Some([field(FieldKind::User)?, field(FieldKind::Item)?])
        }
        FileLayout::Lists { separator, leading, .. } => {
            let fields = fields(*separator);
            let item = *fields.get(leading.len())?;
            let user = leading.iter().position(|kind| *kind == Leading::User).and_then(|at| fields.get(at).copied());
            Some([user.or_else(|| fields.get(leading.len() + 1).copied())?, item])
        }
    }
}

/// Whether a field is what people call a column of users or items, however they write it: `user_id`, `"movieId"`.
fn is_name_of_a_column(field: &[u8]) -> bool {
    const USERS: [&str; 9] = ["user", "session", "visitor", "customer", "reviewer", "member", "account", "uid", "sid"];
    const ITEMS: [&str; 16] = [
        "item", "movie", "product", "song", "track", "artist", "book", "business", "article", "venue", "place",
        "location", "poi", "asin", "isbn", "iid",
    ];
    let name = lossy(field).to_lowercase();
    let name = name.split(':').next().unwrap_or_default(); // RecBole puts the type behind it: `user_id:token`.
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let stem = name.strip_suffix("id").or_else(|| name.strip_suffix('s')).unwrap_or(&name);
    [&*name, stem].iter().any(|name| USERS.contains(name) || ITEMS.contains(name))
}
