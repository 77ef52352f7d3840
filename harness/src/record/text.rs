//! The text form of records and baselines: JSON that is laid out to be read, and compared line by line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

/// Spaces per level.
const INDENT: usize = 2;

/// JSON with one key of an object per line. An array stays on one line, unless it holds objects or arrays:
/// those get a line each and are kept compact inside. So an epoch of a curve is a line.
pub(crate) fn to_text<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, TextLayout::default()))?;
    bytes.push(b'\n');
    Ok(String::from_utf8(bytes).expect("serde_json writes UTF-8"))
}

#[derive(Default)]
struct TextLayout {
    depth: usize,
    /// Open arrays and objects, counted from the outermost array on.
    inside: usize,
    /// Whether the outermost open array has items on lines of their own.
    tall: bool,
    /// Whether the open object outside of arrays has a value yet.
    any: bool,
}

impl TextLayout {
    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        writer.write_all(" ".repeat(INDENT * self.depth).as_bytes())
    }

    /// An object or array inside the outermost array starts a line.
    fn item<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.inside == 1 {
            self.tall = true;
            self.line(writer)?;
        }
        Ok(())
    }
}

impl Formatter for TextLayout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.item(writer)?;
        if self.inside == 0 {
            self.depth += 1;
        }
        self.inside += 1;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inside -= 1;
        if self.inside == 0 {
            self.depth -= 1;
            if std::mem::take(&mut self.tall) {
                self.line(writer)?;
            }
        }
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b"," })
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.item(writer)?;
        if self.inside == 0 {
            self.depth += 1;
            self.any = false;
        } else {
            self.inside += 1;
        }
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.inside == 0 {
            self.depth -= 1;
            if self.any {
                self.line(writer)?;
            }
        } else {
            self.inside -= 1;
        }
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b"," })?;
        if self.inside == 0 { self.line(writer) } else { Ok(()) }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.inside == 0 { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.any = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn lays_out() {
        let value = json!({
            "a": [1, 2], "b": {}, "c": [], "d": {"e": 1, "f": {"g": null}},
            "h": [[1, null], [2, 0.5]], "i": [{"j": [1, [2]], "k": 1}], "l": "x",
        });
        let text = super::to_text(&value).unwrap();
        let expected = r#"{
  "a": [1,2],
  "b": {},
  "c": [],
  "d": {
    "e": 1,
    "f": {
      "g": null
    }
  },
  "h": [
    [1,null],
    [2,0.5]
  ],
  "i": [
    {"j":[1,[2]],"k":1}
  ],
  "l": "x"
}
"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
