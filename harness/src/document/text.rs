//! The text of a file, and places in it.

use std::path::Path;

use crate::error::{Error, Kind, Place, Result};

/// Bytes of the longest document that is read: a hundred times the longest spec there is. Its tree takes some hundred times as
/// many.
const LONGEST: usize = 4 << 20;

/// Reads a text file; `noun` is what errors call it, such as `spec`.
///
/// # Errors
/// [`Io`](Kind::Io), or [`Input`](Kind::Input) if the file is not UTF-8 (as TOML must be).
pub fn read_text(noun: &str, file: &Path) -> Result<String> {
    let bytes = crate::file::read(file).map_err(|error| Error::io(format!("cannot read the {noun}"), file, &error))?;
    if bytes.len() > LONGEST {
        return Err(Error::new(Kind::Input, format!("the {noun} is longer than any"))
            .at(Place::file(file))
            .expected(format!("at most {LONGEST} bytes"))
            .got(format!("{} bytes", bytes.len())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let (line, column) = position(&String::from_utf8_lossy(&error.as_bytes()[..at]), at);
        Error::new(Kind::Input, format!("the {noun} is not text"))
            .at(Place::file(file).line(line).column(column))
            .expected("UTF-8, as TOML demands")
            .got(format!("the byte 0x{:02x}", error.as_bytes()[at]))
            .hint("save the file as UTF-8")
    })
}

/// Line and column of a byte offset, both from 1; columns count characters.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_and_in_characters() {
        let text = "a\nφ = 1\n";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, 2), (2, 1));
        // `φ` is two bytes and one column.
        assert_eq!(position(text, 5), (2, 3));
        // Past the end: the line after the last newline.
        assert_eq!(position(text, 99), (3, 1));
    }
}
