//! What is said of lines, and numbers in them.

use super::ids::IdTable;
use super::judged::ListTest;
use crate::error::{Error, Kind, Result};

/// A line or an id for messages, its first bytes if it is long.
pub(super) fn shown(line: &[u8]) -> String {
    /// Enough to recognise a line.
    const SHOWN: usize = 80;
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).escape_debug().to_string();
    if line.len() > SHOWN { format!("`{text}…`") } else { format!("`{text}`") }
}

/// The error of a line that is no row.
pub(super) fn not_a_row(expected: String, line: &[u8]) -> Error {
    Error::new(Kind::Data, "a line of the file of lists is no row").expected(expected).got(shown(line))
}

/// A number; blanks around it do not count.
pub(super) fn number(what: &str, field: &[u8]) -> Result<f64> {
    let field = field.trim_ascii();
    // Rust also reads words such as `infinity`, which are told below with their value.
    let number = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() => Ok(number),
        Some(number) => Err(Error::new(Kind::Data, format!("a {what} cannot be ranked"))
            .expected("a finite number")
            .got(format!("{}, which is {number}", shown(field)))),
        None => {
            Err(Error::new(Kind::Data, format!("a {what} is no number")).expected("a finite number").got(shown(field)))
        }
    }
}

/// Refuses askers without a list: `missing` of `all` that are `such`.
pub(super) fn without_list(test: &ListTest<'_>, missing: Vec<u32>, all: usize, such: &str) -> Result<()> {
    let Some(&first) = missing.first() else { return Ok(()) };
    let (queries, name) = (test.ranker.queries(), test.askers.name(first));
    Err(Error::new(Kind::Data, format!("{} of {all} queries have no list", missing.len()))
        .expected(format!("a list for each {} {such}", queries.noun()))
        .got(format!("none for `{}`", name.escape_debug()))
        .hint("was the file cut, or made from another split?"))
}

/// What to do about an unknown id that is one of the table's but for the form of a number.
pub(super) fn read_as_a_number(ids: &IdTable, id: &[u8]) -> Option<String> {
    let known = shown(ids.as_number(id)?);
    Some(format!("the split has {known}: ids are texts (with pandas, `dtype=str`)"))
}
