//! Lines of data files in error messages, with escapes for invisible characters.

/// What is wrong with a line, for an error that names its file and number.
pub(super) struct BadLine {
    pub expected: String,
    pub got: String,
    pub hint: Option<String>,
}

/// What is read of a field, or what is wrong with it.
pub(super) type Field<T> = std::result::Result<T, BadLine>;

impl BadLine {
    pub(super) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A line that ended in CR LF, without the CR.
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// In back ticks, at most the first 60 bytes; what cannot be seen is written as an escape.
pub(super) fn quoted(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    if bytes.is_empty() {
        return "nothing".into();
    }
    let more = if bytes.len() > LONGEST { "…" } else { "" };
    format!("`{}{more}`", visible(&String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)])))
}

/// `text` with escapes for what cannot be seen or told from a blank.
pub(super) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if is_visible(c) { visible.push(c) } else { visible.extend(c.escape_debug()) }
    }
    visible
}

/// Whether a person who sees it sees that it is there, and what it is.
fn is_visible(c: char) -> bool {
    // Those are escaped for Rust's sake; else only what is not printed, or joins what is before it, is.
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// Whether a person would take the field for another one: something at its ends is a blank or cannot be seen.
pub(super) fn has_odd_ends(field: &[u8]) -> bool {
    match (field, std::str::from_utf8(field)) {
        ([first, .., last], _) | ([first @ last], _) if first.is_ascii_graphic() && last.is_ascii_graphic() => false,
        (_, Ok(text)) => text.starts_with(is_odd) || text.ends_with(is_odd),
        // Not UTF-8: of an older encoding, of which blanks are known alone.
        ([first, .., last] | [first @ last], _) => [first, last].iter().any(|byte| !is_seen(**byte)),
        ([], _) => false,
    }
}

/// Whether a byte of a text in an unknown encoding may be a letter or sign.
fn is_seen(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}

fn is_odd(c: char) -> bool {
    c.is_whitespace() || !is_visible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(
            quoted("\u{feff}a b\t\"ü\" \\\u{a0}\u{200b}\u{7}".as_bytes()),
            r#"`\u{feff}a b\t"ü" \\u{a0}\u{200b}\u{7}`"#
        );
        assert_eq!(quoted(b""), "nothing");
        assert_eq!(quoted(&[b'x'; 61]), format!("`{}…`", "x".repeat(60)));
    }

    #[test]
    fn ends_are_odd_that_do_not_show() {
        for odd in [" 1", "1 ", "\u{feff}1", "1\u{a0}", "1\r", "\u{200b}", "ü\t"] {
            assert!(has_odd_ends(odd.as_bytes()), "{odd:?}");
        }
        for plain in ["1", "a b", "ü", "\"x\"", "a\u{200b}b", "中"] {
            assert!(!has_odd_ends(plain.as_bytes()), "{plain:?}");
        }
        assert!(!has_odd_ends(b"caf\xe9") && !has_odd_ends(b"\xe9"));
        for odd in [&b" caf\xe9"[..], b"caf\xe9 ", b"\xe9\t", b"\x00\xe9"] {
            assert!(has_odd_ends(odd), "{odd:?}");
        }
    }
}
