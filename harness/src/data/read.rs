//! Parses data files into interactions. A line that does not follow the layout is an error with its number.

mod categories;
pub(super) mod numbering;
pub(super) mod quotes;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Kind, Place, Result};

use self::categories::Categories;
use self::numbering::{Numbering, Numbers, number, numbered, places};
use super::categories::ItemCategories;
use super::dataset::{Interaction, Part};
use super::layout::{FieldKind, FileLayout, Leading, Separator};
use super::manifest::{DataFile, Manifest};
use super::names::is_name_of_a_column;
use super::source_ids::DatasetIds;
use super::text::{BadLine, Field, quoted, visible, without_return};
use super::time::{self, Time, TimeUnit, Unreadable};

/// Reads the files of one dataset in the manifest's order: ids and positions run on from file to file.
pub(super) struct Reader {
    users: Numbering,
    items: Numbering,
    /// Numbers of sessions, as they come, and by number the user whose session it is.
    sessions: (Numbers, Vec<u32>),
    /// Of the items, where the manifest has them.
    categories: Option<Categories>,
    /// Interactions read so far: their position is the time where the source has none.
    position: i64,
    /// What the layout of the file in hand says of quotes.
    quoted: Option<bool>,
}

/// What some programs put before a text in UTF-8; it is no part of it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Reader {
    pub(super) fn new(manifest: &Manifest) -> Self {
        Self {
            users: Numbering::new(manifest.users.ids),
            items: Numbering::new(manifest.items.ids),
            sessions: (Numbers::new(), Vec::new()),
            categories: manifest.files.iter().any(|file| file.layout.has_categories()).then(Categories::default),
            position: 0,
            quoted: None,
        }
    }

    /// Appends the interactions of `bytes`, the content of `file`, or takes what it says of items; `path` is only named.
    /// Files of items come after all interactions.
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
            let mut rest = Some(body);
            for header in header.split('\n') {
                let mut lines = rest.into_iter().flat_map(|rest| rest.splitn(2, |byte| *byte == b'\n'));
                let line = without_return(lines.next().unwrap_or_default());
                if line != header.as_bytes() {
                    let expected = format!("the header `{}`", visible(header));
                    return Err(wrong(first, BadLine::new(expected, quoted(line))));
                }
                rest = lines.next();
                first += 1;
            }
            // A header alone: counts tell whether that can be.
            let Some(rest) = rest else { return Ok(()) };
            body = rest;
        } else if self.begins_with_a_header(&file.layout, body) {
            let line = without_return(body.split(|byte| *byte == b'\n').next().unwrap_or_default());
            let bad = BadLine::new("an interaction: the manifest names no header", quoted(line));
            return Err(wrong(
                1,
                bad.hint(format!("if this line is one, the layout says so: `header = {:?}`", lossy(line))),
            ));
        }
        if let (Some(true), FileLayout::Table { separator, .. } | FileLayout::Items { separator, .. }) =
            (self.quoted, &file.layout)
        {
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
                self.fields(&file.layout, &mut record.iter(), &whole, into).map_err(|bad| wrong(line, bad))?;
            }
        }
        for (index, line) in body.split(|byte| *byte == b'\n').map(without_return).enumerate() {
            let read = match &file.layout {
                FileLayout::Table { separator, .. } | FileLayout::Items { separator, .. } => {
                    let mut rest = Some(line);
                    let mut fields = std::iter::from_fn(|| separator.next(&mut rest));
                    self.fields(&file.layout, &mut fields, &|| line.to_vec(), into)
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

    /// The place of each user, each item and each session in the order of the source's ids, of mapped ones; see
    /// [`Dataset::item_places`].
    ///
    /// [`Dataset::item_places`]: super::Dataset::item_places
    pub(super) fn places(&self) -> [Vec<u32>; 3] {
        [self.users.places(), self.items.places(), places(&self.sessions.0)]
    }

    /// The source's ids of users and items, by their numbers.
    pub(super) fn ids(&self) -> DatasetIds {
        DatasetIds { users: self.users.ids(), items: self.items.ids() }
    }

    /// The categories of all items, where the manifest has them; the items that occur in `parts` have at least one.
    ///
    /// # Errors
    /// `Data` if an item has none.
    pub(super) fn item_categories(&self, parts: &[Part]) -> Result<Option<ItemCategories>> {
        let Some(categories) = &self.categories else { return Ok(None) };
        let mut events = parts.iter().flat_map(|part| &part.interactions);
        if let Some(event) = events.find(|event| !categories.has(event.item)) {
            return Err(Error::new(Kind::Data, format!("item {} has no category", self.items.name_of(event.item)))
                .expected("a category of every item that has an interaction")
                .got("none in any file"));
        }
        Ok(Some(categories.of_items(self.items.size())))
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

    /// Takes the fields of a row; `line` is for messages.
    fn fields(
        &mut self,
        layout: &FileLayout,
        fields: &mut dyn Iterator<Item = &[u8]>,
        line: &dyn Fn() -> Vec<u8>,
        into: &mut Vec<Interaction>,
    ) -> Field<()> {
        let (columns, separator) = match layout {
            FileLayout::Table { columns, category_separator, .. }
            | FileLayout::Items { columns, category_separator, .. } => (columns, *category_separator),
            FileLayout::Lists { .. } => unreachable!("a list has no columns"),
        };
        let of_items = layout.is_of_items();
        let no_labels = BTreeMap::new();
        let (labels, unit) = match layout {
            FileLayout::Table { labels, time, .. } => (labels, *time),
            _ => (&no_labels, None),
        };
        let expected = || format!("{} fields", columns.len());
        let mut row = Interaction { user: 0, item: 0, time: self.position.into(), value: 1.0, session: 0 };
        let mut session = None;
        // Of a row about an item that has no interaction nothing is kept.
        let (mut item, mut of_item) = (None, None);
        for column in columns {
            let field = fields.next().ok_or_else(|| BadLine::new(expected(), format!("fewer: {}", quoted(&line()))))?;
            match column {
                FieldKind::User => row.user = self.users.id("user", self.bare(field)?)?,
                FieldKind::Item if of_items => item = self.items.known("item", self.bare(field)?)?,
                FieldKind::Item => item = Some(self.items.id("item", self.bare(field)?)?),
                FieldKind::Session => session = Some(self.bare(field)?),
                FieldKind::Category => of_item = Some(self.bare(field)?),
                FieldKind::Time => row.time = time(field, unit)?,
                FieldKind::IsoTime => row.time = iso_time(field)?,
                FieldKind::IsoDate => row.time = iso_date(field)?,
                FieldKind::Value => row.value = value(field)?,
                FieldKind::Label => row.value = label(field, labels)?,
                FieldKind::Skip => {}
            }
        }
        if fields.next().is_some() {
            return Err(BadLine::new(expected(), format!("more: {}", quoted(&line()))));
        }
        if let (Some(categories), Some(item), Some(field)) = (&mut self.categories, item, of_item) {
            // The first row of an item counts; a file of items has one of each.
            if !categories.has(item) {
                categories.add(item, field, separator)?;
            } else if of_items {
                return Err(BadLine::new("each item once", quoted(&line())));
            }
        }
        if let Some(session) = session {
            row.session = self.session_of(row.user, session)?;
        }
        if !of_items {
            self.position += 1;
            into.push(Interaction { item: item.expect("a checked table has a column `item`"), ..row });
        }
        Ok(())
    }

    /// The number of a session, which must be one of the user.
    fn session_of(&mut self, user: u32, field: &[u8]) -> Field<u32> {
        let (numbers, users) = &mut self.sessions;
        let session = numbered(numbers, "session", field)?;
        if session as usize == users.len() {
            users.push(user);
        }
        match users[session as usize] {
            other if other == user => Ok(session),
            other => {
                let [other, user] = [other, user].map(|user| self.users.name_of(user));
                let expected = format!("a session of one user: it began as one of user {other}");
                Err(BadLine::new(expected, format!("user {user} in session {}", quoted(field))))
            }
        }
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
            into.push(Interaction { user, item, time: self.position.into(), value: 1.0, session: 0 });
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

fn time(field: &[u8], unit: Option<TimeUnit>) -> Field<Time> {
    let unit = unit.expect("a checked layout says the unit of its times");
    unit.parse(std::str::from_utf8(field).unwrap_or("")).map_err(|unreadable| match unreadable {
        Unreadable::NoNumber => BadLine::new(unit.form(), quoted(field)),
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

fn iso_date(field: &[u8]) -> Field<Time> {
    time::iso_date(std::str::from_utf8(field).unwrap_or("")).map_err(|unreadable| match unreadable {
        Unreadable::NoNumber => BadLine::new("a day such as 2014-04-07", quoted(field)),
        Unreadable::Implausible(_) => BadLine::new("a day of the years 1990 to 2099", quoted(field)),
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
        FileLayout::Items { .. } => None,
        FileLayout::Lists { separator, leading, .. } => {
            let fields = fields(*separator);
            let item = *fields.get(leading.len())?;
            let user = leading.iter().position(|kind| *kind == Leading::User).and_then(|at| fields.get(at).copied());
            Some([user.or_else(|| fields.get(leading.len() + 1).copied())?, item])
        }
    }
}
