//! The TOML form of a file's layout.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;
use crate::data::layout::{FieldKind, FileLayout, Leading, Separator};
use crate::data::time::TimeUnit;
use crate::error::Result;

/// Flat, because a tagged union would lose the places of its keys.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireFileLayout {
    form: WireForm,
    separator: Separator,
    header: Option<String>,
    columns: Option<Vec<FieldKind>>,
    labels: Option<BTreeMap<String, f32>>,
    leading: Option<Vec<Leading>>,
    time: Option<TimeUnit>,
    quoted: Option<bool>,
    empty_lists: Option<bool>,
    category_separator: Option<char>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WireForm {
    Table,
    Lists,
    Items,
}

/// Years of times that can be meant, as of other units.
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i16> = 1990..=2099;

impl Checker<'_> {
    /// The checked layout of a file.
    ///
    /// # Errors
    /// `Input`, with line and key, if it says something that cannot be.
    pub fn layout(&self, wire: &Spanned<WireFileLayout>) -> Result<FileLayout> {
        let layout = wire.get_ref();
        let wrong = |key: &str, what: &str| Err(self.error(wire, key, what));
        let (separator, header, quoted) = (layout.separator, layout.header.clone(), layout.quoted);
        match layout.form {
            WireForm::Lists => {
                if layout.columns.is_some() || layout.labels.is_some() {
                    return wrong("columns", "a list has no columns");
                }
                if layout.time.is_some() {
                    return wrong("time", "a list has no times");
                }
                if quoted.is_some() {
                    return wrong("quoted", "fields in quotes are those of a table");
                }
                if layout.category_separator.is_some() {
                    return wrong("category-separator", "a list has no categories");
                }
                Ok(FileLayout::Lists {
                    separator,
                    header,
                    leading: layout.leading.clone().unwrap_or_default(),
                    empty_lists: layout.empty_lists.unwrap_or(false),
                })
            }
            _ if layout.leading.is_some() => wrong("leading", "`leading` is for lists; a table has `columns`"),
            _ if layout.empty_lists.is_some() => wrong("empty-lists", "a table has no lists"),
            _ if quoted == Some(true) && separator.byte().is_none() => {
                wrong("quoted", "fields in quotes stand between tabs, commas, semicolons or `|`")
            }
            WireForm::Items => {
                let columns = layout.columns.clone().unwrap_or_default();
                let times = |column| columns.iter().filter(|other| **other == column).count();
                let known = [FieldKind::Item, FieldKind::Category, FieldKind::Skip];
                if times(FieldKind::Item) != 1 || times(FieldKind::Category) != 1 {
                    return wrong("columns", "a file of items has exactly one column `item` and one `category`");
                }
                if columns.iter().any(|column| !known.contains(column)) {
                    return wrong("columns", "a file of items has columns `item`, `category` and `skip` alone");
                }
                if layout.labels.is_some() || layout.time.is_some() {
                    return wrong("columns", "a file of items has no labels and no times");
                }
                let category_separator = self.category_separator(wire, &columns)?;
                Ok(FileLayout::Items { separator, header, columns, quoted, category_separator })
            }
            WireForm::Table => {
                let columns = layout.columns.clone().unwrap_or_default();
                let times = |column| columns.iter().filter(|other| **other == column).count();
                if times(FieldKind::User) != 1 || times(FieldKind::Item) != 1 {
                    return wrong("columns", "a table has exactly one column `user` and one `item`");
                }
                if times(FieldKind::Time) + times(FieldKind::IsoTime) + times(FieldKind::IsoDate) > 1
                    || times(FieldKind::Value) + times(FieldKind::Label) > 1
                    || times(FieldKind::Category) > 1
                    || times(FieldKind::Session) > 1
                {
                    return wrong("columns", "a table has at most one time, one value, one category and one session");
                }
                let labels = layout.labels.clone().unwrap_or_default();
                if (times(FieldKind::Label) == 1) == labels.is_empty() {
                    return wrong("labels", "a column `label` needs `labels`, and they need it");
                }
                if let Some((label, value)) = labels.iter().find(|(_, value)| !value.is_finite()) {
                    return wrong("labels", &format!("the value of the label `{label}` is {value}"));
                }
                if (times(FieldKind::Time) == 1) != layout.time.is_some() {
                    return Err(self
                        .error(
                            wire,
                            "time",
                            "a column `time` needs `time`, the unit in which it counts, and no other does",
                        )
                        .expected(
                            "`seconds`, `milliseconds`, `microseconds` or `nanoseconds` since 1970, `{ month-day = YEAR }`, or \
                             `order`",
                        )
                        .hint("`order` is for numbers that only say what came first"));
                }
                if let Some(TimeUnit::MonthDay(year)) = layout.time
                    && !PLAUSIBLE_YEARS.contains(&year)
                {
                    return Err(self
                        .error(wire, "time", "the year of the times cannot be meant")
                        .expected("a year of 1990 to 2099")
                        .got(year.to_string()));
                }
                let category_separator = self.category_separator(wire, &columns)?;
                let time = layout.time;
                Ok(FileLayout::Table { separator, header, columns, labels, time, quoted, category_separator })
            }
        }
    }

    /// What stands between the categories of a field.
    fn category_separator(&self, wire: &Spanned<WireFileLayout>, columns: &[FieldKind]) -> Result<Option<u8>> {
        let Some(between) = wire.get_ref().category_separator else { return Ok(None) };
        let byte = u8::try_from(between).ok().filter(u8::is_ascii_graphic);
        let separator = wire.get_ref().separator.byte();
        match byte {
            Some(byte) if columns.contains(&FieldKind::Category) && Some(byte) != separator => Ok(Some(byte)),
            _ => Err(self
                .error(wire, "category-separator", "`category-separator` stands between the categories of one field")
                .expected("a column `category`, and a sign other than the separator of fields, such as `|`")
                .got(format!("`{between}`"))),
        }
    }
}
