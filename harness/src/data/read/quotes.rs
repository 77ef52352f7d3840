//! Whether quotes around fields stand where RFC 4180 puts them.

use crate::data::text::{BadLine, quoted, without_return};

/// Finds out whether quotes stand as RFC 4180 has it: around whole fields, doubled within them, closed before the end; and
/// no carriage return without a line feed outside of them. The csv crate takes what it can get.
///
/// # Errors
/// The line, from 0, on which the field in question begins, and what is wrong with it.
pub(in crate::data) fn well_quoted(body: &[u8], separator: u8) -> std::result::Result<(), (usize, BadLine)> {
    let (mut at, mut line) = (0, 0);
    while at < body.len() {
        if body[at] != b'"' {
            let end =
                body[at..].iter().position(|byte| *byte == separator || *byte == b'\n').map_or(body.len(), |n| at + n);
            let mut field = &body[at..end];
            if body.get(end) != Some(&separator) {
                field = without_return(field);
            }
            if field.contains(&b'"') || field.contains(&b'\r') {
                let bad =
                    BadLine::new("quotes around the whole of a field, and no carriage return alone", quoted(field));
                return Err((line, bad.hint("a quote within a field in quotes is doubled")));
            }
            line += usize::from(body.get(end) == Some(&b'\n'));
            at = end + 1;
            continue;
        }
        let begin = line;
        at += 1;
        loop {
            match body[at..].iter().position(|byte| *byte == b'"') {
                None => return Err((begin, BadLine::new("a field whose quotes are closed", quoted(&body[at - 1..])))),
                Some(n) => {
                    line += body[at..at + n].iter().filter(|byte| **byte == b'\n').count();
                    at += n + 1;
                }
            }
            if body.get(at) != Some(&b'"') {
                break;
            }
            at += 1;
        }
        at += match &body[at..] {
            [] => 0,
            [next, ..] if *next == separator => 1,
            [b'\n', ..] | [b'\r', b'\n', ..] => {
                line += 1;
                1 + usize::from(body[at] == b'\r')
            }
            [b'\r'] => 1,
            behind => return Err((begin, BadLine::new("the end of a field behind its quotes", quoted(behind)))),
        };
    }
    Ok(())
}
