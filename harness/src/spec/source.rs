//! The text of a spec and where it came from.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Place, Result};

/// A spec's text.
pub struct Source {
    /// As the person named it: what messages show.
    pub file: PathBuf,
    /// The same file with its folders spelt out: its place in the tree must fit the spec's id.
    pub location: PathBuf,
    pub text: String,
}

impl Source {
    /// # Errors
    /// The file cannot be read, or is not UTF-8 (as TOML must be).
    pub fn read(file: &Path) -> Result<Self> {
        let io = |error: std::io::Error| Error::io("cannot read the spec", file, &error);
        let location = std::path::absolute(file).map_err(io)?;
        let text = String::from_utf8(std::fs::read(file).map_err(io)?).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let (line, column) = position(&String::from_utf8_lossy(&error.as_bytes()[..at]), at);
            Error::new(Kind::Input, "the spec is not text")
                .at(Place::file(file).line(line).column(column))
                .expected("UTF-8, as TOML demands")
                .got(format!("the byte 0x{:02x}", error.as_bytes()[at]))
                .hint("save the file as UTF-8")
        })?;
        Ok(Self { file: file.to_path_buf(), location, text })
    }

    /// Line of a byte, from 1.
    pub fn line(&self, byte: usize) -> usize {
        position(&self.text, byte).0
    }

    /// Where a span begins. The empty span at 0 is how `toml` names the whole document: it has no line.
    pub fn place(&self, span: Range<usize>) -> Place {
        let place = Place::file(&self.file);
        if span == (0..0) {
            return place;
        }
        let (line, column) = position(&self.text, span.start);
        place.line(line).column(column)
    }
}

/// Line and column of a byte offset, both from 1; columns count characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
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
