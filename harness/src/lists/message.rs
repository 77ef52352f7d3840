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
    if let Some(number) = plain_decimal(field) {
        return Ok(number);
    }
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

/// 10⁰ to 10¹⁵: f64 has them exactly, and all whole numbers of 15 digits, too.
const POWERS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number of at most 15 digits with or without a point, as most scores are written. It is the quotient of two whole numbers
/// that f64 has exactly, and so the nearest f64, as the standard library's.
fn plain_decimal(text: &[u8]) -> Option<f64> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if unsigned.len() > POWERS.len() {
        return None;
    }
    let (mut number, mut decimals, mut points) = (0u64, 0, 0);
    for &byte in unsigned {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            number = 10 * number + u64::from(digit);
            decimals += points;
        } else if byte == b'.' && points == 0 {
            points = 1;
        } else {
            return None;
        }
    }
    if !(1..POWERS.len()).contains(&(unsigned.len() - points)) {
        return None;
    }
    let value = number as f64 / POWERS[decimals];
    Some(if unsigned.len() < text.len() { -value } else { value })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn plain_decimals_are_those_of_the_standard_library() {
        let mut stream = Stream::new(0, "lists", "decimals", 0);
        let mut texts: Vec<String> =
            ["0", "-0", "5.", ".5", "-.25", "007.50", "999999999999999", "0.000000000000001"].map(String::from).into();
        for _ in 0..20_000 {
            let decimals = stream.below(17);
            let number = stream.u64() % 10u64.pow(1 + stream.below(17));
            texts.push(format!("{}.{number:0>width$}", number / 7919, width = decimals as usize));
            texts.push(format!("-{}", number as f64 / 10f64.powi(decimals as i32)));
            texts.push(format!("{}", number as f32 / 1024.0));
        }
        let plain = texts.iter().filter(|text| plain_decimal(text.as_bytes()).is_some()).count();
        assert!(plain > texts.len() / 2, "{plain} of {}", texts.len());
        for text in &texts {
            let (found, expected) = (number("score", text.as_bytes()).unwrap(), text.parse::<f64>().unwrap());
            assert_eq!(found.to_bits(), expected.to_bits(), "{text}");
        }
        for other in ["", "-", ".", "-.", "1.2.3", "1e5", "+1", "nan", "1 2", "--1", "1-"] {
            assert_eq!(plain_decimal(other.as_bytes()), None, "{other}");
        }
    }
}
