//! The layout of a data file: its separator, columns and header.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::dataset::Values;
use super::time::{Clock, TimeUnit};

/// The separator of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Separator {
    /// Any run of blanks and tabs; those at the ends of a line mean nothing.
    Blanks,
    Tab,
    Comma,
    Semicolon,
    /// `|`
    Pipe,
    /// `::`, as MovieLens and MovieTweetings write it.
    DoubleColon,
}

/// The meaning of a column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    User,
    Item,
    /// The session of the user that the interaction belongs to.
    Session,
    /// A number, in the unit that the layout's `time` says; decimals count.
    Time,
    /// `2014-04-07T10:51:09`, with or without a fraction of the second, `Z` or an offset such as `-05:00`; without one
    /// it is UTC.
    IsoTime,
    /// `2014-04-07`: the first moment of the day in UTC.
    IsoDate,
    /// A finite number.
    Value,
    /// A word that [`FileLayout::Table::labels`] turns into the value.
    Label,
    /// The category of the item, or several with the layout's `category-separator` between them.
    Category,
    Skip,
}

/// The meaning of a field that precedes the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leading {
    User,
    /// The number of items that follow.
    Count,
    Skip,
}

/// The layout of a data file: how its lines are parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum FileLayout {
    /// One interaction a line.
    Table {
        separator: Separator,
        header: Option<String>,
        columns: Vec<FieldKind>,
        labels: BTreeMap<String, f32>,
        /// There exactly if a column `time` is.
        time: Option<TimeUnit>,
        /// Whether fields may stand in double quotes, and then hold separators and line ends (lines without anything are
        /// then skipped); or whether quotes are part of an id. Where nothing is said an id in quotes is refused.
        quoted: Option<bool>,
        /// Between the categories of a field, where it may name several.
        category_separator: Option<u8>,
    },
    /// One user or session a line, items in order.
    Lists {
        separator: Separator,
        header: Option<String>,
        leading: Vec<Leading>,
        /// Whether a line may have no item: a user without interactions.
        empty_lists: bool,
    },
    /// One item a line: what is known of it. Such a file has no interactions.
    Items {
        separator: Separator,
        header: Option<String>,
        /// One `item`, one `category`, and what is skipped.
        columns: Vec<FieldKind>,
        /// As of a table.
        quoted: Option<bool>,
        category_separator: Option<u8>,
    },
}

impl FileLayout {
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Table { header, .. } | Self::Lists { header, .. } | Self::Items { header, .. } => header.as_deref(),
        }
    }

    /// Whether the fields of a table may be quoted; `None` where the manifest does not say.
    pub fn quoted(&self) -> Option<bool> {
        match self {
            Self::Table { quoted, .. } | Self::Items { quoted, .. } => *quoted,
            Self::Lists { .. } => None,
        }
    }

    /// The kind of its values, with the names of labels.
    pub fn values(&self) -> Values {
        match self {
            Self::Table { labels, .. } if !labels.is_empty() => Values::Labels(labels.clone()),
            Self::Table { columns, .. } if columns.contains(&FieldKind::Value) => Values::Numbers,
            _ => Values::None,
        }
    }

    /// The clock of its times: the position in the file where there is no column.
    pub fn clock(&self) -> Clock {
        match self {
            Self::Table { columns, .. }
                if columns.contains(&FieldKind::IsoTime) || columns.contains(&FieldKind::IsoDate) =>
            {
                Clock::Unix
            }
            Self::Table { time: Some(unit), .. } => unit.clock(),
            _ => Clock::Position,
        }
    }

    /// Whether its interactions belong to sessions of their users.
    pub fn has_sessions(&self) -> bool {
        matches!(self, Self::Table { columns, .. } if columns.contains(&FieldKind::Session))
    }

    /// Whether it tells the categories of items.
    pub fn has_categories(&self) -> bool {
        match self {
            Self::Table { columns, .. } => columns.contains(&FieldKind::Category),
            Self::Lists { .. } => false,
            Self::Items { .. } => true,
        }
    }

    /// Whether its lines are about items, and no interactions.
    pub fn is_of_items(&self) -> bool {
        matches!(self, Self::Items { .. })
    }

    /// Whether lines name their user, where they have one.
    pub fn names_users(&self) -> bool {
        match self {
            Self::Table { .. } | Self::Items { .. } => true,
            Self::Lists { leading, .. } => leading.contains(&Leading::User),
        }
    }
}

impl Separator {
    /// The byte that it is, where it is one: fields in quotes are cut at such alone.
    pub(super) fn byte(self) -> Option<u8> {
        match self {
            Self::Tab => Some(b'\t'),
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Pipe => Some(b'|'),
            Self::Blanks | Self::DoubleColon => None,
        }
    }

    /// Cuts the first field off `rest`; `None` at the end of the line.
    pub(super) fn next<'a>(self, rest: &mut Option<&'a [u8]>) -> Option<&'a [u8]> {
        let line = (*rest)?;
        let cut = |line: &'a [u8], at: Option<usize>, width: usize| match at {
            Some(at) => (&line[..at], Some(&line[at + width..])),
            None => (line, None),
        };
        let (field, after) = match self {
            Self::Blanks => {
                let blank = |b: &u8| *b == b' ' || *b == b'\t';
                let Some(start) = line.iter().position(|b| !blank(b)) else {
                    *rest = None;
                    return None;
                };
                cut(&line[start..], line[start..].iter().position(blank), 1)
            }
            Self::Tab => cut(line, line.iter().position(|b| *b == b'\t'), 1),
            Self::Comma => cut(line, line.iter().position(|b| *b == b','), 1),
            Self::Semicolon => cut(line, line.iter().position(|b| *b == b';'), 1),
            Self::Pipe => cut(line, line.iter().position(|b| *b == b'|'), 1),
            Self::DoubleColon => cut(line, line.windows(2).position(|pair| pair == b"::"), 2),
        };
        *rest = after;
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(separator: Separator, line: &str) -> Vec<String> {
        let mut rest = Some(line.as_bytes());
        std::iter::from_fn(|| separator.next(&mut rest)).map(|f| String::from_utf8(f.to_vec()).unwrap()).collect()
    }

    #[test]
    fn separators_cut_fields() {
        assert_eq!(fields(Separator::Blanks, " 1  22\t3 "), ["1", "22", "3"]);
        assert_eq!(fields(Separator::Blanks, ""), Vec::<String>::new());
        assert_eq!(fields(Separator::Tab, "1\t\t3"), ["1", "", "3"]);
        assert_eq!(fields(Separator::Comma, "1,2,"), ["1", "2", ""]);
        assert_eq!(fields(Separator::Semicolon, "1;2,5"), ["1", "2,5"]);
        assert_eq!(fields(Separator::Pipe, "1||x y"), ["1", "", "x y"]);
        assert_eq!(fields(Separator::DoubleColon, "1::0104257::8"), ["1", "0104257", "8"]);
    }
}
